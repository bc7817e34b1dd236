"""Clones that install packages of this machine at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
APT_GET = """#!/bin/sh
mkdir "$ONE" || { echo "E: Could not get lock" >&2; exit 100; }
sleep 0.2
rmdir "$ONE"
"""
INSTALL = """
from local import packages, preflight
preflight.installable = lambda: True
packages.os.getuid = lambda: 0
packages.install(["busybox-static"], print, needed_by="the local build")
"""


def test_two_clones_that_install_at_the_same_time_wait_for_each_other(tmp_path: Path) -> None:
    (tmp_path / "apt-get").write_text(APT_GET)
    (tmp_path / "apt-get").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "ONE": str(tmp_path / "one")}
    both = [subprocess.Popen([sys.executable, "-c", INSTALL], cwd=ROOT, env=environment) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
