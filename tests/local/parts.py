"""The parts of the local tests, which run beside each other as jobs: `make test-local PART=…`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PARTS = ("services", "environments", "walks")
"""Worlds of a file's own; the three environments that one `make up` released; workflows and faults in such ones."""


def select(items: list[pytest.Item], part: str) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The items of a part, and those of others. A file is in one part whole, so that no world is made twice."""
    of_files = {path: _part_of(path, items_of(items, path)) for path in {item.path for item in items}}
    chosen = [item for item in items if of_files[item.path] == part]
    return chosen, [item for item in items if of_files[item.path] != part]


def groups(items: list[pytest.Item]) -> Iterator[tuple[pytest.Item, str]]:
    """Which tests one worker of xdist runs, in order: those of an `easi` that they share, else those of one file."""
    for path in {item.path for item in items}:
        of_file = items_of(items, path)
        part = _part_of(path, of_file)
        for item in of_file:
            yield item, path.stem if part == "services" else part


def items_of(items: Iterable[pytest.Item], path: Path) -> list[pytest.Item]:
    return [item for item in items if item.path == path]


def _part_of(path: Path, items: Iterable[pytest.Item]) -> str:
    if path.relative_to(HERE).parts[0] in ("workflow", "faults"):
        return "walks"
    with_environments = any("easi" in getattr(item, "fixturenames", ()) for item in items)
    return "environments" if with_environments else "services"
