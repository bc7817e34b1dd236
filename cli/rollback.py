"""Check that a version ran in an environment and was proven there, and check out the tree that brings it back.

That is the commit whose settings are in force there, so that the rollback changes nothing else. Where those declare a
service or site that the version never ran with, it is the newest proven commit that declares none; the files of such a
site stay in AWS, and their protection is taken out of the state. Outputs the full SHA as `version`. Then, in the same
tree:  RELEASE_VERSION=<version> pulumi up -s <stack>.

Exit status: 0 it may, 1 it may not, 2 wrong usage.
"""

from __future__ import annotations

import argparse
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from cli import YES, checkout, github, past_settings, versions
from cli.environment import Environment, add_stack, read_environment
from cli.errors import EXPECTED, UsageError, VerbError, message_of
from cli.past_settings import PastSettings
from cli.text import short, table, when
from release import stack, statements, way_back
from release.promotion import Declared
from release.records import Proven, Release
from release.request import listed

SITE: Final = "easi:site:StaticSite"
"""Type of the component of a site, in URNs."""


def add(parser: argparse.ArgumentParser) -> None:
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
        name, root = environment.name, Path.cwd()
        target = choose(name, options.version, release)
        unread = _refuse_rejected(environment, target, release)
        in_force = checkout.commit_in_force(root, name, release)
        settings = past_settings.fitting(root, name, target, release, in_force)
        why = f"with which {short(target.version)} can run" if settings.never_ran else f"in force in {name}"
        checkout.check_out(root, settings.commit, why=f"whose settings are {why}")
        kept = protected_files(environment.stack.protected, settings.removed)
        for urn in kept:
            stack.pulumi("state", "unprotect", urn, "-s", name, "--yes")
    same = target.version == release.version
    print("\n".join([*lines(name, target, release, settings, kept), *unread]))
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


def _refuse_rejected(environment: Environment, target: Proven, release: Release) -> list[str]:
    """Raises VerbError for a version that somebody rejected; a note where that cannot be read: the way back is open."""
    name, version = environment.name, target.version
    if version == release.version:
        return []
    try:
        stated = statements.read(environment.clients.s3, environment.released().records_bucket)
    except EXPECTED as error:
        return [f"  warning   whether {short(version)} is rejected is not known: {message_of(error)}"]
    rejected = statements.rejected(version, stated)
    if rejected is None:
        return []
    others = candidates(release, {one.version for one in stated if one.version})
    raise VerbError(
        f"{name} refused {short(version)}: it is rejected {rejected}\n"
        + ("\n".join(["  to go back to:", *table(versions.rows(others), indent="    "), ""]) if others else "")
        + f"  to run it all the same, by hand:  RELEASE_REASON='why' RELEASE_VERSION={version} pulumi up -s {name}"
    )


def command(name: str, target: Proven, now: Declared, option: str = "") -> str:
    """The command that brings `target` back, for messages, where the settings in force declare what `now` has. Pure."""
    settings = f"python -m ci rollback -s {name} --version {target.version} && " if now.missing(target) else ""
    return f"{settings}RELEASE_VERSION={target.version} pulumi up {option}-s {name}"


def protected_files(protected: Mapping[str, str], removed: Collection[str]) -> dict[str, str]:
    """By URN of what `protect` keeps of the sites that are `removed`, the site. Pure.

    AWS keeps it also when the program does not declare it any more, but Pulumi would refuse the whole update.
    """
    words = {urn: f"site {top.rpartition('::')[2]}" for urn, top in protected.items() if SITE in top.split("::")}
    return {urn: site for urn, site in words.items() if site in removed}


def lines(name: str, target: Proven, release: Release, settings: PastSettings, kept: Mapping[str, str]) -> list[str]:
    """What the rollback is, and the next command. Pure."""
    what = f"{name} goes back from {short(release.version)} to {target.version}, proven {when(target.verified_at)}"
    if target.version == release.version:
        what = f"{name} has proven {target.version} last: what was changed since, or left half done, is brought back"
    mark = way_back.mark(release, target.version)
    note = [f"  note      it was {way_back.describe(mark)}"] if mark else []
    commit = short(settings.commit)
    applied = [f"  settings  those of {commit}, which are in force in {name}, are checked out: HEAD is detached"]
    if settings.never_ran:
        declare = f"those in force declare {listed(settings.never_ran)}, which it never ran with"
        applied = [
            f"  settings  those of {commit} are checked out, as {declare}: HEAD is detached",
            f"  removes   {listed(settings.removed)}, after the version is proven (docs/roll-back.md says what stays)",
            *(
                f"  keeps     the {urn.rpartition('::')[0].rpartition(':')[2]} of {site}: it stays in AWS with what is "
                "in it, and is protected no more"
                for urn, site in kept.items()
            ),
        ]
    same = target.version == release.version
    # What was rolled back itself is refused without a reason.
    reason, option = "RELEASE_REASON='why' " if mark else "", "--refresh " if same else ""
    following = [f"  next      {reason}RELEASE_VERSION={target.version} pulumi up {option}-s {name}"]
    if not same:
        following.append(f"  after it  {name} is held until a release reverts what came with {short(release.version)}")
    return [what, *note, *applied, *following]


def candidates(release: Release, rejected: Collection[str]) -> tuple[Proven, ...]:
    """The versions that the gate lets somebody go back to, the last proven first. Pure."""
    return tuple(one for one in way_back.candidates(release) if one.version not in rejected)


def advice(name: str, release: Release, rejected: Collection[str]) -> list[str]:
    """How to go back, to the version that was proven last first. Taken back or rejected ones are only named. Pure."""
    older, marked = candidates(release, rejected), way_back.gone_back_from(release)
    never = [*versions.rows(marked)]
    never += [(one.version, "rejected") for one in way_back.candidates(release) if one.version in rejected]
    if older:
        shown = [f"to go back to {short(older[0].version)}, proven {when(older[0].verified_at)}:"]
        shown.append(f"  {command(name, older[0], Declared.by(release))}")
    elif never:
        shown = [f"{name} keeps no version to go back to"]
    else:
        shown = [f"nothing else was proven in {name}: there is no version to go back to"]
    if older[1:]:
        shown += ["or to:", *table(versions.rows(older[1:]))]
    return [*shown, *(["not to:", *table(never)] if never else [])]


def _listed(name: str, release: Release) -> str:
    """The proven versions; those that were rolled back come last."""
    runs = (release.version, f"proven {when(release.verified_at)}, runs now")
    before = versions.rows((*way_back.candidates(release), *way_back.gone_back_from(release)))
    return "\n".join([f"  proven in {name}:", *table([runs, *before], indent="    ")])
