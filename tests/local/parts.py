"""The parts of the local tests, which run beside each other as jobs: `make test-local PART=…`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
COPIES = 2
"""Of the three environments: their tests take longest, and those of one copy run one after the other."""
PARTS = ("services", "environments", "walks")
"""Worlds of a file's own; the three environments that one `make up` released; workflows and faults in such ones."""


LONGEST = ("walks", "environments 1", "environments 2")
"""Groups that take a quarter of an hour and more: they begin first."""


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
    if part_of(file) == "walks":
        return name if "application_in(" in file.read_text() else "walks"
    files = [path for path in sorted(HERE.glob("test_*.py")) if part_of(path) == "environments"]
    return f"environments {files.index(file) % COPIES + 1}"


def rank(nodeid: str) -> int:
    """When a group begins: the longest first, then other worlds with all three environments, then the rest."""
    name = group(nodeid)
    if name in LONGEST:
        return LONGEST.index(name)
    return len(LONGEST) + ("application_in(" not in (HERE.parents[1] / name).read_text())
