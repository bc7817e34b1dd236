"""`history`: what was released here when, by whom, how long each phase took, what was undone and why."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cli import YES, versions
from cli.environment import Environment, add_stack, read_environment
from cli.errors import UsageError
from cli.text import ago, bold, moment, phases, seconds, short, table, when
from functions.strict_json import camel
from release import escaping, failure_report, lease, records, updates, way_back
from release.lease import Held
from release.records import Attempt, Purge, Release
from release.updates import Update

LIMIT = 10
"""Attempts, failed updates and purges that are shown unless more are asked for."""
LOOKED_AT: Final = 20
"""The newest attempts, among which `unproven` looks for one of the same version."""
ISO: Final = "%Y-%m-%dT%H:%M:%SZ"
_SECOND: Final = timedelta(seconds=1)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclasses.dataclass(frozen=True, kw_only=True)
class History:
    environment: str
    release: Release | None = None
    attempts: Sequence[Attempt] = ()
    """The newest first."""
    failed: Sequence[Update] = ()
    """Updates that failed before their release began, the newest first."""
    purges: Sequence[Purge] = ()
    """The newest first."""
    held: Held | None = None


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
    parser.description = (
        "The attempts to release an environment, the newest first: also those that failed, were undone or were "
        "interrupted, updates that failed before a release began, and purges. The last lines say how to go back to "
        "what ran before."
    )
    parser.epilog = "Exit status: 0 shown, 1 cannot be read, 2 wrong usage."
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
    """The last `limit` attempts, failed updates and purges, counted together. Raises some of `errors.EXPECTED`."""
    past = updates.read(environment.name)
    if environment.request is None and not environment.unreadable and (failed := newest((), past, (), limit)[1]):
        # The first release says where attempts are.
        return History(environment=environment.name, failed=failed)
    s3, bucket = environment.clients.s3, environment.released().site.records_bucket
    attempts, failed, purges = newest(
        records.list_attempts(s3, bucket, limit), past, records.list_purges(s3, bucket, limit), limit
    )
    return History(
        environment=environment.name,
        release=records.read_release(s3, bucket),
        attempts=attempts,
        failed=failed,
        purges=purges,
        held=lease.look(s3, bucket),
    )


def newest(
    attempts: Sequence[Attempt], past: Sequence[Update], purges: Sequence[Purge], limit: int
) -> tuple[tuple[Attempt, ...], tuple[Update, ...], tuple[Purge, ...]]:
    """The last `limit` of all: the attempts, the updates that failed before one of them began, and the purges. Pure.

    `attempts` are the newest ones, at most `limit`.
    """
    began = [moment(attempt.started_at) or _NEVER for attempt in attempts]
    failed = [
        update
        for update in past
        if not update.succeeded
        # Pulumi keeps the end without its fraction of a second.
        and not any(update.started_at <= at < update.ended_at + _SECOND for at in began)
    ]
    purged = [moment(purge.started_at) or _NEVER for purge in purges]
    last = sorted([*began, *(update.started_at for update in failed), *purged], reverse=True)[:limit]
    return (
        tuple(attempt for attempt, at in zip(attempts, began, strict=True) if at in last),
        tuple(update for update in failed if update.started_at in last),
        tuple(purge for purge, at in zip(purges, purged, strict=True) if at in last),
    )


def unproven(here: Environment, version: str) -> Earlier | None:
    """The last attempt to release the version; None if there was none, or it was proven.

    Raises some of `errors.EXPECTED`.
    """
    if here.request is None:
        return None
    s3, bucket = here.clients.s3, here.request.site.records_bucket
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
    if release is not None and not history.attempts and not history.purges:
        shown.append("  no attempt is recorded: this environment was last released before attempts were kept")
    rows = [(_row(attempt, history.held), _details(attempt)) for attempt in history.attempts]
    rows += [(_row_of_update(update), _details_of_update(update)) for update in history.failed]
    rows += [(_row(purge, history.held), _details_of_purge(purge)) for purge in history.purges]
    rows.sort(key=lambda row: row[0][0], reverse=True)
    head = [("started", "version", "kind", "outcome", "took", "who")] if rows else []
    aligned = table([*head, *(cells for cells, _ in rows)])
    shown += aligned[:1]
    for line, (_, details) in zip(aligned[1:], rows, strict=True):
        shown += [line, *details]
    return [*shown, *_way_back(name, release)]


def state(attempt: Attempt | Purge, held: Held | None) -> str:
    """How it ended, or "under way" if its process still renews the lease."""
    under_way = attempt.ended_at is None and held is not None and held.alive and held.holder.id == attempt.id
    return "under way" if under_way else attempt.state


def as_json(history: History) -> dict[str, Any]:
    """The history for programs: docs/json.md."""
    release = history.release
    older = way_back.candidates(release) if release else ()
    marked = way_back.gone_back_from(release) if release else ()
    return {
        "environment": history.environment,
        "release": records.proof_json(release) if release else None,
        "attempts": [attempt_json(attempt, history.held) for attempt in history.attempts],
        "failedBeforeRelease": [
            {
                "startedAt": update.started_at.strftime(ISO),
                "endedAt": update.ended_at.strftime(ISO),
                "commit": update.commit or None,
                "run": update.run or None,
            }
            for update in history.failed
        ],
        "purges": [attempt_json(purge, history.held) for purge in history.purges],
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
    data = {camel(key): value for key, value in dataclasses.asdict(attempt).items() if key != "outcome"}
    return data | {"state": state(attempt, held)}


def earlier_json(earlier: Earlier) -> dict[str, Any]:
    """An earlier attempt for programs: docs/json.md."""
    return {camel(key): value for key, value in dataclasses.asdict(earlier).items()}


def _row(attempt: Attempt | Purge, held: Held | None) -> tuple[str, ...]:
    began, ended = moment(attempt.started_at), moment(attempt.ended_at or "")
    took = seconds((ended - began).total_seconds()) if began and ended else "-"
    what = ("-", "purge") if isinstance(attempt, Purge) else (short(attempt.version), attempt.kind or "unknown")
    return (when(attempt.started_at), *what, state(attempt, held), took, attempt.who)


def _details_of_purge(purge: Purge) -> list[str]:
    rows = [
        ("files", escaping.line(", ".join(purge.paths))),
        ("reason", escaping.line(purge.reason or "")),
        ("why", escaping.line(purge.message)),
    ]
    return [f"      {label:<9} {text}" for label, text in rows if text]


def _row_of_update(update: Update) -> tuple[str, ...]:
    took = seconds((update.ended_at - update.started_at).total_seconds())
    return (when(update.started_at.strftime(ISO)), "-", "-", "failed", took, update.run or "-")


def _details_of_update(update: Update) -> list[str]:
    """What is known of an update without a release. Its version is unknown: Pulumi does not keep EASI_VERSION."""
    rows = [
        ("why", "`pulumi up` failed before its release began (a build, a resource, or a refusal): see its log"),
        ("tree", short(update.commit)),
    ]
    return [f"      {label:<9} {text}" for label, text in rows if text]


def _details(attempt: Attempt) -> list[str]:
    """The lines below the row of an attempt, aligned as in a `release.failure_report`."""
    message = attempt.message.split("\n") if attempt.outcome != "proven" else []
    rows = [
        ("phases", phases(attempt.phases)),
        ("restart", escaping.line(attempt.restart or "")),
        ("override", escaping.line(attempt.reason or "")),
        # The first line of a longer message names the release, as the row does.
        ("why", message[0] if len(message) == 1 else ""),
        ("undone", "; ".join(attempt.undone) if len(message) == 1 else ""),
    ]
    lines = [f"  {label:<9} {text}" for label, text in rows if text]
    return [f"    {line}" for line in [*lines, *message[1:]]]


def _way_back(name: str, release: Release | None) -> list[str]:
    """How to go back, to the version that was proven last first. Versions that were rolled back are only named."""
    if release is None:
        return []
    older, marked = way_back.candidates(release), way_back.gone_back_from(release)
    if older:
        shown = [f"to go back to {short(older[0].version)}, proven {when(older[0].verified_at)}:"]
        shown.append(f"  EASI_VERSION={older[0].version} pulumi up -s {name}")
    elif marked:
        shown = [f"{name} keeps no version to go back to"]
    else:
        shown = [f"nothing else was proven in {name}: there is no version to go back to"]
    if older[1:]:
        shown += ["or to:", *table(versions.rows(older[1:]))]
    if marked:
        shown += ["not to:", *table(versions.rows(marked))]
    return shown
