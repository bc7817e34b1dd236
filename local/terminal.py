"""What people see: steps with their times, plain lines that read well in a CI log, colour only where it is wanted."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HEARTBEAT_S = 15.0
"""A long step says at least this often that it is alive."""

Say = Callable[[str], None]


def coloured() -> bool:
    """Whether standard output is a terminal that wants colour (https://no-color.org)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if coloured() else text


def say(line: str) -> None:
    print(line, flush=True)


def warn(line: str) -> None:
    sys.stdout.flush()
    print(line, file=sys.stderr, flush=True)


def seconds(duration: float) -> str:
    return f"{duration:.1f} s" if duration < 60 else f"{int(duration // 60)} min {duration % 60:.0f} s"


@dataclass
class Steps:
    """The steps of one command, each named when it begins, and their times."""

    times: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Announce a step, and time it, also when it fails."""
        say(bold(f"== {name}"))
        started = time.monotonic()
        try:
            yield
        finally:
            self.times.append((name, time.monotonic() - started))

    def report(self) -> None:
        """Where the time went."""
        total = sum(duration for _, duration in self.times)
        say(bold("time"))
        for name, duration in [*self.times, ("total", total)]:
            say(f"  {name:<28} {seconds(duration):>12}")


@dataclass
class Heartbeat:
    """Says every few seconds how a silent piece of work is going, so that a log without a terminal shows life."""

    what: str
    say: Say
    progress: Callable[[], str] = lambda: ""
    every_s: float = HEARTBEAT_S
    _done: threading.Event = field(default_factory=threading.Event)
    _started: float = field(default_factory=time.monotonic)

    def __enter__(self) -> Heartbeat:
        threading.Thread(target=self._beat, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()

    def _beat(self) -> None:
        while not self._done.wait(self.every_s):
            progress = self.progress()
            self.say(f"  {self.what}: {seconds(time.monotonic() - self._started)}{', ' if progress else ''}{progress}")


@dataclass
class Ran:
    """How a quiet command ended."""

    code: int
    lines: list[str]

    def tail(self, count: int = 15) -> str:
        return "\n".join(f"  {line}" for line in [line for line in self.lines if line.strip()][-count:])


def run_quietly(
    what: str,
    command: list[str],
    *,
    cwd: Path,
    environment: dict[str, str],
    progress: Callable[[list[str]], str] = lambda lines: lines[-1][:80] if lines else "",
) -> Ran:
    """Run a command, keep what it says, and say every few seconds how far it is. It is ended with us."""
    lines: list[str] = []
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            with Heartbeat(what, say, lambda: progress(lines)):
                lines.extend(line.rstrip("\n") for line in process.stdout)
        except BaseException:
            process.terminate()
            raise
    return Ran(process.returncode, lines)
