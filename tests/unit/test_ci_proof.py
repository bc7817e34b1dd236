"""`python -m ci proof`: what a release has proven; else what failed, was undone, runs now, and is to be done."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ci import main
from cli import outcome
from cli.outcome import Outcome
from release import healthcheck, lease, records, session
from release.healthcheck import Answer, HealthCheck, NotProven, Proof
from release.lease import Held, LeaseHeldError
from release.records import Attempt, Phase
from release.static import drift
from release.tasks import Tasks
from release.updates import Update
from tests.unit.environments import World, released, world_in
from tests.unit.test_ci_rollback import entry, outputs
from tests.unit.test_history import attempt, held
from tests.unit.test_status_verb import Ecs

EASI_2 = "arn:aws:ecs:us-west-2:111111111111:task-definition/easi:2"
OLD, NEW, BAD = "1" * 40, "2" * 40, "3" * 40
STORY = (
    f"prod: {'3' * 12} is not released: prove failed\n"
    "  why       status is fail, expected pass\n"
    "  undone    the backend is back on easi:2\n"
    f"            {'2' * 12} is proven again\n"
    f"  runs now  {'2' * 12}, as before, backend and site\n"
    "  to do     fix the cause, then:  pulumi up -s prod"
)
UPDATED = Update(
    succeeded=False,
    started_at=datetime(2026, 1, 2, 2, 59, tzinfo=UTC),
    ended_at=datetime(2026, 1, 2, 3, 2, tzinfo=UTC),
    commit=BAD,
)


class Release:
    """What the verb finds beside the stack: answers of the health check, the last attempt, the lease."""

    def __init__(self) -> None:
        self.attempts: tuple[Attempt, ...] = ()
        self.held: Held | None = None
        self.ends_as: Attempt | None = None
        self.answers = ""
        self.refuses: Exception | None = None
        self.checked: list[HealthCheck] = []

    def list_(self, _s3: Any, bucket: str, limit: int) -> tuple[Attempt, ...]:
        assert bucket == "records-prod"
        if self.refuses:
            raise self.refuses
        return self.attempts[:limit]

    def wait(self, _s3: Any, _bucket: str, *, say: Any) -> Held | None:
        if self.ends_as:
            self.attempts = (self.ends_as,)
            return None
        if self.held and self.held.alive:
            raise LeaseHeldError("it is being released")
        return self.held

    def prove(self, check: HealthCheck, say: Any, tasks: Tasks) -> Proof:
        self.checked.append(check)
        if self.answers != check.version:
            raise NotProven(f"{check.version[:7]} in 5 s: version is {self.answers}")
        say("1 of 3 passes")
        return Proof(verified_at="2026-01-02T03:05:00Z", passes=3, last={"password": "in the answer"})

    def probe(self, check: HealthCheck, tasks: Tasks | None = None) -> Answer:
        miss = None if self.answers == check.version else f"version is {self.answers}"
        return Answer(body={}, miss=miss)


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Release:
    made = Release()
    monkeypatch.setattr(records, "list_attempts", made.list_)
    monkeypatch.setattr(lease, "wait", made.wait)
    monkeypatch.setattr(healthcheck, "prove", made.prove)
    monkeypatch.setattr(healthcheck, "probe", made.probe)
    return made


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = world_in(tmp_path, monkeypatch)
    made.ecs = Ecs()
    monkeypatch.setattr(drift, "look", lambda **_: f"sha256:{'5' * 64}")
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / ".output"))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / ".summary"))
    return made


def prod(world: World, *versions: str, updates: tuple[dict[str, Any], ...] = ()) -> None:
    world.add("prod", released(*versions) if versions else None)
    resources = world.stacks["prod"]["export"]["deployment"]["resources"]
    resources[0]["outputs"]["url"] = "https://prod.example.gov"
    world.stacks["prod"]["history"] = list(updates)
    world.write()


def summary(world: World) -> str:
    return (world.folder / ".summary").read_text()


def test_the_version_that_was_released_is_proven_and_answers_now(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    prod(world, world.second, world.third, updates=(entry(world.third),))
    phases = (
        Phase(name="migrate", seconds=0.001, outcome="skipped"),
        Phase(name="roll out", seconds=61.2, outcome="done"),
    )
    found.attempts, found.answers = (attempt(world.third, phases=phases),), world.third

    code = main(["proof", "-s", "prod"])

    said, shown = capsys.readouterr().out, summary(world)
    assert code == 0
    assert found.checked[0].version == world.third
    assert found.checked[0].url == "http://127.0.0.1:9/health", "the stack's own settings, as `release verify -s`"
    assert found.checked[0].deadline_s == 5
    assert f"prod: {world.third[:12]} is proven, and answers\n  version          {world.third}\n" in said
    assert outputs(world) == {"url": "https://prod.example.gov", "version": world.third}
    assert shown.startswith(f"## prod: {world.third[:12]} is proven, and answers\n")
    assert "| answers now | yes, 3 times in a row until 2026-01-02 03:05:00 UTC |" in shown
    assert "| phases | migrate skipped, roll out 1 min 1 s |" in shown
    assert "octocat" in shown
    assert "in the answer" not in shown + said, "an answer may have anything in it"


def test_a_named_version_is_what_was_to_be_released(
    world: World, found: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    prod(world, world.third, world.first)
    found.answers = world.first

    assert main(["proof", "-s", "prod"]) == 1, "HEAD is another"
    monkeypatch.setenv("EASI_VERSION", world.first)
    assert main(["proof", "-s", "prod"]) == 0


def test_of_a_failed_release_the_story_is_told_and_what_runs_is_asked(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    prod(world, world.second, updates=(entry(world.third, result="failed"),))
    found.attempts, found.answers = (attempt(world.third, outcome="undone", message=STORY),), world.second

    code = main(["proof", "-s", "prod"])

    said, shown = capsys.readouterr().out, summary(world)
    assert code == 1
    assert said.startswith(f"{STORY}\nwhat prod has proven:\n  version          {world.second}\n")
    assert "  answers now      yes\n" in said
    assert f"```\n{STORY}\n```" in shown
    assert "Run workflow" not in shown, "what ran before runs: there is nothing to go back to"
    assert "docs/roll-back.md" in shown
    assert outputs(world) == {"url": "https://prod.example.gov", "version": world.second}
    assert len(shown.splitlines()) < 30, "one screen"


def test_a_release_that_the_gate_refused_is_told_with_its_message(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("impl", released(world.first))
    world.add("prod", released(world.first), promotes_from="impl")
    world.stacks["prod"]["history"] = [entry(world.third, result="failed")]
    world.write()
    found.attempts, found.answers = (attempt(world.first),), world.first

    code = main(["proof", "-s", "prod"])

    said = capsys.readouterr().out
    assert code == 1
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

    assert main(["proof", "-s", "prod"]) == 1
    said = capsys.readouterr().out
    assert "`pulumi up` failed before its release began, or did not start: see its log" in said
    assert "why       status is fail" not in said


def test_an_update_that_was_canceled_after_its_release_was_proven_is_not_said_to_have_failed_before(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    prod(world, world.second, world.third, updates=(entry(world.third, result="failed"),))
    found.attempts, found.answers = (attempt(world.third),), world.third

    assert main(["proof", "-s", "prod"]) == 1
    said = capsys.readouterr().out
    assert "  why         `pulumi up` failed or was canceled after its release was proven: see its log\n" in said
    assert "as before" not in said
    assert "run this again, which finishes the rest; by hand:  pulumi up -s prod\n" in said


def test_where_nothing_was_ever_released(world: World, found: Release, capsys: pytest.CaptureFixture[str]) -> None:
    prod(world, updates=(entry(world.third, result="failed"),))

    code = main(["proof", "-s", "prod"])

    said = capsys.readouterr().out
    assert code == 1
    assert f"prod: {world.third[:12]} is not released\n" in said
    assert "see its log" in said
    assert "nothing was ever proven in prod" in said
    assert outputs(world) == {"url": "https://prod.example.gov", "version": ""}


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

    assert main(["proof", "-s", "prod"]) == 1
    said = capsys.readouterr().out
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
    monkeypatch.setenv("EASI_VERSION", world.first)
    found.answers = world.third

    assert main(["proof", "-s", "prod"]) == 1
    assert f"by hand:  EASI_VERSION={world.first} pulumi up -s prod\n" in capsys.readouterr().out


def test_where_the_stack_cannot_be_read_the_page_says_so(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    world.failure = "passphrase must be set"
    world.write()

    assert main(["proof", "-s", "prod"]) == 1
    assert "Set PULUMI_CONFIG_PASSPHRASE" in capsys.readouterr().err
    assert "## prod: what runs is not known" in summary(world)
    assert "Set PULUMI_CONFIG_PASSPHRASE" in summary(world)


def test_wrong_use_and_missing_tools(
    world: World, found: Release, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prod(world, world.third)

    assert main(["proof", "-s", "prd"]) == 2
    assert "did you mean prod?" in capsys.readouterr().err
    monkeypatch.setenv("EASI_VERSION", "nonsense")
    assert main(["proof", "-s", "prod"]) == 2
    assert "'nonsense' is no full Git SHA" in capsys.readouterr().err
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["proof", "-s", "prod"]) == 1
    assert "there is no `pulumi` on the PATH" in capsys.readouterr().err


def test_a_health_check_that_fails_later_is_not_proof(
    world: World, found: Release, capsys: pytest.CaptureFixture[str]
) -> None:
    prod(world, world.second, world.third, updates=(entry(world.third),))
    found.attempts, found.answers = (attempt(world.third),), "somebody else"

    code = main(["proof", "-s", "prod"])

    said = capsys.readouterr().out
    assert code == 1
    assert f"prod: {world.third[:12]} is released and does not answer as it should\n" in said
    assert "version is somebody else" in said
    assert f"EASI_VERSION={world.second} pulumi up -s prod" in said


def test_a_history_that_cannot_be_read_is_no_success(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.add("prod", released(world.third))
    world.stacks["prod"]["history"] = {"message": "moved"}
    world.write()

    assert main(["proof", "-s", "prod"]) == 1
    assert "pulumi stack history -s prod answered what is no history" in capsys.readouterr().err


def facts(**more: Any) -> Outcome:
    known: dict[str, Any] = {"environment": "prod", "version": BAD, "release": released(OLD, NEW)}
    return Outcome(**known | {"update": UPDATED} | more)


def test_only_a_whole_success_is_good() -> None:
    proof = Proof(verified_at="", passes=3, last={})
    update = dataclasses.replace(UPDATED, succeeded=True)
    good = facts(version=NEW, proof=proof, update=update)

    assert good.good
    assert dataclasses.replace(good, update=None).good, "no update is kept: it was before those that are"
    assert not dataclasses.replace(good, proof=None).good
    assert not dataclasses.replace(good, pending=True).good
    assert not dataclasses.replace(good, update=dataclasses.replace(update, succeeded=False)).good


def test_an_attempt_that_was_cut_short_may_have_left_a_mixture() -> None:
    told = "\n".join(outcome.lines(facts(attempt=attempt(BAD, outcome=None, ended_at=None))))

    assert "was cut short: what runs may be a mixture" in told
    assert "python -m release recover -s prod   (then release again, or go back)" in told
    assert f"Actions > Roll back > Run workflow: prod, {NEW}" in told, "to what is recorded as proven"


@pytest.mark.parametrize("age_s", [1.0, 300.0])
def test_an_attempt_that_is_under_way_is_waited_for_unless_nobody_renews_its_lease(
    world: World, found: Release, capsys: pytest.CaptureFixture[str], age_s: float
) -> None:
    prod(world, world.second)
    found.attempts = (attempt(world.third, outcome=None, ended_at=None),)
    found.held, found.answers = held(world.third, age_s), world.second

    assert main(["proof", "-s", "prod"]) == 1
    said = capsys.readouterr().out
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

    assert main(["proof", "-s", "prod"]) == 1
    assert capsys.readouterr().out.startswith(STORY)


def test_an_attempt_whose_undoing_failed_says_how_to_go_back() -> None:
    failed = attempt(BAD, outcome="failed", message=STORY.replace("as before", "not settled"))

    told = outcome.lines(facts(attempt=failed))

    assert told[: len(STORY.splitlines())] == STORY.replace("as before", "not settled").splitlines()
    assert f"EASI_VERSION={NEW} pulumi up -s prod" in "\n".join(told)


def test_where_it_is_not_known_what_runs_the_services_that_serve_are_asked(
    world: World, found: Release, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prod(world, world.second, updates=(entry(world.third, result="failed"),))
    found.attempts = (attempt(world.third, outcome="failed", message=STORY.replace("as before", "not settled")),)
    found.answers = world.third
    monkeypatch.setattr(Ecs, "runs", EASI_2)
    monkeypatch.setattr(drift, "look", lambda **_: f"sha256:{'6' * 64}")

    assert main(["proof", "-s", "prod"]) == 1

    shown = capsys.readouterr().out
    assert "  ECS now          easi:2, 2 of 2 tasks: DIFFERS\n" in shown, "easi:1 is proven"
    assert f"  site now         manifest {'6' * 12}: DIFFERS\n" in shown
    assert f"  answers now      no: version is {world.third}\n" in shown
    assert "| ECS now | easi:2, 2 of 2 tasks: DIFFERS |\n" in summary(world)


def test_what_was_changed_meanwhile_is_not_said_to_run_as_before(
    world: World, found: Release, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prod(world, world.second, updates=(entry(world.third, result="failed"),))
    found.answers = world.third
    monkeypatch.setattr(Ecs, "runs", EASI_2)

    assert main(["proof", "-s", "prod"]) == 1

    shown = capsys.readouterr().out
    assert f"  runs now  not what was proven, {world.second[:12]}: see below\n" in shown
    assert "as before" not in shown


@pytest.mark.parametrize("readable", [True, False])
def test_what_runs_is_compared_with_what_is_said_to_be_proven(
    world: World, found: Release, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    prod(world, world.second, updates=(entry(world.third, result="failed"),))
    # The engine was ended after its release was recorded and before that was in the stack's state.
    later = dataclasses.replace(released(world.third), task_definition=EASI_2)
    world.s3.put("records-prod", records.RELEASE_KEY, later.to_json() if readable else b"damaged")
    world.stacks["prod"]["export"]["deployment"]["resources"][1]["inputs"]["version"] = world.third
    world.write()
    found.answers = world.third
    monkeypatch.setattr(Ecs, "runs", EASI_2)

    assert main(["proof", "-s", "prod"]) == 1

    shown = capsys.readouterr().out
    assert f"  version          {world.second}\n" in shown
    assert f"  answers now      no: version is {world.third}\n" in shown
    assert "  ECS now          easi:2, 2 of 2 tasks: DIFFERS\n" in shown


def test_an_update_that_failed_although_its_version_runs_is_not_green() -> None:
    proof = Proof(verified_at="2026-01-02T03:05:00Z", passes=3, last={})

    told = "\n".join(outcome.lines(facts(version=NEW, proof=proof)))

    assert told.startswith(f"prod: {NEW[:12]} still runs, but its update failed\n")
    assert "see its log" in told


def test_nobody_is_called_and_nothing_is_markup_on_the_page() -> None:
    shout = attempt(NEW, who="@octocat <b>", reason="| @all |")
    good = facts(
        version=NEW,
        proof=Proof(verified_at="", passes=3, last={}),
        update=None,
        attempt=shout,
        release=dataclasses.replace(released(NEW), reason="`@all` | <b>"),
    )

    shown = outcome.summary(good)

    assert "@" not in shown
    assert "<b>" not in shown
    assert all(line.count("|") == 3 for line in shown.splitlines() if line.startswith("|"))
