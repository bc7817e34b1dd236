"""What comes, on one line, for whoever reads a preview: from which version to which, and who has proven it. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from release.records import Proven, Release
from release.version import SHORT as LONGER
from release.version import is_dirty, short

SHORT: Final = 7
"""Characters of a Git SHA on this line."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Distance:
    """Commits between what runs and what comes."""

    come: int
    """Commits that the new version has and what runs has not."""
    go: int
    """Commits that would no longer run."""


def line(
    *,
    environment: str,
    here: Release | None,
    version: str,
    commits: Distance | str,
    proof: Proven | None,
    proven_in: str,
    now: datetime,
) -> str:
    """The line about `version`, which is to come to an environment where `here` runs.

    `commits`: where Git does not know them, the command after which it may. Without a `proof`, the version is built.
    """
    if proof is None:
        shown = "built from uncommitted changes" if is_dirty(version) else "built from this commit"
    else:
        shown = f"proven in {proven_in} {_when(proof.verified_at, now)}"
    if here is None:
        return f"{environment}: nothing -> {_short(version)}, the first release, {shown}"
    change = "the same version" if here.version == version else _change(commits)
    return f"{environment}: {_short(here.version)} -> {_short(version)}, {change}, {shown}"


def refused(*, environment: str, here: Release | None, version: str) -> str:
    """The line where the gate refuses `version`: what runs, stays."""
    if here is None:
        return f"{environment}: nothing runs here, and {_short(version)} would be refused"
    return f"{environment}: {_short(here.version)} stays, as {_short(version)} would be refused"


def find(environment: str, messages: Iterable[str]) -> str:
    """The line among the messages of a preview; empty where it did not come so far."""
    form = re.compile(rf"{re.escape(environment)}: \S+ (-> \S+|stays|runs here), .+")
    return next((message.strip() for message in messages if form.fullmatch(message.strip())), "")


def _change(commits: Distance | str) -> str:
    if isinstance(commits, str):
        return f"commits unknown: {commits}"
    if commits.come and commits.go:
        return f"{_count(commits.come)}, without {commits.go} that {'run' if commits.go > 1 else 'runs'} now"
    if commits.go:
        return f"a roll back by {_count(commits.go)}"
    return _count(commits.come) if commits.come else "the same commit"


def _count(commits: int) -> str:
    return f"{commits} commit{'' if commits == 1 else 's'}"


def _short(version: str) -> str:
    shown = short(version)
    return shown[:SHORT] + shown[LONGER:]


def _when(text: str, now: datetime) -> str:
    """A time of a record in UTC: today's without its date; the text itself where it is none."""
    try:
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    return at.strftime("%H:%M UTC" if at.date() == now.astimezone(UTC).date() else "%Y-%m-%d %H:%M UTC")
