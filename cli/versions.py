"""The versions that a person may name, in full or short."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from cli.errors import UsageError
from cli.text import when
from release import git, version, way_back
from release.records import Proven, Release

SHORTEST: Final = 4
"""Fewest characters of a short SHA, as in Git."""
_SHORT: Final = re.compile(rf"[0-9a-f]{{{SHORTEST},40}}(-dirty(-[0-9a-f]*)?)?")


def proven(text: str, releases: Iterable[Release], *, name: str = "") -> Proven | None:
    """The only version that `releases` have proven and that `text`, a full or short SHA, means; its newest proof.

    Raises UsageError where `text` is short for several. `name` is the environment of the releases, for that message.
    """
    proofs = {proof.version: proof for release in releases for proof in reversed((release, *release.previous))}
    full = one_of(text, proofs, where=f" in {name}" if name else "")
    return proofs[full] if full else None


def one_of(text: str, known: Iterable[str], *, where: str = "") -> str | None:
    """The only version of `known` that `text` means: in full, or as the beginning of a SHA; None: there is none.

    Raises UsageError where it is short for several, which ran `where`.
    """
    versions = set(known)
    if text in versions:
        return text
    alike = sorted(full for full in versions if may_be_short(text) and version.is_short_for(text, full))
    if len(alike) > 1:
        raise UsageError(f"{text} is short for {len(alike)} versions that ran{where}. Name one: {', '.join(alike)}")
    return alike[0] if alike else None


def may_be_short(text: str) -> bool:
    """Whether `text` is the beginning of a version, or all of it."""
    return _SHORT.fullmatch(text) is not None


def resolve(text: str, releases: Sequence[Release] = (), *, name: str = "") -> str:
    """The full version of `text`: itself, the only match among `releases`, or the only commit in Git.

    `name` is the environment, for the message. Raises UsageError if there is no such version, or more than one.
    """
    if version.is_full(text.lower()):
        return text.lower()
    if (ran := proven(text.lower(), releases)) is not None:
        return ran.version
    commits = git.commits(Path.cwd(), text)
    if len(commits) == 1:
        return commits[0]
    if commits:
        raise UsageError(f"{text} is short for {len(commits)} commits. Name one: {', '.join(commits)}")
    ways = [f"what ran:        python -m release history -s {name}"] if name else []
    ways.append("a newer commit:  git fetch")
    raise UsageError(
        "\n  ".join([f"{text!r} is no full Git SHA, and not the beginning of one that is known here.", *ways])
    )


def rows(proofs: Iterable[Proven]) -> list[tuple[str, str]]:
    """Rows of a table: the versions in full, and when each was proven, or how it was rolled back."""
    return [
        (proof.version, way_back.describe(proof.gone_back) if proof.gone_back else f"proven {when(proof.verified_at)}")
        for proof in proofs
    ]
