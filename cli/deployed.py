"""`deployed`: check out what an environment is compared with in a search for drift."""

from __future__ import annotations

import argparse
from pathlib import Path

from cli import YES, checkout, github, preview
from cli.environment import add_stack, read_environment
from cli.events import Preview
from cli.text import short, when
from release.request import ReleaseRequest
from release.static.source import Folder


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Check out the commit whose settings are in force in an environment, so that what is merged and not yet "
        "released there is no drift. Outputs `version`, which is proven there, empty where nothing was ever released; "
        "and `easi-version`, what EASI_VERSION has to be for a preview of just that, empty where HEAD was built."
    )
    parser.epilog = "Exit status: 0 checked out, or nothing was ever released; 1 it cannot be; 2 wrong usage."
    add_stack(parser, required=True)
    parser.add_argument("--save", metavar="FILE", type=Path, help="where nothing was released: a preview without drift")


def run(options: argparse.Namespace) -> int:
    environment = read_environment(options.stack)
    release = environment.release
    if release is None:
        print(f"{environment.name} has proven nothing yet: there is nothing that could drift")
        if options.save is not None:
            preview.save(Preview(stack=environment.name, version=None, counts={}, refresh=True), options.save)
        github.outputs(**{"version": "", "easi-version": ""})
        return YES
    commit = checkout.take(Path.cwd(), environment.name, release)
    named = easi_version(environment.request, release.version, commit)
    print(f"{environment.name} runs {release.version}, proven {when(release.verified_at)}")
    print(f"  settings  those of {short(commit)} are in force, and checked out: HEAD is detached")
    print(f"  next      {f'EASI_VERSION={named} ' if named else ''}pulumi preview --refresh -s {environment.name}")
    github.outputs(**{"version": release.version, "easi-version": named})
    return YES


def easi_version(request: ReleaseRequest | None, version: str, commit: str) -> str:
    """The EASI_VERSION with which a preview at `commit` compares what was released. Pure.

    Empty if the environment built the commit: naming it would be a rollback, which declares no image, and the preview
    would show the built one as deleted.
    """
    built = request is not None and isinstance(request.source.files, Folder)
    return "" if built and version == commit else version
