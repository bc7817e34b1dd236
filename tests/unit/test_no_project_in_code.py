"""The program, its CLI and its tools know no project by its name."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from release import identity

ROOT: Final = Path(__file__).parents[2]
OF_THE_PROJECT: Final = (
    "Pulumi.yaml",
    "Pulumi.dev.yaml",
    "Pulumi.impl.yaml",
    "Pulumi.prod.yaml",
    "account/Pulumi.yaml",
)
"""What somebody writes for a project of their own."""
SHOWN: Final = ("README.md", "LICENSE", "docs/", "example/", "tests/", "Pulumi.README.md")
"""What tells of the example, or tries it."""
NAMES_OF_PACKAGES: Final = (
    "pyproject.toml",
    "requirements.lock",
    "requirements-dev.lock",
    ".github/tools/go.mod",
    "local/engine/go.mod",
)
"""Of this repository's own, which no release and nobody's settings have."""
TYPE_TOKEN: Final = re.compile(r'"easi:[a-z]+:[A-Z]\w+"')
"""Types of components. They are in states, so that another one would replace resources."""
NAME: Final = re.compile(r"(?i)(?<![a-z])easi(?![a-z])")


def test_only_named_places_have_the_projects_name() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    files = [name for name in listed.split("\0") if name and not name.startswith(SHOWN)]
    code = [name for name in files if name not in OF_THE_PROJECT + NAMES_OF_PACKAGES and (ROOT / name).is_file()]
    assert "settings/names.py" in code
    assert ".github/workflows/deploy.yml" in code
    wrong = [
        f"{name}:{number}: {line.strip()}"
        for name in code
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if NAME.search(TYPE_TOKEN.sub("", line)) and not (name == "settings/names.py" and "EASI_" in line)
    ]
    assert wrong == []


def texts(file: Path) -> Iterator[str]:
    """The texts of a Python file but its docstrings."""
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    docstrings = {node.value for node in nodes if isinstance(node, ast.Expr)}
    yield from (
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings
    )


def test_messages_name_services_and_sites_as_the_settings_do() -> None:
    """One place calls a service "the backend": where it is the only one, and has that name."""
    files = [file for room in ("release", "cli", "settings") for file in (ROOT / room).rglob("*.py")]
    wrong = [
        f"{file.relative_to(ROOT)}: {text}"
        for file in files
        for text in texts(file)
        if re.search(r"(?i)\bthe (front|back)end\b|make frontend", text)
    ]
    assert wrong == ["release/identity.py: the backend"]


def test_a_service_of_another_name_is_called_by_it() -> None:
    assert identity.service_words("backend", ["backend"]) == "the backend"
    assert identity.service_words("api", ["api"]) == "service api"
    assert identity.service_words("backend", ["backend", "worker"]) == "service backend"
