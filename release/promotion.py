"""The gate: may this version go to this environment? Pure: everything it knows is in its arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final

from release import escaping
from release.records import Proven, Release
from release.version import commit, is_dirty, short

_SHOWN: Final = 3
"""Changed files that a message names; of the others, how many they are."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    environment: str
    version: str
    """In full: see `release.version`."""
    explicit: bool
    """The version was named, rather than taken from the working tree."""
    changes: tuple[str, ...] = ()
    """Files of the working tree that are in no commit as they are, as far as they count here."""
    reason: str | None = None
    """A break-glass reason: run the version although something newer runs, or may do so."""

    @property
    def changed(self) -> str:
        """The changes for people: the first of them, and how many more."""
        more = len(self.changes) - _SHOWN
        return ", ".join(map(escaping.line, self.changes[:_SHOWN])) + (f" and {more} more" if more > 0 else "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accepted:
    """The version may run; `evidence` is its proof by the environment before, or by this one earlier."""

    evidence: Proven
    own: bool = False
    """The proof is this environment's own: it has the image and the files already."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refused:
    """The version may not run. `message` says what was compared and what to do."""

    message: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Unknown:
    """It is not known whether one commit is part of another's history."""

    to_know: str
    """The command after which it may be."""


IsAncestor = Callable[[str, str], bool | Unknown]
"""Whether the commit of the first version is part of the history of that of the second, and another one."""


def decide(
    request: Request, *, upstream_name: str, upstream: Release | None, here: Release | None, is_ancestor: IsAncestor
) -> Accepted | Refused:
    """Decide about an environment that promotes: only what `upstream` has proven may run, and was committed.

    `here` is what runs in the environment.
    """
    if request.changes:
        return Refused(message=_changed(request))
    if is_dirty(request.version):
        return Refused(message=_uncommitted(request))
    theirs = upstream.find(request.version) if upstream else None
    evidence = theirs or (here.find(request.version) if here else None)
    if evidence is None:
        return Refused(message=_unproven(request, upstream_name, upstream))
    too_old = _older(request, here, is_ancestor)
    if too_old is not None:
        return too_old
    return Accepted(evidence=evidence, own=theirs is None)


def decide_build(
    request: Request, *, tree: str, here: Release | None, is_ancestor: IsAncestor
) -> Accepted | Refused | None:
    """Decide about the environment that builds, in a working tree that would be built as the version `tree`.

    None: build it; Accepted: the environment has the version, proven, already. A version that is named and was proven
    is not built again, also where it is checked out: going back needs no build.
    """
    evidence = here.find(request.version) if here else None
    if request.version == tree and (evidence is None or not request.explicit):
        return _older(request, here, is_ancestor)
    if evidence is not None:
        return Accepted(evidence=evidence, own=True)
    return Refused(message=_not_here(request, tree, here))


def _older(request: Request, here: Release | None, is_ancestor: IsAncestor) -> Refused | None:
    """Refuse a version that is older than what runs here, or may be, unless somebody asks to go back.

    An older run that finishes late must not win. Going back is asked for by naming a version that ran here before, or
    with a reason.
    """
    if here is None or request.reason:
        return None
    ran = here.find(request.version) is not None
    if request.explicit and ran:
        return None
    answer = is_ancestor(request.version, here.version)
    if answer is False:
        return None
    way = f"pulumi up -s {request.environment}"
    if ran or request.explicit:
        way = f"EASI_VERSION={request.version} {way}"
    if not ran:
        way = f"EASI_BREAK_GLASS_REASON='why' {way}   (it never ran here)"
    runs = f"{short(here.version)}, which is proven here since {here.verified_at}"
    refused = f"{request.environment} refused {short(request.version)}"
    if isinstance(answer, Unknown):
        return Refused(
            message=f"{refused}: this clone cannot say whether it is older than {runs}.\n"
            f"  to know it:  {answer.to_know}\n"
            f"  to run it all the same:  {way}"
        )
    return Refused(
        message=f"{refused}: it is older than {runs}.\n"
        f"  compared   {short(commit(request.version))} is an ancestor of {short(commit(here.version))}\n"
        f"  to go back on purpose:  {way}"
    )


def _changed(request: Request) -> str:
    return (
        f"{request.environment} refused {short(request.version)}: the working tree has changes that are in no commit, "
        "and only the first environment may run them.\n"
        f"  they are:           {request.changed}\n"
        "  to put them aside:  git stash --include-untracked\n"
        "  to release them:    commit them, and release the environments before"
    )


def _uncommitted(request: Request) -> str:
    return (
        f"{request.environment} refused {short(request.version)}: it was built from changes that are in no commit, "
        "and only the environment that built it may run them.\n"
        "  to release them:  commit them, and release the environments before"
    )


def _unproven(request: Request, upstream_name: str, upstream: Release | None) -> str:
    alike = [proven.version for proven in _all(upstream) if commit(proven.version) == request.version]
    only, build = "", ""
    if alike:
        only = f", only {short(alike[0])}, which was built from changes that are in no commit"
        build = "make frontend && "
    named = f"EASI_VERSION={request.version} " if request.explicit else ""
    return (
        f"{request.environment} refused {short(request.version)}: {upstream_name} has not proven it{only}.\n"
        f"  compared   proven by {upstream_name}: {_versions(upstream)}\n"
        f"  to prove it there:  {build}{named}pulumi up -s {upstream_name}"
    )


def _not_here(request: Request, tree: str, here: Release | None) -> str:
    refused = f"{request.environment} refused {short(request.version)}: it never ran here"
    ran = f"  compared   ran here: {_versions(here)}\n"
    build = f"EASI_VERSION= pulumi up -s {request.environment}"
    if commit(request.version) != commit(tree) and not is_dirty(request.version):
        why = f", and it is not the commit of this working tree ({short(tree)})"
        to_do = f"to build it:  git switch --detach {short(request.version)}"
    elif request.changes:
        why = f", and this working tree is {short(tree)} by its changes: {request.changed}"
        to_do = f"to build them, too:  {build}"
    else:
        why = ", and the changes that it was built from are in no commit"
        to_do = f"to build the commit of this working tree:  {build}"
    return f"{refused}{why}.\n{ran}  {to_do}"


def _all(release: Release | None) -> tuple[Proven, ...]:
    return (release, *release.previous) if release else ()


def _versions(release: Release | None) -> str:
    return ", ".join(dict.fromkeys(short(proven.version) for proven in _all(release))) or "nothing yet"
