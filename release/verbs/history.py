"""`history`: what was released here when, by whom, how long each phase took, what was undone and why."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from release import attempts, lease, record, way_back
from release.attempts import Attempt, Phase
from release.lease import Held
from release.record import Release
from release.verbs import environment
from release.verbs.errors import UsageError
from release.verbs.screen import ago, bold, moment, seconds, short, table, when

LIMIT = 10
"""Attempts that are shown unless more are asked for."""


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "The attempts to release an environment, the newest first: also those that failed, were undone or were "
        "interrupted. The last line says how to go back to what ran before."
    )
    parser.epilog = "Exit status: 0 shown, 1 cannot be read, 2 wrong usage."
    environment.add_stack(parser)
    parser.add_argument(
        "-n", "--limit", type=int, default=LIMIT, metavar="N", help="at most so many (default %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, with everything that is recorded")


def run(options: argparse.Namespace) -> int:
    """Read the records bucket, and print."""
    if options.limit < 1:
        raise UsageError(f"--limit {options.limit} shows nothing: expected 1 or more.")
    there = environment.opened(options.stack)
    clients, bucket = there.clients, there.released().site.records_bucket
    release = record.read(clients.s3, bucket)
    found = attempts.list_(clients.s3, bucket, options.limit)
    held = lease.look(clients.s3, bucket)
    if options.json:
        print(json.dumps(as_json(there.name, release, found, held), indent=2))
    else:
        print("\n".join(lines(there.name, release, found, held, datetime.now(UTC))))
    return 0


def lines(name: str, release: Release | None, found: Sequence[Attempt], held: Held | None, now: datetime) -> list[str]:
    """The history for people. Pure."""
    first = f"{name} has proven nothing yet"
    if release is not None:
        proven = f"{when(release.verified_at)} ({ago(release.verified_at, now)})"
        first = f"{name} runs {short(release.version)}, proven {proven}"
    shown = [bold(first)]
    if not found:
        shown.append("  no attempt is recorded: this environment was last released before attempts were kept")
    head = [("started", "version", "kind", "outcome", "took", "who")]
    rows = table([*head, *(_row(attempt, held) for attempt in found)])
    for number, row in enumerate(rows if found else []):
        shown.append(row)
        if number:
            shown += _details(found[number - 1])
    return [*shown, *_way_back(name, release)]


def state(attempt: Attempt, held: Held | None) -> str:
    """How the attempt ended, or that it goes on: nobody but the holder of a living lease releases."""
    under_way = attempt.ended_at is None and held is not None and held.alive and held.holder.id == attempt.id
    return "under way" if under_way else attempt.state


def as_json(name: str, release: Release | None, found: Sequence[Attempt], held: Held | None) -> dict[str, Any]:
    """The history for machines."""
    return {
        "environment": name,
        "release": release.to_json() if release else None,
        "attempts": [
            {_camel(key): value for key, value in dataclasses.asdict(attempt).items()} | {"state": state(attempt, held)}
            for attempt in found
        ],
    }


def _row(attempt: Attempt, held: Held | None) -> tuple[str, ...]:
    began, ended = moment(attempt.started_at), moment(attempt.ended_at or "")
    took = seconds((ended - began).total_seconds()) if began and ended else "-"
    kind = attempt.kind or "unknown"
    return (when(attempt.started_at), short(attempt.version), kind, state(attempt, held), took, attempt.who)


def _details(attempt: Attempt) -> list[str]:
    """What is to be said of one attempt beside its row, a line each, aligned as `release.story` aligns its own."""
    phases = ", ".join(_phase(phase) for phase in attempt.phases)
    told = attempt.message.splitlines() if attempt.outcome != "proven" else []
    rows = [
        ("phases", phases),
        ("restart", attempt.restart or ""),
        ("override", attempt.reason or ""),
        # The first line of a story says which release of what it is about, as the row does.
        ("why", told[0] if len(told) == 1 else ""),
        ("undone", "; ".join(attempt.undone) if len(told) == 1 else ""),
    ]
    lines = [f"  {label:<9} {text}" for label, text in rows if text]
    return [f"    {line}" for line in [*lines, *told[1:]]]


def _phase(phase: Phase) -> str:
    took = [] if phase.outcome == "skipped" else [seconds(phase.seconds)]
    return " ".join([phase.name, *took, *([] if phase.outcome == "done" else [phase.outcome])])


def _way_back(name: str, release: Release | None) -> list[str]:
    """How to run what ran before, the last proven first; what was itself gone back from is named, and not proposed."""
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
        shown += ["or to:", *table([(proven.version, f"proven {when(proven.verified_at)}") for proven in older[1:]])]
    if marked:
        shown.append("not to:")
        shown += table([(one.version, way_back.told(one.gone_back)) for one in marked if one.gone_back])
    return shown


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)
