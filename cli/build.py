"""Build every site of the settings that has files, from this working tree.

`npm ci` where the lock file is not what is installed, then the site's command `build`, with the version of this working
tree in RELEASE_VERSION. The command runs in the folder above the built files that has a package.json, or in
`buildFolder`.

Exit status: 0 built, 1 a command failed or did not build this version, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from cli import YES
from cli.errors import UsageError, VerbError
from cli.version import describe_files, working_tree
from release import git, tree
from release.static import builds
from release.static.errors import ManifestError
from release.version import short
from settings import path_patterns
from settings.description import Description
from settings.names import VERSION_VARIABLE
from settings.site import Site

LOCK: Final = "package-lock.json"
INSTALLED: Final = "node_modules/.installed-lock.json"
"""The lock file whose packages are there, whole: `npm ci` removes it first, with all the rest."""
NPM_CI: Final = ("npm", "ci", "--no-audit", "--no-fund")
NO_SUCH_COMMAND: Final = 127
"""Exit status of a shell: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02"""


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    unshown: str = ""
    """The last of what it wrote, if nobody has seen it."""


Run = Callable[[str, list[str], Path, Mapping[str, str]], Ended]
"""Runs a command, with what it is for, in a folder, with these variables."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SiteBuild:
    """One site, and where it is built."""

    name: str
    site: Site
    folder: Path
    """Its built files."""
    source: Path
    """Where its command runs."""
    service_paths: Sequence[str]
    """What it asks the services for."""

    @staticmethod
    def of(root: Path, name: str, site: Site, service_paths: Sequence[str]) -> SiteBuild:
        """Raises VerbError for a `buildFolder` that is no folder, and where there is none for `folder`; GitError."""
        folder = Path(os.path.normpath(root / site.folder))
        if site.build_folder:
            source = Path(os.path.normpath(root / site.build_folder))
            if not source.is_dir():
                raise VerbError(
                    f"site {name}: {source} is not a folder; expected one whose files `build` reads.\n"
                    f"  to change it:  sites.{name}.buildFolder in the settings"
                )
        elif missing := tree.missing_above(site, root):
            raise VerbError(
                f"site {name}: sites.{name}.folder is {site.folder}: there is no folder {missing}; expected that of "
                "the site's source.\n"
                f"  if the build makes it, name where it runs:  sites.{name}.buildFolder in the settings"
            )
        else:
            source = source_above(folder, git.top(root))
        return SiteBuild(name=name, site=site, folder=folder, source=source, service_paths=service_paths)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--site", metavar="NAME", help="build only this one")


def run(options: argparse.Namespace) -> int:
    root = Path.cwd()
    builds = builds_of(root, describe_files(root))
    if options.site is not None:
        names = ", ".join(build.name for build in builds) or "none"
        builds = [build for build in builds if build.name == options.site]
        if not builds:
            raise UsageError(f"no site {options.site} with a folder is in the settings; those with a folder: {names}")
    if not builds:
        print("no site of the settings has a folder: there is nothing to build")
        return YES
    for line in build_all(builds, working_tree(root).version, _shown):
        print(line)
    return YES


def build_all(builds: Iterable[SiteBuild], version: str, run_command: Run) -> Iterator[str]:
    """Install and build each; what was done, as it is. Raises VerbError."""
    for build in builds:
        yield from install(build, run_command)
        make(build, version, run_command)
        yield f"{build.name}: {build.folder} " + (
            f"was built from {short(version)}" if build.site.build else "is there"
        )


def builds_of(root: Path, described: Description) -> list[SiteBuild]:
    """Raises VerbError and GitError."""
    paths = path_patterns.of_services(described.services)
    return [SiteBuild.of(root, name, site, paths) for name, site in described.sites.items() if site.folder]


def source_above(folder: Path, top: Path) -> Path:
    """The nearest folder above `folder`, within `top`, that has a package.json; else the nearest there is."""
    above = [path for path in Path(os.path.normpath(folder)).parents if path.is_dir()]
    with_packages = (path for path in above if path.resolve().is_relative_to(top) and (path / "package.json").is_file())
    return next(with_packages, above[0])


def install(build: SiteBuild, run_command: Run) -> Iterator[str]:
    """`npm ci`, where there is a lock file and it is not what is installed; then says so. Raises VerbError."""
    lock, installed = build.source / LOCK, build.source / INSTALLED
    if not build.site.build or not lock.is_file():
        return
    if installed.is_file() and installed.read_bytes() == lock.read_bytes():
        return
    try:
        _check(build, " ".join(NPM_CI), run_command(f"{build.name}: npm ci", [*NPM_CI], build.source, _variables()))
    except FileNotFoundError as error:
        raise VerbError(f"site {build.name}: npm, which {lock} needs, is not installed: install Node.js") from error
    installed.parent.mkdir(exist_ok=True)  # there are none where the lock file names no package
    installed.write_bytes(lock.read_bytes())
    yield f"{build.name}: dependencies installed"


def make(build: SiteBuild, version: str, run_command: Run) -> None:
    """Run the site's command, and check that it built this version. Raises VerbError."""
    site = build.site
    if not site.build:
        if not build.folder.is_dir():
            raise VerbError(
                f"site {build.name}: {build.folder} is not a folder, and the settings name no command that builds it.\n"
                f"  to name one:  sites.{build.name}.build"
            )
        return
    variables = _variables() | {VERSION_VARIABLE: version}
    ended = run_command(f"{build.name}: {site.build}", ["sh", "-c", site.build], build.source, variables)
    _check(build, site.build, ended)
    try:
        builds.built_as(build.folder, version, site, build.service_paths)
    except ManifestError as error:
        is_there = builds.version_of(build.folder) == version
        expected = f"  expected   {build.folder}, with the value of {VERSION_VARIABLE} in version.json\n"
        raise VerbError(
            f"site {build.name}: `{site.build}` did not build what can be released: {error}\n"
            f"{'' if is_there else expected}"
            f"  to change it:  sites.{build.name} in the settings, or the build in {build.source}"
        ) from error


def _variables() -> dict[str, str]:
    # As GitHub sets it: tools that build otherwise without it would make another site of the same version.
    return {**os.environ, "CI": "true"}


def _check(build: SiteBuild, command: str, ended: Ended) -> None:
    if ended.code == 0:
        return
    why = "a command was not found" if ended.code == NO_SUCH_COMMAND else f"it ended with {ended.code}"
    above = build.folder.parent
    is_made = build.site.build_folder or above.is_dir()
    raise VerbError(
        f"site {build.name}: `{command}` failed in {build.source}: {why}\n"
        + ("" if is_made else f"  there is no folder {above}: is sites.{build.name}.folder right?\n")
        + f"  to run it elsewhere:  sites.{build.name}.buildFolder in the settings"
        + (f"\n{ended.unshown}" if ended.unshown else "")
    )


def _shown(what: str, command: list[str], folder: Path, variables: Mapping[str, str]) -> Ended:
    print(what)
    sys.stdout.flush()
    done = subprocess.run(command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, check=False)
    return Ended(done.returncode)
