"""How a release tells what it does: one line for each change of state.

A line is kept, or it is passing: the next line makes it obsolete. Pulumi shows a passing line beside the resource or at
the stack (in a terminal), or as one line of the log (in CI), and repeats those that are kept among its diagnostics when
all is over. So what counts up is passing, and what a person must find afterwards is kept.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from typing import TypeVar

from release import escaping

Say = Callable[[str], None]
Item = TypeVar("Item")

AGAIN_S = 10.0


class Changes:
    """Tells how something stands, where that is news: one line for each change.

    What flips to and fro, and what counts down, is told again at most every 10 s: in CI each line stays.
    """

    def __init__(self, say: Say) -> None:
        self.say = say
        self._told: set[str] = set()
        self._last = ""
        self._at = 0.0

    def __call__(self, line: str, countdown: str = "") -> None:
        """Tell `line` as a passing one, unless it is what was told last or, within 10 s, before that.

        `countdown` is added to it, and is no change; a line that has one is told again every 10 s.
        """
        now = time.monotonic()
        recent = now - self._at < AGAIN_S
        if (line == self._last and (recent or not countdown)) or (line in self._told and recent):
            return
        self._told.add(line)
        self._last, self._at = line, now
        passing(self.say, line + countdown)


def counting(work: Callable[[Item], None], say: Say, what: str, total: int) -> Callable[[Item], None]:
    """`work` for threads, which tells now and then how many of `total` are done: `uploaded 300 of 2,000`.

    `say.pause_s` is how many seconds pass between two such lines; 10 where it has none, as in CI each line stays.
    """
    done, last, lock = 0, time.monotonic(), threading.Lock()
    pause_s = getattr(say, "pause_s", AGAIN_S)

    def counted(item: Item) -> None:
        nonlocal done, last
        work(item)
        with lock:
            done, now = done + 1, time.monotonic()
            if now - last < pause_s:
                return
            last = now
        passing(say, f"{what} {done:,} of {total:,}")

    return counted


class Phase:
    """A `Say` for one phase: its lines are passing, and begin with the phase. What is kept stays as it is."""

    def __init__(self, say: Say, name: str, number: int, of: int) -> None:
        """`name` as in "roll out", the fifth `of` nine: `5/9 roll out: 1 of 2 tasks`."""
        self.say = say
        self.title = f"{number}/{of} {name}"

    def __call__(self, line: str) -> None:
        """Say `line` until the next one."""
        passing(self.say, f"{self.title}: {line}")

    def kept(self, line: str) -> None:
        """Say what is to be read when all is over, too."""
        kept(self.say, line)


class Part:
    """A `Say` for one of several services or sites: its lines begin with its name."""

    def __init__(self, say: Say, name: str) -> None:
        self.say, self.name = say, name

    def __call__(self, line: str) -> None:
        self.say(f"{self.name}: {line}")

    def passing(self, line: str) -> None:
        passing(self.say, f"{self.name}: {line}")

    def kept(self, line: str) -> None:
        kept(self.say, f"{self.name}: {line}")


def part(say: Say, name: str, among: Collection[str]) -> Say:
    """For the lines about `name`, which need no name where it is the only one."""
    return Part(say, name) if len(among) > 1 else say


def counted(number: int, noun: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def passing(say: Say, line: str) -> None:
    """Say what the next line makes obsolete; to a `say` that knows no such lines, as any other."""
    say_passing: Say = getattr(say, "passing", say)
    say_passing(line)


def kept(say: Say, line: str) -> None:
    """Say what is to be read when all is over, too: what went wrong, or what is left to do."""
    say_kept: Say = getattr(say, "kept", say)
    say_kept(line)


def clean(text: str) -> str:
    """The text without what looks like a secret, and without what a terminal or a CI system would obey."""
    from functions.redaction.shapes import hide  # noqa: PLC0415 - its patterns take longer to compile than a site's run

    # Colors would tear apart what a secret looks like; what else is escaped may be a part of one.

    return escaping.shown(hide(escaping.SEQUENCES.sub("", text)))
