"""The processes of a machine: whether one still runs, and one that ends with the engine that started it."""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

_PROC = Path("/proc")
INTERVAL_S: Final = 0.5
"""Seconds between looks: with `lease.ABANDON_S`, a release is gone within two seconds of its engine."""


@functools.cache
def identity() -> str:
    """The machine since it was started: equal for two processes only when one can see whether the other runs.

    Host name, boot and process namespace; where the kernel does not tell (macOS), host name and network address.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        boot = f"{boot}/{(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        boot = f"{uuid.getnode():012x}"
    return f"{socket.gethostname()}/{boot}"


def host(machine: str) -> str:
    return machine.partition("/")[0]


def runs(pid: int) -> bool:
    """Whether a process of this machine runs. One that ended and was not yet waited for does not."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    try:
        # The state is the first field after the name, which may have spaces and parentheses.
        state = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        if (_PROC / "self").exists():
            return False
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout.strip()
    except OSError:
        return True
    return bool(state) and state[0] not in "ZX"


def end_with_parent(last: Callable[[], object] = lambda: None) -> None:
    """From now on, end this process when the one that started it is gone, after `last`.

    Linux can signal a parent's death by itself, but means the thread that started the child, and those come and go.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(INTERVAL_S)
        last()
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
