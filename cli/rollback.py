"""`rollback`: check that a version may come back, and check out the tree from which `pulumi up` brings it back."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import YES, checkout, github, versions
from cli.environment import add_stack, read_environment
from cli.errors import UsageError, VerbError
from cli.text import short, table, when
from release import way_back
from release.records import Proven, Release


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Check that a version ran in an environment and was proven there, and check out the commit whose settings are "
        "in force there, so that the rollback changes nothing else. Outputs the full SHA as `version`."
    )
    parser.epilog = (
        "Then, in the same tree:  EASI_VERSION=<version> pulumi up -s <stack>. "
        "Exit status: 0 it may, 1 it may not, 2 wrong usage."
    )
    add_stack(parser, required=True)
    parser.add_argument("--version", metavar="SHA", required=True, help="what is to come back, a full or short Git SHA")


def run(options: argparse.Namespace) -> int:
    with github.failure_in_summary(f"{options.stack}: nothing was done"):
        environment = read_environment(options.stack)
        release = environment.release
        if release is None:
            raise VerbError(
                f"{environment.name} has proven nothing yet: there is no version to go back to.\n"
                f"  to release one:  pulumi up -s {environment.name}"
            )
        target = choose(environment.name, options.version, release)
        commit = checkout.take(Path.cwd(), environment.name, release)
    same = target.version == release.version
    print("\n".join(lines(environment.name, target, release, commit)))
    github.outputs(version=target.version, refresh="--refresh" if same else "")
    return YES


def choose(name: str, text: str, release: Release) -> Proven:
    """The proven version that `text`, a full or short SHA, means. Pure.

    Raises UsageError for no SHA or an ambiguous one, and VerbError, which lists the versions, for any other.
    """
    version = text.strip().lower()
    if not versions.may_be_short(version):
        raise UsageError(
            f"{text.strip()!r} is no version: expected a Git SHA, full or its first {versions.SHORTEST} characters "
            f"or more.\n{_listed(name, release)}"
        )
    target = versions.proven(version, [release], name=name)
    if target is None:
        raise VerbError(
            f"{name} refused {short(version)}: it is not among the versions that {name} has proven and kept.\n"
            f"{_listed(name, release)}\n  any other version goes through a pull request, `git revert` among them"
        )
    return target


def lines(name: str, target: Proven, release: Release, commit: str) -> list[str]:
    """What the rollback is, and the next command. Pure."""
    what = f"{name} goes back from {short(release.version)} to {target.version}, proven {when(target.verified_at)}"
    if target.version == release.version:
        what = f"{name} has proven {target.version} last: what was changed since, or left half done, is brought back"
    mark = way_back.mark(release, target.version)
    note = [f"  note      it was {way_back.describe(mark)}"] if mark else []
    settings = f"  settings  those of {short(commit)}, which are in force in {name}, are checked out: HEAD is detached"
    option = "--refresh " if target.version == release.version else ""
    return [what, *note, settings, f"  next      EASI_VERSION={target.version} pulumi up {option}-s {name}"]


def _listed(name: str, release: Release) -> str:
    """The proven versions; those that were rolled back come last."""
    runs = (release.version, f"proven {when(release.verified_at)}, runs now")
    before = versions.rows((*way_back.candidates(release), *way_back.gone_back_from(release)))
    return "\n".join([f"  proven in {name}:", *table([runs, *before], indent="    ")])
