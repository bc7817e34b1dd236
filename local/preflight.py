"""What the machine must have, checked before any work begins, all problems together. Standard library only."""

from __future__ import annotations

import os
import platform
import pwd
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

PYTHON = (3, 11)
GO = (1, 25)
NODE = (20, 0)
GIB = 1024**3
FIRST_RUN_BYTES = 6 * GIB
"""Free disk that a first run needs: engine 1.5, packages 2, images 1, the rest for logs, state and work."""
NEXT_RUN_BYTES = GIB
PORT = 4566
"""The usual port of the emulator."""
PORT_VARIABLE = "LOCAL_PORT"
"""Names another one, which then must be free."""
DEFAULT_SOCKET = "/var/run/docker.sock"
NETWORK_TOOLS = {"ip": "iproute2", "iptables": "iptables"}
"""Programs that give an engine of this clone a network of its own, and the Debian packages that have them."""
DOCKER_DOCS = "https://docs.docker.com/engine/install/"


class Report(NamedTuple):
    """What is in the way, and what will be done differently from the usual."""

    problems: list[str]
    notes: list[str]


class DockerAnswer(NamedTuple):
    """`host` answers (for DOCKER_HOST), or why none does."""

    host: str | None
    denied: str | None


def check(root: Path, python: bool, containers: bool) -> Report:
    """Everything a verb needs. `python`: a recent enough one was found. `containers`: the verb runs some."""
    problems: list[str] = []
    notes: list[str] = []
    if platform.system() not in ("Linux", "Darwin"):
        problems.append(f"{platform.system()} is not supported: Linux or macOS (on Windows: inside WSL 2).")
    if not python:
        problems.append(
            f"Python {_dotted(PYTHON)} or later is needed; this is {platform.python_version()} ({sys.executable})."
        )
    problems += _venv_problems() if python and sys.version_info >= PYTHON else []
    problems += _tool_problems("go", ["version"], GO, "Go", "https://go.dev/dl/")
    problems += _tool_problems("node", ["--version"], NODE, "Node.js", "https://nodejs.org/en/download")
    problems += _tool_problems(
        "npm", ["--version"], (1, 0), "npm", "it comes with Node.js: https://nodejs.org/en/download"
    )
    problems += _git_problems(root)
    problems += _disk_problems(root)
    if containers:
        for part in (docker(find_docker(root)), _port(root)):
            problems += part.problems
            notes += part.notes
    return Report(problems, notes)


def _dotted(version: tuple[int, int]) -> str:
    return ".".join(str(part) for part in version)


def _venv_problems() -> list[str]:
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian packs it apart from Python
        import venv  # noqa: F401, PLC0415 - as above
    except ImportError:
        return [
            f"this Python cannot make a virtual environment: apt-get install python{_dotted(sys.version_info[:2])}-venv"
        ]
    return []


def _tool_problems(command: str, arguments: list[str], required: tuple[int, int], name: str, where: str) -> list[str]:
    path = shutil.which(command)
    if path is None:
        return [f"{name} {_dotted(required)} or later is needed, and `{command}` is not on PATH: {where}"]
    try:
        done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [f"{name}: {path} does not run ({error}): {where}"]
    match = re.search(r"(\d+)\.(\d+)", done.stdout)
    if match is None:
        return [
            f"{name}: `{command} {' '.join(arguments)}` told no version: {(done.stdout or done.stderr).strip()[:100]}"
        ]
    if (int(match.group(1)), int(match.group(2))) < required:
        return [f"{name} {_dotted(required)} or later is needed; {path} is {match.group(0)}: {where}"]
    return []


def _git_problems(root: Path) -> list[str]:
    if shutil.which("git") is None:
        return ["git is needed: the version of a release is the commit. https://git-scm.com/downloads"]
    head = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if head.returncode != 0:
        said = (head.stderr.strip().splitlines() or ["git says nothing"])[0]
        return [f"{root} has no commit to release ({said}): commit what is there."]
    return []


def _disk_problems(root: Path) -> list[str]:
    needed = NEXT_RUN_BYTES if (root / ".local" / "engine" / "engine.json").exists() else FIRST_RUN_BYTES
    free = shutil.disk_usage(str(root)).free
    if free < needed:
        return [f"disk: {root} has {free / GIB:.1f} GB free, {needed / GIB:.0f} GB are needed: free some."]
    return []


def docker(answer: DockerAnswer) -> Report:
    """Whether there is an engine, or one can be started for this clone."""
    problem = note = None
    missing = missing_network_tools()
    if answer.denied is not None:
        user = pwd.getpwuid(os.getuid()).pw_name
        fix = f"sudo usermod -aG docker {user}   (then log in again; or in this shell: newgrp docker)"
        problem = f"Docker: {user} may not use {answer.denied}. To allow it:  {fix}"
    elif answer.host is None and os.environ.get("DOCKER_HOST"):
        problem = f"Docker: nothing answers at DOCKER_HOST={os.environ['DOCKER_HOST']}. Start it, or unset DOCKER_HOST."
    elif answer.host is None and os.getuid() == 0 and shutil.which("dockerd"):
        note = "no Docker engine runs: one will be started for this clone (make down ends it)"
        if missing and not installable():
            problem = (
                f"no Docker engine runs, and to start one for this clone, {' and '.join(missing)} must be on PATH "
                f"(packages: {', '.join(NETWORK_TOOLS[tool] for tool in missing)}). Install them, or start an engine."
            )
    elif answer.host is None and os.getuid() == 0 and installable():
        note = "no Docker engine here: docker.io will be installed with apt-get, and started for this clone"
    elif answer.host is None:
        problem = (
            f"no Docker engine answers at {DEFAULT_SOCKET}. Start it (Docker Desktop, or sudo systemctl start docker), "
            f"or install it: {DOCKER_DOCS}"
        )
    return Report([problem] if problem else [], [note] if note and not problem else [])


def missing_network_tools() -> list[str]:
    return [tool for tool in NETWORK_TOOLS if shutil.which(tool) is None]


def installable() -> bool:
    try:
        about = Path("/etc/os-release").read_text()
    except OSError:
        return False
    return (
        shutil.which("apt-get") is not None
        and re.search(r"^ID(_LIKE)?=.*(debian|ubuntu)", about, re.MULTILINE) is not None
    )


def find_docker(root: Path) -> DockerAnswer:
    """The engine that answers: this clone's own, DOCKER_HOST, or one of the usual sockets."""
    home = Path.home()
    own = own_docker_socket(root)
    sockets = [DEFAULT_SOCKET, str(home / ".docker/run/docker.sock"), str(home / ".docker/desktop/docker.sock")]
    if os.environ.get("XDG_RUNTIME_DIR"):
        sockets.append(os.environ["XDG_RUNTIME_DIR"] + "/docker.sock")
    hosts = [f"unix://{path}" for path in sockets]
    if os.environ.get("DOCKER_HOST"):
        hosts = [os.environ["DOCKER_HOST"]]
    denied = None
    for host in [f"unix://{own}", *hosts]:
        try:
            if docker_answers(host):
                return DockerAnswer(host, None)
        except PermissionError:
            denied = denied or host
        except OSError:
            continue
    return DockerAnswer(None, denied)


def own_docker_socket(root: Path) -> Path:
    """Where the engine that we start listens: short, as a socket's path may have 107 bytes at most."""
    import hashlib  # noqa: PLC0415 - only here

    return Path("/run") / f"release-{hashlib.sha256(str(root).encode()).hexdigest()[:10]}" / "docker.sock"


def docker_answers(host: str) -> bool:
    """Whether a Docker engine answers at `host`. One with TLS or behind ssh is believed. Raises OSError."""
    scheme, _, address = host.partition("://")
    if scheme not in ("unix", "tcp", "http") or (scheme == "tcp" and os.environ.get("DOCKER_TLS_VERIFY")):
        return True
    if scheme == "unix":
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        target: str | tuple[str, int] = address
    else:
        name, _, port = address.rstrip("/").partition(":")
        connection = socket.socket()
        connection.settimeout(5)
        target = (name, int(port or "2375"))
    try:
        connection.connect(target)
        connection.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
        return b" 200 " in connection.recv(64)
    finally:
        connection.close()


def _port(root: Path) -> Report:
    if (root / ".local" / "emulator" / "state.json").exists():
        return Report([], [])
    try:
        port = asked_port()
    except ValueError as error:
        return Report([str(error)], [])
    if port and not port_free(port):
        return Report([f"{PORT_VARIABLE}={port}: that port is taken. Choose another, or unset it for a free one."], [])
    if not port and not port_free(PORT):
        return Report([], [f"port {PORT} is taken by another program: a free one will be used"])
    return Report([], [])


def asked_port() -> int | None:
    """The port that the environment names; None where it names none. Raises ValueError for what is no port."""
    text = os.environ.get(PORT_VARIABLE)
    if not text:
        return None
    if not (text.isdigit() and 0 < int(text) < 65536):
        raise ValueError(f"{PORT_VARIABLE}={text} is not a port: set it to a number from 1 to 65535, or unset it")
    return int(text)


def port_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection that was just closed is no owner.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) != 0
