"""`python -m release history`: every attempt, what became of it, and the way back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli import history
from cli.history import History
from release import failure_report, lease, records
from release.__main__ import main
from release.lease import Held, Holder
from release.records import Attempt, Phase, Purge, Release
from release.updates import Update
from tests.unit.environments import World, released, world_in
from tests.unit.test_ci_rollback import entry

NOW = datetime(2026, 1, 2, 4, 0, 0, tzinfo=UTC)
OLD, NEW, BAD = "1" * 40, "2" * 40, "3" * 40


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return world_in(tmp_path, monkeypatch)


def attempt(version: str, **changes: Any) -> Attempt:
    known: dict[str, Any] = {
        "id": f"id-{version[0]}",
        "environment": "prod",
        "version": version,
        "image": "repository@sha256:1",
        "task_definition": "arn:task:1",
        "static_manifest": "sha256:1",
        "who": "octocat, https://github.com/o/r/actions/runs/1",
        "reason": None,
        "restart": None,
        "replaces": OLD,
        "started_at": "2026-01-02T03:00:00.000Z",
        "ended_at": "2026-01-02T03:01:40.500Z",
        "outcome": "proven",
        "message": "",
        "phases": (),
        "undone": (),
    }
    return Attempt(**known | changes)


def purge(**changes: Any) -> Purge:
    known: dict[str, Any] = {
        "id": "id-1",
        "environment": "prod",
        "paths": (".env", "a\nb"),
        "who": "octocat",
        "reason": None,
        "started_at": "2026-01-02T03:30:00.000Z",
        "ended_at": "2026-01-02T03:30:01.500Z",
    }
    return Purge(**known | changes)


def held(version: str, age_s: float = 1.0) -> Held:
    holder = Holder(
        id=f"id-{version[0]}",
        who="root@there",
        machine="there/boot",
        pid=1,
        version=version,
        environment="prod",
        since="2026-01-02T03:00:00Z",
    )
    return Held(holder=holder, etag='"1"', age_s=age_s)


def shown_of(release: Release | None, *found: Attempt, failed: Sequence[Update] = (), name: str = "prod") -> list[str]:
    return history.lines(History(environment=name, release=release, attempts=found, failed=failed), NOW)


def test_each_attempt_has_a_row_and_what_is_to_be_said_of_it() -> None:
    failed = attempt(
        BAD,
        kind="promotion",
        outcome="undone",
        who="root@host",
        started_at="2026-01-02T03:30:00.000Z",
        ended_at="2026-01-02T03:30:09.000Z",
        message="\n".join(
            failure_report.lines(
                failure_report.FailureReport(
                    environment="prod",
                    version=BAD,
                    phase="prove",
                    why="status is fail",
                    undone=("the backend is back on easi:1",),
                    runs="222222222222",
                    to_do="pulumi up -s prod",
                )
            )
        ),
        phases=(
            Phase(name="stage", seconds=1.04, outcome="done"),
            Phase(name="migrate", seconds=0, outcome="skipped"),
            Phase(name="prove", seconds=7.96, outcome="failed"),
        ),
        undone=("the backend is back on easi:1",),
    )
    fine = attempt(NEW, reason="the old one loses orders", phases=(Phase(name="stage", seconds=0.2, outcome="done"),))

    shown = shown_of(released(OLD, NEW), failed, fine)

    assert shown == [
        "prod runs 222222222222, proven 2026-01-02 03:04:05 UTC (56 min ago)",
        "  started                  version       kind       outcome  took        who",
        "  2026-01-02 03:30:00 UTC  333333333333  promotion  undone   9.0 s       root@host",
        "      phases    stage 1.0 s, migrate skipped, prove 8.0 s failed",
        "      why       status is fail",
        "      undone    the backend is back on easi:1",
        "      runs now  222222222222",
        "      to do     pulumi up -s prod",
        "  2026-01-02 03:00:00 UTC  222222222222  unknown    proven   1 min 40 s  "
        "octocat, https://github.com/o/r/actions/runs/1",
        "      phases    stage 0.2 s",
        "      override  the old one loses orders",
        "to go back to 111111111111, proven 2026-01-02 03:03:05 UTC:",
        f"  EASI_VERSION={OLD} pulumi up -s prod",
    ]


def test_one_that_has_not_ended_is_under_way_only_while_its_lease_lives() -> None:
    begun = attempt(NEW, ended_at=None, outcome=None)

    assert history.state(begun, held(NEW)) == "under way"
    assert history.state(begun, held(NEW, age_s=lease.TTL_S + 1)) == "interrupted"
    assert history.state(begun, held(BAD)) == "interrupted"
    assert history.state(begun, None) == "interrupted"


def test_the_way_back_is_to_the_version_that_was_proven_last_and_the_others_follow() -> None:
    shown = shown_of(released(OLD, NEW, BAD, BAD))

    assert "no attempt is recorded" in shown[1]
    assert shown[2:] == [
        "to go back to 222222222222, proven 2026-01-02 03:02:05 UTC:",
        f"  EASI_VERSION={NEW} pulumi up -s prod",
        "or to:",
        f"  {OLD}  proven 2026-01-02 03:01:05 UTC",
    ]


def test_a_version_that_was_rolled_back_is_never_the_way_back() -> None:
    """Ran A, B, back to A, C, back to A, forward to C."""
    shown = shown_of(released(OLD, NEW, OLD, BAD, OLD, BAD))
    assert shown[2:] == [
        "to go back to 111111111111, proven 2026-01-02 03:03:05 UTC:",
        f"  EASI_VERSION={OLD} pulumi up -s prod",
        "not to:",
        f"  {NEW}  rolled back 2026-01-02 03:01:05 UTC to 111111111111 by octocat: no reason was given",
    ]


def test_after_one_back_and_forth_there_is_a_way_back() -> None:
    shown = shown_of(released(OLD, NEW, OLD, NEW), name="dev")
    assert shown[2] == "to go back to 111111111111, proven 2026-01-02 03:03:05 UTC:"
    assert shown_of(released(OLD, NEW, OLD), name="dev")[2] == "dev keeps no version to go back to"


def test_nothing_to_go_back_to_is_said() -> None:
    assert "there is no version to go back to" in shown_of(released(OLD))[-1]
    assert shown_of(None)[0] == "prod has proven nothing yet"


def test_attempts_are_read_from_the_records_bucket(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def list_(*arguments: Any) -> list[Attempt]:
        asked.extend(arguments)
        return [attempt(NEW)]

    monkeypatch.setattr(records, "list_attempts", list_)
    world.add("prod", released(OLD, NEW))
    world.write()

    assert main(["history", "-s", "prod", "-n", "3", "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert asked == [world.s3, "records-prod", 3]
    assert said["release"]["version"] == NEW
    assert [(each["state"], each["startedAt"]) for each in said["attempts"]] == [("proven", "2026-01-02T03:00:00.000Z")]


def update(began: str, ended: str, *, succeeded: bool = False) -> Update:
    """An update, from minute and second to minute and second."""
    started_at, ended_at = (datetime.fromisoformat(f"2026-01-02T03:{at}+00:00") for at in (began, ended))
    return Update(succeeded=succeeded, started_at=started_at, ended_at=ended_at, commit=BAD, run="https://ci/7")


def test_an_update_that_failed_before_its_release_began_is_shown_among_the_attempts() -> None:
    found = [
        attempt(NEW, started_at="2026-01-02T03:10:00.900Z", ended_at="2026-01-02T03:10:09.900Z", who="octocat"),
        attempt(OLD, started_at="2026-01-02T03:00:00.000Z"),
    ]
    past = [
        update("20:00", "21:00", succeeded=True),
        update("15:00", "15:30"),
        update("09:00", "10:00"),  # its release began in its last second
        update("05:00", "05:09"),
        update("00:00", "00:10"),
    ]

    attempts, failed, _ = history.newest(found, past, (), 10)
    assert (attempts, failed) == (tuple(found), (past[1], past[3]))

    shown = shown_of(released(OLD, NEW), *found, failed=failed)
    assert shown[1:6] == [
        "  started                  version       kind     outcome  took        who",
        "  2026-01-02 03:15:00 UTC  -             -        failed   30.0 s      https://ci/7",
        "      why       `pulumi up` failed before its release began (a build, a resource, or a refusal): see its log",
        "      tree      333333333333",
        "  2026-01-02 03:10:00 UTC  222222222222  unknown  proven   9.0 s       octocat",
    ]


@pytest.mark.parametrize(
    ("limit", "attempts", "failed", "purges"),
    [(1, [], [0], []), (2, [0], [0], []), (3, [0], [0], [0]), (4, [0], [0, 1], [0]), (5, [0, 1], [0, 1], [0])],
)
def test_the_limit_counts_attempts_failed_updates_and_purges_together(
    limit: int, attempts: list[int], failed: list[int], purges: list[int]
) -> None:
    made = [attempt(NEW, started_at="2026-01-02T03:10:00Z"), attempt(OLD, started_at="2026-01-02T03:00:00Z")]
    past = [update("15:00", "15:30"), update("05:00", "05:09")]

    purged = [purge(started_at="2026-01-02T03:07:00Z")]

    assert history.newest(made[:limit], past, purged, limit) == (
        tuple(made[at] for at in attempts),
        tuple(past[at] for at in failed),
        tuple(purged[at] for at in purges),
    )


def test_a_purge_is_shown_with_its_files_its_reason_and_how_it_ended() -> None:
    found = [
        purge(reason="it leaked"),
        purge(id="id-2", started_at="2026-01-02T03:40:00.000Z", ended_at=None),
        purge(
            started_at="2026-01-02T03:20:00.000Z",
            ended_at="2026-01-02T03:20:01.500Z",
            message="could not delete: AccessDenied",
        ),
    ]
    shown = history.lines(History(environment="prod", release=released(OLD), purges=found), NOW)
    assert shown[1:-1] == [
        "  started                  version  kind   outcome      took   who",
        "  2026-01-02 03:40:00 UTC  -        purge  interrupted  -      octocat",
        "      files     .env, a\\u000ab",
        "  2026-01-02 03:30:00 UTC  -        purge  done         1.5 s  octocat",
        "      files     .env, a\\u000ab",
        "      reason    it leaked",
        "  2026-01-02 03:20:00 UTC  -        purge  failed       1.5 s  octocat",
        "      files     .env, a\\u000ab",
        "      why       could not delete: AccessDenied",
    ]
    assert history.state(found[1], held("2")) == "under way"


def test_before_the_first_release_its_failed_updates_are_shown(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("prod", None)
    world.stacks["prod"]["history"] = [entry(NEW, result="failed")]
    world.write()

    assert main(["history", "-s", "prod"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "prod has proven nothing yet"
    assert said[2].split() == ["2026-01-02", "03:00:00", "UTC", "-", "-", "failed", "2", "min", "0", "s", "-"]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["-s", "prod", "-n", "0"], 2, "--limit 0 shows nothing"),
        (["-s", "new"], 1, "nothing was ever released to new.\n  to release:  pulumi up -s new"),
    ],
)
def test_what_cannot_be_shown_is_one_message(
    world: World, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, says: str
) -> None:
    world.add("prod", released(NEW))
    world.add("new", None)
    world.write()

    assert main(["history", *arguments]) == code
    assert says in capsys.readouterr().err
