"""What a job frees before it releases: what GitHub says to be over, and nothing else."""

from __future__ import annotations

import dataclasses
import json
import os
import socket

import pytest

from ci import main
from cli import github
from cli import recover_in_workflow as recover
from cli.errors import UsageError, VerbError
from cli.recover import Lock
from cli.recover_in_workflow import Run
from release import stack
from tests.local.workflow.api import REPOSITORY, serving

LOCK = Lock(who="runner", host="runnervm1", pid=1833, since="2026-11-23T23:35:41Z")
RUN = Run(repository=REPOSITORY, run=7, attempt=2, host="runnervm1", pid=1833, since="2026-11-23T23:35:40Z")


def refusal(locks: tuple[Lock, ...], noted: Run | None, status: str = "completed") -> str:
    with pytest.raises(VerbError) as raised:
        recover.require_ended("prod", locks, noted, lambda _: status)
    told = str(raised.value)
    assert told.startswith("prod is locked (")
    assert told.endswith("when it has ended, by hand:  python -m release recover -s prod --yes")
    return told


@pytest.mark.parametrize("since", ["2026-11-23T23:35:41Z", "2026-11-24T01:35:41+02:00", "2026-11-23T18:35:41-05:00"])
def test_the_lock_of_a_run_that_is_over_is_freed(since: str) -> None:
    recover.require_ended("prod", (dataclasses.replace(LOCK, since=since),), RUN, lambda _: "completed")


@pytest.mark.parametrize("status", ["in_progress", "queued", "waiting", "unknown", ""])
def test_the_lock_of_a_run_that_is_not_over_stays(status: str) -> None:
    assert f"run 7 of {REPOSITORY}, attempt 2, which took it, is {status}. Nothing" in refusal((LOCK,), RUN, status)


@pytest.mark.parametrize(
    ("locks", "noted"),
    [
        ((LOCK,), None),
        ((), RUN),
        ((LOCK,), dataclasses.replace(RUN, pid=1834)),
        ((LOCK,), dataclasses.replace(RUN, host="runnervm2")),
        ((LOCK,), dataclasses.replace(RUN, since="2026-11-23T23:35:42Z")),
        ((dataclasses.replace(LOCK, since="2026-11-24T01:35:39+02:00"),), RUN),
        ((LOCK, dataclasses.replace(LOCK, host="laptop")), RUN),
        ((LOCK,), dataclasses.replace(RUN, since="yesterday")),
    ],
    ids=[
        "no run",
        "no names",
        "another process",
        "another machine",
        "an older lock",
        "an older lock of another time zone",
        "one of two",
        "no time",
    ],
)
def test_the_lock_of_anybody_else_stays(locks: tuple[Lock, ...], noted: Run | None) -> None:
    assert "no run of a workflow noted that it would take it" in refusal(locks, noted)


def test_github_is_asked_for_the_attempt_and_needs_the_permission() -> None:
    with serving() as api:
        api.runs[7] = []
        api.states[7, 2] = "in_progress"
        environ = {"GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": api.url}
        allowed = github.Api(environ | {"GITHUB_TOKEN": api.token({"actions": "read"})})
        assert recover.state(allowed, RUN) == "in_progress"
        with pytest.raises(github.GithubError, match="not there"):
            recover.state(allowed, dataclasses.replace(RUN, attempt=3))
        with pytest.raises(github.GithubError, match="403"):
            recover.state(github.Api(environ | {"GITHUB_TOKEN": api.token({"contents": "read"})}), RUN)


def test_a_run_notes_itself_and_reads_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    tags: dict[str, str] = {}

    def pulumi(*arguments: str) -> str:
        if arguments[:3] == ("stack", "tag", "set"):
            tags[arguments[-2]] = arguments[-1]
        return json.dumps(tags)

    monkeypatch.setattr(stack, "pulumi", pulumi)
    assert recover.read_note("prod") is None
    run = recover.this_run({"GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1"})
    assert (run.host, run.pid) == (socket.gethostname(), os.getppid())
    recover.write_note("prod", run)
    assert recover.read_note("prod") == run
    tags[recover.TAG] = '{"run": 7}'
    assert recover.read_note("prod") is None


def test_outside_of_a_run_the_other_command_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("GITHUB_RUN_ID", raising=False)
    assert main(["recover", "-s", "prod"]) == 2
    assert "elsewhere:  python -m release recover -s prod" in capsys.readouterr().err
    with pytest.raises(UsageError, match="GITHUB_RUN_ATTEMPT"):
        recover.this_run({"GITHUB_REPOSITORY": "o/r", "GITHUB_RUN_ID": "7"})
