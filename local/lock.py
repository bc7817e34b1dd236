"""One command at a time changes a clone's local environments, one clone what a machine has once, one process a file."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from local.layout import Layout, LocalError, read_json, write_json

_POLL_S = 0.2


@contextmanager
def exclusive(layout: Layout, verb: str) -> Iterator[None]:
    """Hold the clone for `verb`. Raises LocalError when another one does. The system frees it with the process."""
    layout.local.mkdir(exist_ok=True)
    with (layout.local / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "another command"
            raise LocalError(f"{holder} is at work in this clone: wait for it, or end it with Ctrl-C.") from error
        file.truncate(0)
        file.write(f"`{verb}` (process {os.getpid()})")
        file.flush()
        yield


@contextmanager
def alone_in(folder: Path | str, *, shared: bool = False, patience_s: float | None = None) -> Iterator[bool]:
    """Hold `folder` when no other process and no other thread does any more. Nothing is written to it.

    Those that share it hold it together. False where it is not free within `patience_s`.
    """
    held, how = os.open(folder, os.O_RDONLY), fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    deadline = time.monotonic() + (patience_s or 0)
    try:
        if patience_s is None:
            fcntl.flock(held, how)
            yield True
            return
        while not (free := _locked(held, how)) and time.monotonic() <= deadline:
            time.sleep(_POLL_S)
        yield free
    finally:
        os.close(held)


def _locked(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def change_json(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Write what `change` makes of a file's content. Plugins of two updates may do so at the same moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with alone_in(path.parent):
        write_json(path, change(read_json(path)))
