"""What is recorded of releases and updates: attempts, purges, a lease, and pulumi's history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from release.lease import Held, Holder
from release.records import Attempt, Purge
from release.updates import Update
from tests.unit.one_of_each import one_of_each

OLD, BAD = "1" * 40, "3" * 40


def attempt(version: str, **changes: Any) -> Attempt:
    known: dict[str, Any] = {
        "id": f"id-{version[0]}",
        "environment": "prod",
        **one_of_each(
            version=version,
            image="repository@sha256:1",
            task_definition="arn:task:1",
            static_manifest="sha256:1",
        ),
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


def update(began: str, ended: str, *, succeeded: bool = False) -> Update:
    """An update, from minute and second to minute and second."""
    started_at, ended_at = (datetime.fromisoformat(f"2026-01-02T03:{at}+00:00") for at in (began, ended))
    return Update(succeeded=succeeded, started_at=started_at, ended_at=ended_at, commit=BAD, run="https://ci/7")


def entry(commit: str, *, kind: str = "update", result: str = "succeeded") -> dict[str, Any]:
    return {
        "kind": kind,
        "result": result,
        "startTime": "2026-01-02T03:00:00.000Z",
        "endTime": "2026-01-02T03:02:00.000Z",
        "environment": {"git.head": commit, "git.dirty": "false"},
    }
