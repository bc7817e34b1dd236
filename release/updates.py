"""The updates of a stack, from Pulumi's history: also those that failed before their release began."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from functions import strict_json
from release import stack
from release.stack import StackError
from release.version import is_commit

UPDATES: Final = 50
"""Entries of a stack's history that are read, the newest ones. Refreshes are among them."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Update:
    """One `pulumi up` that has ended. One that was killed is in no history."""

    succeeded: bool
    started_at: datetime
    ended_at: datetime
    """To the second, as Pulumi keeps both."""
    commit: str
    """Full Git SHA of the tree it ran in; empty where Pulumi did not know it."""
    run: str = ""
    """Address of the CI run; empty where it ran in none."""


def read(name: str) -> tuple[Update, ...]:
    """The last updates of the stack, the newest first. Raises StackError."""
    said = stack.answered("stack", "history", "-s", name, "--json", "--page-size", str(UPDATES))
    try:
        return of_history(strict_json.value(tuple[Mapping[str, Any], ...], said))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise StackError(f"pulumi stack history -s {name} answered what is no history ({error})") from error


def of_history(entries: Iterable[Mapping[str, Any]]) -> tuple[Update, ...]:
    """The updates that ended, in what `pulumi stack history --json` writes; refreshes and others are none."""
    updates = []
    for entry in entries:
        if entry["kind"] != "update" or entry["result"] not in {"succeeded", "failed"}:
            continue
        environment = entry.get("environment") or {}
        commit = str(environment.get("git.head", ""))
        updates.append(
            Update(
                succeeded=entry["result"] == "succeeded",
                started_at=_moment(entry["startTime"]),
                ended_at=_moment(entry["endTime"]),
                commit=commit if is_commit(commit) else "",
                run=str(environment.get("ci.build.url", "")),
            )
        )
    return tuple(updates)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
