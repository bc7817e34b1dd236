"""What a file's path says about it: its content type, and whether its name changes with its content.

Content types come from a table of this program and not from the machine's: the same build must have the same manifest
digest everywhere.
"""

import codecs
import fnmatch
import functools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

from settings.site_build import HASHED

Cache = Literal["immutable", "no-cache"]

CACHE_CONTROL: Final[dict[Cache, str]] = {
    "immutable": "public, max-age=31536000, immutable",
    "no-cache": "no-cache",
}

ENTRY: Final = "index.html"
"""The page that a visitor gets first."""
CONFIG: Final = "config.json"
"""What the site reads at run time: each environment's own."""
NOT_FOUND: Final = "404.html"
"""What a visitor gets for a miss of a site of many pages, if its build made one."""
VERSION: Final = "version.json"
"""What a build was made from."""
OTHER_TYPE: Final = "application/octet-stream"
_TABLE: Final = Path(__file__).with_name("mime.types")
"""Type and extensions, a line for each type; `python -m docs.media_types` writes it."""
_PLAIN: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json; charset=utf-8"
_WELL_KNOWN: Final = {
    # "Supporting associated domains", Apple Developer Documentation.
    "apple-app-site-association": _JSON,
    # "OpenID Provider Configuration Response", OpenID Connect Discovery 1.0; RFC 8414, section 3.2.
    "oauth-authorization-server": _JSON,
    "openid-configuration": _JSON,
}
"""Files whose names have no extension, and whose readers ask for a type."""
_TEXT: Final = re.compile(r"text/.*|.*\+(?:json|xml)|application/(?:json5?|sql|toml|x-ndjson|x-sh|xml|xml-dtd|yaml)")
"""Types of text. The build is taken to write UTF-8: without a charset, browsers guess."""

_EXTENSIONS: Final = r"(?:\.[A-Za-z0-9]+){1,3}$"
_NAMES: Final = tuple(
    re.compile(pattern + _EXTENSIONS)
    for pattern in (
        # Vite: index-DiwrgTda.js, Next.js: main-4f3c2a1b9d8e7f60.js. A hash that is longer than Vite's default has no
        # "-" in it, because it could not be told from the words of the name.
        r"^.+-(?P<hash>[A-Za-z0-9_]{8,64}|[A-Za-z0-9_-]{8})",
        # Create React App: main.4f3c2a1b.chunk.js.map, Astro: index.DiwrgTda.css, hero.CJzp9XqZ_Z1bVbVn.webp.
        r"^.+\.(?P<hash>[0-9a-f]{8,64}|[A-Za-z0-9_]{8}(?:_[A-Za-z0-9]+)?)",
        # Next.js: 4f3c2a1b9d8e7f60.css, 4f3c2a1b9d8e7f60-s.p.woff2.
        r"^(?P<hash>[0-9a-f]{16,64})(?:-[a-z])?",
    )
)
_HEXADECIMAL: Final = re.compile(r"[0-9a-f]+|[0-9A-F]+")
_DAY: Final = r"(?:0[1-9]|[12][0-9]|3[01])"
_YEAR: Final = r"(?:19|20)[0-9]{2}"
# 20231123 and 23112023, cafe2024, and numbers that are longer than a hash of 8.
_NUMBER: Final = re.compile(rf"{_YEAR}{_DAY}{_DAY}|{_DAY}{_DAY}{_YEAR}|[A-Fa-f]{{4}}{_YEAR}|[0-9]{{9,}}")
_HAS_VOWEL: Final = r"(?=[AEIOUY]|[A-Z]?[a-z]*[aeiouy])"
# word, Word, px, WORD; arrowLeft: in letters of chance, both parts are hardly ever so long.
_WORD: Final = rf"(?:{_HAS_VOWEL}[A-Z]?[a-z]+|[A-Z]?[a-z]{{1,2}}|[A-Z]+)"
_CAMEL_CASE: Final = rf"{_HAS_VOWEL}(?:[A-Z][a-z]{{3,}}|[a-z]{{4,}})(?:{_HAS_VOWEL}[A-Z][a-z]{{3,}})+"
_LONG_WORD: Final = rf"{_HAS_VOWEL}(?:{_CAMEL_CASE}|[A-Z]?[a-z]{{3,}})"
_LETTERS: Final = "(?:[A-Za-z]{1,12})"
# Words and numbers in turn, in forms that letters of chance hardly ever have.
_NUMBERED: Final = "|".join(
    (
        r"[0-9]+x[0-9]+(?:[a-z]{1,2}[0-9]*)?",  # 1920x1080
        rf"(?:{_LETTERS}[0-9]{{0,2}}|[0-9]{{1,2}})?{_LETTERS}?{_YEAR}(?:{_LETTERS}[0-9]{{0,2}})?{_LETTERS}?",  # FY2024
        rf"[0-9]+{_HAS_VOWEL}(?:{_CAMEL_CASE}|[A-Z]?[a-z]{{4,}})",  # 700italic
        rf"{_LONG_WORD}[0-9]+{_LONG_WORD}",  # step2diagram
        rf"{_LONG_WORD}[0-9]*[vV][0-9]+",  # policyV12
        r"[A-Z]{2,4}[0-9]{4,}[A-Za-z]",  # CMS1763e
        r"(?:[0-9]{2,}[a-z]{1,4}){2,}",  # 1080p60fps
    )
)
_PART: Final = rf"(?:(?:{_CAMEL_CASE}|{_WORD})[0-9]*|[0-9]+(?:T[0-9]+Z?)?|{_NUMBERED})"  # 20240101T1200
_WORDS: Final = re.compile(rf"{_PART}(?:[-_]{_PART})*")  # my-photo, IMG_1234, version2


def is_html(path: str) -> bool:
    """Whether `path` is a page, that is, something which points at other files and therefore goes last."""
    return path.lower().endswith((".html", ".htm"))


def content_type(path: str, beginning: bytes = b"\0") -> str:
    """The Content-Type that `path` is served with; binary for an extension that the table does not have.

    A name without an extension (LICENSE, CNAME, a token below `.well-known/`) says nothing: it is text if its
    `beginning`, which whoever hashes the file has read anyway, is UTF-8 without a NUL.
    """
    name = path.rpartition("/")[2].lower()
    stem, _, extension = name.rpartition(".")
    if stem and extension:
        return _table().get(extension, OTHER_TYPE)
    return _WELL_KNOWN.get(name) or (_PLAIN if _is_text(beginning) else OTHER_TYPE)


def cache_class(path: str, hashed: tuple[str, ...] = HASHED) -> Cache:
    """`immutable` for a file whose name carries the hash of its content, `no-cache` for all others.

    A file is taken for content-hashed when one of the globs `hashed` matches its path, and its name has a hash where
    bundlers write one: of 8 or more hexadecimal digits that are no date, or of characters that do not read as words or
    a number. `assets/photo-original.jpg`, `assets/icon-arrowLeft.svg`, `assets/report-20231123.pdf` and
    `assets/a-my-photo.png` are not. So a glob says where hashes are looked for, and not that there is one.

    The doubt goes to `no-cache`: a hashed file that is not recognised (of base64url one in eighty, of hexadecimal
    digits two in ten thousand, of base32 one in four) costs visitors a conditional request, while a plain file taken
    for a hashed one would be stale for a year. A release in which a content-hashed name comes back with other content
    is refused.
    """
    name = path.rpartition("/")[2]
    if is_html(name) or not _glob(hashed).match(path):
        return "no-cache"
    return "immutable" if any(_is_hash(match["hash"]) for match in _hashes(name)) else "no-cache"


def glob_problem(glob: str) -> str | None:
    """Why a glob of `hashed` would match no file of any build; None for one that may."""
    if not glob or glob.startswith("/") or not {".", ".."}.isdisjoint(glob.split("/")):
        return "expected a path in the build, such as assets/**"
    return f"a folder is written {glob}**" if glob.endswith("/") else None


@functools.cache
def _glob(globs: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(fnmatch.translate, globs)) or r"(?!)")


def _hashes(name: str) -> Iterator[re.Match[str]]:
    return (match for pattern in _NAMES if (match := pattern.match(name)))


def _is_hash(text: str) -> bool:
    return not (_NUMBER if _HEXADECIMAL.fullmatch(text) else _WORDS).fullmatch(text)


def _is_text(beginning: bytes) -> bool:
    try:
        # The beginning may end within a character.
        return "\0" not in codecs.getincrementaldecoder("utf-8")().decode(beginning)
    except UnicodeDecodeError:
        return False


@functools.cache
def _table() -> Mapping[str, str]:
    """Content-Type by extension, with the charset of text."""
    types: dict[str, str] = {}
    for line in _TABLE.read_text(encoding="ascii").splitlines():
        if not line.startswith("#"):
            name, *extensions = line.split(" ")
            types |= dict.fromkeys(extensions, f"{name}; charset=utf-8" if _TEXT.fullmatch(name) else name)
    return types
