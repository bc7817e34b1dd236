"""The packages' modules that the program loaded when it last ran: what is loaded before it runs again."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from types import ModuleType

from local.layout import here, write_whole


def _file() -> Path:
    return here().local / "modules"


def remembered() -> list[str]:
    """In the order in which they were loaded."""
    try:
        return _file().read_text().split()
    except OSError:
        return []


def remember() -> None:
    """Note what this process has loaded; the program's own modules not, which may change before it runs again."""
    packages = str(here().venv)
    names = [
        name
        for name, module in list(sys.modules.items())
        # A lazy module is of another class until it is loaded.
        if type(module) is ModuleType and str(getattr(module, "__file__", None)).startswith(packages)
    ]
    # It only saves time: a disk that is full, or another update that notes at the same time, is no failure of this one.
    if set(names) - set(remembered()):
        with contextlib.suppress(OSError):
            write_whole(_file(), "\n".join(names) + "\n")
