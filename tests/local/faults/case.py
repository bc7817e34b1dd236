"""One failure: what is done to a release, and what it must come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.local.faults.proxy import On, Rule

Outcome = Literal["proven", "refused", "undone", "failed"]
"""refused: by a check or the rehearsal. failed: with nothing changed that serves, too. undone: what ran before runs
again, and is proven."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One release, what goes wrong with it, and how that must end."""

    name: str
    about: str
    """For the page: what goes wrong."""
    expect: Outcome
    says: tuple[str, ...] = ()
    """Patterns that what it tells people must have."""
    mode: str = "good"
    """Of the new image."""
    rehearsed: bool = False
    """Whether the image is rehearsed, which takes its time."""
    digest: str | None = None
    """Another image than that."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Of the new task definition: variable to ARN."""
    migration: tuple[str, ...] = ()
    migration_timeout_s: int = 30
    rollout_deadline_s: int = 60
    files: str = "page"
    """Which frontend: a key of `sites.VARIANTS`."""
    faults: tuple[Rule, ...] = ()
    """Between the release and AWS."""
    function_faults: tuple[Rule, ...] = ()
    """Between the deploy function and AWS."""
    function_timeout_s: int | None = None
    """Of the deploy function, where it is not its own."""
    tasks: int = 1
    """Of the service when the release begins."""
    scaled_after: On | None = None
    """The call of the release after which the service is scaled to two tasks."""
    fast: bool = False
    """Also in a plain `make test`."""

    def __str__(self) -> str:
        return self.name

    @property
    def serves(self) -> str:
        """What answers afterwards, backend and site: the `old` version or the `new` one."""
        return "new" if self.expect == "proven" else "old"

    def right(self, old: str, new: str) -> tuple[str, ...]:
        """Versions that may answer visitors: the new one only if its image works."""
        return (old, new) if self.mode == "good" else (old,)
