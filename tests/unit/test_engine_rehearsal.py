"""The phase in which new revisions prove themselves beside their services: what its failure changes, what it keeps."""

from __future__ import annotations

from typing import Any

import pytest

from release.deploy_function import FunctionFailed
from release.rehearsal import RehearsalFailed
from tests.unit import test_engine_many as many
from tests.unit.release_services import Killed
from tests.unit.release_world import NEW, OLD, World, identity
from tests.unit.releases import SAID, before, failed, killed, released, request, run

world = pytest.fixture(released)
REHEARSAL = {"asks": "version", "passes": 3.0, "stays": 5.0}
SICK = RehearsalFailed(
    "unhealthy",
    "the task of the rehearsal is not healthy, says the health command",
    ("backend | status is fail",),
    "task/1",
)


def rehearsed(world: World) -> list[str]:
    return [step for step in world.story if step.startswith("rehearse")]


def outcome(world: World) -> str | None:
    return next((phase.outcome for phase in world.last.phases if phase.name == "rehearse"), None)


def test_the_record_says_what_was_proven(world: World) -> None:
    run(world)
    assert (outcome(world), world.last.rehearsed) == ("done", {"backend": "asked version"})


def test_a_revision_that_does_not_prove_itself_is_refused_before_anything_is_changed(world: World) -> None:
    world.failing = {"rehearse 2": SICK}
    said = failed(world)
    assert (
        "rehearse failed: the task of the rehearsal is not healthy, says the health command; backend | status is fail"
        in said
    )
    assert "the setting: for a slow start, raise services.backend.health.startPeriod" in said
    assert "nothing that serves was changed" in said
    assert world.last.outcome == "refused"
    assert not any(step.startswith(("roll", "put unsettled", "switch", "back")) for step in world.story)
    world.runs(OLD)


def test_a_rehearsal_that_could_not_be_watched_is_no_refusal(world: World) -> None:
    world.failing = {"rehearse 2": FunctionFailed("timed_out", "no answer")}
    assert "nothing that serves was changed" in failed(world)
    assert world.last.outcome == "failed"
    world.runs(OLD)


def test_a_first_release_that_is_refused_does_not_speak_of_what_ran_before(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.failing = {"rehearse 2": SICK}
    assert "nothing was ever proven here: nothing that serves was changed" in failed(world)


def test_the_first_release_is_rehearsed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.failing = {"rehearse 2": SICK}
    failed(world)
    assert (world.service, world.recorded) == (None, None)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({**identity(NEW)}, "not rehearsed: the service runs this revision"),
        ({**identity(NEW), "restart": "rotated"}, "not rehearsed: the service runs this revision"),
        ({**identity(OLD)}, "not rehearsed: 111111111111 was proven here before, with this image"),
        ({**identity("3" * 40), "rehearsal": None}, "not rehearsed: rehearsal.enabled is false"),
    ],
    ids=["again", "restart", "roll back", "not enabled"],
)
def test_what_is_not_rehearsed_is_said_and_kept(world: World, changes: dict[str, Any], why: str) -> None:
    run(world)
    world.story.clear()
    run(world, request(**changes))
    assert not rehearsed(world)
    assert (outcome(world), world.last.rehearsed) == ("skipped", {"backend": why})
    assert any(line.endswith(f"rehearse: {why}") for line in SAID)


def test_other_settings_of_the_same_version_are_rehearsed(world: World) -> None:
    other = {**identity(OLD), "taskDefinition": identity("9" * 40)["taskDefinition"]}
    world.sick = {OLD}
    failed(world, request(**other))
    assert rehearsed(world) == ["rehearse 9"]


def test_what_an_interrupted_release_left_is_rehearsed_again(world: World) -> None:
    killed(world, "after roll 2")
    world.story.clear()
    run(world)
    assert rehearsed(world) == ["rehearse 2"]
    world.runs(NEW)


def test_a_process_that_dies_in_a_rehearsal_leaves_no_mark(world: World) -> None:
    killed(world, "before rehearse 2")
    assert world.finished
    world.runs(OLD)
    run(world)
    world.runs(NEW)


def test_without_its_lease_a_release_goes_no_further_than_the_rehearsal(world: World) -> None:
    world.lost_after = "before rehearse 2"
    assert "the lease on impl is lost" in failed(world)
    assert "roll 2" not in world.story
    world.runs(OLD)


def test_all_services_are_rehearsed_before_any_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, many.proven(OLD))
    run(world, many.request(rehearsal=REHEARSAL))
    expected = ["rehearse 2", "rehearse worker 2", "rehearse jobs 2"]
    assert world.story[world.story.index("rehearse 2") :][:5] == [*expected, "list ", "put unsettled.json"]
    assert set(world.last.rehearsed) == {"backend", "worker", "jobs"}


def test_one_service_that_does_not_prove_itself_stops_the_release_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, many.proven(OLD))
    world.failing = {"rehearse worker 2": SICK}
    assert "rehearse failed: service worker: the task of the rehearsal is not healthy" in failed(
        world, many.request(rehearsal=REHEARSAL)
    )
    many.runs(world, OLD)


def test_killed_at_any_call_of_a_rehearsal_of_several_the_next_run_converges(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("rehearse 2", "rehearse worker 2", "rehearse jobs 2"):
        world = World(monkeypatch, many.proven(OLD))
        world.kill = f"before {name}"
        with pytest.raises(Killed):
            run(world, many.request(rehearsal=REHEARSAL))
        many.runs(world, OLD)
        world.kill = None
        run(world, many.request(rehearsal=REHEARSAL))
        many.runs(world, NEW)


def test_a_proof_of_an_earlier_program_names_no_network_and_is_rehearsed_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = World(monkeypatch, before())
    network = {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}
    run(world, request(**identity(OLD), network=network))
    assert rehearsed(world) == ["rehearse 1"]
