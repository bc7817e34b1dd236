"""Builds, and the removal of what they left, exclude each other: clones may share one Docker engine.

The builder names no layer before the image is whole: who removes unnamed images would take one from under a build.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

LOCKED = "/tmp"  # noqa: S108 - the folder itself is locked, and nothing is written: it is there for every clone
PATIENCE_S = 30.0
_POLL_S = 0.2


@contextmanager
def under_way() -> Iterator[None]:
    """Nothing is removed meanwhile. Other builds go on."""
    with _held(fcntl.LOCK_SH):
        yield


@contextmanager
def none() -> Iterator[bool]:
    """No clone builds meanwhile. False where one still does after half a minute."""
    with _held(fcntl.LOCK_EX | fcntl.LOCK_NB) as held:
        yield held


@contextmanager
def _held(how: int) -> Iterator[bool]:
    folder = os.open(LOCKED, os.O_RDONLY)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while not _lock(folder, how):
            if time.monotonic() > deadline:
                yield False
                return
            time.sleep(_POLL_S)
        yield True
    finally:
        os.close(folder)


def _lock(folder: int, how: int) -> bool:
    try:
        fcntl.flock(folder, how)
    except BlockingIOError:
        return False
    return True
