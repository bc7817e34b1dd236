"""A build of the site, file by file, and the digest that identifies it in every environment."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from json.encoder import encode_basestring_ascii as quoted
from typing import Annotated, Any, Final

from functions import strict_json
from functions.strict_json import DamagedError, Form
from release.static.content import CACHE_CONTROL, Cache
from release.static.errors import ManifestError
from settings.site_build import Pages

VERSIONS: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,127}")
SiteVersion = Annotated[str, Form(VERSIONS.fullmatch, "a Git SHA")]
"""Of a manifest."""
_SHA256: Final = re.compile("[0-9a-f]{64}")
_FILES_IN_A_PIECE: Final = 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """One file of a build. `path` is relative, with "/"; `sha256` is hexadecimal; `size` is in bytes."""

    path: str
    size: Annotated[int, Form(lambda size: size >= 0, "0 or more bytes")]
    sha256: Annotated[str, Form(_SHA256.fullmatch, "64 hexadecimal digits")]
    content_type: str
    cache: Cache


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """All files of one build, sorted by path. What is written per environment (config.json) is not part of it."""

    version: SiteVersion
    files: tuple[File, ...]
    pages: Pages = "single"
    """What the build is: it is released and gone back to as that."""

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
        # As it was before there were sites of many pages, so that a build keeps its digest.
        pages = "" if self.pages == "single" else f',"pages":{quoted(self.pages)}'
        yield f']{pages},"version":{quoted(self.version)}}}'.encode()

    @classmethod
    def from_json(cls, text: bytes | str) -> "Manifest":
        """The manifest that `to_json` wrote. Raises ManifestError for anything else."""
        try:
            document = strict_json.decode(text)
            rows = document.get("files") if isinstance(document, dict) else None
            # Without its rows: with them it takes five times as long.
            manifest = strict_json.read(cls, {**document, "files": []} if isinstance(rows, list) else document)
            files = tuple(_file(row, at) for at, row in enumerate(rows or ()))
        except DamagedError as error:
            raise ManifestError(str(error)) from error
        paths = [file.path for file in files]
        if paths != sorted(set(paths)) or any(path.startswith("/") or ".." in path.split("/") for path in paths):
            raise ManifestError("its paths are out of order, or lead out of the site")
        return replace(manifest, files=files)


def _file(row: Any, at: int) -> File:
    """One file of a stored manifest. Raises DamagedError."""
    try:
        size, sha256, cache = row["size"], row["sha256"], row["cache"]
        texts = path, media_type = row["path"], row["contentType"]
        is_sound = type(size) is int and size >= 0 and cache in CACHE_CONTROL and _SHA256.fullmatch(sha256)
        if is_sound and [type(text) for text in texts] == [str, str]:
            return File(path=path, size=size, sha256=sha256, content_type=media_type, cache=cache)
    except (KeyError, TypeError):
        pass
    return strict_json.read(File, row, f"files[{at}]")  # which says what is wrong with it
