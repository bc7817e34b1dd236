"""The parts of the local tests, which run beside each other as jobs: `make test-local PART=…`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PARTS = ("services", "environments", "walks")
"""Worlds of a file's own; the three environments that one `make up` released; workflows and faults in such ones."""


def part_of(file: Path) -> str:
    """The part that a file is in whole, so that no world is made twice. Annotations tell it: mypy demands them."""
    if file.relative_to(HERE).parts[0] in ("workflow", "faults"):
        return "walks"
    return "environments" if re.search(r"\beasi: ", file.read_text()) else "services"


def select(items: list[pytest.Item], part: str) -> tuple[list[pytest.Item], list[pytest.Item]]:
    """The items of a part, and those of others."""
    chosen = [item for item in items if part_of(item.path) == part]
    return chosen, [item for item in items if item not in chosen]


def group(nodeid: str) -> str:
    """What one worker of xdist runs whole, in its order: the tests of one world."""
    name = nodeid.partition("::")[0]
    file = HERE.parents[1] / name
    if HERE not in file.parents or part_of(file) == "services":
        return name
    return part_of(file)
