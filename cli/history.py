"""The attempts to release an environment, the newest first, each with its phases, what was undone and why.

Also those that failed, were undone or were interrupted, updates that failed before a release began, purges, holds and
rejections. The last lines say how to go back to what ran before.

Exit status: 0 shown, 1 cannot be read, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from cli import YES, rollback
from cli.environment import Environment, add_stack, read_environment
from cli.errors import UsageError
from cli.text import ago, bold, by_service, moment, phases, seconds, short, table, when
from functions.strict_json import fields
from release import escaping, failure_report, lease, records, statements, updates, way_back
from release.lease import Held
from release.records import Attempt, Purge, Release
from release.statements import Statement
from release.updates import Update

LIMIT = 10
"""Attempts, failed updates, purges and statements that are shown unless more are asked for."""
LOOKED_AT: Final = 20
"""The newest attempts, among which `unproven` looks for one of the same version."""
ISO: Final = "%Y-%m-%dT%H:%M:%SZ"
_SECOND: Final = timedelta(seconds=1)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
Kind = TypeVar("Kind", Attempt, Update, Purge, Statement)


Entry = Attempt | Update | Purge | Statement
"""What the history is made of; of updates, those that failed before their release began."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class History:
    environment: str
    release: Release | None = None
    entries: Sequence[Entry] = ()
    """The newest first."""
    rejected: frozenset[str] = frozenset()
    """Versions that nobody goes back to: the gate would refuse them."""
    held: Held | None = None

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [entry for entry in self.entries if isinstance(entry, kind)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Earlier:
    """An attempt that did not prove the version."""

    started_at: str
    state: str
    """undone, refused, failed, interrupted or under way."""
    phase: str | None
    """The phase that failed; None if none did, for example because the process was killed."""
    why: str
    """Empty if it has not ended."""

    def __str__(self) -> str:
        phase = f" in {self.phase}" if self.phase else ""
        return f"{self.state} {when(self.started_at)}{phase}" + (f": {self.why}" if self.why else "")


def add(parser: argparse.ArgumentParser) -> None:
    add_stack(parser)
    parser.add_argument(
        "-n", "--limit", type=int, default=LIMIT, metavar="N", help="at most so many rows (default %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, with everything that is recorded")


def run(options: argparse.Namespace) -> int:
    if options.limit < 1:
        raise UsageError(f"--limit {options.limit} shows nothing: expected 1 or more.")
    history = read(read_environment(options.stack), options.limit)
    if options.json:
        print(json.dumps(as_json(history), indent=2))
    else:
        print("\n".join(lines(history, datetime.now(UTC))))
    return YES


def read(environment: Environment, limit: int) -> History:
    """The last `limit` attempts, failed updates, purges and statements together. Raises some of `errors.EXPECTED`."""
    past = updates.read(environment.name)
    if environment.request is None and not environment.unreadable and (failed := failed_before(past, ())):
        # The first release says where attempts are.
        return History(environment=environment.name, entries=failed[:limit])
    s3, bucket = environment.clients.s3, environment.released().records_bucket
    said, attempts = statements.read(s3, bucket), records.list_attempts(s3, bucket, limit)
    entries: list[Entry] = [*attempts, *failed_before(past, attempts), *records.list_purges(s3, bucket, limit), *said]
    return History(
        environment=environment.name,
        release=records.read_release(s3, bucket),
        entries=newest(entries)[:limit],
        rejected=frozenset(statement.version for statement in said if statement.version),
        held=lease.look(s3, bucket),
    )


def failed_before(past: Iterable[Update], attempts: Iterable[Attempt]) -> list[Update]:
    """The updates that failed before one of the attempts began. Pure."""
    began = [_began(attempt) for attempt in attempts]
    # Pulumi keeps the end without its fraction of a second.
    return [
        update
        for update in past
        if not update.succeeded and not any(update.started_at <= at < update.ended_at + _SECOND for at in began)
    ]


def newest(entries: Iterable[Entry]) -> list[Entry]:
    """The entries, the newest first. Pure."""
    return sorted(entries, key=_began, reverse=True)


def _began(entry: Entry) -> datetime:
    if isinstance(entry, Statement):
        return entry.at
    return entry.started_at if isinstance(entry, Update) else moment(entry.started_at) or _NEVER


def unproven(here: Environment, version: str) -> Earlier | None:
    """The last attempt to release the version; None if there was none, or it was proven.

    Raises some of `errors.EXPECTED`.
    """
    if here.request is None:
        return None
    s3, bucket = here.clients.s3, here.request.records_bucket
    last = next(
        (attempt for attempt in records.list_attempts(s3, bucket, LOOKED_AT) if attempt.version == version), None
    )
    if last is None or last.outcome == "proven":
        return None
    return Earlier(
        started_at=last.started_at,
        state=state(last, lease.look(s3, bucket)),
        phase=next((phase.name for phase in last.phases if phase.outcome == "failed"), None),
        why=failure_report.why(last.message),
    )


def lines(history: History, now: datetime) -> list[str]:
    name, release = history.environment, history.release
    first = f"{name} has proven nothing yet"
    if release is not None:
        proven = f"{when(release.verified_at)} ({ago(release.verified_at, now)})"
        first = f"{name} runs {short(release.version)}, proven {proven}"
    shown = [bold(first)]
    head = [("started", "version", "kind", "outcome", "took", "who")] if history.entries else []
    aligned = table([*head, *(_row(entry, history.held) for entry in history.entries)])
    shown += aligned[:1]
    for line, entry in zip(aligned[1:], history.entries, strict=True):
        shown += [line, *_details(entry)]
    return [*shown, *(rollback.advice(name, release, history.rejected) if release else [])]


def state(attempt: Attempt | Purge, held: Held | None) -> str:
    """How it ended, or "under way" if its process still renews the lease."""
    under_way = attempt.ended_at is None and held is not None and held.alive and held.holder.id == attempt.id
    return "under way" if under_way else attempt.state


def as_json(history: History) -> dict[str, Any]:
    """The history for programs: docs/json.md."""
    release = history.release
    older = rollback.candidates(release, history.rejected) if release else ()
    marked = way_back.gone_back_from(release) if release else ()
    return {
        "environment": history.environment,
        "release": records.proof_json(release) if release else None,
        "attempts": [attempt_json(attempt, history.held) for attempt in history.of(Attempt)],
        "failedBeforeRelease": [
            {
                "startedAt": update.started_at.strftime(ISO),
                "endedAt": update.ended_at.strftime(ISO),
                "commit": update.commit or None,
                "run": update.run or None,
            }
            for update in history.of(Update)
        ],
        "purges": [attempt_json(purge, history.held) for purge in history.of(Purge)],
        "statements": [
            fields(statement) | {"at": records.time_of(statement.at)} for statement in history.of(Statement)
        ],
        "wayBack": [{"version": proven.version, "verifiedAt": proven.verified_at} for proven in older],
        "rolledBack": [
            {
                "version": proven.version,
                "verifiedAt": proven.verified_at,
                "rollBack": dataclasses.asdict(proven.gone_back),
            }
            for proven in marked
            if proven.gone_back
        ],
    }


def attempt_json(attempt: Attempt | Purge, held: Held | None) -> dict[str, Any]:
    """One attempt or purge for programs. `state` replaces the outcome, which it has only when it has ended."""
    data = {key: value for key, value in fields(attempt).items() if key != "outcome"}
    return data | {"state": state(attempt, held)}


def _row(entry: Entry, held: Held | None) -> tuple[str, ...]:
    if isinstance(entry, Statement):
        version = short(entry.version) if entry.version else "-"
        return (when(records.time_of(entry.at)), version, entry.kind, "stated", "-", entry.who)
    if isinstance(entry, Update):
        took = seconds((entry.ended_at - entry.started_at).total_seconds())
        return (when(entry.started_at.strftime(ISO)), "-", "-", "failed", took, entry.run or "-")
    began, ended = moment(entry.started_at), moment(entry.ended_at or "")
    took = seconds((ended - began).total_seconds()) if began and ended else "-"
    what = ("-", "purge") if isinstance(entry, Purge) else (short(entry.version), entry.kind or "unknown")
    return (when(entry.started_at), *what, state(entry, held), took, entry.who)


def _details(entry: Entry) -> list[str]:
    """The lines below the row of an entry, aligned as in a `release.failure_report`."""
    report: list[str] = []
    if isinstance(entry, Statement):
        rows = [("reason", entry.reason)]
    elif isinstance(entry, Update):
        # Its version is unknown: Pulumi does not keep RELEASE_VERSION.
        why = "`pulumi up` failed before its release began, or in the first one: see its log"
        rows = [("why", why), ("tree", short(entry.commit))]
    elif isinstance(entry, Purge):
        files = ", ".join(entry.paths)
        rows = [("site", entry.site or ""), ("files", files), ("reason", entry.reason or ""), ("why", entry.message)]
    else:
        # The first line of a longer message names the release, as the row does.
        first, *report = entry.message.split("\n") if entry.outcome != "proven" else [""]
        rows = [
            ("phases", phases(entry.phases)),
            ("rehearsed", by_service(entry.rehearsed)),
            ("restart", entry.restart or ""),
            ("override", entry.reason or ""),
            *([] if report else [("why", first), ("undone", "; ".join(entry.undone))]),
        ]
    return [
        *(f"      {label:<9} {escaping.line(text)}" for label, text in rows if text),
        *(f"    {line}" for line in report),
    ]
