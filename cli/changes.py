"""What a release would change, compared with what runs: commits, images, static files, and whether migrations run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cli.environment import Environment
from cli.errors import EXPECTED, message_of
from cli.question import Question
from cli.text import prefix_of, short
from release import escaping, git
from release.identity import site_prefix
from release.promotion import Accepted, Refused
from release.records import Release
from release.static import builds, store
from release.static.manifest import Manifest
from release.version import commit, is_dirty
from settings import path_patterns

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Migration:
    """A service's migration command, and whether it would run. It does not for a version that ran here before."""

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
    images: Mapping[str, str | None]
    """Digests by service; None if the image is built, or the version is refused."""
    image_from: str
    files: Mapping[str, Files | None]
    """By site."""
    migrations: Mapping[str, Migration]
    """By service, of those that have a migration command."""
    unknown: dict[str, str] = dataclasses.field(default_factory=dict)
    """Reasons, by `commits`, `files` or `attempts`."""

    def image_now(self, service: str) -> str | None:
        """Digest of what a service runs; None if it runs nothing."""
        return self.now.services[service].image_digest if self.now and service in self.now.services else None


def compare(decision: Accepted | Refused | None, question: Question, unread: str, unknown: dict[str, str]) -> Changes:
    """What would change; the reasons for what is unknown are added to `unknown`."""
    gate, now, version = question.gate, question.here.release, question.gate.request.version
    come = go = None
    if now is not None:
        come, go = _between(gate.root, now.version, version), _between(gate.root, version, now.version)
        if come is None:
            to_know = git.how_to_know(gate.root, commit(now.version), commit(version))
            unknown["commits"] = (
                f"this clone lacks {short(now.version)}, {short(version)} or what lies between: {to_know}"
            )
    accepted = decision if isinstance(decision, Accepted) else None
    differing: dict[str, Files | None] = dict.fromkeys(gate.request.declared.sites)
    if unread:
        unknown["files"] = unread
    elif not isinstance(decision, Refused):
        for site in differing:
            try:
                differing[site] = _files(site, accepted, question)
            except EXPECTED as error:
                unknown.setdefault("files", message_of(error))
    image_from = short(version)
    if accepted is not None:
        upstream = None if accepted.own else question.upstream
        image_from = f"copied from {upstream.name}" if upstream else "there already"
    return Changes(
        now=now,
        version=version,
        come=come,
        go=go,
        images={
            name: accepted.evidence.services[name].image_digest if accepted else None
            for name in gate.request.declared.services
        },
        image_from=image_from,
        files=differing,
        migrations={} if isinstance(decision, Refused) else _migrations(question),
        unknown=unknown,
    )


def _between(root: Path, older: str, newer: str) -> Commits | None:
    commits = git.between(root, commit(older), commit(newer), SHOWN)
    return Commits(count=commits[1], newest=tuple(commits[0])) if commits else None


def _files(site: str, accepted: Accepted | None, question: Question) -> Files:
    """The static files of a site, compared by manifest. Raises StaticReleaseError and others of EXPECTED."""
    here, version = question.here, question.gate.request.version
    before = None
    if here.release is not None and site in here.release.sites:
        before = _stored(site, question.asker, here, here.release.sites[site])
    if accepted is None:
        described = question.description.sites[site]
        paths = path_patterns.of_services(question.description.services)
        after = builds.of_build(question.gate.root / described.folder, version, described, paths)
    else:
        owner = here if accepted.own or question.upstream is None else question.upstream
        after = _stored(site, question.asker, owner, accepted.evidence.sites[site])
    old = {file.path: file for file in before.files} if before else {}
    new = {file.path: file for file in after.files}
    return Files(
        added=tuple(sorted(new.keys() - old.keys())),
        changed=tuple(sorted(path for path in new.keys() & old.keys() if new[path].sha256 != old[path].sha256)),
        removed=tuple(sorted(old.keys() - new.keys())),
        total=len(new),
    )


def _stored(site: str, asker: Environment, owner: Environment, digest: str) -> Manifest:
    bucket = str(owner.stack.outputs.get("recordsBucket"))
    return store.load(s3=asker.clients.s3, records_bucket=bucket, digest=digest, prefix=site_prefix(site))


def _migrations(question: Question) -> dict[str, Migration]:
    """Of each service that has one. A service that is new in a version that ran here migrates, too."""
    now = question.here.release
    ran = now.find(question.gate.request.version) if now else None
    return {
        name: Migration(command=service.migration.command, runs=ran is None or name not in ran.services)
        for name, service in question.description.services.items()
        if service.migration.command
    }


def of_commits(changes: Changes) -> list[str]:
    return [f"  commits   {_commits(changes)}", *(f"{INDENT}{line}" for line in _logs(changes))]


def of_artifacts(changes: Changes) -> list[str]:
    names = changes.images
    migrations = changes.migrations.items()
    return [
        *labelled("image", [f"{prefix_of(name, names)}{_image(changes, name)}" for name in names]),
        *labelled("static", [line for name in changes.files for line in _site(changes, name)]),
        *labelled("migration", [f"{prefix_of(name, names)}{migration}" for name, migration in migrations]),
    ]


def as_json(changes: Changes) -> dict[str, Any]:
    """The changes for programs (docs/json.md), with the name of every file."""
    return {
        "commits": {
            side: {"count": commits.count, "newest": [_commit(line) for line in commits.newest]} if commits else None
            for side, commits in (("come", changes.come), ("go", changes.go))
        },
        "images": {name: {"now": changes.image_now(name), "then": digest} for name, digest in changes.images.items()},
        "static": {name: dataclasses.asdict(files) if files else None for name, files in changes.files.items()},
        "migrations": {name: dataclasses.asdict(migration) for name, migration in changes.migrations.items()},
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


def labelled(label: str, lines: Sequence[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{INDENT}{line}" if number else f"  {label:<9} {line}"


def _image(changes: Changes, service: str) -> str:
    then, now = changes.images[service], changes.image_now(service)
    if then is None:
        return f"is built from {changes.image_from}"
    if now == then:
        return f"the same, {short(now)}"
    return f"{short(then)}, {changes.image_from}{f'; now {short(now)}' if now else ''}"


def _site(changes: Changes, name: str) -> Iterator[str]:
    files, sites = changes.files[name], changes.files
    if files is None:
        yield f"{prefix_of(name, sites)}not compared: {changes.unknown.get('files', '')}"
    elif not (files.added or files.changed or files.removed):
        yield f"{prefix_of(name, sites)}the same {files.total} files"
    else:
        counts = f"{len(files.added)} added, {len(files.changed)} changed, {len(files.removed)} removed"
        yield f"{prefix_of(name, sites)}{counts}; {files.total} files"
        for sign, paths in (("+", files.added), ("~", files.changed), ("-", files.removed)):
            yield from _some(sign, paths, len(paths))


def _some(sign: str, items: Sequence[str], count: int) -> Iterator[str]:
    for item in items[:SHOWN]:
        yield f"{sign} {escaping.line(item)}"
    if count > SHOWN:
        yield f"{sign} … and {count - SHOWN} more"
