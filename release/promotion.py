"""The gate: may this version go to this environment? Pure: everything it knows is in its arguments."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from release import escaping
from release import soak as soaking
from release.records import Proven, Release
from release.soak import Soak
from release.version import commit, is_dirty, short
from settings.site import Site

_SHOWN: Final = 3
"""Changed files that a message names; of the others, how many they are."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Declared:
    """Names of what an environment declares: a proof has to have all of it."""

    services: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()

    @staticmethod
    def of(services: Iterable[str], sites: Mapping[str, Site]) -> Declared:
        """Of settings. A site without a folder has no proof."""
        return Declared(services=tuple(services), sites=tuple(name for name, site in sites.items() if site.folder))

    @staticmethod
    def by(proven: Proven) -> Declared:
        """Of the settings of a release."""
        return Declared(services=tuple(proven.services), sites=tuple(proven.sites))

    def missing(self, proven: Proven | Declared) -> tuple[str, ...]:
        """What of it a proof, or other settings, have not, for people."""
        return (
            *(f"service {name}" for name in self.services if name not in proven.services),
            *(f"site {name}" for name in self.sites if name not in proven.sites),
        )


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
    declared: Declared = Declared()

    @property
    def changed(self) -> str:
        """The changes for people: the first of them, and how many more."""
        more = len(self.changes) - _SHOWN
        return ", ".join(map(escaping.line, self.changes[:_SHOWN])) + (f" and {more} more" if more > 0 else "")

    @property
    def command(self) -> str:
        """What asks for the same again."""
        return f"{f'RELEASE_VERSION={self.version} ' if self.explicit else ''}pulumi up -s {self.environment}"

    @property
    def refused(self) -> str:
        """How a refusal begins."""
        return f"{self.environment} refused {short(self.version)}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Accepted:
    """The version may run; `evidence` is its proof by the environment before, or by this one earlier."""

    evidence: Proven
    own: bool = False
    """The proof is this environment's own: it has the image and the files already."""
    is_new: bool = False
    """The version never ran here, and comes from the environment before, which has to be healthy with it."""


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Branch:
    """The branch whose commits alone are promoted."""

    name: str
    contains: Callable[[str], bool | Unknown]
    """Whether the commit of a version is part of it at the origin, as far as this clone knows."""


def decide(
    request: Request,
    *,
    upstream_name: str,
    upstream: Release | None,
    here: Release | None,
    is_ancestor: IsAncestor,
    branch: Branch | None,
    soak: Soak | None = None,
) -> Accepted | Refused:
    """Decide about an environment that promotes: only what `upstream` has proven may run, and was committed.

    `here` is what runs in the environment. With a `branch`, what never ran here has to be part of it; with a `soak`, it
    has to have run in `upstream` for so long.
    """
    if request.changes:
        return Refused(message=_changed(request))
    if is_dirty(request.version):
        return Refused(message=_uncommitted(request))
    theirs = upstream.find(request.version) if upstream else None
    own = here.find(request.version) if here else None
    proofs = [proof for proof in (theirs, own) if proof is not None]
    if not proofs:
        return Refused(message=_unproven(request, upstream_name, upstream))
    evidence = next((proof for proof in proofs if not request.declared.missing(proof)), None)
    if evidence is None:
        if own is not None and (request.explicit or theirs is None):
            return Refused(message=_partly_here(request, request.declared.missing(own)))
        return Refused(message=_partly_proven(request, upstream_name, request.declared.missing(proofs[0])))
    why = (
        _not_merged(request, here, branch)
        or _older(request, here, is_ancestor)
        or soaking.refusal(request, soak, upstream_name=upstream_name, upstream=upstream, here=here)
    )
    accepted = Accepted(evidence=evidence, own=evidence is not theirs, is_new=own is None)
    return Refused(message=why) if why else accepted


def decide_build(
    request: Request, *, tree: str, here: Release | None, is_ancestor: IsAncestor
) -> Accepted | Refused | None:
    """Decide about the environment that builds, in a working tree that would be built as the version `tree`.

    None: build it; Accepted: the environment has the version, proven, already. A version that is named and was proven
    is not built again, also where it is checked out: going back needs no build.
    """
    evidence = here.find(request.version) if here else None
    missing = request.declared.missing(evidence) if evidence else ()
    if request.version == tree and missing:
        # What was declared since is built now.
        evidence = None
    if request.version == tree and (evidence is None or not request.explicit):
        older = _older(request, here, is_ancestor)
        return Refused(message=older) if older else None
    if missing:
        return Refused(message=_partly_here(request, missing))
    if evidence is not None:
        return Accepted(evidence=evidence, own=True)
    return Refused(message=_not_here(request, tree, here))


def _older(request: Request, here: Release | None, is_ancestor: IsAncestor) -> str | None:
    """Why a version is refused that is older than what runs here, or may be, unless somebody asks to go back.

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
    way = dataclasses.replace(request, explicit=request.explicit or ran).command
    if not ran:
        way = f"RELEASE_REASON='why' {way}   (it never ran here)"
    runs = f"{short(here.version)}, which is proven here since {here.verified_at}"
    if isinstance(answer, Unknown):
        return (
            f"{request.refused}: this clone cannot say whether it is older than {runs}.\n"
            f"  to know it:  {answer.to_know}\n"
            f"  to run it all the same:  {way}"
        )
    return (
        f"{request.refused}: it is older than {runs}.\n"
        f"  compared   {short(commit(request.version))} is an ancestor of {short(commit(here.version))}\n"
        f"  to go back on purpose:  {way}"
    )


def _not_merged(request: Request, here: Release | None, branch: Branch | None) -> str | None:
    """Why a version is refused that is not part of the branch, unless it ran here before or somebody gives a reason.

    Any branch may be released to the first environment, so that its proof says nothing about a review.
    """
    if branch is None or request.reason or (here is not None and here.find(request.version) is not None):
        return None
    answer = branch.contains(request.version)
    if answer is True:
        return None
    if isinstance(answer, Unknown):
        why, to_do = (
            f"this clone cannot say whether it is part of origin's {branch.name}",
            f"to know it:  {answer.to_know}",
        )
    else:
        why = f"it is not part of origin's {branch.name}"
        to_do = (
            f"to promote it:  merge it to {branch.name}, and release the environments before\n"
            f"  if it is merged:  git fetch origin {branch.name}:refs/remotes/origin/{branch.name}"
        )
    return (
        f"{request.refused}: {why}, and only that is promoted.\n"
        f"  {to_do}\n"
        f"  to run it all the same:  RELEASE_REASON='why' {request.command}"
    )


def _changed(request: Request) -> str:
    return (
        f"{request.refused}: the working tree has changes that are in no commit, and only the first environment may "
        "run them.\n"
        f"  they are:           {request.changed}\n"
        "  to put them aside:  git stash --include-untracked\n"
        "  to release them:    commit them, and release the environments before"
    )


def _uncommitted(request: Request) -> str:
    return (
        f"{request.refused}: it was built from changes that are in no commit, and only the environment that built it "
        "may run them.\n"
        "  to release them:  commit them, and release the environments before"
    )


def _unproven(request: Request, upstream_name: str, upstream: Release | None) -> str:
    alike = [proven.version for proven in _all(upstream) if commit(proven.version) == request.version]
    only, build = "", ""
    if alike:
        only = f", only {short(alike[0])}, which was built from changes that are in no commit"
        build = "python -m release build && "
    command = dataclasses.replace(request, environment=upstream_name).command
    return (
        f"{request.refused}: {upstream_name} has not proven it{only}.\n"
        f"  compared   proven by {upstream_name}: {_versions(upstream)}\n"
        f"  to prove it there:  {build}{command}"
    )


def _partly_proven(request: Request, prover: str, missing: tuple[str, ...]) -> str:
    version, to_do = short(request.version), f"to prove it there:  pulumi up -s {prover}"
    if request.explicit:
        # Only in its own working tree can more of it be built.
        own = f"git switch --detach {commit(request.version)}"
        to_do = (
            f"to run it with its own settings, if they declare less:  {own}\n"
            f"  to prove it there:  {own} && RELEASE_VERSION={request.version} pulumi up -s {prover}"
        )
    return f"{request.refused}: {prover} has not proven {' and '.join(missing)} of {version}.\n  {to_do}"


def _partly_here(request: Request, missing: tuple[str, ...]) -> str:
    """A version that ran here before the rest was declared."""
    return (
        f"{request.refused}: it never ran here with {' and '.join(missing)}.\n"
        "  to go back to it, with settings that do not declare this:  python -m ci rollback "
        f"-s {request.environment} --version {request.version}"
    )


def _not_here(request: Request, tree: str, here: Release | None) -> str:
    build = f"RELEASE_VERSION= pulumi up -s {request.environment}"
    if commit(request.version) != commit(tree) and not is_dirty(request.version):
        why = f", and it is not the commit of this working tree ({short(tree)})"
        to_do = f"to build it:  git switch --detach {short(request.version)}"
    elif request.changes:
        why = f", and this working tree is {short(tree)} by its changes: {request.changed}"
        to_do = f"to build them, too:  {build}"
    else:
        why = ", and the changes that it was built from are in no commit"
        to_do = f"to build the commit of this working tree:  {build}"
    return f"{request.refused}: it never ran here{why}.\n  compared   ran here: {_versions(here)}\n  {to_do}"


def _all(release: Release | None) -> tuple[Proven, ...]:
    return (release, *release.previous) if release else ()


def _versions(release: Release | None) -> str:
    return ", ".join(dict.fromkeys(short(proven.version) for proven in _all(release))) or "nothing yet"
