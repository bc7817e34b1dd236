"""The way to the gate, with what it asks Git: the program's, which stops where it refuses, and `release explain`'s."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from release import git, promotion, reverts, tree, veto, way_back
from release.headline import Distance
from release.promotion import Accepted, Branch, Declared, Refused, Request, Unknown
from release.records import Proven, Release
from release.soak import Soak
from release.statements import Stated
from release.tree import Sources, Tree
from release.version import commit, short
from release.way_back import Kind, RolledBack
from settings.names import prefix
from settings.site import Site

_ONLY_WARNED: Final = "\n  this is a preview: `pulumi up` would stop here"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gate:
    """A request, made in a working tree."""

    root: Path
    tree: Tree
    request: Request

    @property
    def is_tree(self) -> bool:
        """The version is the working tree's own: the first environment builds it."""
        return self.request.version == self.tree.version

    def decide(
        self, environments: Sequence[Stated], *, branch: str, soak_minutes: int = 0
    ) -> Accepted | Refused | None:
        """Decide with what this environment, the first of `environments`, and those before it have proven and stated.

        Without one before, it builds: None then says that the working tree is to be built. `branch` is the one whose
        commits alone are promoted, empty for any. `soak_minutes` is how long a version has to have run in the
        environment before; 0 asks for no time. Raises GitError where there is no git.
        """
        here, *before = environments
        kind = self.kind(here.release, promoted=bool(before))
        decision: Accepted | Refused | None = veto.decide(
            self.request, kind, environments, self._brings_back, self._contains
        )
        if decision is None and before:
            decision = promotion.decide(
                self.request,
                upstream_name=before[0].environment,
                upstream=before[0].release,
                here=here.release,
                is_ancestor=self._is_ancestor,
                branch=Branch(name=branch, contains=partial(self._is_part_of, branch)) if branch else None,
                soak=Soak(minutes=soak_minutes, now=datetime.now(UTC)) if soak_minutes else None,
            )
        elif decision is None:
            decision = promotion.decide_build(
                self.request, tree=self.tree.version, here=here.release, is_ancestor=self._is_ancestor
            )
        return decision if isinstance(decision, Refused) else veto.unread(self.request, kind, environments) or decision

    def kind(self, here: Release | None, *, promoted: bool) -> Kind:
        """What the release would be, where `here` is this environment's record."""
        request = self.request
        return way_back.kind(
            request.version,
            here=here,
            asked=request.explicit or request.reason is not None,
            promoted=promoted,
            is_ancestor=self._is_known_ancestor,
        )

    def rolled_back(self, environments: Mapping[str, Release | None]) -> tuple[RolledBack, ...]:
        """What this environment, the first of `environments`, and the one before rolled back of what is to come."""
        return way_back.rolled_back(self.request.version, environments, self._is_known_ancestor)

    def distance(self, here: str) -> Distance | str:
        """Commits from the version that runs to this one; where Git does not know them, the command to know them."""
        runs, comes = commit(here), commit(self.request.version)
        come, go = git.between(self.root, runs, comes, 0), git.between(self.root, comes, runs, 0)
        if come is None or go is None:
            return git.how_to_know(self.root, runs, comes)
        return Distance(come=come[1], go=go[1])

    def _is_part_of(self, branch: str, version: str) -> bool | Unknown:
        """Whether the commit of `version` is part of the branch at the origin, as this clone fetched it last."""
        sha = commit(version)
        tips = git.commits(self.root, f"refs/remotes/origin/{branch}")
        if not tips:
            return Unknown(to_know=f"git fetch origin {branch}:refs/remotes/origin/{branch}")
        return sha == tips[0] or self._is_ancestor(sha, tips[0])

    def _brings_back(self, taken: Proven) -> str | Unknown | None:
        """Why this version brings back what came with `taken`, which was rolled back; None where it does not."""
        to = commit(taken.gone_back.to) if taken.gone_back else ""
        gone, comes = commit(taken.version), commit(self.request.version)
        came, since = git.history(self.root, to, gone), git.history(self.root, gone, comes)
        absent = git.history(self.root, comes, gone)
        if came is None or since is None or absent is None:
            return Unknown(to_know=git.how_to_know(self.root, to, gone, comes))
        has_change = partial(git.has_change, self.root, version=comes)
        return reverts.why_back(short(taken.version), came, since, {one.sha for one in absent}, has_change)

    def _contains(self, version: str) -> bool:
        return commit(version) == commit(self.request.version) or self._is_known_ancestor(version, self.request.version)

    def _is_known_ancestor(self, older: str, newer: str) -> bool:
        return self._is_ancestor(older, newer) is True

    def _is_ancestor(self, older: str, newer: str) -> bool | Unknown:
        commits = commit(older), commit(newer)
        answer = git.is_ancestor(self.root, *commits)
        return Unknown(to_know=git.how_to_know(self.root, *commits)) if answer is None else answer


def ask(
    root: Path,
    *,
    environment: str,
    requested: str | None,
    reason: str | None,
    sources: Sources | None,
    declared: Declared,
) -> Gate:
    """The request to run the version `requested` in `environment`, from the working tree `root`.

    Without it, it is the version of the tree, from which `sources` are built; an environment that promotes has None.
    Raises GitError and BuildContextError where that is not known.
    """
    here = tree.read(root, sources)
    request = Request(
        environment=environment,
        version=requested or here.version,
        explicit=requested is not None,
        changes=tuple(sorted(here.changes)),
        reason=reason,
        declared=declared,
    )
    return Gate(root=root, tree=here, request=request)


def unprovable(environment: str, sites: Mapping[str, Site]) -> str:
    """Why a first release could not be proven at sites with these settings; empty where it can.

    A name can lead to a distribution only once that exists: the first release makes it, and is proven at once.
    """
    return "\n".join(
        f"the first release of {environment} would be proven at {site.domain}, which cannot lead to a distribution "
        f"that does not exist yet, and without hostedZoneId of the site {name} this program does not make its records\n"
        f"  to prove it at the distribution:  pulumi config set -s {environment} --path "
        f"{prefix()}sites.{name}.connectTo '{{distribution}}'"
        for name, site in sites.items()
        if site.domain and not (site.hosted_zone_id or site.public_url or site.connect_to)
    )


def warning(message: str) -> str:
    """The warning that a preview gives, where an update would stop with `message`."""
    return message + _ONLY_WARNED


def refusal(text: str) -> str | None:
    """The message in a `warning`; None for any other text."""
    return text.strip().removesuffix(_ONLY_WARNED) if text.strip().endswith(_ONLY_WARNED) else None
