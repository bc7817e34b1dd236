"""The Docker engine that runs the containers: the one that answers, else one that we install, start and end."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from local import preflight
from local.layout import Layout, LocalError, read_json, write_json
from local.terminal import Heartbeat, Say, run_quietly

START_DEADLINE_S = 60.0
STOP_DEADLINE_S = 30.0


def ensure(layout: Layout, say: Say) -> str:
    """The address (as in DOCKER_HOST) of an engine that answers. Raises LocalError when there can be none."""
    answer = preflight.find_docker(layout.root)
    if answer.host is not None:
        return answer.host
    if answer.denied is not None:
        raise LocalError(
            f"Docker: this user may not use {answer.denied}: sudo usermod -aG docker $USER, then log in again."
        )
    if os.environ.get("DOCKER_HOST"):
        raise LocalError(
            f"Docker: nothing answers at DOCKER_HOST={os.environ['DOCKER_HOST']}. Start it, or unset DOCKER_HOST."
        )
    if os.getuid() != 0:
        raise LocalError(f"Docker: no engine answers. Start it, or install it: {preflight.DOCKER_DOCS}")
    if shutil.which("dockerd") is None:
        _install(layout, say)
        answer = preflight.find_docker(layout.root)  # where there is systemd, the package has started one
        if answer.host is not None:
            return answer.host
    return _start(layout, say)


def running_pid(layout: Layout) -> int | None:
    """The engine that we started, if it still runs."""
    pid = read_json(layout.docker / "state.json").get("pid")
    return pid if isinstance(pid, int) and _is_dockerd(pid) else None


def stop(layout: Layout, say: Say) -> bool:
    """End the engine that we started, and remove its data. False when there was none."""
    if not layout.docker.exists():
        return False
    pid = running_pid(layout)
    if pid is not None:
        say(f"docker: ending the engine that was started for this clone (process {pid})")
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_DEADLINE_S
        while _is_dockerd(pid) and time.monotonic() < deadline:
            time.sleep(0.2)
        if _is_dockerd(pid):
            os.kill(pid, signal.SIGKILL)
            time.sleep(1)
    _unmount(layout.docker)
    shutil.rmtree(layout.docker, ignore_errors=True)
    shutil.rmtree(preflight.own_docker_socket(layout.root).parent, ignore_errors=True)
    return True


def _install(layout: Layout, say: Say) -> None:
    if not preflight.installable():
        raise LocalError(f"Docker: no engine here. Install it: {preflight.DOCKER_DOCS}")
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    say("  installing docker.io with apt-get, once")
    for command in (["apt-get", "update"], ["apt-get", "install", "-y", "docker.io", "iptables"]):
        ran = run_quietly(" ".join(command[:2]), command, cwd=layout.root, environment=environment)
        if ran.code != 0:
            raise LocalError(
                f"{' '.join(command)} ended with {ran.code}:\n{ran.tail()}\n  By hand: {preflight.DOCKER_DOCS}"
            )


def _start(layout: Layout, say: Say) -> str:
    socket = preflight.own_docker_socket(layout.root)
    run_folder = socket.parent
    layout.docker.mkdir(parents=True, exist_ok=True)
    run_folder.mkdir(parents=True, exist_ok=True)
    log = layout.docker / "log"
    command = ["dockerd", "--host", f"unix://{socket}", "--data-root", str(layout.docker / "data")]
    command += ["--exec-root", str(run_folder / "exec"), "--pidfile", str(run_folder / "dockerd.pid")]
    say(f"  starting a Docker engine for this clone (log: {log.relative_to(layout.root)})")
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
    write_json(layout.docker / "state.json", {"pid": process.pid, "socket": str(socket)})
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


def _is_dockerd(pid: int) -> bool:
    """Whether `pid` is a dockerd that lives: a number alone may be another's by now."""
    status = subprocess.run(
        ["ps", "-o", "stat=,comm=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    return len(status) == 2 and not status[0].startswith("Z") and status[1].startswith("dockerd")


def _unmount(folder: Path) -> None:
    """A dockerd that was killed leaves its containers' file systems mounted."""
    try:
        mounts = Path("/proc/self/mounts").read_text().splitlines()
    except OSError:
        return
    inside = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{folder}/")]
    for mount in sorted(inside, reverse=True):
        subprocess.run(["umount", "-l", mount], capture_output=True, check=False)
