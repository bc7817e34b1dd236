"""A process that releases ends with the engine that started it."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROGRAM = """
import pathlib, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from release import lease, watch

class Held:
    def release(self):
        pathlib.Path(sys.argv[2]).write_text("given back")

def work():
    lease._ours.add(Held())
    watch.end_with_the_engine(sys.argv[1])
    print("releasing", flush=True)
    time.sleep(60)

# As Pulumi's plugin: the work is a call in a pool, and the main thread waits to be interrupted.
calls = ThreadPoolExecutor()
calls.submit(work)
try:
    threading.Event().wait()
except KeyboardInterrupt:
    pass
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def engine() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@contextmanager
def releasing(engine: socket.socket, given_back: Path) -> Iterator[subprocess.Popen[str]]:
    address = f"127.0.0.1:{engine.getsockname()[1]}"
    command = [sys.executable, "-c", PROGRAM, address, str(given_back)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "releasing\n"
            yield process
        finally:
            process.kill()


def test_it_goes_on_while_the_engine_is_there(engine: socket.socket, tmp_path: Path) -> None:
    with releasing(engine, tmp_path / "lease") as process, pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=2)
    assert not (tmp_path / "lease").exists()


def test_it_ends_within_two_seconds_of_the_engines_death_and_gives_the_lease_back(
    engine: socket.socket, tmp_path: Path
) -> None:
    with releasing(engine, tmp_path / "lease") as process:
        began = time.monotonic()
        engine.close()
        assert process.wait(timeout=5) == 1
        assert time.monotonic() - began < 2
    assert (tmp_path / "lease").read_text() == "given back"


def test_it_ends_when_the_engine_interrupts_it(engine: socket.socket, tmp_path: Path) -> None:
    with releasing(engine, tmp_path / "lease") as process:
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=5) == 1
        assert time.monotonic() - began < 2
    assert (tmp_path / "lease").read_text() == "given back"
