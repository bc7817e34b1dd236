"""The gate: may this version go to this environment? Pure: everything it knows is in its arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from release.record import Proven, Release

SHORT = 12
"""Characters of a Git SHA in a message."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """Who asks for what."""

    environment: str
    version: str
    """Full Git SHA."""
    explicit: bool
    """The version was named, rather than taken from the working tree's HEAD."""
    dirty: bool
    """The working tree has changes that no commit has."""
    reason: str | None = None
    """A break-glass reason: run the version although something newer runs."""


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


def decide(
    request: Request,
    *,
    upstream_name: str,
    upstream: Release | None,
    here: Release | None,
    is_ancestor: Callable[[str, str], bool],
) -> Accepted | Refused:
    """Decide about an environment that promotes: only what `upstream` has proven may run.

    `here` is what runs in the environment; `is_ancestor(a, b)` says whether commit `a` is part of the history of `b`.
    """
    if request.dirty:
        return Refused(message=_dirty(request))
    theirs = upstream.find(request.version) if upstream else None
    evidence = theirs or (here.find(request.version) if here else None)
    if evidence is None:
        return Refused(message=_unproven(request, upstream_name, upstream))
    too_old = _older(request, here, is_ancestor)
    if too_old is not None:
        return too_old
    return Accepted(evidence=evidence, own=theirs is None)


def decide_build(
    request: Request, *, head: str, here: Release | None, is_ancestor: Callable[[str, str], bool]
) -> Accepted | Refused | None:
    """Decide about the environment that builds. None: build `head`; Accepted: it has that version, proven, already.

    A version that is named and was proven is not built again, also where it is checked out: going back needs no build.
    """
    evidence = here.find(request.version) if here else None
    if request.version == head and (evidence is None or not request.explicit or request.dirty):
        return _older(request, here, is_ancestor)
    if evidence is not None:
        return Accepted(evidence=evidence, own=True)
    return Refused(
        message=f"{request.environment} refused {request.version[:SHORT]}: it is not the commit of this working tree "
        f"({head[:SHORT]}), and it never ran here.\n"
        f"  compared   ran here: {_versions(here)}\n"
        f"  to build it:  git switch --detach {request.version[:SHORT]}"
    )


def _older(request: Request, here: Release | None, is_ancestor: Callable[[str, str], bool]) -> Refused | None:
    """Refuse a version that is older than what runs here, unless somebody asks to go back.

    An older run that finishes late must not win. Going back is asked for by naming a version that ran here before, or
    with a reason.
    """
    if here is None or request.reason or not is_ancestor(request.version, here.version):
        return None
    ran = here.find(request.version) is not None
    if request.explicit and ran:
        return None
    way = (
        f"EASI_VERSION={request.version} pulumi up -s {request.environment}"
        if ran
        else f"EASI_BREAK_GLASS_REASON='why' pulumi up -s {request.environment}   (it never ran here)"
    )
    return Refused(
        message=f"{request.environment} refused {request.version[:SHORT]}: it is older than {here.version[:SHORT]}, "
        f"which is proven here since {here.verified_at}.\n"
        f"  compared   {request.version[:SHORT]} is an ancestor of {here.version[:SHORT]}\n"
        f"  to go back on purpose:  {way}"
    )


def _dirty(request: Request) -> str:
    return (
        f"{request.environment} refused {request.version[:SHORT]}: the working tree has changes that are in no commit, "
        "and only the first environment may run them.\n"
        "  see them:  git status\n"
        "  then:      git commit, and release the environments before; or git stash"
    )


def _unproven(request: Request, upstream_name: str, upstream: Release | None) -> str:
    return (
        f"{request.environment} refused {request.version[:SHORT]}: {upstream_name} has not proven it.\n"
        f"  compared   proven by {upstream_name}: {_versions(upstream)}\n"
        f"  to prove it there:  pulumi up -s {upstream_name}"
    )


def _versions(release: Release | None) -> str:
    if release is None:
        return "nothing yet"
    return ", ".join(dict.fromkeys(proven.version[:SHORT] for proven in (release, *release.previous)))
