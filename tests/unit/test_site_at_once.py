"""Two runs of `site publish` at the same time, and what a dead one or another program left."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from release.static.errors import StaticReleaseError
from release.static.records import ABANDONED_S, CATALOG
from tests.unit.fake_s3 import refusal
from tests.unit.site_world import BUCKETS, ONE, THREE, TWO, World, refuse_at, site_in
from tests.unit.test_static_trees import KilledError

world = pytest.fixture(site_in)


def test_a_switch_of_somebody_else_is_not_taken_over_unasked(world: World) -> None:
    world.publish(ONE)
    world.s3.before = refuse_at("copy", "index.html", from_then_on=True)
    with pytest.raises(StaticReleaseError) as failed:
        world.run("publish", "--dist", world.build(TWO))
    assert f"restore {ONE} {' '.join(BUCKETS)} --take-over" in str(failed.value), "that it ended could not be noted"
    world.s3.before = lambda _operation, _key: None
    for verb in (("publish", "--dist", world.build(THREE)), ("purge", "robots.txt"), ("restore", ONE)):
        with pytest.raises(
            StaticReleaseError, match=r"is being switched to .* taken for dead at 2\S+ \S+ UTC"
        ) as caught:
            world.run(*verb)
        assert ("run this again with --take-over" in str(caught.value)) == (verb[0] != "purge")
        commands = [line.partition("python -m release site ")[2] for line in str(caught.value).splitlines()]
        for version in (TWO, ONE):
            assert f"restore {version} {' '.join(BUCKETS)} --take-over" in commands
    assert world.publish(THREE, "--take-over")[-1].startswith("The site is 333333333333")


@pytest.mark.parametrize("end", [KeyboardInterrupt, None])
def test_after_a_switch_that_failed_or_was_interrupted_any_release_goes_on(
    world: World, end: type[BaseException] | None
) -> None:
    world.publish(ONE)

    def before(operation: str, key: str) -> None:
        if (operation, key) == ("copy", "index.html"):
            raise end() if end else refusal("AccessDenied")

    world.s3.before = before
    with pytest.raises(end or StaticReleaseError) as caught:
        world.run("publish", "--dist", world.build(TWO))
    told = str(caught.value) if end is None else world.capsys.readouterr().err
    assert "the site may have files of two releases. To end that, run this again" in told
    assert told.endswith(f"or to go back:  python -m release site restore {ONE} {' '.join(BUCKETS)}" + "\n" * bool(end))
    world.s3.before = lambda _operation, _key: None

    assert world.run("status") == 1
    status = "\n".join(world.said())
    assert "a switch to 222222222222 began" in status
    assert "and failed: the site may have files of two releases" in status
    assert "--take-over" not in status
    world.publish(THREE)
    assert world.title() == THREE
    assert world.run("restore", ONE) == 0


def test_a_run_that_fails_before_it_switches_says_nothing_of_the_one_that_does(world: World) -> None:
    world.publish(ONE)
    world.s3.before = refuse_at("copy", "index.html", from_then_on=True)
    with pytest.raises(StaticReleaseError):
        world.run("publish", "--dist", world.build(TWO))
    world.s3.before = refuse_at("list", "")
    with pytest.raises(StaticReleaseError):
        world.run("publish", "--dist", world.build(TWO))
    world.s3.before = lambda _operation, _key: None
    with pytest.raises(StaticReleaseError, match="is being switched to"):
        world.run("restore", ONE)


def test_of_two_publishes_at_the_same_time_one_is_refused(world: World) -> None:
    world.publish(ONE)
    other = world.build(THREE)

    def meanwhile(operation: str, key: str) -> None:
        if (operation, key) == ("put", "static/catalog.json"):
            world.s3.before = lambda _operation, _key: None
            assert world.run("publish", "--dist", other) == 0

    world.s3.before = meanwhile
    with pytest.raises(StaticReleaseError, match="was written by somebody else") as caught:
        world.run("publish", "--dist", world.build(TWO))
    assert "nothing that visitors get was changed" in str(caught.value)
    assert world.title() == THREE


NEW = "assets/new-Ab12Xy_9.js"


@pytest.mark.parametrize(("when", "stays"), [(NEW, "three"), ("static/catalog.json", "two")])
def test_of_two_that_bring_one_name_with_other_content_neither_overwrites_the_other(
    world: World, when: str, stays: str
) -> None:
    world.publish(ONE)
    refused: list[str] = []

    def publish(version: str, content: str) -> None:
        try:
            world.run("publish", "--dist", world.build(version, **{NEW: content}))
        except StaticReleaseError as error:
            refused.append(str(error))

    def meanwhile(operation: str, key: str) -> None:
        if (operation, key) == ("put", when):
            world.s3.before = lambda _operation, _key: None
            publish(THREE, "three")

    world.s3.before = meanwhile
    publish(TWO, "two")
    assert world.site[NEW] == stays.encode()
    assert world.title() == (THREE if stays == "three" else TWO)
    assert len(refused) == 1
    assert f"{NEW} of this build" in refused[0]
    assert f"aws s3 rm s3://site/{NEW}" in refused[0]
    assert "nothing that visitors get was changed" in refused[0]


def while_deleting(world: World, path: str, work: Callable[[], None]) -> None:
    """Does something between the moment at which a publish begins to forget a file and the one at which it is gone."""

    def meanwhile(operation: str, key: str) -> None:
        if operation == "delete" and path in key.split():
            world.s3.before = lambda _operation, _key: None
            work()

    world.s3.before = meanwhile


def test_a_build_that_needs_what_another_publish_is_deleting_is_refused_until_that_has_ended(world: World) -> None:
    world.publish(ONE, **{NEW: "new"})
    folder = world.build(THREE, **{NEW: "new"})

    def publish() -> None:
        for dry_run in ((), ("--dry-run",)):
            with pytest.raises(StaticReleaseError, match=f"{NEW} of 3{{12}} .* is being deleted since") as caught:
                world.run("publish", "--dist", folder, *dry_run)
            assert "nothing that visitors get was changed" in str(caught.value)
            assert "--take-over" in str(caught.value)

    while_deleting(world, NEW, publish)
    world.publish(TWO, "--keep", "1")
    assert NEW not in world.site
    assert world.run("publish", "--dist", folder) == 0
    assert world.site[NEW] == b"new"


def test_what_a_publish_is_deleting_is_left_to_it_by_the_others(world: World) -> None:
    world.publish(ONE, **{NEW: "new"})
    said: list[str] = []

    def publish() -> None:
        said.extend(world.publish("4" * 40, "--keep", "1"))
        with pytest.raises(StaticReleaseError, match="is being deleted since"):
            world.run("publish", "--dist", world.build(THREE, **{NEW: "new"}))

    while_deleting(world, NEW, publish)
    assert world.publish(TWO, "--keep", "1")[-1].startswith("The site is 222222222222")
    assert any("may be deleting" in line for line in said)
    assert world.title() == "4" * 40


@pytest.mark.parametrize("how", ["an hour later", "taken over"])
def test_what_a_dead_publish_was_deleting_is_deleted_or_kept_by_the_next(world: World, how: str) -> None:
    world.publish(ONE, **{NEW: "new", "assets/old-Ab12Xy_9.js": "old"})

    def die() -> None:
        raise KilledError

    while_deleting(world, NEW, die)
    with pytest.raises(KilledError):
        world.publish(TWO, "--keep", "1")
    records = world.s3.buckets["records"].objects
    if how == "an hour later":
        catalog = json.loads(records[CATALOG])
        since = datetime.fromisoformat(catalog["expiring"]["since"]) - timedelta(seconds=ABANDONED_S)
        catalog["expiring"]["since"] = since.isoformat()
        records[CATALOG] = json.dumps(catalog).encode()
    world.publish(THREE, *(["--take-over"] if how == "taken over" else []), **{NEW: "new"})
    assert world.site[NEW] == b"new"
    assert "assets/old-Ab12Xy_9.js" not in world.site
    assert json.loads(records[CATALOG])["expiring"] == {"manifests": [], "assets": [], "blobs": [], "since": None}


@pytest.mark.parametrize("content", ["same", "else"])
@pytest.mark.parametrize("age_s", [60, 7200])
def test_what_another_program_left_under_the_name_of_an_asset_is_replaced_once_it_cannot_be_a_publish(
    world: World, content: str, age_s: int
) -> None:
    world.s3.put_object(Bucket="site", Key=NEW, Body=content)
    world.s3.advance(age_s)
    folder = world.build(ONE, **{NEW: "same"})
    if content == "else" and age_s == 60:
        with pytest.raises(StaticReleaseError, match="another publish may be bringing it"):
            world.run("publish", "--dist", folder)
        assert world.site[NEW] == b"else"
        return
    assert world.run("publish", "--dist", folder) == 0
    assert world.site[NEW] == b"same"
    assert "immutable" in world.s3.head_object(Bucket="site", Key=NEW)["CacheControl"]
