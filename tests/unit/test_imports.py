"""What each room may import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
ROOMS: Final = frozenset({"account", "cli", "components", "docs", "functions", "local", "release", "settings", "tests"})
MAY_IMPORT: Final = {
    "components": {"components"},
    "functions": {"functions"},
    "settings": {"settings", "components", "functions"},
    "release": {"release", "settings", "functions"},
    "account": {"account", "settings", "components", "functions"},
    "cli": {"cli", "release", "settings", "components", "functions"},
}
DOES_IO: Final = frozenset({"boto3", "http", "requests", "socket", "subprocess", "urllib3"})
"""What components are made without: they only declare."""
PURE: Final = "functions.strict_json"
"""What reads values and nothing else, for every room."""
FACES: Final = {ROOT / "release" / "__main__.py"}
"""What only hands on to another room."""


def imported(path: Path) -> Iterator[str]:
    """Full names of modules."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_no_room_that_is_built_on_it(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in set((ROOT / room).rglob("*.py")) - FACES
        for name in imported(path)
        if (top := name.partition(".")[0]) in ROOMS and top not in MAY_IMPORT[room]
        if not name.startswith(PURE)
    ]
    assert wrong == []


def test_types_of_aws_are_read_by_mypy_alone() -> None:
    """They are no dependency of the program, and none of the function's archive."""
    wrong = []
    for path in [ROOT / "__main__.py", *(path for room in ROOMS - {"tests"} for path in (ROOT / room).rglob("*.py"))]:
        lines = ast.parse(path.read_text(encoding="utf-8")).body
        for node in (inner for line in lines if not _is_for_mypy(line) for inner in ast.walk(line)):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            wrong += [f"{path} imports {name}" for name in names if name.startswith("types_boto3")]
    assert wrong == []


def _is_for_mypy(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_components_do_no_io() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in (ROOT / "components").rglob("*.py")
        for name in imported(path)
        if name.partition(".")[0] in DOES_IO
    ]
    assert wrong == []


def test_the_account_program_finds_the_projects_modules_from_its_own_folder() -> None:
    """That folder has a module settings, which hides a package of this name that has no `__init__`."""
    program = [sys.executable, str(ROOT / "account")]
    done = subprocess.run(program, cwd=ROOT / "account", capture_output=True, text=True, check=False)
    assert "easi-account:repository is missing" in done.stderr
