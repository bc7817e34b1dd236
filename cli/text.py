"""How verbs print: plain lines that read well in a CI log, columns that align, bold only on a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
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


def prefix_of(name: str, among: Collection[object]) -> str:
    """What a line about one of several services or sites begins with."""
    return f"{name}: " if len(among) > 1 else ""


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
    shown = []
    for phase in attempted:
        took = "" if phase.outcome == "skipped" else seconds(phase.seconds)
        outcome = "" if phase.outcome == "done" else phase.outcome
        shown.append(" ".join(filter(None, (phase.name, took, outcome))))
    return ", ".join(shown)


def by_service(texts: Mapping[str, str]) -> str:
    """What there is to say of each service, with its name where there are several."""
    return "; ".join(f"{name}: {text}" if len(texts) > 1 else text for name, text in texts.items())
