"""A site of a hundred thousand files, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.unit.static_memory import COUNT


@pytest.mark.parametrize("kind", ["hashed", "pages"])
def test_release_of_a_hundred_thousand_files_needs_less_than_300_mib_and_only_what_changed(kind: str) -> None:
    program = [sys.executable, "-m", "tests.unit.static_memory", kind]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    peak_mib, _, _, requests = done.stdout.split()
    assert float(peak_mib) < 300
    listing = COUNT // 1000 + 1 if kind == "hashed" else 0
    changed = (COUNT // 100 + 1) * (1 if kind == "hashed" else 2)
    assert int(requests) <= changed + listing + 12
