"""Keep releases away from an environment until it is lifted.

A roll back, and the version that runs, are let through. With --lift, end the hold, also one of a roll back; where
several stand, the one with the id that is given. Nothing that runs is changed, and a rollout that has begun goes on.

Exit status: 0 stated, 1 refused or not known, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from typing import Any

from cli import YES
from cli.environment import add_stack, read_environment
from cli.errors import VerbError
from release import records, statements, veto
from release.records import Release
from release.statements import Hold, Statement
from release.who import who


def add(parser: argparse.ArgumentParser) -> None:
    add_stack(parser, required=True)
    parser.add_argument("--lift", nargs="?", const="", metavar="ID", help="end the hold; its id, where several stand")
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
    release = records.read_release(s3, bucket)
    hold = statements.standing(release, stated)
    ends = () if options.lift is None else (_lifted(name, options.lift, hold, release, stated),)
    statement = Statement(
        kind="lift" if ends else "hold",
        environment=name,
        who=who(environment.clients.caller, os.environ),
        reason=options.reason,
        ends=ends,
    )
    statements.write(s3, bucket, statement)
    held = statements.standing(release, (statement, *stated))
    standing = tuple(held.by_id()) if held else ()
    if ends:
        lifted = dict(hold.by_id()).get(ends[0]) if hold else None
        print(
            f"{name} was {lifted or f'held: {ends[0]}'}, and is not any more"
            + ("" if standing else ": releases are let through")
        )
    for id_, text in standing:
        print(f"{name} is {text}\n  to end it:  {veto.lift(name, id_ if len(standing) > 1 else '')}")
    return YES


def _lifted(name: str, id_: str, hold: Hold | None, release: Release | None, stated: Sequence[Statement]) -> str:
    """The id of the hold that is to be lifted. Raises VerbError where it is not known which, or none is."""
    standing = dict(hold.by_id()) if hold else {}
    # A release ended these, and the gate asks for them where a version lacks what that release had.
    ended = {statements.hold_id(taken) for taken, _ in statements.ended_by_release(release, stated)}
    if id_:
        meant = [one for one in (*standing, *ended) if one.startswith(id_)]
        if len(meant) == 1:
            return meant[0]
        if standing:
            raise VerbError(f"{name} has no hold {id_!r}, or several. {_choices(name, standing)}")
    if not standing:
        raise VerbError(f"{name} is not held: there is nothing to lift. To see it:  python -m release status -s {name}")
    if len(standing) > 1:
        raise VerbError(f"{name} is held more than once: say which hold ends. {_choices(name, standing)}")
    return next(iter(standing))


def _choices(name: str, standing: Mapping[str, str]) -> str:
    return "There are:" + "".join(f"\n  {text}\n    {veto.lift(name, id_)}" for id_, text in standing.items())


def hold_json(hold: Hold | None) -> dict[str, Any] | None:
    """A hold for programs: docs/json.md."""
    if hold is None:
        return None
    taken_back = [proven.version for proven in hold.taken_back]
    return {"since": hold.since, "who": hold.who, "reason": hold.reason, "takenBack": taken_back}
