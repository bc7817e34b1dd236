"""The short names; and `make test-local`, which leaves its tests out only where nothing that they read has changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with the Makefile, whose Python says what it is run with."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "tests").mkdir()
    shutil.copy(ROOT / "tests" / "Makefile", tmp_path / "tests")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "ran: $*"\n')
    python.chmod(0o755)
    (tmp_path / ".gitignore").write_text(".venv\n")
    git(tmp_path, "init", "--quiet")
    commit(tmp_path, "README.md")
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit(folder: Path, file: str) -> str:
    """The commit before one that changes a file."""
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    with (folder / file).open("a") as opened:
        opened.write("changed\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "x")
    return git(folder, "rev-list", "--max-parents=0", "HEAD")


def make(clone: Path, *arguments: str) -> str:
    # Of the make that runs these tests this one knows nothing.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    command = ["make", *arguments]
    return subprocess.run(command, cwd=clone, check=True, capture_output=True, text=True, env=environment).stdout


def local_tests(clone: Path, *options: str) -> str:
    return make(clone, "test-local", "PYTHON=true", *options)


OWN = ["up", "setup", "status", "install", "frontend", "down"]
"""What a project that was made from this one has."""


def listed(clone: Path) -> list[str]:
    return [line.partition("\t")[0] for line in make(clone).splitlines()]


def test_the_list_has_every_target_that_there_is(clone: Path) -> None:
    assert listed(clone) == [
        *(
            "help",
            *OWN,
            "check",
            "checkov",
            "test",
            "test-fast",
            "test-local",
            "test-faults",
            "docs",
            "pictures",
            "bench",
        )
    ]


def test_a_project_without_the_tests_has_a_makefile_that_works(clone: Path) -> None:
    shutil.rmtree(clone / "tests")
    assert listed(clone) == ["help", *OWN]
    assert make(clone, "frontend") == "ran: -m release build\n"
    for target in OWN:
        assert make(clone, "--dry-run", target)


ALL = "ran: -m pytest -n 3 tests/local"


@pytest.mark.parametrize(
    "file",
    ["README.md", "docs/costs.md", "docs/pictures/a.png", "docs/decisions/a.md", "tests/unit/test_lease.py", "LICENSE"],
)
def test_what_no_local_test_reads_starts_none(clone: Path, file: str) -> None:
    since = commit(clone, file)
    assert ALL not in local_tests(clone, f"SINCE={since}")
    assert ALL in local_tests(clone)


@pytest.mark.parametrize(
    "file",
    [
        "release/lease.py",
        "Makefile.new",
        "tests/local/a.py",
        "tests/components/program.py",
        "docs/examples/a/x.py",
        "Pulumi.README.md",
        ".github/x.yml",
    ],
)
def test_everything_else_starts_them(clone: Path, file: str) -> None:
    assert ALL in local_tests(clone, f"SINCE={commit(clone, file)}")


@pytest.mark.parametrize("file", ["Makefile", "release/new.py"])
def test_what_is_not_committed_starts_them_too(clone: Path, file: str) -> None:
    since = commit(clone, "LICENSE")
    (clone / file).parent.mkdir(exist_ok=True)
    with (clone / file).open("a") as opened:
        opened.write("# changed\n")
    assert ALL in local_tests(clone, f"SINCE={since}")


@pytest.mark.parametrize("since", ["", "0" * 40, "no-such-branch"])
def test_a_commit_that_is_not_known_is_no_reason_to_leave_them_out(clone: Path, since: str) -> None:
    commit(clone, "LICENSE")
    assert local_tests(clone, f"SINCE={since}", "PART=walks").splitlines()[-1] == f"{ALL} --part walks"
