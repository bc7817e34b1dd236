"""Where the engine (3.232, backend/diy) keeps the state of a stack in its bucket, as patterns of keys."""

from __future__ import annotations

from collections.abc import Sequence

ALL = ".pulumi"
META = f"{ALL}/meta.yaml"
"""Which version the store has: every command reads it."""


def of_stack(project: str, stack: str) -> list[str]:
    """What a command changes that changes the stack: its state, locks, history and backups."""
    name = f"{project}/{stack}"
    kept = [f"{ALL}/{kind}/{name}/*" for kind in ("history", "backups")]
    return [_state(project, stack), f"{ALL}/locks/organization/{name}/*", *kept]


def read_with(project: str, stack: str, before: Sequence[str]) -> list[str]:
    """What a command reads: the stack, and of those `before` it the state alone."""
    return [META, *of_stack(project, stack), *(_state(project, name) for name in before)]


def _state(project: str, stack: str) -> str:
    return f"{ALL}/stacks/{project}/{stack}.*"
