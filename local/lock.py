"""One command at a time changes a clone's local environments."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from local.layout import Layout, LocalError


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
