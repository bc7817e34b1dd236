"""A release ends with the engine that started it, and when the engine says goodbye; its lease is given back first."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from release import processes

RELEASE = """
import pathlib, sys, threading
from release import lease, plugin
from release.servicer import Servicer

class Held:
    def release(self):
        pathlib.Path(sys.argv[1]).write_text("given back")

lease._held_here.add(held := Held())
threading.Timer(60, lambda: None).start()  # a release under way
plugin.serve(Servicer(), lease.abandon_all)
"""
ENGINE = """
import subprocess, sys, time
release = subprocess.Popen([sys.executable, "-c", *sys.argv[1:]], stdout=subprocess.PIPE)
release.stdout.readline()
print(release.pid, flush=True)
time.sleep(60)
"""
ROOT = Path(__file__).parents[2]


@contextmanager
def releasing(given_back: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """An engine, and the process that releases."""
    command = [sys.executable, "-c", ENGINE, RELEASE, str(given_back)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as engine:
        assert engine.stdout is not None
        process = int(engine.stdout.readline())
        try:
            yield engine, process
        finally:
            engine.kill()
            ended_after(process)


def ended_after(process: int) -> float:
    """Seconds until it has ended."""
    began = time.monotonic()
    while processes.runs(process):
        assert time.monotonic() - began < 5
        time.sleep(0.05)
    return time.monotonic() - began


def test_it_goes_on_while_the_engine_is_there(tmp_path: Path) -> None:
    with releasing(tmp_path / "lease") as (_, process):
        time.sleep(2)
        assert processes.runs(process)
        assert not (tmp_path / "lease").exists()


def test_it_ends_within_two_seconds_of_the_engines_death_and_gives_the_lease_back(tmp_path: Path) -> None:
    with releasing(tmp_path / "lease") as (engine, process):
        engine.kill()
        assert ended_after(process) < 2
    assert (tmp_path / "lease").read_text() == "given back"


def test_it_ends_when_the_engine_interrupts_it(tmp_path: Path) -> None:
    with releasing(tmp_path / "lease") as (_, process):
        subprocess.run(["kill", f"-{signal.SIGINT.value}", str(process)], check=True)
        assert ended_after(process) < 2
    assert (tmp_path / "lease").read_text() == "given back"
