"""What a Docker build of a folder reads, and a copy of it that is the same on every machine.

Docker sends the files of the folder that the ignore file leaves, and the Dockerfile. Their modes and times, and where
the clone lies, differ between machines; they get into the image and into pulumi-docker's hash of the context. So a
build reads a copy that has none of them. The copy's digest is that of what is built: a file that is edited later
changes neither.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from release import escaping
from settings.errors import ExpectedError

IGNORE_FILE: Final = ".dockerignore"
COPIES: Final = ".build"
"""The folder in the project's folder that holds the copies; Git ignores it."""
MODIFIED_AT: Final = 315_619_200
"""When every file of a copy was modified, in seconds since the epoch: 1980-01-02, as ZIP knows no time before 1980.

Not the commit's time: a layer that the builder finds in its cache has the times of the commit that it was made from.
"""
_OF_THE_CLONE: Final = (".git", COPIES)
"""Differ between clones of one commit: no build reads them, even where nothing ignores them."""


_UNUSED_S: Final = 24 * 60 * 60


class BuildContextError(ExpectedError):
    """A build cannot be given its files; the message names the file and what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BuildContext:
    """A folder and the Dockerfile that is built with it."""

    folder: Path
    dockerfile: Path
    project: Path | None = None
    """The project's folder, where the build may read a folder around it: the copies in it are no sources."""

    def files(self) -> list[str]:
        """The files and links that a build reads: sorted paths relative to the folder, with `/`.

        Dockerfile and .dockerignore are among them where they lie in the folder, even if they are ignored. Folders,
        sockets and pipes are not. Raises BuildContextError.
        """
        # Here, as it takes a quarter of a second, and only the environment that builds needs it.
        from docker.utils import exclude_paths  # noqa: PLC0415 - see above

        try:
            if not self.dockerfile.is_file():
                raise BuildContextError(f"there is no Dockerfile {self.dockerfile}: a build needs one")
            dockerfile = os.path.relpath(self.dockerfile, self.folder)
            paths = exclude_paths(str(self.folder), self._patterns(), dockerfile=dockerfile)
            without = (*_OF_THE_CLONE, *self._copies())
            sources = (path for path in paths if not any(f"{path}/".startswith(f"{name}/") for name in without))
            return sorted(path for path in sources if _is_file_or_link(self.folder / path))
        except OSError as error:
            raise _unreadable(error) from error

    def ignore_file(self) -> Path | None:
        """The one that BuildKit takes: named after the Dockerfile and beside it, else the folder's .dockerignore."""
        named = self.dockerfile.with_name(self.dockerfile.name + IGNORE_FILE)
        return next((path for path in (named, self.folder / IGNORE_FILE) if path.is_file()), None)

    def _copies(self) -> list[str]:
        """The folder of copies, relative to a folder around the project."""
        if self.project is None or not self.project.resolve().is_relative_to(self.folder.resolve()):
            return []
        return [(self.project.resolve() / COPIES).relative_to(self.folder.resolve()).as_posix()]

    def _patterns(self) -> list[str]:
        ignore = self.ignore_file()
        try:
            lines = ignore.read_bytes().decode("utf-8-sig").split("\n") if ignore else []
        except UnicodeDecodeError as error:
            raise BuildContextError(f"{ignore} is not UTF-8: {error.reason} at byte {error.start}") from error
        return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def copy(root: Path, context: BuildContext) -> Path:
    """Copy what a build of `context` reads to a folder below `root`; its path from there.

    It is named after paths, contents and executable bits: the same on every machine, and another one for other content.

    Every file has the mode 0755 if its owner may execute it, else 0644, and was modified at MODIFIED_AT. Raises
    BuildContextError for a file that cannot be read, and for a link that leads out of the copy: what it points to
    differs between machines.
    """
    copies = root / COPIES
    try:
        copies.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=copies, prefix="new-") as temporary:
            new = Path(temporary) / "context"
            new.mkdir()
            # The ignore file has done its work; pulumi-docker would apply it to the copy once more.
            files = [name for name in context.files() if not name.endswith(IGNORE_FILE)]
            for name in files:
                (new / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(context.folder / name, new / name, follow_symlinks=False)
            _refuse_links_that_lead_out(new, files)
            _set_modes_and_times(new)
            digest = _digest(new, files)
            target = copies / digest[:16]
            # One that is whole is not replaced: another run may be building from it.
            if not target.is_dir() or _digest(target, _files_below(target)) != digest:
                shutil.rmtree(target, ignore_errors=True)
                new.rename(target)
            _remove_unused(copies, target)
    except OSError as error:
        raise _unreadable(error) from error
    return target.relative_to(root)


def _remove_unused(copies: Path, used: Path) -> None:
    """Remove the copies that no run has used for a day. The time of a use is the folder's status change time."""
    os.utime(used, (MODIFIED_AT, MODIFIED_AT))
    for other in copies.iterdir():
        with contextlib.suppress(FileNotFoundError):  # another run removes them too
            if other != used and other.stat().st_ctime < time.time() - _UNUSED_S:
                shutil.rmtree(other)


def _is_file_or_link(path: Path) -> bool:
    return path.is_symlink() or path.is_file()


def _refuse_links_that_lead_out(folder: Path, files: Iterable[str]) -> None:
    inside = folder.resolve()
    for name in files:
        link = folder / name
        if link.is_symlink() and not (link.exists() and link.resolve().is_relative_to(inside)):
            target = escaping.line(str(link.readlink()))
            raise BuildContextError(
                f"{escaping.line(name)} is a link to {target}, which is not among the files of the build: "
                "what it leads to differs between machines. Replace it by a file, or ignore it in .dockerignore"
            )


def _set_modes_and_times(folder: Path) -> None:
    for here, folders, files in os.walk(folder, topdown=False):
        for path in (Path(here) / name for name in [*folders, *files]):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
            os.utime(path, (MODIFIED_AT, MODIFIED_AT), follow_symlinks=False)
    folder.chmod(0o755)
    os.utime(folder, (MODIFIED_AT, MODIFIED_AT))


def _digest(folder: Path, files: Iterable[str]) -> str:
    total = hashlib.sha256()
    for name in files:
        path = folder / name
        entry = path.lstat()
        content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
        total.update(f"{entry.st_mode:o} {int(entry.st_mtime)} {len(content)} ".encode())
        total.update(os.fsencode(name) + b"\0" + content)
    return total.hexdigest()


def _files_below(folder: Path) -> list[str]:
    paths = (Path(here) / name for here, folders, files in os.walk(folder) for name in [*folders, *files])
    return sorted(path.relative_to(folder).as_posix() for path in paths if _is_file_or_link(path))


def _unreadable(error: OSError) -> BuildContextError:
    reason = error.strerror or str(error)
    return BuildContextError(f"the files of the build cannot be read: {escaping.line(str(error.filename))}: {reason}")
