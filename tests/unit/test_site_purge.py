"""`site purge`: what is removed is gone everywhere, and does not come back."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.static.errors import StaticReleaseError
from tests.unit.site_world import ONE, TWO, World, site_in

world = pytest.fixture(site_in)


def test_a_purged_file_is_gone_everywhere_and_is_refused_later(world: World) -> None:
    world.publish(ONE, "--publish", ".env", **{".env": "secret"})
    assert world.run("purge", "/.env", "--distribution", "E1") == 0
    assert world.said()[-1].startswith("Purged .env: 2 versions of objects deleted. Who fetched it before still has it")
    assert world.cloudfront.paths[-1] == ["/.env"]
    for bucket in world.s3.buckets.values():
        assert b"secret" not in b"".join(each.body or b"" for kept in bucket.history.values() for each in kept)
    with pytest.raises(StaticReleaseError, match=r"\.env of 222222222222 .* was purged here"):
        world.run("publish", "--dist", world.build(TWO, **{".env": "secret"}), "--publish", ".env")


def test_what_was_purged_of_the_site_is_refused_with_why_when_the_same_build_comes_again(world: World) -> None:
    world.publish(ONE, "--publish", ".env", **{".env": "secret"})
    assert world.run("purge", ".env", "--reason", "a password") == 0
    world.said()
    assert world.run("status") == 0
    assert world.said()[-1].endswith(": a password")
    folder = world.build(ONE)
    with pytest.raises(StaticReleaseError, match=r"\.env of 1.* was purged .*; a password\).*take it out of the build"):
        world.run("publish", "--dist", folder, "--publish", ".env")
    Path(folder, ".env").unlink()
    assert world.publish(ONE)[-1] == "The site is 111111111111: 0 of 4 files written, 0 removed"
    assert world.publish(ONE)[-1] == "The site is 111111111111 already: nothing was changed, 4 files"


def test_what_was_purged_is_refused_also_after_the_release_that_had_it_was_restored(world: World) -> None:
    world.publish(ONE, **{"list.txt": "names"})
    assert world.run("purge", "list.txt") == 0
    world.publish(TWO)
    assert world.run("restore", ONE) == 0
    with pytest.raises(StaticReleaseError, match=r"list\.txt of 1.* was purged"):
        world.run("publish", "--dist", world.build(ONE))


def test_a_dry_run_of_a_purge_says_what_would_go_or_refuses_and_changes_nothing(world: World) -> None:
    world.publish(ONE, **{"list.txt": "names"})
    before = world.stored()
    assert world.run("purge", "list.txt", "--distribution", "E1", "--dry-run") == 0
    assert world.said() == ["Would purge list.txt: 2 versions of objects would be deleted"]
    assert world.document("purge", "list.txt", "--dry-run")["dryRun"] is True
    with pytest.raises(StaticReleaseError, match=r"gone\.txt is in no release"):
        world.run("purge", "gone.txt", "--dry-run")
    assert (world.stored(), world.cloudfront.paths) == (before, [])
    assert world.run("purge", "list.txt") == 0


def test_a_purge_for_a_distribution_that_is_not_there_is_refused_before_anything_is_deleted(world: World) -> None:
    world.publish(ONE, **{"list.txt": "names"})
    before = world.stored()
    for words in ((), ("--dry-run",)):
        with pytest.raises(StaticReleaseError, match="distribution E9: NoSuchDistribution"):
            world.run("purge", "list.txt", "--distribution", "E9", *words)
    assert world.stored() == before


def test_a_dry_run_of_a_purge_names_the_other_files_with_the_content(world: World) -> None:
    world.publish(ONE, **{"list.txt": "names", "copy.txt": "names"})
    assert world.run("purge", "list.txt", "--dry-run") == 0
    assert world.said()[-1].endswith("would be deleted. With the same content, copy.txt would stay")
    assert world.document("purge", "list.txt")["stays"] == ["copy.txt"]


def test_a_path_that_names_no_file_is_wrong_usage(world: World) -> None:
    with pytest.raises(SystemExit) as ended:
        world.run("purge", "/")
    assert ended.value.code == 2
    assert "'/' names no file" in world.capsys.readouterr().err
