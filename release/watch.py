"""A process that Pulumi's engine started ends with it: nobody would watch what it does, and nothing record its end."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Final

INTERVAL_S: Final = 0.5
"""Seconds between looks: with `lease.ABANDON_S`, a release is gone within two seconds of its engine."""


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
