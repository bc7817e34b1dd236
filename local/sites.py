"""The sites, built from the working tree that is about to be released."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cli import build as site_build
from cli.build import LOCK, Ended, SiteBuild
from cli.errors import EXPECTED
from cli.version import describe_files, working_tree
from local.layout import Layout, LocalError, read_json, write_json
from local.terminal import Say, run_quietly
from release import git
from release.static import builds, content
from release.tree import Tree

NOTE = "sites.json"
"""The version of the sites that were built here, and how."""


def install(layout: Layout, say: Say) -> None:
    """The packages of every site's build, as `python -m release build` installs them.

    A description that cannot be read yet is no reason to be without the tools, with which it is looked at.
    """
    try:
        builds = _builds(layout, layout.root)
    except EXPECTED as error:
        say(f"the sites' dependencies are not installed: {error}")
        return
    try:
        for build in builds:
            for line in site_build.install(build, _quietly):
                say(line)
    except EXPECTED as error:
        raise LocalError(str(error)) from error


def build(layout: Layout, say: Say) -> None:
    """Build the sites of the generated settings, when what is built is not of the version of the working tree."""
    version = tree(layout).version
    try:
        builds = _builds(layout, layout.project)
        note = {"version": version, "builds": {item.name: _as_noted(item) for item in builds}}
        if read_json(layout.local / NOTE) == note and all(_is_built(item, version) for item in builds):
            return
        (layout.local / NOTE).unlink(missing_ok=True)
        for line in site_build.build_all(builds, version, _quietly):
            say(line)
    except EXPECTED as error:
        raise LocalError(str(error)) from error
    write_json(layout.local / NOTE, note)


def tree(layout: Layout) -> Tree:
    """The working tree, with what the generated settings build. Raises LocalError where it is not known."""
    try:
        return working_tree(layout.root, settings=layout.project)
    except EXPECTED as error:
        raise LocalError(str(error)) from error


def version_files(layout: Layout) -> list[Path]:
    """Where each site of the generated settings says what it was built from. Raises LocalError."""
    try:
        return [item.folder / content.VERSION for item in _builds(layout, layout.project)]
    except EXPECTED as error:
        raise LocalError(str(error)) from error


def products(layout: Layout) -> list[Path]:
    """What builds of sites leave in the clone, without what is in a commit. Raises what `EXPECTED` names."""
    return list(dict.fromkeys(_products(layout)))


def _products(layout: Layout) -> Iterator[Path]:
    tracked = [git.top(layout.root) / path for path in git.tracked(layout.root, git.head(layout.root))]
    for item in _builds(layout, layout.root):
        if item.site.build:
            packages = [item.source / "node_modules"] if (item.source / LOCK).is_file() else []
            for folder in (*packages, item.folder):
                if not any(path.is_relative_to(folder.resolve()) for path in tracked):
                    yield folder


def _builds(layout: Layout, settings: Path) -> list[SiteBuild]:
    return site_build.builds_of(layout.root, describe_files(settings))


def _as_noted(build: SiteBuild) -> dict[str, Any]:
    return {"build": build.site.build, "folder": str(build.folder), "source": str(build.source)}


def _is_built(build: SiteBuild, version: str) -> bool:
    return build.folder.is_dir() if not build.site.build else builds.version_of(build.folder) == version


def _quietly(what: str, command: list[str], folder: Path, variables: Mapping[str, str]) -> Ended:
    ran = run_quietly(what, command, cwd=folder, environment=dict(variables))
    return Ended(ran.code, ran.tail())
