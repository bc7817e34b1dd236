"""The emulator's life: started once, detached from the terminal, found again by what it wrote down, stopped by its id.

A folder belongs to one emulator: `state.json` (port and pid), `log`, and `data`, with which it comes back after
a restart as it was. Tasks do not survive a restart: their containers are removed, and the services start new ones.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local import preflight, proxies
from local.layout import LocalError, read_json, write_json
from local.lock import alone_in
from local.terminal import Heartbeat

OWNER_LABEL = "ministack.instance"
START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 30.0
PORT_DEADLINE_S = 1.0
LOCKED = "/var/tmp"  # noqa: S108 - the folder itself is locked, and nothing is written
_POLL_S = 0.1
_TELL_EVERY_S = 5.0
_LOG_TAIL = 15
DOCKER_TIMEOUT_S = 120
"""How long the emulator waits for one answer of Docker. Its own ten seconds end a task that a slow machine starts."""
_HEALTH = "/_ministack/health"
_ROOT = Path(__file__).resolve().parents[2]


class EmulatorError(LocalError):
    """The emulator did not start or stop; says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class EmulatorSettings:
    folder: Path
    docker_host: str | None = None
    """Where Docker listens, as in DOCKER_HOST; None is the default socket."""
    port: int | None = None
    """The port that must be used; None keeps the last one, else tries the usual one, else takes a free one."""
    auth: bool = False
    """Enforce IAM policies, to prove that roles have just what they need."""


@dataclass(frozen=True, kw_only=True)
class Running:
    port: int
    pid: int
    docker_host: str | None = None

    @property
    def endpoint(self) -> str:
        """What AWS_ENDPOINT_URL must be."""
        return f"http://127.0.0.1:{self.port}"


def start(settings: EmulatorSettings, say: Callable[[str], None]) -> Running:
    """Start the emulator, or find it running. Raises EmulatorError with the end of its log."""
    before = running(settings.folder)
    if before and settings.port not in {None, before.port}:
        raise EmulatorError(
            f"the emulator runs on port {before.port}, but port {settings.port} is asked for: make down, then make up"
        )
    if before and _healthy(before.port):
        return before
    if before:
        say(f"The emulator (process {before.pid}) does not answer; starting it again")
        stop(settings.folder, say)
    elif _read(settings.folder):
        _remove_containers(settings.folder, settings.docker_host, say)  # it did not end in order the last time
    # Two clones that start at the same moment would take the same free port, and one use the other's AWS.
    with alone_in(LOCKED):
        return _start(settings, say)


def _start(settings: EmulatorSettings, say: Callable[[str], None]) -> Running:
    port = _choose_port(settings, say)
    settings.folder.mkdir(parents=True, exist_ok=True)
    for part in ("state", "s3", "tmp"):
        (settings.folder / "data" / part).mkdir(parents=True, exist_ok=True)
    with (settings.folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "local.emulator", str(settings.folder.resolve())],
            cwd=_ROOT,
            env=_environment(settings, port),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is not for it
        )
    started = Running(port=port, pid=process.pid, docker_host=settings.docker_host)
    _write_down(settings.folder, started)
    _await_health(settings.folder, process, started, say)
    return started


def running(folder: Path) -> Running | None:
    """The emulator of a folder, if its process is there; it may not answer yet."""
    noted = _read(folder)
    if noted is None or not _is_emulator(folder, noted.pid):
        return None
    return noted


def stop(folder: Path, say: Callable[[str], None]) -> None:
    """Stop the emulator of a folder and remove the containers that its tasks left. What it knows stays on disk."""
    noted = _read(folder)
    if noted is not None and _is_emulator(folder, noted.pid):
        os.kill(noted.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_DEADLINE_S
        while _is_emulator(folder, noted.pid):
            if time.monotonic() > deadline:
                say(f"The emulator (process {noted.pid}) did not end within {STOP_DEADLINE_S:.0f} s of SIGTERM; killed")
                os.kill(noted.pid, signal.SIGKILL)
                deadline += STOP_DEADLINE_S
            time.sleep(_POLL_S)
    if noted is not None:
        _remove_containers(folder, noted.docker_host, say)


def _choose_port(settings: EmulatorSettings, say: Callable[[str], None]) -> int:
    try:
        port = settings.port or preflight.asked_port()
    except ValueError as error:
        raise EmulatorError(str(error)) from error
    if port is not None:
        if not _becomes_free(port):
            variable = preflight.PORT_VARIABLE
            raise EmulatorError(f"port {port} is taken by another program: stop it, or set {variable} to a free port")
        return port
    last = _read(settings.folder)
    usual = last.port if last else preflight.PORT
    if _becomes_free(usual):
        return usual
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    say(f"Port {usual} is taken by another program; the emulator uses {port}")
    return port


def _becomes_free(port: int) -> bool:
    """Whether a port is free, or soon is: a process that was killed is gone a little before its sockets are."""
    deadline = time.monotonic() + PORT_DEADLINE_S
    while not preflight.port_free(port):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _environment(settings: EmulatorSettings, port: int) -> dict[str, str]:
    """Its own environment: nothing of AWS from ours, or its functions would inherit it. All that it reaches is here."""
    environment = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("AWS_", "PULUMI_")) and not proxies.is_proxy(key)
    }
    data = settings.folder.resolve() / "data"
    environment.update(
        GATEWAY_PORT=str(port),
        BIND_HOST="127.0.0.1",
        STATE_DIR=str(data / "state"),
        S3_DATA_DIR=str(data / "s3"),
        TMPDIR=str(data / "tmp"),
        PERSIST_STATE="1",
        S3_PERSIST="1",
        MINISTACK_DOCKER_TIMEOUT=str(DOCKER_TIMEOUT_S),
        MINISTACK_HOSTNAME=_owner(settings.folder),
        IOT_MTLS_ENABLED="0",
        SFTP_ENABLED="0",
        AUTH="true" if settings.auth else "false",
        PYTHONPATH=str(_ROOT),
    )
    if settings.docker_host:
        environment["DOCKER_HOST"] = settings.docker_host
    return environment


def _await_health(folder: Path, process: subprocess.Popen[bytes], started: Running, say: Callable[[str], None]) -> None:
    begun = time.monotonic()
    with Heartbeat(f"waiting for the emulator on port {started.port}", say, every_s=_TELL_EVERY_S):
        while not _healthy(started.port):
            code = process.poll()
            if code is not None:
                raise EmulatorError(
                    f"the emulator ended with code {code} while starting; the end of its log:\n{_tail(folder)}"
                )
            if time.monotonic() - begun > START_DEADLINE_S:
                process.terminate()
                raise EmulatorError(
                    f"the emulator did not answer on port {started.port} within {START_DEADLINE_S:.0f} s; "
                    f"the end of its log ({folder / 'log'}):\n{_tail(folder)}"
                )
            time.sleep(_POLL_S)


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", _HEALTH)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(folder: Path) -> str:
    lines = (folder / "log").read_text(errors="replace").splitlines()[-_LOG_TAIL:]
    return "\n".join(f"  {line}" for line in lines)


def _write_down(folder: Path, started: Running) -> None:
    note = {"port": started.port, "pid": started.pid, "dockerHost": started.docker_host}
    write_json(folder / "state.json", note)


def _read(folder: Path) -> Running | None:
    state = read_json(folder / "state.json")
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return Running(port=int(state["port"]), pid=int(state["pid"]), docker_host=state.get("dockerHost"))
    return None


def _is_emulator(folder: Path, pid: int) -> bool:
    """Whether a process id is still the emulator's, and not that of a program which got the number later."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # one that we started ourselves would stay as a zombie
    command = _command_of(pid)
    return "local.emulator" in command and str(folder.resolve()) in command


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # not Linux
        shown = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return shown.stdout


def _owner(folder: Path) -> str:
    """What the containers of a folder's emulator say of whose they are, whatever port it has had."""
    return f"emulator-{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"


def _remove_containers(folder: Path, docker_host: str | None, say: Callable[[str], None]) -> None:
    """Those that this folder's emulator has labelled as its own: no other emulator's, and nobody else's."""
    try:
        import docker  # noqa: PLC0415 - `down` works without the packages
        import docker.errors  # noqa: PLC0415 - as above
    except ImportError:
        return
    try:
        client = docker.DockerClient(docker_host) if docker_host else docker.from_env()
        labelled: list[Any] = client.containers.list(all=True, sparse=True, filters={"label": OWNER_LABEL})
    except docker.errors.DockerException:
        return  # without Docker there is no container
    mark = f"{_owner(folder)}:"
    mine = [item for item in labelled if str(item.attrs.get("Labels", {}).get(OWNER_LABEL, "")).startswith(mark)]
    for container in mine:
        with contextlib.suppress(docker.errors.APIError):  # it is being removed already
            container.remove(force=True, v=True)
    if mine:
        say(f"Removed {len(mine)} container{'s' if len(mine) != 1 else ''} that tasks had left")
