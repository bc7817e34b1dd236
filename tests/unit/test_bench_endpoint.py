"""The S3 endpoint of the measurements, as a process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bench import endpoint

START = """
import sys, time
from pathlib import Path
from tests.bench import endpoint
with endpoint.running(Path(sys.argv[1])) as started:
    print(started.pid, flush=True)
    time.sleep(60)
"""


def runs(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "\nState:\tZ" not in status.read_text()


def test_it_ends_with_the_process_that_started_it_also_where_that_was_killed(tmp_path: Path) -> None:
    program = endpoint.build(tmp_path)
    starter = subprocess.Popen(
        [sys.executable, "-c", START, str(program)],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": "."},
    )
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    assert runs(pid)
    starter.kill()
    starter.communicate()
    until = time.monotonic() + 20
    while runs(pid) and time.monotonic() < until:
        time.sleep(0.1)
    assert not runs(pid)
