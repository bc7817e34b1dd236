"""A build of the site, file by file, and the digest that identifies it in every environment."""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final

from release import escaping, strict_json
from release.static import pages
from release.static.content import Cache, cache_class, content_type
from release.static.errors import ManifestError
from release.strict_json import DamagedError, Form
from release.version import is_digest

MAX_KEY_BYTES: Final = 1024
"""S3's limit of an object's key, in bytes of UTF-8."""
MAX_PATH_BYTES: Final = MAX_KEY_BYTES - len("static/") - 64 - len("/files/")
"""What the limit leaves for a path, as it is also part of a longer key in the records bucket."""
MAX_FILE_BYTES: Final = 5 * 1024**3
"""S3's limit of what one PutObject or CopyObject moves."""
HOW_TO_BUILD: Final = "to build it:  make frontend"

"""Of a manifest."""
SiteVersion = Annotated[str, Form(re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}").fullmatch, "a Git SHA")]
_MAX_VERSION_FILE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """One file of a build. `path` is relative, with "/"; `sha256` is hexadecimal; `size` is in bytes."""

    path: str
    size: Annotated[int, Form(lambda size: size >= 0, "0 or more bytes")]
    sha256: Annotated[str, Form(re.compile("[0-9a-f]{64}").fullmatch, "64 hexadecimal digits")]
    content_type: str
    cache: Cache


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All files of one build, sorted by path. What is written per environment (config.json) is not part of it."""

    version: SiteVersion
    files: tuple[File, ...]

    @cached_property
    def digest(self) -> str:
        """`sha256:<hex>` over the canonical JSON: the same build has the same digest in every environment."""
        return "sha256:" + hashlib.sha256(self.to_json()).hexdigest()

    @property
    def immutable(self) -> list[File]:
        """The files whose names change with their content."""
        return [file for file in self.files if file.cache == "immutable"]

    @property
    def mutable(self) -> list[File]:
        """The files that keep their names from release to release; pages are among them."""
        return [file for file in self.files if file.cache != "immutable"]

    def to_json(self) -> bytes:
        """The canonical form: sorted, without white space, ASCII."""
        files = [
            {"cache": f.cache, "contentType": f.content_type, "path": f.path, "sha256": f.sha256, "size": f.size}
            for f in self.files
        ]
        document = {"files": files, "version": self.version}
        return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()

    @classmethod
    def from_json(cls, text: bytes | str) -> "Manifest":
        """The manifest that `to_json` wrote. Raises ManifestError for anything else."""
        try:
            found = strict_json.read(cls, strict_json.decode(text))
        except DamagedError as error:
            raise ManifestError(str(error)) from error
        paths = [file.path for file in found.files]
        if paths != sorted(set(paths)) or any(path.startswith("/") or ".." in path.split("/") for path in paths):
            raise ManifestError("its paths are out of order, or lead out of the site")
        return found


@dataclass(frozen=True)
class Built:
    version: SiteVersion


def checked_digest(value: str) -> str:
    """The hexadecimal part of `sha256:<hex>`. Raises ManifestError for another form."""
    if not is_digest(value):
        raise ManifestError(f"a manifest's digest is sha256:<64 hexadecimal digits>, not {value!r}")
    return value.removeprefix("sha256:")


@contextmanager
def _readable() -> Iterator[None]:
    """A file that vanishes or cannot be read is a ManifestError that names it."""
    try:
        yield
    except OSError as error:
        name = escaping.line(str(error.filename))
        raise ManifestError(f"{name} cannot be read ({error.strerror}); {HOW_TO_BUILD}") from error


@_readable()
def from_folder(folder: Path) -> Manifest:
    """The manifest of a built site; files are read in pieces. Raises ManifestError for anything else."""
    if not folder.is_dir():
        raise ManifestError(f"{folder} is not a folder; {HOW_TO_BUILD}")
    root = folder.resolve()
    paths = sorted(_walk(folder, root, ""))
    if not paths:
        raise ManifestError(f"{folder} is empty; {HOW_TO_BUILD}")
    present = set(paths)
    if "index.html" not in present:
        raise ManifestError(f"{folder} has no index.html, so there is no page to show; {HOW_TO_BUILD}")
    if "config.json" in present:
        raise ManifestError(
            f"{folder} has a config.json; a release writes that file for each environment from its settings: "
            "take it out of the build (out of `public/`, say)"
        )
    if "version.json" not in present:
        raise ManifestError(f"{folder} has no version.json, so nothing says what it was built from; {HOW_TO_BUILD}")
    version = _read_version(folder / "version.json")
    return Manifest(version=version, files=tuple(_describe(folder, path) for path in paths))


@_readable()
def of_build(folder: Path, version: str) -> Manifest:
    """The manifest of the site that was built as `version`.

    Raises ManifestError for another one as well, and for one whose pages cannot be shown with what is in it.
    """
    built = from_folder(folder)
    if built.version != version:
        raise ManifestError(f"{folder} was built from {built.version}, and {version} is to be released; {HOW_TO_BUILD}")
    # config.json is each environment's own.
    problem = pages.problem(folder, {"config.json", *(file.path for file in built.files)})
    if problem is not None:
        raise ManifestError(f"{problem}; {HOW_TO_BUILD}")
    return built


def _walk(folder: Path, root: Path, prefix: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            _check_path(path)
            if entry.is_symlink():
                # Not `resolve`, which raises RuntimeError for links that lead to each other.
                target = Path(os.path.realpath(entry.path))
                shown = escaping.line(str(target))
                if not target.is_relative_to(root):
                    raise ManifestError(
                        f"{path} is a link to {shown}, outside of {root}; a release holds what was built and "
                        "nothing else: copy the file into the build, or remove the link"
                    )
                if not target.is_file():
                    raise ManifestError(f"{path} is a link to {shown}, which is no file: copy it, or remove the link")
                yield path
            elif entry.is_dir():
                yield from _walk(Path(entry.path), root, path + "/")
            elif entry.is_file():
                yield path
            else:
                raise ManifestError(f"{path} is neither a file nor a folder; remove it from the build")


def _check_path(path: str) -> None:
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        raise ManifestError(f"{path!a} is not UTF-8, which S3 requires of a key; rename the file") from None
    if length > MAX_PATH_BYTES:
        raise ManifestError(f"{path} is {length} bytes long; S3 leaves {MAX_PATH_BYTES} bytes for a path: shorten it")
    if "+" in path:  # "Naming Amazon S3 objects", Amazon S3 User Guide: browsers send it as it is
        raise ManifestError(
            f"{path} has a + in its name, which S3 reads as a space when a browser asks for it: it is not found; "
            "rename it, or have the bundler name its files without +"
        )
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        raise ManifestError(f"{path!a} has a control character in its name; rename the file")


def _read_version(file: Path) -> str:
    with file.open("rb") as opened:
        text = opened.read(_MAX_VERSION_FILE_BYTES)
    try:
        return strict_json.read(Built, strict_json.decode(text)).version
    except DamagedError as error:
        raise ManifestError(
            f'{file} must hold {{"version": "<git sha>"}}, not {text[:80]!r} ({error}); {HOW_TO_BUILD}'
        ) from error


def _describe(folder: Path, path: str) -> File:
    with (folder / path).open("rb") as opened:
        sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        size = opened.tell()
    if size > MAX_FILE_BYTES:
        raise ManifestError(f"{path} is {size} bytes; one file of a site may have {MAX_FILE_BYTES} bytes at most (S3)")
    return File(path=path, size=size, sha256=sha256, content_type=content_type(path), cache=cache_class(path))
