"""The Docker engine that runs the containers: the one that answers, else one that we install, start and end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from local import docker_network, packages, preflight
from local.layout import Layout, LocalError
from local.terminal import Heartbeat, Say

START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 30.0
_NEEDED_BY = "Docker: an engine of this clone's own"
_BY_HAND = f"Install them, or start an engine yourself: {preflight.DOCKER_DOCS}"


@dataclass(frozen=True, kw_only=True)
class Process:
    pid: int
    parent: int
    arguments: str

    @property
    def program(self) -> str:
        """The name of its program, without the folder."""
        return Path(self.arguments.partition(" ")[0]).name


def ensure(layout: Layout, say: Say) -> str:
    """The address (as in DOCKER_HOST) of an engine that answers. Raises LocalError when there can be none."""
    answer = preflight.find_docker(layout.root)
    if answer.host is not None:
        return answer.host
    if problems := preflight.docker(answer).problems:
        raise LocalError(problems[0])
    programs = {"dockerd": "docker.io", **preflight.NETWORK_TOOLS}
    if missing := [package for program, package in programs.items() if shutil.which(program) is None]:
        packages.install(missing, say, needed_by=_NEEDED_BY, otherwise=_BY_HAND)
        answer = preflight.find_docker(layout.root)  # where there is systemd, the package has started one
    return answer.host or _start(layout, say)


def running_pid(layout: Layout) -> int | None:
    """The engine that we started, if it still runs."""
    return next((process.pid for process in _processes(layout) if process.program == "dockerd"), None)


def stop(layout: Layout, say: Say) -> bool:
    """End the engine that we started, and remove its data and its network. False when there was none."""
    existed = layout.docker.exists() or preflight.own_docker_socket(layout.root).parent.exists()
    _end(layout, say)
    _remove(layout.docker)
    try:
        return docker_network.remove(layout) or existed
    except LocalError as error:
        say(f"docker: {error}")
        return existed


def _end(layout: Layout, say: Say) -> None:
    """End the engine, and what one that was killed has left: its containers run on without it."""
    pid = running_pid(layout)
    if pid is not None:
        say(f"docker: ending the engine that was started for this clone (process {pid})")
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_DEADLINE_S
        while running_pid(layout) is not None and time.monotonic() < deadline:
            time.sleep(0.2)
    deadline = time.monotonic() + STOP_DEADLINE_S
    while (left := _processes(layout)) and time.monotonic() < deadline:
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        time.sleep(0.2)
    # A start of the machine empties /run, too: the numbers of processes in it are not those of the next engine.
    _remove(preflight.own_docker_socket(layout.root).parent)


def _start(layout: Layout, say: Say) -> str:
    _end(layout, say)  # one that is there and does not answer, or the containers of one that was killed
    socket = preflight.own_docker_socket(layout.root)
    run_folder = socket.parent
    bridge = docker_network.make(layout)
    layout.docker.mkdir(parents=True, exist_ok=True)
    run_folder.mkdir(parents=True, exist_ok=True)
    log = layout.docker / "log"
    command = ["dockerd", "--host", f"unix://{socket}", "--data-root", str(layout.docker / "data")]
    command += ["--exec-root", str(run_folder / "exec"), "--pidfile", str(run_folder / "dockerd.pid")]
    command += ["--bridge", bridge, "--iptables=false", "--ip6tables=false"]
    say(f"  starting a Docker engine for this clone (log: {log.relative_to(layout.root)})")
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
    deadline = time.monotonic() + START_DEADLINE_S
    with Heartbeat("starting dockerd", say):
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(OSError):
                if preflight.docker_answers(f"unix://{socket}"):
                    return f"unix://{socket}"
            time.sleep(0.2)
    why = (
        f"ended with {process.returncode}"
        if process.poll() is not None
        else f"did not answer within {START_DEADLINE_S:.0f} s"
    )
    last = "\n".join(f"  {line}" for line in log.read_text(errors="replace").splitlines()[-8:])
    raise LocalError(
        f"Docker: dockerd {why}. Its last words ({log}):\n{last}\n  Start an engine yourself, or set DOCKER_HOST."
    )


def _processes(layout: Layout) -> list[Process]:
    """The engine of this clone, told from others by its folder, and what it started: containers, too."""
    run_folder = f"{preflight.own_docker_socket(layout.root).parent}/"
    shown = subprocess.run(
        ["ps", "-ww", "-A", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=False
    ).stdout
    rows = [line.split(None, 2) for line in shown.splitlines()]
    every = [Process(pid=int(row[0]), parent=int(row[1]), arguments=row[2]) for row in rows if len(row) == 3]
    pids = {
        process.pid
        for process in every
        if process.program.startswith(("dockerd", "containerd")) and run_folder in process.arguments
    }
    while more := {process.pid for process in every if process.parent in pids} - pids:
        pids |= more
    return [process for process in every if process.pid in pids]


def _remove(folder: Path) -> None:
    """Remove a folder of the engine. One that was killed leaves its containers' file systems mounted."""
    mounts = Path("/proc/self/mounts")
    places = [line.split()[1] for line in mounts.read_text().split("\n") if line] if mounts.exists() else []
    inside = [place for place in (_decoded(place) for place in places) if place.startswith(f"{folder}/")]
    for mount in sorted(inside, reverse=True):
        subprocess.run(["umount", "-l", mount], capture_output=True, check=False)
    shutil.rmtree(folder, ignore_errors=True)


def _decoded(place: str) -> str:
    """A path as it is: /proc writes spaces in octal (proc(5), fstab(5))."""
    return place.encode().decode("unicode_escape")
