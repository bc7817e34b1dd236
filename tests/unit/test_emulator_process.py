"""Starting, finding and stopping the emulator, without one."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from local import preflight
from local.emulator import __main__ as program
from local.emulator import process
from local.emulator.process import EmulatorError, EmulatorSettings, Running


def quiet(_line: str) -> None:
    """Say nothing."""


@pytest.fixture
def taken_port() -> int:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    port = int(listener.getsockname()[1])
    _KEPT.append(listener)
    return port


_KEPT: list[socket.socket] = []


def remember(folder: Path, port: int, pid: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "state.json").write_text(json.dumps({"port": port, "pid": pid}))


def test_nothing_runs_in_an_unknown_folder(tmp_path: Path) -> None:
    assert process.running(tmp_path / "none") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"port": 1}', '{"port": "x", "pid": 1}'])
def test_damaged_state_is_no_running_emulator(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    assert process.running(tmp_path) is None


def test_stale_pid_is_no_running_emulator(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    remember(tmp_path, 4566, ended.pid)
    assert process.running(tmp_path) is None


def test_process_of_another_program_is_neither_found_nor_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_remove_containers", lambda *_: None)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        remember(tmp_path, 4566, other.pid)
        assert process.running(tmp_path) is None
        process.stop(tmp_path, quiet)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_emulator_of_another_folder_is_not_this_ones(tmp_path: Path) -> None:
    code = "import time; time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", code, "local.emulator", str(tmp_path / "other")])
    try:
        remember(tmp_path / "mine", 4566, other.pid)
        assert process.running(tmp_path / "mine") is None
        remember(tmp_path / "other", 4566, other.pid)
        while not process._command_of(other.pid).strip():  # it has no command yet for a moment after it was started
            time.sleep(0.01)
        assert process.running(tmp_path / "other") == Running(port=4566, pid=other.pid)
    finally:
        other.kill()
        other.wait()


def test_usual_port_that_is_taken_gives_way_to_a_free_one(
    tmp_path: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "PORT", taken_port)
    monkeypatch.delenv(preflight.PORT_VARIABLE, raising=False)
    said: list[str] = []
    port = process._choose_port(EmulatorSettings(folder=tmp_path), said.append)
    assert port != taken_port
    assert said == [f"Port {taken_port} is taken by another program; the emulator uses {port}"]


def test_last_port_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(preflight.PORT_VARIABLE, raising=False)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    remember(tmp_path, port, 1)
    assert process._choose_port(EmulatorSettings(folder=tmp_path), quiet) == port


def test_asked_port_that_is_taken_is_an_error(tmp_path: Path, taken_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(preflight.PORT_VARIABLE, str(taken_port))
    with pytest.raises(EmulatorError, match=f"port {taken_port} is taken by another program"):
        process._choose_port(EmulatorSettings(folder=tmp_path), quiet)


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1"])
def test_asked_port_must_be_one(tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(preflight.PORT_VARIABLE, text)
    with pytest.raises(EmulatorError, match=f"LOCAL_PORT={text} is not a port"):
        process._choose_port(EmulatorSettings(folder=tmp_path), quiet)


def test_environment_holds_nothing_of_the_callers_aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://elsewhere")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "real")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "real")
    environment = process._environment(EmulatorSettings(folder=tmp_path, docker_host="unix:///x"), 5000)
    assert not [name for name in environment if name.startswith(("AWS_", "PULUMI_"))]
    assert environment["GATEWAY_PORT"] == "5000"
    assert environment["BIND_HOST"] == "127.0.0.1"
    assert environment["DOCKER_HOST"] == "unix:///x"
    assert environment["STATE_DIR"].startswith(str(tmp_path))


def test_start_that_fails_shows_the_end_of_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/ls")  # ends at once, with a complaint
    monkeypatch.delenv(preflight.PORT_VARIABLE, raising=False)
    with pytest.raises(EmulatorError, match=r"ended with code \d while starting; the end of its log:\n  .*ls") as error:
        process.start(EmulatorSettings(folder=tmp_path), quiet)
    assert "Traceback" not in str(error.value)


def test_another_version_of_ministack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _name: "1.6.0")
    with pytest.raises(SystemExit, match=r"ministack 1\.6\.0 is installed, .* closed for 1\.5\.33: make setup"):
        program.main()


def test_owner_depends_on_the_folder_alone(tmp_path: Path) -> None:
    assert process._owner(tmp_path) == process._owner(tmp_path / "." / "x" / "..")
    assert process._owner(tmp_path) != process._owner(tmp_path / "other")
    assert os.fspath(tmp_path) not in process._owner(tmp_path)
