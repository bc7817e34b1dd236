"""Which settings a version can come back with: those of a commit that declares no more than its proof has."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import yaml

from cli.errors import VerbError
from cli.text import short
from release import git, version, way_back
from release.promotion import Declared
from release.records import Proven, Release
from release.request import listed
from settings import description, names, yaml_text
from settings.names import ProjectError


@dataclasses.dataclass(frozen=True, kw_only=True)
class PastSettings:
    """The settings of a commit."""

    commit: str
    never_ran: tuple[str, ...] = ()
    """Why they are not those in force: what those declare, and the version never ran with."""
    removed: tuple[str, ...] = ()
    """What those in force declare, and these do not."""


def fitting(root: Path, name: str, target: Proven, release: Release, in_force: str) -> PastSettings:
    """The settings with which `target` can come back in the stack `name` of the project in `root`.

    Those of the commit `in_force`; where they declare what the target never ran with, those of the newest version that
    was proven and not rolled back; else its own. Raises VerbError where none will do.
    """
    proofs = (release, *way_back.candidates(release), target)
    commits = dict.fromkeys([in_force, *(version.commit(proof.version) for proof in proofs)])
    declared = {commit: _declared_by(root, name, commit) for commit in commits}
    now = declared[in_force]
    if now is None or not now.missing(target):
        return PastSettings(commit=in_force)
    for commit, then in declared.items():
        if then is not None and not then.missing(target):
            return PastSettings(commit=commit, never_ran=now.missing(target), removed=now.missing(then))
    raise VerbError(_unfit(name, target, in_force, now, declared))


def _declared_by(root: Path, name: str, commit: str) -> Declared | None:
    """What the files of the project in `root` declare for the stack `name` in a commit.

    None where this clone lacks the commit, or it has no such project. An earlier program declared nothing.
    """
    try:
        project = yaml_text.load(git.file(root, commit, "Pulumi.yaml") or "")
        stack = yaml_text.load(git.file(root, commit, f"Pulumi.{name}.yaml") or "") or {}
        defaults = description.defaults_in(project)
        own = names.whole_keys(stack.get("config") or {}, f"Pulumi.{name}.yaml", project["name"])
        whole = {
            key: description.merged(defaults[key], own.get(f"{project['name']}:{key}") or {})
            for key in description.KEYS
        }
        # One of `null` is not there.
        services = (service for service, its in whole["services"].items() if its is not None)
        sites = (site for site, its in whole["sites"].items() if its is not None and its.get("folder"))
        return Declared(services=tuple(services), sites=tuple(sites))
    except (AttributeError, KeyError, TypeError, ProjectError, yaml.YAMLError):
        return None


def _unfit(name: str, target: Proven, in_force: str, now: Declared, declared: Mapping[str, Declared | None]) -> str:
    compared = [short(commit) for commit, then in declared.items() if then is not None and commit != in_force]
    missing = [commit for commit, then in declared.items() if then is None]
    also = f", and so do those of {' and '.join(compared)}" if compared else ""
    lines = [
        f"{name} refused {short(target.version)}: it never ran here with {listed(now.missing(target))}, which the "
        f"settings in force declare{also}.",
        f"  to run it with its own:  git switch --detach {version.commit(target.version)} && "
        f"RELEASE_VERSION={target.version} pulumi up -s {name}",
    ]
    if missing:
        lines.append(f"  this clone lacks others:  git fetch origin {' '.join(missing)}")
    return "\n".join(lines)
