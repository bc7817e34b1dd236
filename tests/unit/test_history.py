"""`python -m release history`: every attempt, what became of it, and the way back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from cli import history
from cli.history import History
from release import failure_report, lease, records
from release.__main__ import main
from release.records import Attempt, Phase, Release
from release.updates import Update
from tests.unit.attempts import attempt, entry, held, purge, update
from tests.unit.environments import World, released

NOW = datetime(2026, 1, 2, 4, 0, 0, tzinfo=UTC)
OLD, NEW, BAD = "1" * 40, "2" * 40, "3" * 40


def shown_of(release: Release | None, *found: Attempt, failed: Sequence[Update] = (), name: str = "prod") -> list[str]:
    return history.lines(History(environment=name, release=release, entries=history.newest([*found, *failed])), NOW)


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
    fine = attempt(
        NEW,
        reason="the old one loses orders",
        phases=(Phase(name="stage", seconds=0.2, outcome="done"),),
        rehearsed={"backend": "healthy for 15 s (20 s)", "worker": "ran for 20 s"},
    )

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
        "      rehearsed backend: healthy for 15 s (20 s); worker: ran for 20 s",
        "      override  the old one loses orders",
        "to go back to 111111111111, proven 2026-01-02 03:03:05 UTC:",
        f"  RELEASE_VERSION={OLD} pulumi up -s prod",
    ]


def test_one_that_has_not_ended_is_under_way_only_while_its_lease_lives() -> None:
    begun = attempt(NEW, ended_at=None, outcome=None)

    assert history.state(begun, held(NEW)) == "under way"
    assert history.state(begun, held(NEW, age_s=lease.TTL_S + 1)) == "interrupted"
    assert history.state(begun, held(BAD)) == "interrupted"
    assert history.state(begun, None) == "interrupted"


def test_the_way_back_is_to_the_version_that_was_proven_last_and_the_others_follow() -> None:
    shown = shown_of(released(OLD, NEW, BAD, BAD))

    assert shown[1:] == [
        "to go back to 222222222222, proven 2026-01-02 03:02:05 UTC:",
        f"  RELEASE_VERSION={NEW} pulumi up -s prod",
        "or to:",
        f"  {OLD}  proven 2026-01-02 03:01:05 UTC",
    ]


def test_a_version_that_was_rolled_back_is_never_the_way_back() -> None:
    """Ran A, B, back to A, C, back to A, forward to C."""
    shown = shown_of(released(OLD, NEW, OLD, BAD, OLD, BAD))
    assert shown[1:] == [
        "to go back to 111111111111, proven 2026-01-02 03:03:05 UTC:",
        f"  RELEASE_VERSION={OLD} pulumi up -s prod",
        "not to:",
        f"  {NEW}  rolled back 2026-01-02 03:01:05 UTC to 111111111111 by octocat: no reason was given",
    ]


def test_after_one_back_and_forth_there_is_a_way_back() -> None:
    shown = shown_of(released(OLD, NEW, OLD, NEW), name="dev")
    assert shown[1] == "to go back to 111111111111, proven 2026-01-02 03:03:05 UTC:"
    assert shown_of(released(OLD, NEW, OLD), name="dev")[1] == "dev keeps no version to go back to"


def test_nothing_to_go_back_to_is_said() -> None:
    assert "there is no version to go back to" in shown_of(released(OLD))[-1]
    assert shown_of(None)[0] == "prod has proven nothing yet"


@pytest.mark.parametrize("limit", [1, 2])
def test_the_limit_counts_the_attempts_of_the_records_bucket_and_failed_updates_together(
    world: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    asked: list[Any] = []

    def list_(*arguments: Any) -> list[Attempt]:
        asked.extend(arguments)
        return [attempt(NEW, started_at="2026-01-02T02:00:00.000Z")]

    monkeypatch.setattr(records, "list_attempts", list_)
    world.add("prod", released(OLD, NEW))
    world.stacks["prod"]["history"] = [entry(BAD, result="failed")]
    world.write()

    assert main(["history", "-s", "prod", "-n", str(limit), "--json"]) == 0

    said = json.loads(capsys.readouterr().out)
    assert asked == [world.s3, "records-prod", limit]
    assert said["release"]["version"] == NEW
    assert len(said["failedBeforeRelease"]) == 1
    found = [(each["state"], each["startedAt"]) for each in said["attempts"]]
    assert found == [("proven", "2026-01-02T02:00:00.000Z")][: limit - 1]


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

    failed = history.failed_before(past, found)
    assert failed == [past[1], past[3]]

    shown = shown_of(released(OLD, NEW), *found, failed=failed)
    assert shown[1:6] == [
        "  started                  version       kind     outcome  took        who",
        "  2026-01-02 03:15:00 UTC  -             -        failed   30.0 s      https://ci/7",
        "      why       `pulumi up` failed before its release began, or in the first one: see its log",
        "      tree      333333333333",
        "  2026-01-02 03:10:00 UTC  222222222222  unknown  proven   9.0 s       octocat",
    ]


def test_attempts_failed_updates_and_purges_are_told_in_one_order() -> None:
    made = [attempt(NEW, started_at="2026-01-02T03:10:00Z"), attempt(OLD, started_at="2026-01-02T03:00:00Z")]
    past = [update("15:00", "15:30"), update("05:00", "05:09")]
    purged = purge(started_at="2026-01-02T03:07:00Z")

    assert history.newest([*made, *past, purged]) == [past[0], made[0], purged, past[1], made[1]]


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
    shown = history.lines(History(environment="prod", release=released(OLD), entries=history.newest(found)), NOW)
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

    assert main(["history", *arguments]) == code
    assert says in capsys.readouterr().err
