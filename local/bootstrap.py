"""The first step on a new machine: check it, make `.venv`. Standard library only, and readable by old Pythons."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from local import preflight

LOCK = "requirements-dev.lock"
STAMP = ".installed"
HEARTBEAT_S = 15.0


def venv_python(root: Path) -> Path:
    """The interpreter of the project's virtual environment."""
    return root / ".venv" / "bin" / "python"


def python_path(root: Path) -> str:
    """PYTHONPATH with the project first, whatever the caller's directory is."""
    others = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != str(root)]
    return os.pathsep.join([str(root)] + others)  # noqa: RUF005 - kept readable for old Pythons' linters, too


def fail(problems: list[str]) -> int:
    """Every problem at once, on standard error."""
    for problem in problems:
        print("error: " + problem, file=sys.stderr)
    return 1


def ensure(root: Path, containers: bool) -> int:
    """Check the machine, then create or update `.venv`. The exit code: 0 is ready."""
    python = suitable_python()
    report = preflight.check(root, python is not None, containers)
    for note in report.notes:
        print("note: " + note, flush=True)
    if report.problems:
        print("This machine is not ready. Nothing was changed.", file=sys.stderr)
        return fail(report.problems)
    assert python is not None  # noqa: S101 - preflight reported it otherwise
    try:
        return _install(root, python)
    except OSError as error:
        return fail([f"the virtual environment could not be made: {error}"])


def recent() -> bool:
    """Whether the running Python can run the project."""
    return sys.version_info >= preflight.PYTHON


def suitable_python() -> str | None:
    """The running Python if it is recent enough, else another one on PATH."""
    if recent():
        return sys.executable
    for minor in range(20, preflight.PYTHON[1] - 1, -1):
        path = shutil.which("python%d.%d" % (preflight.PYTHON[0], minor))  # noqa: UP031 - plain for old Pythons
        if path:
            return path
    return None


def _install(root: Path, python: str) -> int:
    venv = (root / ".venv").resolve()
    version = subprocess.run(
        [python, "-c", "import sys; print(sys.version)"], capture_output=True, text=True, check=True
    ).stdout
    locked = hashlib.sha256((root / LOCK).read_bytes()).hexdigest()
    stamp, content = venv / STAMP, f"{locked}\n{version.strip()}\n{venv}\n"
    if stamp.exists() and stamp.read_text() == content and venv_python(root).exists():
        return 0
    started = time.monotonic()
    moved = stamp.exists() and stamp.read_text().splitlines()[1:] != content.splitlines()[1:]
    stamp.unlink() if stamp.exists() else None
    print("virtual environment: .venv, from " + LOCK, flush=True)
    create = [python, "-m", "venv", *(["--clear"] if moved else []), str(venv)]
    if subprocess.run(create, check=False).returncode != 0:
        return fail([f"the virtual environment could not be made: {' '.join(create)}"])
    failed = _pip(root)
    if failed:
        return failed
    stamp.write_text(content)
    print(f"virtual environment: ready after {time.monotonic() - started:.0f} s", flush=True)
    return 0


def _pip(root: Path) -> int:
    command = [str(venv_python(root)), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    command += ["--progress-bar", "off", "--require-hashes", "-r", str(root / LOCK)]
    hidden = ("PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_USER", "PIP_PREFIX")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    log = root / ".venv" / "install.log"
    started = last = time.monotonic()
    with log.open("w") as sink, subprocess.Popen(command, stdout=sink, stderr=sink, env=environment) as pip:
        try:
            while pip.poll() is None:
                time.sleep(0.2)
                if time.monotonic() - last > HEARTBEAT_S:
                    last = time.monotonic()
                    print(f"  installing packages: {last - started:.0f} s, {_last_line(log)}", flush=True)
        except BaseException:
            pip.terminate()
            raise
    if pip.returncode != 0:
        tail = [line for line in log.read_text().splitlines() if line.strip()][-12:]
        return fail(["the packages could not be installed. The end of .venv/install.log:", *tail])
    return 0


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return lines[-1].strip()[:60] if lines else ""


if __name__ == "__main__":
    sys.exit(ensure(Path(__file__).resolve().parent.parent, containers=False))
