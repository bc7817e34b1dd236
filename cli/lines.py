"""How a verb that takes a while tells what it does, line by line."""

from __future__ import annotations

import sys


class Lines:
    """A `Say` that prints at once, and counts every second on a terminal, every ten in a log, where each line stays."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self.pause_s = 1.0 if sys.stdout.isatty() else 10.0

    def __call__(self, line: str) -> None:
        if not self._silent:
            print(line, flush=True)
