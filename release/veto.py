"""Whether a hold or a rejection keeps a version away (see `release.statements`). Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final

from release import statements
from release.promotion import Refused, Request, Unknown
from release.records import Proven
from release.statements import Hold, Stated, Statement
from release.version import commit, short
from release.way_back import Kind

_RUNS_ALREADY: Final = ("again", "restart")
"""Kinds of releases of the version that runs: else no change by hand could be undone, and no setting changed."""
IsReverted = Callable[[Proven], bool | Unknown]
"""Whether the version that is asked for reverts what was taken back when this one was given up."""


def decide(request: Request, kind: Kind, environments: Sequence[Stated], is_reverted: IsReverted) -> Refused | None:
    """The refusal; None where nothing that is known keeps the version away.

    `environments` are this one, and those before it. What runs already is let through, and a roll back by a hold.
    """
    if kind in _RUNS_ALREADY:
        return None
    here = environments[0]
    hold = statements.standing(here.release, here.statements) if kind != "roll back" else None
    if hold is not None and (refused := _held(request, hold, is_reverted)):
        return refused
    why = None if request.reason else statements.rejection(request.version, environments)
    return Refused(message=f"{_refused(request)}: {why}.\n  {_all_the_same(request)}") if why else None


def unread(request: Request, kind: Kind, environments: Sequence[Stated]) -> Refused | None:
    """The refusal where it is not known whether something keeps the version away, which is no consent."""
    if kind in _RUNS_ALREADY:
        return None
    here = environments[0]
    if here.unread and kind != "roll back":
        return Refused(message=f"{_refused(request)}: whether {here.environment} is held is not known: {here.unread}")
    why = next((one.unread for one in environments if one.unread), "")
    if not why or request.reason:
        return None
    return Refused(
        message=f"{_refused(request)}: whether it is rejected is not known: {why}\n  {_all_the_same(request)}"
    )


def may_be_kept_away(kind: Kind | str | None, reason: str | None) -> bool:
    """Whether any statement could keep such a release away."""
    return kind not in _RUNS_ALREADY and not (kind == "roll back" and reason)


def since_then(kind: Kind | str | None, version: str, reason: str | None, stated: Sequence[Statement]) -> str:
    """What a person has stated since the gate decided, and keeps the version away; empty where nothing does.

    `stated` is what this environment has, the newest first.
    """
    if kind in _RUNS_ALREADY:
        return ""
    hold = statements.standing(None, stated)
    if hold is not None and hold.stated and kind != "roll back":
        return f"{hold.stated.environment} is {hold}. To end it: {lift(hold.stated.environment)}"
    rejected = next((statement for statement in stated if statement.version == version), None)
    return f"{short(version)} is rejected {rejected}" if rejected and not reason else ""


def is_of_hold(message: str) -> bool:
    """Whether it is a refusal by a hold."""
    return re.match(r"(\S+) refused \S+ \1 is held since ", message) is not None


def lift(environment: str) -> str:
    """The command that ends a hold."""
    return f"python -m release hold -s {environment} --lift --reason 'why'"


def _held(request: Request, hold: Hold, is_reverted: IsReverted) -> Refused | None:
    """None where the version reverts all that was taken back."""
    environment = request.environment
    if hold.stated:
        return Refused(
            message=f"{_refused(request)}: {environment} is {hold}.\n"
            f"  a roll back is let through\n"
            f"  to end the hold:  {lift(environment)}"
        )
    for taken in hold.taken_back:
        answer = is_reverted(taken)
        if answer is True:
            continue
        to = taken.gone_back.to if taken.gone_back else ""
        if isinstance(answer, Unknown):
            why = f"this clone cannot say whether it reverts what came with {short(taken.version)}"
            to_do = f"to know it:  {answer.to_know}"
        else:
            why = f"it reverts none of the commits that came with {short(taken.version)}"
            to_do = f"to see them, and `git revert` one:  git log --oneline {commit(to)}..{commit(taken.version)}"
        return Refused(
            message=f"{_refused(request)}: {environment} is {hold}.\n"
            f"  compared   {why}\n"
            f"  {to_do}\n"
            f"  to end the hold without a revert:  {lift(environment)}"
        )
    return None


def _refused(request: Request) -> str:
    return f"{request.environment} refused {short(request.version)}"


def _all_the_same(request: Request) -> str:
    named = f"RELEASE_VERSION={request.version} " if request.explicit else ""
    return f"to run it all the same:  RELEASE_REASON='why' {named}pulumi up -s {request.environment}"
