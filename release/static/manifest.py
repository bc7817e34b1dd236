"""A build of the site, file by file, and the digest that identifies it in every environment."""

import hashlib
import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from json.encoder import encode_basestring_ascii as quoted
from pathlib import Path
from typing import Annotated, Final

from functions import strict_json
from functions.strict_json import DamagedError, Form
from release import escaping
from release.static import scan, unfit
from release.static.content import CONFIG, ENTRY, VERSION, Cache, cache_class, content_type
from release.static.errors import ManifestError, NotBuiltError
from release.version import is_digest

_VERSION: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
_VERSION_FORM: Final = "1 to 128 letters, digits, points, _ and -, a letter or digit first"
SiteVersion = Annotated[str, Form(_VERSION.fullmatch, "a Git SHA")]
"""Of a manifest."""
_MAX_VERSION_FILE_BYTES: Final = 64 * 1024
_FILES_IN_A_PIECE: Final = 1000


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
        content = hashlib.sha256()
        for piece in self._json():
            content.update(piece)
        return f"sha256:{content.hexdigest()}"

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
        return b"".join(self._json())

    def _json(self) -> Iterator[bytes]:
        """Piece by piece: of a hundred thousand files, objects for all of it would be several times its size."""
        yield b'{"files":['
        for start in range(0, len(self.files), _FILES_IN_A_PIECE):
            piece = ",".join(
                f'{{"cache":{quoted(file.cache)},"contentType":{quoted(file.content_type)},"path":{quoted(file.path)},'
                f'"sha256":{quoted(file.sha256)},"size":{file.size}}}'
                for file in self.files[start : start + _FILES_IN_A_PIECE]
            )
            yield f"{',' if start else ''}{piece}".encode()
        yield f'],"version":{quoted(self.version)}}}'.encode()

    @classmethod
    def from_json(cls, text: bytes | str) -> "Manifest":
        """The manifest that `to_json` wrote. Raises ManifestError for anything else."""
        try:
            manifest = strict_json.read(cls, strict_json.decode(text))
        except DamagedError as error:
            raise ManifestError(str(error)) from error
        paths = [file.path for file in manifest.files]
        if paths != sorted(set(paths)) or any(path.startswith("/") or ".." in path.split("/") for path in paths):
            raise ManifestError("its paths are out of order, or lead out of the site")
        return manifest


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
    """A file that vanishes or cannot be read is a NotBuiltError that names it."""
    try:
        yield
    except OSError as error:
        name = escaping.line(str(error.filename))
        raise NotBuiltError(f"{name} cannot be read ({error.strerror})") from error


def check_is_folder(path: Path) -> None:
    """Raises NotBuiltError for what is none."""
    if not path.is_dir():
        raise NotBuiltError(f"{path} is not a folder")


@_readable()
def from_folder(
    folder: Path, *, version: str | None = None, allowed: Collection[str] | None = (), config_is_written: bool = True
) -> Manifest:
    """The manifest of a built site; files are read in pieces, each once.

    `version` is what it was built from, by default what its version.json says. `allowed` are the paths of unfit files
    that are public on purpose; None takes any, for a folder that was held to them before. With `config_is_written` the
    site's config.json is written for each environment, and may not be part of the build.

    Raises ManifestError for anything else.
    """
    check_is_folder(folder)
    paths = sorted(scan.paths(str(folder), str(folder.resolve())))
    if not paths:
        raise NotBuiltError(f"{folder} is empty")
    present = set(paths)
    if ENTRY not in present:
        raise NotBuiltError(f"{folder} has no {ENTRY}, so there is no page to show")
    if config_is_written and CONFIG in present:
        raise ManifestError(
            f"{folder} has a {CONFIG}; a release writes that file for each environment from its settings: "
            "take it out of the build (out of `public/`, say)"
        )
    if version is None:
        if VERSION not in present:
            raise NotBuiltError(f"{folder} has no {VERSION}, so nothing says what it was built from")
        version = _read_version(folder / VERSION)
    elif not _VERSION.fullmatch(version):
        raise ManifestError(f"the version is {version!r}, expected {_VERSION_FORM}, for example a Git SHA")
    unfit_paths = {path: reason for path in paths if (reason := unfit.by_name(path))}
    if allowed is not None:
        unfit.check(unfit_paths, allowed)
    scan.check_distinct(paths)
    files = []
    for path in paths:
        size, sha256, head = scan.read(str(folder), path)
        if reason := unfit.by_beginning(head):
            unfit_paths[path] = reason
        files.append(
            File(path=path, size=size, sha256=sha256, content_type=content_type(path, head), cache=cache_class(path))
        )
    if allowed is not None:
        unfit.check(unfit_paths, allowed)
        unfit.check_allowed(allowed, unfit_paths)
    return Manifest(version=version, files=tuple(files))


@_readable()
def check_pages(folder: Path, manifest: Manifest, *, config_is_written: bool = True) -> None:
    """Raises NotBuiltError if a page of the build cannot be shown with what is in it. Reads every page."""
    from release.static import pages  # noqa: PLC0415 - a release that changes nothing has no use for a parser of HTML

    problem = pages.problem(folder, {*(file.path for file in manifest.files), *([CONFIG] if config_is_written else [])})
    if problem is not None:
        raise NotBuiltError(problem)


def of_build(folder: Path, version: str, *, allowed: Collection[str] = ()) -> Manifest:
    """The manifest of the site that was built as `version`, by this project's own build.

    Raises ManifestError for another one as well, and for one whose pages cannot be shown with what is in it.
    """
    try:
        built = from_folder(folder, allowed=allowed)
        if built.version != version:
            raise NotBuiltError(  # noqa: TRY301 - it gets the same end as what the calls around it raise
                f"{folder} was built from {built.version}, and {version} is to be released"
            )
        check_pages(folder, built)
    except NotBuiltError as error:
        raise ManifestError(f"{error}; to build it:  make frontend") from error
    return built


def _read_version(file: Path) -> str:
    with file.open("rb") as opened:
        text = opened.read(_MAX_VERSION_FILE_BYTES)
    try:
        return strict_json.read(Built, strict_json.decode(text)).version
    except DamagedError as error:
        raise NotBuiltError(f'{file} must hold {{"version": "<git sha>"}}, not {text[:80]!r} ({error})') from error
