"""The way to the gate, with what it asks Git: the program's, which stops where it refuses, and `release explain`'s."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from release import git, promotion, way_back
from release.promotion import Accepted, Refused, Request
from release.record import Release
from release.way_back import RolledBack

_ONLY_WARNED: Final = "\n  this is a preview: `pulumi up` would stop here"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gate:
    """A request, made in a working tree."""

    root: Path
    head: str
    """The full Git SHA of the working tree."""
    request: Request

    @property
    def is_head(self) -> bool:
        """The version is the working tree's own: the first environment builds it."""
        return self.request.version == self.head

    def decide(
        self, *, promotes_from: str, upstream: Release | None, here: Release | None
    ) -> Accepted | Refused | None:
        """Decide with what `promotes_from` and this environment have proven.

        `promotes_from` is the name of the environment before, empty for the first, which builds: None then says
        that HEAD is to be built. Raises GitError where there is no git.
        """
        if promotes_from:
            return promotion.decide(
                self.request, upstream_name=promotes_from, upstream=upstream, here=here, is_ancestor=self._is_ancestor
            )
        return promotion.decide_build(self.request, head=self.head, here=here, is_ancestor=self._is_ancestor)

    def rolled_back(self, environments: Mapping[str, Release | None]) -> tuple[RolledBack, ...]:
        """What this environment, the first of `environments`, and the one before rolled back of what is to come."""
        return way_back.rolled_back(self.request.version, environments, self._is_ancestor)

    def _is_ancestor(self, older: str, newer: str) -> bool:
        return git.is_ancestor(self.root, older, newer)


def ask(root: Path, *, environment: str, version: str | None, reason: str | None) -> Gate:
    """The request to run `version` (a full Git SHA; None means HEAD) in `environment`, from the working tree `root`.

    Raises GitError where that is none.
    """
    head = git.head(root)
    request = Request(
        environment=environment,
        version=version or head,
        explicit=version is not None,
        dirty=git.is_dirty(root),
        reason=reason,
    )
    return Gate(root=root, head=head, request=request)


def warning(message: str) -> str:
    """The warning that a preview gives, where an update would stop with `message`."""
    return message + _ONLY_WARNED


def refusal(text: str) -> str | None:
    """The message in a `warning`; None for any other text."""
    return text.strip().removesuffix(_ONLY_WARNED) if text.strip().endswith(_ONLY_WARNED) else None
