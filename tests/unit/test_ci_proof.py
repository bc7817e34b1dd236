"""`python -m ci proof`: what a release has proven; else what failed, was undone, runs now, and is to be done."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from ci import main
from release import healthcheck, lease, records, session
from release.records import Phase
from release.static import drift
from tests.unit.attempts import attempt, entry, held
from tests.unit.environments import World, released
from tests.unit.one_of_each import backend
from tests.unit.proof_world import STORY, Release, prod
from tests.unit.test_status_verb import Ecs

EASI_2 = "arn:aws:ecs:us-west-2:111111111111:task-definition/easi:2"


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Release:
    made = Release()
    monkeypatch.setattr(records, "list_attempts", made.list_)
    monkeypatch.setattr(lease, "wait", made.wait)
    monkeypatch.setattr(healthcheck, "prove", made.prove)
    monkeypatch.setattr(healthcheck, "probe", made.probe)
    return made


@pytest.fixture
def world(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    world.ecs = Ecs()
    monkeypatch.setattr(drift, "look", lambda **_: f"sha256:{'5' * 64}")
    return world


def proof(capsys: pytest.CaptureFixture[str]) -> str:
    """What it says where the version is not proven."""
    assert main(["proof", "-s", "prod"]) == 1
    return capsys.readouterr().out


def test_the_version_that_was_released_is_proven_and_answers_now(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    prod(world, world.second, world.third, updates=(entry(world.third),))
    phases = (
        Phase(name="migrate", seconds=0.001, outcome="skipped"),
        Phase(name="roll out", seconds=61.2, outcome="done"),
    )
    rehearsed = {"backend": "status and version right 3 times in a row (9 s)"}
    found.attempts, found.answers = (attempt(world.third, phases=phases, rehearsed=rehearsed),), world.third

    code = main(["proof", "-s", "prod"])

    said, shown = capsys.readouterr().out, world.summary()
    assert code == 0
    assert found.checked[0].version == world.third
    assert found.checked[0].url == "http://127.0.0.1:9/health", "the stack's own settings, as `release verify -s`"
    assert found.checked[0].deadline_s == 5
    assert f"prod: {world.third[:12]} is proven, and answers\n  version          {world.third}\n" in said
    assert world.outputs() == {"url": "https://prod.example.gov", "version": world.third}
    assert shown.startswith(f"## prod: {world.third[:12]} is proven, and answers\n")
    assert "| answers now | yes, 3 times in a row until 2026-01-02 03:05:00 UTC |" in shown
    assert "| phases | migrate skipped, roll out 1 min 1 s |" in shown
    assert "| rehearsed | status and version right 3 times in a row " in shown
    assert "octocat" in shown
    assert "in the answer" not in shown + said, "an answer may have anything in it"


def test_a_named_version_is_what_was_to_be_released(
    world: World, found: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    prod(world, world.third, world.first)
    found.answers = world.first

    assert main(["proof", "-s", "prod"]) == 1, "HEAD is another"
    monkeypatch.setenv("RELEASE_VERSION", world.first)
    assert main(["proof", "-s", "prod"]) == 0


def test_of_a_failed_release_the_story_is_told_and_what_runs_is_asked(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    prod(world, world.second, updates=(entry(world.third, result="failed"),))
    found.attempts, found.answers = (attempt(world.third, outcome="undone", message=STORY),), world.second

    code = main(["proof", "-s", "prod"])

    said, shown = capsys.readouterr().out, world.summary()
    assert code == 1
    assert said.startswith(f"{STORY}\nwhat prod has proven:\n  version          {world.second}\n")
    assert "  answers now      yes\n" in said
    assert f"```\n{STORY}\n```" in shown
    assert "Run workflow" not in shown, "what ran before runs: there is nothing to go back to"
    assert "docs/roll-back.md" in shown
    assert world.outputs() == {"url": "https://prod.example.gov", "version": world.second}
    assert len(shown.splitlines()) < 30, "one screen"


def test_a_release_that_the_gate_refused_is_told_with_its_message(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    world.chain(impl=released(world.first), prod=released(world.first))
    world.stacks["prod"]["history"] = [entry(world.third, result="failed")]
    world.write()
    found.attempts, found.answers = (attempt(world.first),), world.first

    said = proof(capsys)
    assert said.startswith(
        f"prod: {world.third[:12]} is not released\n"
        f"  why       prod refused {world.third[:12]}: impl has not proven it.\n"
        f"            compared   proven by impl: {world.first[:12]}\n"
        "            to prove it there:  pulumi up -s impl\n"
        f"  runs now  {world.first[:12]}, as before\n"
    )


def test_where_pulumi_failed_before_the_release_its_log_is_named(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    # The same version was tried an hour before: that attempt is not what failed now.
    prod(world, world.second, updates=(entry(world.third, result="failed"),))
    before = attempt(world.third, outcome="undone", message=STORY, started_at="2026-01-02T02:00:00.000Z")
    found.attempts, found.answers = (before,), world.second

    said = proof(capsys)
    assert "`pulumi up` failed before its release began, or did not start: see its log" in said
    assert "why       status is fail" not in said


def test_an_update_that_was_canceled_after_its_release_was_proven_is_not_said_to_have_failed_before(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    prod(world, world.second, world.third, updates=(entry(world.third, result="failed"),))
    found.attempts, found.answers = (attempt(world.third),), world.third

    said = proof(capsys)
    assert "  why         `pulumi up` failed or was canceled after its release was proven: see its log\n" in said
    assert "as before" not in said
    assert "run this again, which finishes the rest; by hand:  pulumi up -s prod\n" in said


def test_where_nothing_was_ever_released(world: World, found: Release, capsys: pytest.CaptureFixture[str]) -> None:
    prod(world, updates=(entry(world.third, result="failed"),))

    said = proof(capsys)
    assert f"prod: {world.third[:12]} is not released\n" in said
    assert "see its log" in said
    assert "nothing was ever proven in prod" in said
    assert world.outputs() == {"url": "https://prod.example.gov", "version": ""}


def of_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS refuses everything."""

    def refuse(*_: Any, **__: Any) -> session.Clients:
        raise session.WrongAccountError("these credentials are of account 9")

    monkeypatch.setattr(session, "connect", refuse)


def test_where_aws_cannot_be_read_it_says_so_and_what_is_known(
    world: World, found: Release, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    of_another_account(monkeypatch)
    prod(world, world.second)
    found.answers = world.second

    said = proof(capsys)
    assert "the attempts to release cannot be read from here" in said
    assert "these credentials are of account 9" in said
    assert f"  runs now  {world.second[:12]}, as before\n" in said
    assert "  answers now      yes\n" in said


def test_without_aws_a_proven_version_is_proven_all_the_same(
    world: World, found: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_another_account(monkeypatch)
    prod(world, world.third)
    found.answers = world.third

    assert main(["proof", "-s", "prod"]) == 0


def test_a_roll_back_that_did_not_begin_is_repeated_by_its_version(
    world: World, found: Release, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prod(world, world.first, world.third, updates=(entry(world.third, result="failed"),))
    monkeypatch.setenv("RELEASE_VERSION", world.first)
    found.answers = world.third

    assert f"by hand:  RELEASE_VERSION={world.first} pulumi up -s prod\n" in proof(capsys)


def test_where_the_stack_cannot_be_read_the_page_says_so(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    world.failure = "passphrase must be set"
    world.write()

    assert main(["proof", "-s", "prod"]) == 1
    assert "Set PULUMI_CONFIG_PASSPHRASE" in capsys.readouterr().err
    assert "## prod: what runs is not known" in world.summary()
    assert "Set PULUMI_CONFIG_PASSPHRASE" in world.summary()


def test_a_health_check_that_fails_later_is_not_proof(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    prod(world, world.second, world.third, updates=(entry(world.third),))
    found.attempts, found.answers = (attempt(world.third),), "somebody else"

    said = proof(capsys)
    assert f"prod: {world.third[:12]} is released and does not answer as it should\n" in said
    assert "version is somebody else" in said
    assert f"RELEASE_VERSION={world.second} pulumi up -s prod" in said


@pytest.mark.parametrize("age_s", [1.0, 300.0])
def test_an_attempt_that_is_under_way_is_waited_for_unless_nobody_renews_its_lease(
    world: World, found: Release, capsys: pytest.CaptureFixture[str], age_s: float
) -> None:
    prod(world, world.second)
    found.attempts = (attempt(world.third, outcome=None, ended_at=None),)
    found.held, found.answers = held(world.third, age_s), world.second

    said = proof(capsys)
    living = age_s == 1.0
    assert ("it is being released by octocat" in said) == living
    assert ("was cut short" in said) == (not living)
    assert ("to go back" in said) == (not living)


def test_an_attempt_that_ends_while_its_lease_is_watched_has_its_story(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    prod(world, world.second)
    found.attempts = (attempt(world.third, outcome=None, ended_at=None),)
    found.ends_as, found.answers = attempt(world.third, outcome="undone", message=STORY), world.second

    assert proof(capsys).startswith(STORY)


def test_where_it_is_not_known_what_runs_the_services_that_serve_are_asked(
    world: World, found: Release, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prod(world, world.second, updates=(entry(world.third, result="failed"),))
    found.attempts = (attempt(world.third, outcome="failed", message=STORY.replace("as before", "not settled")),)
    found.answers = world.third
    monkeypatch.setattr(Ecs, "runs", EASI_2)
    monkeypatch.setattr(drift, "look", lambda **_: f"sha256:{'6' * 64}")

    shown = proof(capsys)
    assert "  ECS now          easi:2, 2 of 2 tasks: DIFFERS\n" in shown, "easi:1 is proven"
    assert f"  site now         manifest {'6' * 12}: DIFFERS\n" in shown
    assert f"  answers now      no: version is {world.third}\n" in shown
    assert "| ECS now | easi:2, 2 of 2 tasks: DIFFERS |\n" in world.summary()


def test_what_was_changed_meanwhile_is_not_said_to_run_as_before(
    world: World, found: Release, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prod(world, world.second, updates=(entry(world.third, result="failed"),))
    found.answers = world.third
    monkeypatch.setattr(Ecs, "runs", EASI_2)

    shown = proof(capsys)
    assert f"  runs now  not what was proven, {world.second[:12]}: see below\n" in shown
    assert "as before" not in shown


@pytest.mark.parametrize("readable", [True, False])
def test_what_runs_is_compared_with_what_is_said_to_be_proven(
    world: World, found: Release, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    prod(world, world.second, updates=(entry(world.third, result="failed"),))
    # The engine was ended after its release was recorded and before that was in the stack's state.
    proven = released(world.third)
    moved = dataclasses.replace(backend(proven), task_definition=EASI_2)
    later = dataclasses.replace(proven, services={"backend": moved})
    world.put("records-prod", records.RELEASE_KEY, later.to_json() if readable else b"damaged")
    world.stacks["prod"]["export"]["deployment"]["resources"][1]["inputs"]["version"] = world.third
    world.write()
    found.answers = world.third
    monkeypatch.setattr(Ecs, "runs", EASI_2)

    shown = proof(capsys)
    assert f"  version          {world.second}\n" in shown
    assert f"  answers now      no: version is {world.third}\n" in shown
    assert "  ECS now          easi:2, 2 of 2 tasks: DIFFERS\n" in shown
