"""The version that somebody means: people copy short ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cli.errors import UsageError
from release import git, version
from release.records import Release

_SHORT = re.compile(r"[0-9a-f]{4,40}(-dirty(-[0-9a-f]*)?)?")


def resolve(text: str, known: Sequence[Release] = (), *, name: str = "", root: Path | None = None) -> str:
    """The version of `text` in full: itself, the only one that `known` releases have so, or the only one that Git does.

    `name` is the environment of `known`, for the message. Raises UsageError where there is none, or more than one.
    """
    if version.is_full(text.lower()):
        return text.lower()
    if _SHORT.fullmatch(text.lower()):
        ran = {proven.version for release in known for proven in (release, *release.previous)}
        alike = sorted(full for full in ran if version.is_short_for(text.lower(), full))
        if len(alike) == 1:
            return alike[0]
        if alike:
            raise UsageError(f"{text} is short for {len(alike)} versions that ran. Name one: {', '.join(alike)}")
    found = git.commits(root or Path.cwd(), text)
    if len(found) == 1:
        return found[0]
    if found:
        raise UsageError(f"{text} is short for {len(found)} commits. Name one: {', '.join(found)}")
    ways = ["a newer commit:  git fetch"]
    if name:
        ways.insert(0, f"what ran:        python -m release history -s {name}")
    raise UsageError(
        "\n  ".join([f"{text!r} is no full Git SHA, and not the beginning of one that is known here.", *ways])
    )
