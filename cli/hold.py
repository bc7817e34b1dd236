"""Keep releases away from an environment until it is lifted.

A roll back, and the version that runs, are let through. With --lift, end the hold, also one of a roll back. Nothing
that runs is changed.

Exit status: 0 stated, 1 refused or not known, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from typing import Any

from cli import YES
from cli.environment import add_stack, read_environment
from cli.errors import VerbError
from release import records, statements, veto
from release.statements import Hold, Statement
from release.who import who


def add(parser: argparse.ArgumentParser) -> None:
    add_stack(parser, required=True)
    parser.add_argument("--lift", action="store_true", help="end the hold")
    add_reason(parser)


def add_reason(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", required=True, type=_reason, metavar="WHY", help="why, for whoever is refused")


def _reason(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("it is empty: say why, for whoever is refused")
    return text.strip()


def run(options: argparse.Namespace) -> int:
    environment = read_environment(options.stack)
    s3, bucket = environment.clients.s3, environment.released().records_bucket
    name, stated = environment.name, statements.read(s3, bucket)
    hold = statements.standing(records.read_release(s3, bucket), stated)
    if options.lift and hold is None:
        raise VerbError(f"{name} is not held: there is nothing to lift. To see it:  python -m release status -s {name}")
    statement = Statement(
        kind="lift" if options.lift else "hold",
        environment=name,
        at=statements.time_after(hold, stated, datetime.now(UTC)),
        who=who(environment.clients.caller, os.environ),
        reason=options.reason,
    )
    statements.write(s3, bucket, statement)
    if options.lift:
        print(f"{name} was {hold}, and is not any more: releases are let through")
    else:
        print(f"{name} is {Hold(stated=statement)}\n  to end it:  {veto.lift(name)}")
    return YES


def hold_json(hold: Hold | None) -> dict[str, Any] | None:
    """A hold for programs: docs/json.md."""
    if hold is None:
        return None
    taken_back = [proven.version for proven in hold.taken_back]
    return {"since": hold.since, "who": hold.who, "reason": hold.reason, "takenBack": taken_back}
