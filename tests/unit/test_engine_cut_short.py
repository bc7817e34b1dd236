"""What is left where a release is cut short: killed, without its lease, or beside somebody else's."""

from __future__ import annotations

import contextlib
import dataclasses
import json

import pytest

from release import engine, records
from release.deploy_function import FunctionFailed
from release.lease import LeaseHeldError
from tests.unit.fake_s3 import refusal
from tests.unit.one_of_each import manifest
from tests.unit.release_services import Killed
from tests.unit.release_world import NEW, OLD, Files, World, identity
from tests.unit.releases import ROLL_FAILED, before, failed, killed, released, request, run

world = pytest.fixture(released)


def test_a_record_that_arrived_without_an_answer_is_one(world: World) -> None:
    def lost(when: str, name: str) -> None:
        if (when, name) == ("put", "release.json"):
            raise refusal("InternalError")

    world.bucket.after = lost
    run(world)
    world.runs(NEW)


def test_a_record_of_which_nobody_knows_whether_it_arrived_leaves_the_mark(world: World) -> None:
    def lost(when: str, name: str) -> None:
        if (when, name) == ("put", "release.json"):
            world.failing["get release.json"] = refusal("InternalError")
            raise refusal("InternalError")

    world.meanwhile["back to 1"] = lambda: world.failing.pop("get release.json")
    world.bucket.after = lost
    failed(world)
    assert world.service == identity(OLD)["taskDefinition"]
    assert world.recorded is not None
    assert world.recorded.version == NEW
    assert (world.last.outcome, world.finished) == ("failed", False)


def test_what_an_interrupted_release_left_is_undone_by_one_that_starts_nothing(world: World) -> None:
    killed(world, "after roll 2")
    world.failing = {"roll 3": FunctionFailed("refused", "another family")}
    failed(world, request(**identity("3" * 40)))
    world.runs(OLD)
    assert world.config == {"environment": "before"}


def test_the_config_before_an_interrupted_release_outlives_it(world: World) -> None:
    killed(world, "after switch 2")
    assert world.config == {"environment": "impl"}
    world.sick = {NEW}
    failed(world)
    world.runs(OLD)
    assert world.config == {"environment": "before"}


def test_the_mark_of_somebody_else_stays(world: World) -> None:
    theirs = {"unsettled.json": b'{"attempt": "theirs"}'}
    world.meanwhile["prove 2"] = lambda: world.bucket.objects.update(theirs)
    run(world)
    assert world.bucket.objects.items() >= theirs.items()


def test_a_record_that_somebody_else_wrote_is_not_replaced(world: World) -> None:
    theirs = dataclasses.replace(before(), version="3" * 40)
    written = {"release.json": json.dumps(theirs.to_json()).encode()}
    world.meanwhile["prove 2"] = lambda: world.bucket.objects.update(written)
    said = failed(world)
    assert "written by somebody else meanwhile" in said
    assert world.recorded == theirs
    assert not any(step.startswith("back") for step in world.story), "what is not ours is not undone"
    assert not world.finished


@pytest.mark.parametrize(
    "after", ["before stage 2", "after put unsettled.json", "after roll 2", "after prove 2", "after switch 2"]
)
def test_without_its_lease_a_release_changes_nothing_more(world: World, after: str) -> None:
    world.lost_after = after
    said = failed(world)
    assert "the lease on impl is lost" in said
    assert not any(step.startswith(("back", "switch 1")) or step == "put release.json" for step in world.story)
    assert world.last.outcome == "failed"
    assert ("roll 2" in world.story) is after.endswith(("roll 2", "prove 2", "switch 2"))
    assert world.finished is (after == "before stage 2")
    assert ("nothing that serves was changed" in said) is ("roll 2" not in world.story)


@pytest.mark.parametrize("mark", [None, b'{"attempt": "theirs"}'])
def test_the_site_stays_once_somebody_else_has_the_lease(world: World, mark: bytes | None) -> None:
    """This process stood still, and so did its heartbeat. Theirs is still under way, or has ended."""
    world.taken_over_after = "before switch 2"

    def meanwhile() -> None:
        del world.bucket.objects["unsettled.json"]
        world.bucket.objects |= {"unsettled.json": mark} if mark else {}

    world.meanwhile["prove 2"] = meanwhile
    said = failed(world)
    assert "the lease on impl is lost" in said
    assert world.site == identity(OLD)["staticManifest"]
    assert not any(step.startswith(("back", "switch 1")) for step in world.story)
    assert world.bucket.objects.get("unsettled.json") == mark


def test_undoing_stops_where_the_lease_is_lost(world: World) -> None:
    world.failing = {"switch 2": RuntimeError("stale")}
    world.lost_after = "after switch 1 whole"
    said = failed(world)
    assert "not tried, the lease is lost" in said
    assert (world.last.outcome, world.finished) == ("failed", False)


def test_a_lease_that_is_held_is_one_line(world: World) -> None:
    world.failing = {"lease": LeaseHeldError("impl is being released by ann since 03:00")}
    with pytest.raises(engine.ReleaseFailedError, match=r"nothing was changed: .*released by ann since 03:00"):
        run(world)
    assert world.story == []


def test_a_frontend_that_changed_meanwhile_is_refused(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    monkeypatch.setattr("release.preparation.store.load", lambda **_arguments: Files("sha256:" + "9" * 64))
    assert "something built it meanwhile" in failed(world)
    world.runs(OLD)


def steps_of(monkeypatch: pytest.MonkeyPatch, first: bool, failing: dict[str, Exception]) -> int:
    world = World(monkeypatch, None if first else before())
    world.failing = failing
    with contextlib.suppress(engine.ReleaseFailedError):
        run(world)
    return world.steps


FAILURES: dict[str, dict[str, Exception]] = {
    "good": {},
    "rollout fails": {"roll 2": ROLL_FAILED},
    "site fails": {"switch 2": RuntimeError("stale")},
}
THIRD = "3" * 40


def test_a_mixed_site_is_written_whole_by_whatever_comes_next(world: World) -> None:
    killed(world, "amid switch 2")
    assert world.site == "a mixture"
    run(world, request(**identity(THIRD)))
    assert "switch 3 whole" in world.story
    world.runs(THIRD)


def test_a_mixed_site_is_undone_by_a_release_that_does_not_come_to_it(world: World) -> None:
    killed(world, "amid switch 2")
    world.failing = {"roll 3": FunctionFailed("refused", "another family")}
    failed(world, request(**identity(THIRD)))
    assert "switch 1 whole" in world.story
    world.runs(OLD)


def test_a_site_that_is_not_marked_is_not_switched(world: World) -> None:
    def refused(operation: str, key: str) -> None:
        mark = (
            records.read_mark(world.bucket, "impl-records") if (operation, key) == ("put", "unsettled.json") else None
        )
        if mark is not None:
            raise refusal("AccessDenied")

    world.bucket.before = refused
    failed(world)
    assert world.site == manifest(before())
    assert (world.last.outcome, world.service) == ("undone", identity(OLD)["taskDefinition"])


def test_a_mark_of_an_earlier_program_says_nothing_of_the_site(world: World) -> None:
    """That program kept it in `static/active.json`, which switching reads."""
    mark = {"attempt": "1", "version": NEW, "startedAt": "2026-01-01T00:00:00Z", "siteConfig": {"a": "b"}}
    world.bucket.objects["unsettled.json"] = json.dumps(mark).encode()
    run(world)
    assert "switch 2" in world.story
    world.runs(NEW)


@pytest.mark.parametrize("failing", FAILURES)
@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
@pytest.mark.parametrize("then", [NEW, OLD, THIRD], ids=["same", "old", "newer"])
def test_killed_at_any_call_the_next_run_converges(
    monkeypatch: pytest.MonkeyPatch, failing: str, first: bool, then: str
) -> None:
    count = steps_of(monkeypatch, first, FAILURES[failing])
    assert count > 10
    for step in range(1, count + 1):
        world = World(monkeypatch, None if first else before())
        world.failing = FAILURES[failing]
        world.kill_at = step
        with pytest.raises(Killed) as killed:
            run(world)
        moved = world.service not in ((None,) if first else (identity(OLD)["taskDefinition"],))
        recorded = world.recorded is not None and world.recorded.version == NEW
        assert not (moved and not recorded and world.finished), f"{killed.value}: nobody would know"
        world.failing, world.kill_at = {}, None
        run(world, request(**identity(then)))
        world.runs(then)


@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
def test_killed_at_any_call_and_the_next_run_fails(monkeypatch: pytest.MonkeyPatch, first: bool) -> None:
    """What the killed one left is undone by the failing next one: back to what is recorded."""
    for step in range(1, steps_of(monkeypatch, first, {}) + 1):
        world = World(monkeypatch, None if first else before())
        world.kill_at = step
        with pytest.raises(Killed) as killed:
            run(world)
        world.kill_at, kept = None, world.recorded
        mark = records.read_mark(world.bucket, "impl-records")
        began = mark is not None and mark.site("site").manifest is not None
        assert began or world.site in (None, manifest(before())) or kept is not None, killed.value
        world.sick = {THIRD}
        failed(world, request(**identity(THIRD)))
        if kept is not None:
            world.runs(kept.version)
        else:
            assert (world.service, world.recorded) == (None, None), killed.value
            assert world.finished is not began
