"""Processes that are forked from one that has imported everything: as if Python had started them."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # it has no types
from pulumi.runtime.proto import provider_pb2_grpc

from local.docker.provider import DockerProvider
from local.layout import Layout
from local.warm import modules
from release import processes

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ("plugins", "local.docker.__main__", "127.0.0.1:1")

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has a warm one for the plugins, as the engine has."""
    monkeypatch.setenv("LOCAL_WARM", name := f"easi-test-{secrets.token_hex(8)}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(f"\0{name}-plugins")
        listener.listen()
        warm = [sys.executable, "-m", "local.warm.process", "plugins", str(listener.fileno())]
        code = (
            "import os, subprocess, sys, time; "
            f"subprocess.Popen([*sys.argv[1:], str(os.getpid())], pass_fds=[{listener.fileno()}]); time.sleep(600)"
        )
        process = subprocess.Popen([sys.executable, "-c", code, *warm], cwd=ROOT, pass_fds=[listener.fileno()])
    yield process
    process.kill()
    process.wait()


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-IS", ROOT / "local" / "warm" / "start.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def version(plugin: subprocess.Popen[str]) -> str:
    """What the plugin says of itself, on the port that it printed."""
    assert plugin.stdout is not None
    with grpc.insecure_channel(f"127.0.0.1:{int(plugin.stdout.readline())}") as channel:
        stub: Any = provider_pb2_grpc.ResourceProviderStub(channel)
        return str(stub.GetPluginInfo(empty_pb2.Empty(), timeout=5).version)


def serving(plugin: subprocess.Popen[str]) -> int:
    """The process that holds the other end of the plugin's standard output."""
    assert plugin.stdout is not None
    pipe = Path(f"/proc/self/fd/{plugin.stdout.fileno()}").readlink()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            is_warm = b"local.warm.process" in (folder / "cmdline").read_bytes()
            if is_warm and (folder / "fd" / "1").readlink() == pipe:
                return int(folder.name)
        except OSError:
            continue
    return 0


def eventually(what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.usefixtures("engine")
def test_forked_plugin_serves_and_ends_when_it_is_told_to() -> None:
    with start(*PLUGIN) as first, start(*PLUGIN) as second:
        assert version(first) == version(second) == DockerProvider.version
        assert 0 != serving(first) != serving(second) != 0
        for plugin in (first, second):
            plugin.send_signal(signal.SIGINT)
            assert plugin.wait(timeout=5) == 0


@pytest.mark.usefixtures("engine")
def test_forked_plugin_ends_with_what_the_engine_started() -> None:
    with start(*PLUGIN) as plugin:
        assert version(plugin)
        process = serving(plugin)
        plugin.kill()
        assert eventually(lambda: not processes.runs(process))


def test_forked_plugin_ends_with_the_engine(engine: subprocess.Popen[bytes]) -> None:
    with start(*PLUGIN) as plugin:
        assert version(plugin)
        engine.kill()
        assert plugin.wait(timeout=5) == 1


@pytest.mark.usefixtures("engine")
def test_what_a_forked_process_cannot_do_is_told_as_usual() -> None:
    done = start("plugins", "local.nowhere")
    output, errors = done.communicate(timeout=60)
    assert (done.returncode, output) == (1, "")
    assert errors.endswith("No module named 'local.nowhere'\n")


def test_what_cannot_be_prepared_does_not_end_the_process_that_forks() -> None:
    code = (
        "import socket; from local.warm import process\n"
        "def broken(): raise SyntaxError; yield\n"
        "process.ROLES['broken'] = broken\n"
        "process.serve('broken', socket.socket(), engine=0)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_process_to_fork_python_is_started() -> None:
    with start(*PLUGIN) as plugin:
        assert version(plugin) == DockerProvider.version
        assert serving(plugin) == 0
        plugin.kill()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be somebody else")
def test_somebody_else_who_takes_the_name_of_a_process_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_WARM", name := f"easi-test-{secrets.token_hex(8)}")
    code = (
        "import os, socket, sys; os.setuid(65534); listener = socket.socket(socket.AF_UNIX)\n"
        "listener.bind(chr(0) + sys.argv[1]); listener.listen(); print('listens', flush=True)\n"
        "print(listener.accept()[0].recv(100000), flush=True)"
    )
    command = [sys.executable, "-c", code, f"{name}-plugins"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "listens\n"
        with start(*PLUGIN) as plugin:
            assert other.stdout.readline() == "b''\n"
            assert version(plugin) == DockerProvider.version
            plugin.kill()


def test_what_the_program_has_loaded_is_remembered_but_nothing_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules, "here", lambda: Layout(tmp_path))
    assert modules.remembered() == []
    (tmp_path / ".venv").mkdir()
    for folder in (tmp_path, tmp_path / ".venv"):
        monkeypatch.syspath_prepend(folder)
    (tmp_path / ".venv" / "a_package.py").touch()
    (tmp_path / "a_component.py").touch()
    monkeypatch.delitem(sys.modules, "a_package", raising=False)
    __import__("a_package")
    __import__("a_component")
    modules.remember()
    assert modules.remembered() == ["a_package"]


def test_a_run_does_not_fail_because_its_modules_cannot_be_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modules, "here", lambda: Layout(tmp_path))
    monkeypatch.setattr(Layout, "venv", Path(sys.prefix))
    (tmp_path / ".local").touch()  # no folder: nothing can be written below it
    modules.remember()
    assert modules.remembered() == []
