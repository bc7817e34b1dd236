"""What a failed release tells, in twenty lines: what failed, why, what was undone, what runs now, what to do. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Final

from release import progress
from release.version import short

LINES: Final = 20
UNDONE: Final = 8
"""Of them, of what was undone."""
WIDTH: Final = 400
"""Characters of one line: a container may log anything."""
_WHY: Final = f"  {'why':<9} "


@dataclasses.dataclass(frozen=True, kw_only=True)
class FailureReport:
    """What there is to tell."""

    environment: str
    version: str
    phase: str
    why: str
    details: tuple[str, ...] = ()
    undone: tuple[str, ...] = ()
    """What was brought back, and what could not be; the first of them."""
    runs: str
    """What runs now, as far as that is known."""
    to_do: str

    @property
    def title(self) -> str:
        return f"{self.environment}: {short(self.version)} is not released: {self.phase} failed"


def lines(report: FailureReport) -> tuple[str, ...]:
    rows = [("undone", text) for text in _shown(list(report.undone), UNDONE)]
    rows += [("runs now", report.runs), ("to do", report.to_do)]
    room = LINES - 2 - len(rows)
    why = [_one_line(report.why), *_shown([_one_line(text) for text in report.details], room)]
    table = [("why", why[0]), *(("", text) for text in why[1:]), *rows]
    shown = list(_without_repeats(table))
    return (report.title, *(f"  {name:<9} {_one_line(text)}" for name, text in shown))


def exception(report: FailureReport) -> str:
    """One short line: Pulumi shows it below the report."""
    runs = _one_line(report.runs).rstrip(".")
    return f"{report.environment}: {short(report.version)} is not released, see the lines above. Runs now: {runs}"


def why(message: str) -> str:
    """The reason in a report that was kept as lines; of another message, its first line."""
    first, *others = message.split("\n")
    reasons = (line.removeprefix(_WHY) for line in others if line.startswith(_WHY))
    return next(reasons, first)


def _shown(details: list[str], room: int) -> list[str]:
    if len(details) <= room:
        return details
    return [*details[: room - 1], f"and {len(details) - room + 1} more"]


def _without_repeats(rows: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Several rows of one name have it once."""
    last = ""
    for name, text in rows:
        yield ("" if name == last else name), text
        last = name or last


def _one_line(text: str) -> str:
    # Hidden once more: not all of it comes from the deploy function, which has hidden already what it found.
    # Spaces inside a line stay: two of them set a command apart.
    parts = (line.strip() for line in progress.clean(text).splitlines())
    flat = " ".join(part for part in parts if part)
    return flat if len(flat) <= WIDTH else f"{flat[: WIDTH - 1]}…"
