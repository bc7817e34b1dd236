"""`python -m ci test` runs the application's tests, and never passes where there are none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ci", "test"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def with_test(folder: Path, script: str, mode: int = 0o755) -> Path:
    (folder / "ci").mkdir()
    (folder / "ci" / "test").write_text(script)
    (folder / "ci" / "test").chmod(mode)
    return folder


@pytest.mark.parametrize("code", [0, 3])
def test_it_ends_as_the_applications_tests_do(tmp_path: Path, code: int) -> None:
    done = run(with_test(tmp_path, f'#!/bin/sh\necho "tested in $PWD"\nexit {code}\n'))
    assert (done.returncode, done.stdout) == (code, f"tested in {tmp_path}\n"), done.stderr


def test_a_project_without_tests_does_not_pass(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("python -m ci test: there is no ci/test")
    assert "chmod +x ci/test" in done.stderr


@pytest.mark.parametrize(
    ("script", "mode", "says"),
    [
        ("#!/bin/sh\n", 0o644, "ci/test is not executable"),
        ("true\n", 0o755, "ci/test cannot be run: Exec format error"),
        ("#!/nowhere/sh\n", 0o755, "ci/test cannot be run: No such file"),
    ],
)
def test_what_cannot_be_run_does_not_pass(tmp_path: Path, script: str, mode: int, says: str) -> None:
    done = run(with_test(tmp_path, script, mode))
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_this_project_has_them() -> None:
    assert os.access(ROOT / "ci" / "test", os.X_OK)
