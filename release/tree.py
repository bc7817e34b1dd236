"""What a working tree would release: its commit, or that commit with the content that differs from it.

Every file that a build reads is compared with the commit by its content, also one that Git ignores or does not track.
Everywhere else tracked files count, as settings and infrastructure are among them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Final

from release import escaping, git, version
from release.build_context import BuildContext
from settings.names import prefix
from settings.service import Build, Service
from settings.site import Site

FUNCTION: Final = Path("functions")
"""Folder of the deploy function: each environment takes its Python files from the working tree."""
SUBMODULE: Final = "160000"
"""Git's mode of a submodule."""


def context_of(build: Build, root: Path) -> BuildContext:
    """What an image is built from."""
    folder = root / build.context
    return BuildContext(folder=folder, dockerfile=folder / build.dockerfile, project=root)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sources:
    """What the first environment builds."""

    images: Mapping[str, Build]
    """By service."""
    sites: Mapping[str, Site]
    """Those with a folder of built files."""

    @staticmethod
    def of(services: Mapping[str, Service], sites: Mapping[str, Site]) -> Sources:
        return Sources(
            images={name: service.build for name, service in services.items()},
            sites={name: site for name, site in sites.items() if site.folder},
        )

    def problems(self, root: Path) -> list[str]:
        """What cannot be built, or not as a commit, by its setting: all of it, before the first is built."""
        problems = [
            f"{prefix()}{setting} is {value}: that is outside of the repository {top}, and a version is a commit, "
            "which has nothing of it; expected a folder in it"
            for top in _repository(root)
            for setting, value, path in self._places(root)
            if not path.resolve().is_relative_to(top.resolve())
        ]
        for name, site in self.sites.items():
            if missing := missing_above(site, root):
                problems.append(
                    f"{prefix()}sites.{name}.folder is {site.folder}: there is no folder {missing}; expected that of "
                    f"the site's source; if its build makes it, name where that runs in sites.{name}.buildFolder"
                )
        for name, build in self.images.items():
            setting = f"{prefix()}services.{name}.build"
            context = context_of(build, root)
            if not context.folder.is_dir():
                problems.append(
                    f"{setting}.context is {build.context}: there is no such folder in {root}; expected the folder "
                    "with what the image is built from"
                )
            elif not context.dockerfile.is_file():
                problems.append(
                    f"{setting}.dockerfile is {build.dockerfile}: there is no such file in {build.context}; expected "
                    "the path of the Dockerfile from there"
                )
        return problems

    def _places(self, root: Path) -> Iterator[tuple[str, str, Path]]:
        """Where something is built from: setting, its value, and where that is."""
        for name, build in self.images.items():
            setting, context = f"services.{name}.build", context_of(build, root)
            yield f"{setting}.context", build.context, context.folder
            if context.dockerfile.parent.resolve() != context.folder.resolve():
                yield f"{setting}.dockerfile", build.dockerfile, context.dockerfile
        for name, site in self.sites.items():
            setting = "buildFolder" if site.build_folder else "folder"
            yield f"sites.{name}.{setting}", site.build_folder or site.folder, _source(site, root)


def missing_above(site: Site, root: Path) -> Path | None:
    """The folder above a site's built files, if there is none from which they could be built.

    A build may make that, too: one that runs in `buildFolder`, or in a folder of the site alone, or one with packages.
    """
    above = Path(os.path.normpath(root / site.folder)).parent
    if not site.build or site.build_folder or above.is_dir():
        return None
    nearest = next(path for path in above.parents if path.is_dir())
    if (nearest / "package.json").is_file() or not root.resolve().is_relative_to(nearest.resolve()):
        return None
    return above


def _source(site: Site, root: Path) -> Path:
    """The folder of a site's source: the one that the settings name, else what the built files lie in."""
    return root / site.build_folder if site.build_folder else (root / site.folder).parent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tree:
    commit: str
    """The full SHA of HEAD."""
    changes: Mapping[str, str]
    """What is in no commit: by path from the top, what is there now (mode and SHA-256, or that nothing is)."""

    @property
    def version(self) -> str:
        """The version of what is built from it."""
        if not self.changes:
            return self.commit
        content = "".join(f"{path}\0{state}\0" for path, state in sorted(self.changes.items()))
        return version.of(self.commit, hashlib.sha256(os.fsencode(content)).hexdigest())


def read(root: Path, sources: Sources | None) -> Tree:
    """The working tree of the project in `root`, which builds `sources`; None where it takes them from elsewhere.

    Raises GitError where Git cannot answer or a file cannot be read, and BuildContextError.
    """
    try:
        files = {_place(path) for path in (root / FUNCTION).rglob("*.py")}
        folders = {_place(root / FUNCTION)}
        if sources is not None:
            source_folders = {_source(site, root) for site in sources.sites.values()}
            without = {_place(root / site.folder) for site in sources.sites.values()}
            without |= {_place(folder / "node_modules") for folder in source_folders}
            for build in sources.images.values():
                context = context_of(build, root)
                files |= {_place(context.folder / name) for name in context.files()}
                folders.add(_place(context.folder))
            for folder in source_folders:
                files |= set(_files_below(folder, without))
                folders.add(_place(folder))
            # A submodule's link to its repository.
            files = {path for path in files if path.name != ".git"}
        commit, top = git.head(root), git.top(root)
        return Tree(commit=commit, changes=dict(_changes(top, commit, files, folders)))
    except OSError as error:
        raise git.GitError(
            f"{escaping.line(str(error.filename))} cannot be read ({error.strerror}), so whether it is that of the "
            "commit is not known"
        ) from error


def _repository(root: Path) -> Iterator[Path]:
    """The working tree that `root` is part of; none where Git does not say, which `read` tells."""
    with contextlib.suppress(git.GitError):
        yield git.top(root)


def _changes(top: Path, commit: str, files: set[Path], folders: set[Path]) -> Iterator[tuple[str, str]]:
    """What differs from `commit` in the working tree `top`, where builds read `files` in `folders`."""
    tracked = git.tracked(top, commit)
    modules = {name: entry.split()[1] for name, entry in tracked.items() if entry.startswith(SUBMODULE)}
    theirs = {path for path in files for name in modules if path.is_relative_to(top / name)}
    untracked = {os.path.relpath(path, top) for path in files - theirs} - tracked.keys()
    for name in git.changed(top, commit) | untracked:
        yield name, _there(top / name)
    for name, sha in modules.items():
        module = top / name
        if (module / ".git").exists():
            head = git.head(module)
            if head != sha:
                yield name, f"{SUBMODULE} {head}"
            inside = {path for path in theirs if path.is_relative_to(module)}
            yield from ((f"{name}/{path}", state) for path, state in _changes(module, head, inside, folders))
        elif any(module.is_relative_to(folder) for folder in folders):
            # Git takes one that is not checked out for unchanged; a build has none of its files.
            yield name, "not checked out"


def _files_below(folder: Path, without: Collection[Path]) -> Iterator[Path]:
    """The files in a folder, its links, and what the links lead to: bundlers follow them."""
    seen: set[Path] = set()
    rest = [folder]
    while rest:
        path = rest.pop()
        place = _place(path)
        if place in seen or place.name == ".git" or any(place.is_relative_to(other) for other in without):
            continue
        seen.add(place)
        if path.is_symlink():
            yield place
            rest.append(Path(os.path.realpath(path)))
        elif path.is_dir():
            rest += path.iterdir()
        elif path.exists():
            yield place


def _place(path: Path) -> Path:
    """Where a file or link really is."""
    return Path(os.path.realpath(path.parent)) / path.name


def _there(path: Path) -> str:
    """What is at a path, as far as Git and a build tell it apart: of the permissions, whether it can be executed."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    if stat.S_ISLNK(mode):
        return f"120000 {hashlib.sha256(os.fsencode(path.readlink())).hexdigest()}"
    if not stat.S_ISREG(mode):
        return f"{stat.S_IFMT(mode):o}"
    with path.open("rb") as opened:
        return f"{'100755' if mode & stat.S_IXUSR else '100644'} {hashlib.file_digest(opened, 'sha256').hexdigest()}"
