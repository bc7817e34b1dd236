"""Purging a path: gone from the site, from what is kept and from every version, and never brought again."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from release.static import drift, store
from release.static.errors import StaticReleaseError
from release.static.purge import Done, purge
from release.static.source import Folder
from release.static.store import Site
from tests.unit.fake_key_value_store import ARN, FakeKeyValueStore
from tests.unit.static_sites import Environment, Tree, manifest, one_environment, two_environments
from tests.unit.test_static_kept import by_earlier_program
from tests.unit.test_static_trees import NEW, OLD, assert_is, at_every_request, killed

SECRET = {"key.txt": b"secret"}


@pytest.fixture
def both() -> tuple[Environment, Environment]:
    return two_environments()[1:]


@pytest.fixture
def dev(both: tuple[Environment, Environment]) -> Environment:
    return both[0]


def purged(site: Environment, *paths: str) -> Done:
    return purge(
        s3=site.s3, cloudfront=None, site=site.site, paths=paths, by="somebody@example.org", say=site.said.append
    )


def everywhere(site: Environment, body: bytes) -> list[str]:
    """Keys of all versions with this content, in both buckets."""
    buckets = (site.bucket, site.records)
    return [key for each in buckets for key, kept in each.history.items() for one in kept if one.body == body]


def test_purged_file_is_nowhere_and_every_release_works_without_it(dev: Environment, tmp_path: Path) -> None:
    first = dev.publish(OLD | SECRET, tmp_path)
    second = dev.publish(NEW | SECRET, tmp_path)
    assert len(everywhere(dev, b"secret")) == 2
    done = purged(dev, "key.txt")
    assert [(one.path, one.by) for one in done.purged] == [("key.txt", "somebody@example.org")]
    assert everywhere(dev, b"secret") == []
    assert "key.txt" not in dev.served()
    assert drift.look(s3=dev.s3, site=dev.site) == second.digest, "it is not missing"
    dev.switch(first.digest)
    assert dev.served() == {**OLD, **{path: body for path, body in NEW.items() if path.startswith("assets/")}}
    dev.switch(second.digest, rewrite=True)
    dev.expire(1)
    assert "key.txt" not in dev.served()


def test_purged_hashed_file_is_not_missed_either(dev: Environment, tmp_path: Path) -> None:
    dev.publish(OLD | {"assets/source.map": b"secret"}, tmp_path)
    purged(dev, "assets/source.map")
    assert everywhere(dev, b"secret") == []
    dev.switch(dev.publish(NEW, tmp_path).digest)
    dev.switch(manifest(OLD | {"assets/source.map": b"secret"}).digest)
    assert "assets/source.map" not in dev.served()


def test_purged_content_is_refused_with_who_purged_it_and_other_content_is_not(
    dev: Environment, tmp_path: Path
) -> None:
    dev.publish(OLD | SECRET, tmp_path)
    purged(dev, "key.txt")
    before = dict(dev.records.objects)
    with pytest.raises(StaticReleaseError, match=r"key\.txt of .* was purged here by somebody@example\.org at 2"):
        dev.publish(NEW | SECRET, tmp_path)
    assert dev.records.objects == before
    files = NEW | {"key.txt": b"public"}
    dev.publish(files, tmp_path)
    assert_is(dev, files)


@pytest.mark.parametrize("where", ["here", "upstream", "upstream, after it was staged here"])
def test_promotion_leaves_out_what_is_purged_on_either_side(
    both: tuple[Environment, Environment], tmp_path: Path, where: str
) -> None:
    dev, impl = both
    found = [dev.publish(files | SECRET, tmp_path / str(number)) for number, files in enumerate((OLD, NEW))]
    if where == "here":
        impl.promote(found[0], dev)
        purged(impl, "key.txt")
    elif where == "upstream":
        purged(dev, "key.txt")
    else:
        impl.stage(found[1], dev.source)
        purged(dev, "key.txt")
    impl.promote(found[1], dev)
    assert_without_the_key(impl, NEW)
    assert where.endswith("staged here") or everywhere(impl, b"secret") == []
    own = impl.source
    impl.stage(found[1], own)
    impl.switch(found[1].digest, rewrite=True)
    assert_without_the_key(impl, NEW)


def assert_without_the_key(site: Environment, files: Tree) -> None:
    assert site.served().items() >= files.items()
    assert "key.txt" not in site.served()


def test_content_that_another_path_has_stays_there(dev: Environment, tmp_path: Path) -> None:
    files = OLD | SECRET | {"other.txt": b"secret"}
    found = dev.publish(files, tmp_path)
    assert purged(dev, "key.txt").stays == ("other.txt",)
    assert dev.said[-2].startswith("other.txt has the same content in a release that is kept, and stays: if it must go")
    dev.publish(NEW, tmp_path)
    dev.switch(found.digest)
    assert dev.served()["other.txt"] == b"secret"
    assert "key.txt" not in dev.served()


def test_purge_names_the_content_hashed_files_that_still_have_the_content(dev: Environment, tmp_path: Path) -> None:
    dev.publish(OLD | SECRET | {"assets/a.map": b"secret", "assets/b.map": b"secret"}, tmp_path)
    dev.publish(NEW, tmp_path)
    assert purged(dev, "key.txt", "assets/a.map").stays == ("assets/b.map",)
    assert set(everywhere(dev, b"secret")) == {"assets/b.map"}
    assert purged(dev, "assets/b.map").stays == ()


@pytest.mark.parametrize("last", ["other.txt", "assets/key.map", "by-hand.txt"])
def test_content_is_gone_when_the_last_path_that_had_it_is_purged(dev: Environment, tmp_path: Path, last: str) -> None:
    dev.publish(OLD | SECRET | ({} if last == "by-hand.txt" else {last: b"secret"}), tmp_path)
    purged(dev, "key.txt")
    if last == "by-hand.txt":
        checksum = store.checksum(hashlib.sha256(b"secret").hexdigest())
        dev.s3.put_object(Bucket=dev.site.bucket, Key=last, Body=b"secret", ChecksumSHA256=checksum)
    assert purged(dev, last).stays == ()
    assert everywhere(dev, b"secret") == []


def test_config_of_a_build_is_a_file_as_others_and_that_of_an_environment_is_not(
    dev: Environment, tmp_path: Path
) -> None:
    dev.publish(OLD | {"config.json": b"secret"}, tmp_path / "1")
    purged(dev, "config.json")
    assert everywhere(dev, b"secret") == []
    assert dev.served() == OLD
    dev.publish(NEW, tmp_path / "2", config={"environment": "dev"}, begins=lambda: None)
    with pytest.raises(StaticReleaseError, match=r"config\.json cannot be purged: .* from the setting config"):
        purged(dev, "config.json")
    assert b"dev" in dev.served()["config.json"]


@pytest.mark.parametrize("path", ["index.html", "version.json"])
def test_what_a_release_is_proven_by_cannot_be_purged(dev: Environment, tmp_path: Path, path: str) -> None:
    dev.publish(OLD, tmp_path)
    with pytest.raises(StaticReleaseError, match=f"{path} cannot be purged"):
        purged(dev, path)
    assert_is(dev, OLD)


def test_path_that_is_nowhere_is_named_and_nothing_is_changed(dev: Environment, tmp_path: Path) -> None:
    dev.publish(OLD | SECRET, tmp_path)
    with pytest.raises(StaticReleaseError, match=r"/key\.txt is in no release that is kept here"):
        purged(dev, "key.txt", "/key.txt")
    assert_is(dev, OLD | SECRET)


def test_content_that_only_earlier_versions_still_have_is_deleted_and_refused_as_well(
    dev: Environment, tmp_path: Path
) -> None:
    dev.publish(OLD | SECRET, tmp_path)
    dev.publish(NEW, tmp_path)
    dev.expire(1)
    assert everywhere(dev, b"secret") == ["key.txt", store.blob(manifest(SECRET).files[0].sha256)]
    assert [each.path for each in purged(dev, "key.txt").purged] == ["key.txt"]
    assert everywhere(dev, b"secret") == []
    with pytest.raises(StaticReleaseError, match=r"key\.txt of .* was purged"):
        dev.publish(NEW | SECRET, tmp_path)


def test_purge_reaches_what_an_earlier_program_keeps(dev: Environment, tmp_path: Path) -> None:
    (first,) = by_earlier_program(dev, OLD | SECRET)
    purged(dev, "key.txt")
    assert everywhere(dev, b"secret") == []
    dev.publish(NEW, tmp_path)
    dev.switch(first.digest)
    assert_without_the_key(dev, OLD)


def test_purge_killed_at_any_request_is_completed(tmp_path: Path) -> None:
    def work(at: int, arrives: bool) -> bool:
        dev = one_environment()
        dev.publish(OLD | SECRET, tmp_path)
        with killed(dev, at, arrives=arrives) as died:
            purged(dev, "key.txt")
        purged(dev, "key.txt")
        assert everywhere(dev, b"secret") == []
        return bool(died)

    assert at_every_request(work) > 10


def switching(site: Environment, folder: Path, during: Callable[[], object], *, at: str) -> None:
    """Publishes NEW with the secret; `during` is done before the first request that is `at`, by operation or key."""
    waiting = [during]

    def before(operation: str, key: str) -> None:
        if at in (operation, key) and waiting:
            waiting.pop()()

    site.s3.before = before
    site.publish(NEW | SECRET, folder)


def test_purge_while_the_site_is_switched_is_refused_and_nothing_is_deleted(dev: Environment, tmp_path: Path) -> None:
    dev.publish(OLD | SECRET, tmp_path)

    def purge_is_refused() -> None:
        with pytest.raises(StaticReleaseError, match="the site is being switched to"):
            purged(dev, "key.txt")

    switching(dev, tmp_path, purge_is_refused, at="index.html")
    assert_is(dev, NEW | SECRET)


def test_publish_that_read_the_records_before_a_purge_does_not_bring_the_content_back(
    dev: Environment, tmp_path: Path
) -> None:
    dev.publish(OLD, tmp_path)
    dev.write(NEW | SECRET, tmp_path)
    dev.stage(manifest(NEW | SECRET), Folder(path=tmp_path))
    with pytest.raises(StaticReleaseError, match=r"static/active\.json was written by somebody else"):
        switching(dev, tmp_path, lambda: purged(dev, "key.txt"), at="list")
    assert everywhere(dev, b"secret") == []
    assert_is(dev, OLD)


def test_the_edge_does_not_know_a_purged_path_after_the_next_release(tmp_path: Path) -> None:
    edge = FakeKeyValueStore()
    dev = WithRoutes(two_environments()[0])
    dev.publish(OLD | SECRET, tmp_path, routes_client=lambda: edge)
    assert "key.txt" in edge.items
    purged(dev, "key.txt")
    dev.publish(NEW, tmp_path, routes_client=lambda: edge)
    assert "key.txt" not in edge.items


class WithRoutes(Environment):
    """A site whose edge knows its paths from a store."""

    @property
    def site(self) -> Site:
        return dataclasses.replace(super().site, routes=ARN)
