"""`rollback`: whether a version may come back, and the checkout from which `pulumi up` brings it back."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import Final

from cli import checkout, environment, github, page
from cli.errors import UsageError, VerbError
from cli.text import short, table, when
from release import way_back
from release.records import Proven, Release
from release.version import is_short_for

LEAST: Final = 4
"""Characters of a Git SHA that may stand for it, as in Git."""
_SHORT: Final = re.compile(rf"[0-9a-f]{{{LEAST},40}}(-dirty(-[0-9a-f]*)?)?")


def add(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.description = (
        "Check that a version ran in an environment and was proven there, and check out the commit whose settings are "
        "in force there, so that nothing else is changed by the roll back. Outputs the full SHA as `version`."
    )
    parser.epilog = (
        "Then, in the same tree:  EASI_VERSION=<version> pulumi up -s <stack>. "
        "Exit status: 0 it may, 1 it may not, 2 wrong usage."
    )
    parser.add_argument("-s", "--stack", metavar="NAME", required=True, help="the environment")
    parser.add_argument("--version", metavar="SHA", required=True, help="what is to come back, a full or short Git SHA")


def run(options: argparse.Namespace) -> int:
    """Choose, check out, say what follows."""
    with page.telling(f"{options.stack}: nothing was done"):
        there = environment.opened(options.stack)
        release = there.release
        if release is None:
            raise VerbError(
                f"{there.name} has proven nothing yet: there is no version to go back to.\n"
                f"  to release one:  pulumi up -s {there.name}"
            )
        wanted = choose(there.name, options.version, release)
        commit = checkout.take(Path.cwd(), there.name, release)
    same = wanted.version == release.version
    print("\n".join(lines(there.name, wanted, release, commit)))
    github.outputs(os.environ, version=wanted.version, refresh="--refresh" if same else "")
    return 0


def choose(name: str, text: str, release: Release) -> Proven:
    """The proven version that `text`, a full or short SHA, means. Pure.

    Raises UsageError for what is no SHA or short for several, and VerbError, with those that ran, for any other.
    """
    asked = text.strip().lower()
    ran = {proven.version: proven for proven in reversed((release, *release.previous))}
    if not _SHORT.fullmatch(asked):
        raise UsageError(
            f"{text.strip()!r} is no version: expected a Git SHA, full or its first {LEAST} characters or more.\n"
            + _listed(name, release)
        )
    alike = [version for version in ran if is_short_for(asked, version)]
    if len(alike) > 1:
        raise UsageError(f"{asked} is short for {len(alike)} versions that ran in {name}: {', '.join(sorted(alike))}")
    if not alike:
        raise VerbError(
            f"{name} refused {short(asked)}: it is not among the versions that {name} has proven and kept.\n"
            + _listed(name, release)
            + "\n  any other version goes through a pull request, `git revert` among them"
        )
    return ran[alike[0]]


def lines(name: str, wanted: Proven, release: Release, commit: str) -> list[str]:
    """What follows, for people. Pure."""
    told = f"{name} goes back from {short(release.version)} to {wanted.version}, proven {when(wanted.verified_at)}"
    if wanted.version == release.version:
        told = f"{name} has proven {wanted.version} last: what was changed since, or left half done, is brought back"
    mark = way_back.mark(release, wanted.version)
    note = [f"  note      it was {way_back.told(mark)}"] if mark else []
    settings = f"  settings  those of {short(commit)}, which are in force in {name}, are checked out: HEAD is detached"
    option = "--refresh " if wanted.version == release.version else ""
    return [told, *note, settings, f"  next      EASI_VERSION={wanted.version} pulumi up {option}-s {name}"]


def _listed(name: str, release: Release) -> str:
    """What ran, those that were rolled back last."""
    rows = [(release.version, f"proven {when(release.verified_at)}, runs now")]
    rows += [(one.version, f"proven {when(one.verified_at)}") for one in way_back.candidates(release)]
    rows += [(one.version, way_back.told(one.gone_back)) for one in way_back.gone_back_from(release) if one.gone_back]
    return "\n".join([f"  proven in {name}:", *table(rows, indent="    ")])
