"""Packages of Debian and Ubuntu that this machine lacks, installed with apt-get where that is allowed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from local import preflight
from local.layout import LocalError
from local.lock import alone_in
from local.terminal import Ran, Say, run_quietly

_SOURCES: Final = Path("/etc/apt")
"""Held by one clone at a time: apt-get does not wait for another one that reads the sources."""
_PATIENCE_S: Final = 300
"""Seconds to wait for what else installs packages, such as unattended upgrades (since apt 1.9.11)."""


def install(names: list[str], say: Say, *, needed_by: str, otherwise: str = "") -> None:
    """Install packages. Raises LocalError, which ends with `otherwise`: what else somebody can do."""
    by_hand = otherwise or f"Install it: sudo apt-get install {' '.join(names)}"
    if not preflight.installable():
        raise LocalError(f"{needed_by} needs {', '.join(names)}. {by_hand}")
    if os.getuid() != 0:
        raise LocalError(f"only root installs packages. {by_hand}")
    say(f"  installing {', '.join(names)} with apt-get, once")
    with alone_in(_SOURCES):
        for arguments in (["update"], ["install", "-y", *names]):
            ran = _apt(arguments)
            if ran.code != 0:
                raise LocalError(f"apt-get {' '.join(arguments)} ended with {ran.code}:\n{ran.tail()}\n  {by_hand}")


def update() -> None:
    """Read the package sources anew. Without the rights to, they stay as they are."""
    with alone_in(_SOURCES):
        _apt(["update"])


def _apt(arguments: list[str]) -> Ran:
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    command = ["apt-get", "-o", f"DPkg::Lock::Timeout={_PATIENCE_S}", *arguments]
    return run_quietly(f"apt-get {arguments[0]}", command, cwd=Path("/"), environment=environment)
