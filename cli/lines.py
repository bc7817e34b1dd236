"""How a verb that takes a while tells what it does, line by line."""

from __future__ import annotations

import sys
import time
from typing import Final

PASSING_S: Final = {True: 1.0, False: 10.0}
"""Seconds between two lines that count: on a terminal, and in a log, where each line stays."""


class Lines:
    """A `Say` that prints; of lines that the next one makes obsolete, now and then one."""

    def __init__(self, *, silent: bool) -> None:
        self._silent = silent
        self._pause_s = PASSING_S[sys.stdout.isatty()]
        self._last = time.monotonic()

    def __call__(self, line: str) -> None:
        if not self._silent:
            print(line, flush=True)

    def passing(self, line: str) -> None:
        if time.monotonic() - self._last >= self._pause_s:
            self._last = time.monotonic()
            self(line)
