"""What a file's path says about it: its content type, and whether its name changes with its content.

Content types come from this table and not from the machine's: the same build must have the same manifest digest
everywhere.
"""

import re
from pathlib import PurePosixPath
from typing import Final, Literal

Cache = Literal["immutable", "no-cache"]

CACHE_CONTROL: Final[dict[Cache, str]] = {
    "immutable": "public, max-age=31536000, immutable",
    "no-cache": "no-cache",
}

_TYPES: Final = {
    ".avif": "image/avif",
    ".css": "text/css; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".eot": "application/vnd.ms-fontobject",
    ".gif": "image/gif",
    ".gz": "application/gzip",
    ".htm": "text/html; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".map": "application/json; charset=utf-8",
    ".md": "text/markdown; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".otf": "font/otf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml; charset=utf-8",
    ".ttf": "font/ttf",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".webm": "video/webm",
    ".webmanifest": "application/manifest+json; charset=utf-8",
    ".webp": "image/webp",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".xml": "application/xml; charset=utf-8",
    ".zip": "application/zip",
}
OTHER_TYPE: Final = "application/octet-stream"

# Vite's default: assets/<name>-<8 characters of base64url>.<ext>; a hash that was configured to be longer is accepted
# as far as it has no "-" in it, because it could not be told from the words of the name.
_HASHED: Final = re.compile(r"^.+-(?P<hash>[A-Za-z0-9_]{8,32}|[A-Za-z0-9_-]{8})(?:\.[A-Za-z0-9]+){1,2}$")
_WORDS: Final = re.compile(
    r"""(?:[A-Z]?[a-z]*|[A-Z]+)[0-9]*              # word, Word, WORD, word2, 20231123
        (?:[-_](?:[A-Z]?[a-z]*|[A-Z]+)[0-9]*)*     # more of them: my-photo, IMG_1234""",
    re.VERBOSE,
)


def is_html(path: str) -> bool:
    """Whether `path` is a page, that is, something which points at other files and therefore goes last."""
    return path.lower().endswith((".html", ".htm"))


def content_type(path: str) -> str:
    """The Content-Type that `path` is served with; binary for an extension that the table does not have."""
    return _TYPES.get(PurePosixPath(path).suffix.lower(), OTHER_TYPE)


def cache_class(path: str) -> Cache:
    """`immutable` for a file whose name carries the hash of its content, `no-cache` for all others.

    A file is taken for content-hashed when the bundler put it under `assets/` and its name ends in `-<hash>.<ext>`,
    where the hash does not read as words or a number: `assets/photo-original.jpg`, `assets/report-20231123.pdf` and
    `assets/a-my-photo.png` are not. The doubt goes to `no-cache`: a hashed file that is not recognised (about one in
    a hundred) costs visitors a conditional request, while a plain file taken for a hashed one would be stale for a
    year. A release in which a content-hashed name comes back with other content is refused, see `plan.check_names`.
    """
    folder, _, name = path.rpartition("/")
    if folder.split("/")[0] != "assets" or is_html(name):
        return "no-cache"
    match = _HASHED.match(name)
    return "immutable" if match and not _WORDS.fullmatch(match["hash"]) else "no-cache"
