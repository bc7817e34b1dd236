"""The way to the gate, with what it asks Git: the program's, which stops where it refuses, and `release explain`'s."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from release import git, promotion, tree, way_back
from release.headline import Distance
from release.promotion import Accepted, Refused, Request, Unknown
from release.records import Release
from release.tree import Sources, Tree
from release.version import commit
from release.way_back import Kind, RolledBack

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
        self, *, promotes_from: str, upstream: Release | None, here: Release | None
    ) -> Accepted | Refused | None:
        """Decide with what `promotes_from` and this environment have proven.

        `promotes_from` is the name of the environment before, empty for the first, which builds: None then says
        that the working tree is to be built. Raises GitError where there is no git.
        """
        if promotes_from:
            return promotion.decide(
                self.request, upstream_name=promotes_from, upstream=upstream, here=here, is_ancestor=self._is_ancestor
            )
        return promotion.decide_build(self.request, tree=self.tree.version, here=here, is_ancestor=self._is_ancestor)

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

    def _is_known_ancestor(self, older: str, newer: str) -> bool:
        return self._is_ancestor(older, newer) is True

    def _is_ancestor(self, older: str, newer: str) -> bool | Unknown:
        commits = commit(older), commit(newer)
        answer = git.is_ancestor(self.root, *commits)
        return Unknown(to_know=git.how_to_know(self.root, *commits)) if answer is None else answer


def ask(root: Path, *, environment: str, requested: str | None, reason: str | None, sources: Sources | None) -> Gate:
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
    )
    return Gate(root=root, tree=here, request=request)


def unprovable(environment: str, *, domain: str, hosted_zone_id: str, public_url: str, connect_to: str) -> str:
    """Why a first release could not be proven with these settings; empty where it can.

    A name can lead to a distribution only once that exists: the first release makes it, and is proven at once.
    """
    if not domain or hosted_zone_id or public_url or connect_to:
        return ""
    return (
        f"the first release of {environment} would be proven at {domain}, which cannot lead to a distribution that "
        "does not exist yet, and without easi:hostedZoneId this program does not make its records\n"
        f"  to prove it at the distribution:  pulumi config set -s {environment} easi:connectTo '{{distribution}}'"
    )


def warning(message: str) -> str:
    """The warning that a preview gives, where an update would stop with `message`."""
    return message + _ONLY_WARNED


def refusal(text: str) -> str | None:
    """The message in a `warning`; None for any other text."""
    return text.strip().removesuffix(_ONLY_WARNED) if text.strip().endswith(_ONLY_WARNED) else None
