"""Every command that a message or a page prints is executed as it is printed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from functions.redaction import shapes
from local import engine
from local.layout import here
from tests.unit import printed_commands
from tests.unit.printed_commands import SHA, Printed, in_messages, in_pages


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = engine.current(here())
    if found is None:
        pytest.fail("there is no engine: make setup")
    return printed_commands.sandbox(tmp_path_factory.mktemp("printed") / "project", found.path)


def failures(commands: Iterator[Printed], project: Path, tmp_path: Path) -> str:
    """Those that fail, each with its place; every one is run once."""
    head = printed_commands.head(project)
    different = {(printed.script, printed.named): printed for printed in commands}
    assert len(different) > 30

    def run(number: int, printed: Printed) -> str:
        folder = project
        if "git " in printed.script:
            folder = tmp_path / str(number)
            shutil.copytree(project, folder, symlinks=True)
        why = printed_commands.run(printed._replace(script=printed.script.replace(SHA, head)), folder)
        return f"{printed.place}: {printed.script}\n    {why}" if why else ""

    with ThreadPoolExecutor(2) as pool:
        return "\n".join(filter(None, pool.map(run, range(len(different)), different.values())))


def test_messages(project: Path, tmp_path: Path) -> None:
    assert failures(in_messages(), project, tmp_path) == ""


def test_pages(project: Path, tmp_path: Path) -> None:
    assert failures(in_pages(), project, tmp_path) == ""


def test_no_command_looks_like_a_secret() -> None:
    """What is printed is looked at for secrets first."""
    for printed in (*in_messages(), *in_pages()):
        assert shapes.hide(printed.script) == printed.script, printed.place
