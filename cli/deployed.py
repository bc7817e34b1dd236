"""Check out the commit whose settings are in force in an environment, as a search for drift compares with it.

So what is merged and not yet released there is no drift. Outputs `version`, which is proven there, empty where nothing
was ever released; and `release-version`, what RELEASE_VERSION has to be for a preview of just that, empty where HEAD
was built.

Exit status: 0 checked out, or nothing was ever released; 1 it cannot be; 2 wrong usage.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import YES, checkout, github, preview
from cli.environment import add_stack, read_environment
from cli.events import Preview
from cli.text import short, when


def add(parser: argparse.ArgumentParser) -> None:
    add_stack(parser, required=True)
    parser.add_argument("--save", metavar="FILE", type=Path, help="where nothing was released: a preview without drift")


def run(options: argparse.Namespace) -> int:
    environment = read_environment(options.stack)
    release = environment.release
    if release is None:
        print(f"{environment.name} has proven nothing yet: there is nothing that could drift")
        if options.save is not None:
            preview.save(Preview(stack=environment.name, version=None, counts={}, refresh=True), options.save)
        github.outputs(**{"version": "", "release-version": ""})
        return YES
    commit = checkout.commit_in_force(Path.cwd(), environment.name, release)
    checkout.check_out(Path.cwd(), commit, why=f"whose settings are in force in {environment.name}")
    built = environment.request is not None and environment.request.built
    # To name what was built from this commit would be a rollback, which declares no image: the preview would show the
    # built one as deleted.
    named = "" if built and release.version == commit else release.version
    print(f"{environment.name} runs {release.version}, proven {when(release.verified_at)}")
    print(f"  settings  those of {short(commit)} are in force, and checked out: HEAD is detached")
    print(f"  next      {f'RELEASE_VERSION={named} ' if named else ''}pulumi preview --refresh -s {environment.name}")
    github.outputs(**{"version": release.version, "release-version": named})
    return YES
