"""Packages of Debian and Ubuntu that this machine lacks, installed with apt-get where that is allowed."""

from __future__ import annotations

import os
from pathlib import Path

from local import preflight
from local.layout import LocalError
from local.terminal import Ran, Say, run_quietly


def install(names: list[str], say: Say, *, needed_by: str, otherwise: str = "") -> None:
    """Install packages. Raises LocalError, which ends with `otherwise`: what else somebody can do."""
    by_hand = otherwise or f"Install it: sudo apt-get install {' '.join(names)}"
    if not preflight.installable():
        raise LocalError(f"{needed_by} needs {', '.join(names)}. {by_hand}")
    if os.getuid() != 0:
        raise LocalError(f"only root installs packages. {by_hand}")
    say(f"  installing {', '.join(names)} with apt-get, once")
    for arguments in (["update"], ["install", "-y", *names]):
        ran = _apt(arguments)
        if ran.code != 0:
            raise LocalError(f"apt-get {' '.join(arguments)} ended with {ran.code}:\n{ran.tail()}\n  {by_hand}")


def update() -> None:
    """Read the package sources anew. Without the rights to, they stay as they are."""
    _apt(["update"])


def _apt(arguments: list[str]) -> Ran:
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    return run_quietly(f"apt-get {arguments[0]}", ["apt-get", *arguments], cwd=Path("/"), environment=environment)
