"""How verbs print: plain lines that read well in a CI log, columns that align, bold only on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from release import escaping, version
from release.records import Phase


def bold(text: str) -> str:
    """The text, emphasised where standard output is a terminal that wants it (https://no-color.org)."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\033[1m{text}\033[0m"


def say(line: str) -> None:
    """Print a line of progress at once."""
    print(line, flush=True)


def table(rows: Sequence[Sequence[str]], indent: str = "  ") -> list[str]:
    """Lines with columns as wide as their longest cell. Rows may end early; what follows a short one is not padded."""
    rows = [[escaping.line(cell) for cell in row] for row in rows]
    columns = max((len(row) for row in rows), default=0)
    # The last cell of a row needs no padding, and widens no column.
    widths = [max((len(row[at]) for row in rows if len(row) > at + 1), default=0) for at in range(columns)]
    lines = []
    for row in rows:
        cells = [cell.ljust(widths[at]) if at + 1 < len(row) else cell for at, cell in enumerate(row)]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines


def short(digest: str) -> str:
    """The part of a digest or a version that people compare."""
    return version.short(digest.removeprefix("sha256:"))


def moment(text: str) -> datetime | None:
    """The time in an ISO 8601 text, in UTC; None for another text."""
    try:
        time = datetime.fromisoformat(text)
        return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def when(text: str) -> str:
    """A time of a record, to the second; the text itself where it is none."""
    time = moment(text)
    return time.strftime("%Y-%m-%d %H:%M:%S UTC") if time else text


def ago(text: str, now: datetime) -> str:
    """How long before `now` a time of a record was; empty where it is none."""
    time = moment(text)
    if time is None:
        return ""
    passed = max(0.0, (now - time).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if passed >= 2 * size:
            return f"{passed / size:.0f} {unit} ago"
    return f"{passed:.0f} s ago"


def seconds(duration: float) -> str:
    if duration < 60:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest} s"


def phases(attempted: Iterable[Phase]) -> str:
    """Each phase with its duration, and its outcome unless it is done."""
    return ", ".join(_phase(phase) for phase in attempted)


def _phase(phase: Phase) -> str:
    took = [] if phase.outcome == "skipped" else [seconds(phase.seconds)]
    return " ".join([phase.name, *took, *([] if phase.outcome == "done" else [phase.outcome])])
