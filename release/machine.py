"""The machine that runs us, and its processes: who may say that a holder of something is gone."""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import uuid
from pathlib import Path

_PROC = Path("/proc")


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
    """The host name in an `identity`."""
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
