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
Returns = Callable[[Proven], str | Unknown | None]
"""Why the version that is asked for brings back what was taken back when this one was given up; None: it does not."""


def decide(
    request: Request,
    kind: Kind,
    environments: Sequence[Stated],
    returns: Returns,
    contains: Callable[[str], bool],
) -> Refused | None:
    """The refusal; None where nothing that is known keeps the version away.

    `environments` are this one, and those before it. What runs already is let through, and a roll back by a hold.
    `contains`: whether a version is known to be part of what comes.
    """
    if kind in _RUNS_ALREADY:
        return None
    here = environments[0]
    why = None if request.reason else statements.rejection(request.version, environments)
    if kind != "roll back":
        hold = statements.standing(here.release, here.statements)
        if hold is not None and (refused := _held(request, hold, returns)):
            return Refused(message=f"{refused.message}\n  also       {why}") if why else refused
        for taken, since in statements.ended_by_release(here.release, here.statements):
            if not any(map(contains, since)) and (refused := _brought_back(request, taken, returns)):
                return refused
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
    if hold is not None and kind != "roll back":
        environment = hold.stated[0].environment
        return f"{environment} is {hold}. To end it: {lift(environment)}"
    rejected = statements.rejected(version, stated)
    return f"{short(version)} is rejected {rejected}" if rejected and not reason else ""


def is_of_hold(message: str) -> bool:
    """Whether it is a refusal by a hold."""
    return re.match(r"(\S+) refused \S+ \1 is held since ", message) is not None


def lift(environment: str, hold_id: str = "") -> str:
    """The command that ends a hold; without its id, the only one that stands."""
    if hold_id:
        return f"python -m release hold -s {environment} --lift {hold_id} --reason 'why'"
    return f"python -m release hold -s {environment} --lift --reason 'why'"


def _held(request: Request, hold: Hold, returns: Returns) -> Refused | None:
    """None where the version reverts all that was taken back."""
    environment = request.environment
    if hold.stated:
        return Refused(
            message=f"{_refused(request)}: {environment} is {hold}.\n"
            f"  a roll back is let through\n"
            f"  to end the hold:  {lift(environment)}"
        )
    refusals = (_brought_back(request, taken, returns) for taken in hold.taken_back)
    return next(filter(None, refusals), None)


def _brought_back(request: Request, taken: Proven, returns: Returns) -> Refused | None:
    environment, mark, answer = request.environment, taken.gone_back, returns(taken)
    if mark is None or answer is None:
        return None
    if isinstance(answer, Unknown):
        why = f"this clone cannot say whether it brings back what came with {short(taken.version)}"
        to_do = f"to know it:  {answer.to_know}"
    else:
        why = answer
        to_do = f"to see them, and `git revert` one:  git log --oneline {commit(mark.to)}..{commit(taken.version)}"
    return Refused(
        message=f"{_refused(request)}: {environment} is {Hold(taken_back=(taken,))}.\n"
        f"  compared   {why}\n"
        f"  {to_do}\n"
        f"  to end the hold without a revert:  {lift(environment, statements.hold_id(taken))}"
    )


def _refused(request: Request) -> str:
    return f"{request.environment} refused {short(request.version)}"


def _all_the_same(request: Request) -> str:
    named = f"RELEASE_VERSION={request.version} " if request.explicit else ""
    return f"to run it all the same:  RELEASE_REASON='why' {named}pulumi up -s {request.environment}"
