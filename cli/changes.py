"""What a release would change: commits, image, static files, and whether migrations run. Pure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from typing import Any

from cli.text import short
from release import escaping
from release.records import Release
from release.static.manifest import Manifest
from release.version import is_dirty

INDENT = " " * 12
SHOWN = 10
"""Commits, and files of each kind, that are named; the others are counted."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Commits:
    """Commits in one direction: how many, and the newest as lines of `git log --oneline`."""

    count: int
    newest: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Files:
    """Static files by path, sorted. Content-hashed ones get a new name with their content: added and removed."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]
    total: int

    @property
    def any(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Migration:
    """The migration command, and whether it would run. It does not for a version that ran here before."""

    command: tuple[str, ...]
    runs: bool

    def __str__(self) -> str:
        if not self.runs:
            return "skipped: this version ran here before"
        return f"runs first, as a task of the new image: {json.dumps(self.command)}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """The difference between what runs here and `version`. None is unknown; the reason is in `unknown`."""

    now: Release | None
    version: str
    come: Commits | None
    """Commits of the version that do not run yet."""
    go: Commits | None
    """Commits that would no longer run."""
    image: str | None
    """Digest; None if the image is built."""
    image_from: str
    files: Files | None
    migration: Migration | None
    """None if the environment has no migration command."""
    unknown: dict[str, str] = dataclasses.field(default_factory=dict)
    """Reasons, by `commits`, `files` or `attempts`."""


def files(before: Manifest | None, after: Manifest) -> Files:
    """The difference between two builds of the site. Without `before`, every file is added."""
    old = {file.path: file for file in before.files} if before else {}
    new = {file.path: file for file in after.files}
    return Files(
        added=tuple(sorted(new.keys() - old.keys())),
        changed=tuple(sorted(path for path in new.keys() & old.keys() if new[path].sha256 != old[path].sha256)),
        removed=tuple(sorted(old.keys() - new.keys())),
        total=len(new),
    )


def of_commits(changes: Changes) -> list[str]:
    return [f"  commits   {_commits(changes)}", *(f"{INDENT}{line}" for line in _logs(changes))]


def of_artifacts(changes: Changes) -> list[str]:
    return [
        f"  image     {_image(changes)}",
        f"  static    {_files(changes)}",
        *(f"{INDENT}{line}" for line in _paths(changes.files)),
        *([f"  migration {changes.migration}"] if changes.migration else []),
    ]


def as_json(changes: Changes) -> dict[str, Any]:
    """The changes for programs (docs/json.md), with the name of every file."""
    return {
        "commits": {
            side: {"count": commits.count, "newest": [_commit(line) for line in commits.newest]} if commits else None
            for side, commits in (("come", changes.come), ("go", changes.go))
        },
        "image": {"now": changes.now.image_digest if changes.now else None, "then": changes.image},
        "static": dataclasses.asdict(changes.files) if changes.files else None,
        "migration": dataclasses.asdict(changes.migration) if changes.migration else None,
        "unknown": changes.unknown,
    }


def _commit(line: str) -> dict[str, str]:
    """A line of `git log --oneline`: a short SHA and the subject."""
    commit, _, subject = line.partition(" ")
    return {"commit": commit, "subject": subject}


def _commits(changes: Changes) -> str:
    if changes.now is None:
        return "the first release here"
    if changes.now.version == changes.version:
        return "none: this version runs here"
    if changes.come is None or changes.go is None:
        return f"not known: {changes.unknown.get('commits', '')}"
    parts = []
    if is_dirty(changes.version):
        parts.append("changes that are in no commit come (+)")
    if changes.come.count:
        parts.append(f"{changes.come.count} come (+)")
    if changes.go.count:
        parts.append(f"{changes.go.count} no longer run (-)")
    if is_dirty(changes.now.version):
        parts.append("changes that are in no commit no longer run (-)")
    return ", ".join(parts) + f", compared with {short(changes.now.version)}"


def _logs(changes: Changes) -> Iterator[str]:
    for sign, commits in (("+", changes.come), ("-", changes.go)):
        if commits is not None:
            yield from _some(sign, commits.newest, commits.count)


def _image(changes: Changes) -> str:
    if changes.image is None:
        return f"is built from {changes.image_from}"
    now = changes.now.image_digest if changes.now else None
    if now == changes.image:
        return f"the same, {short(now)}"
    return f"{short(changes.image)}, {changes.image_from}{f'; now {short(now)}' if now else ''}"


def _files(changes: Changes) -> str:
    files = changes.files
    if files is None:
        return f"not compared: {changes.unknown.get('files', '')}"
    if not files.any:
        return f"the same {files.total} files"
    return f"{len(files.added)} added, {len(files.changed)} changed, {len(files.removed)} removed; {files.total} files"


def _paths(difference: Files | None) -> Iterator[str]:
    if difference is not None:
        for sign, paths in (("+", difference.added), ("~", difference.changed), ("-", difference.removed)):
            yield from _some(sign, paths, len(paths))


def _some(sign: str, items: Sequence[str], count: int) -> Iterator[str]:
    for item in items[:SHOWN]:
        yield f"{sign} {escaping.line(item)}"
    if count > SHOWN:
        yield f"{sign} … and {count - SHOWN} more"
