"""What the pages of a build need to be shown: the local files that they name, and whether the build has them.

Links that a visitor follows (`<a href>`) do not count: the application may route them itself. What style sheets and
scripts load is not looked at, and whether a page renders is not known.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote, unquote_plus, urljoin, urlsplit

from release.static.content import ENTRY, is_html
from settings import path_patterns
from settings.site_build import Pages

MAX_NAMED: Final = 5
"""References that are named in one message; the others are counted."""

_SITE: Final = "https://site.invalid"
_LOADED: Final[Mapping[str, tuple[str, ...]]] = {
    "audio": ("src",),
    "embed": ("src",),
    "feimage": ("href", "xlink:href"),
    "frame": ("src",),
    "iframe": ("src",),
    "image": ("href", "xlink:href"),
    "img": ("src", "srcset"),
    "input": ("src",),
    "link": ("href", "imagesrcset"),
    "object": ("data",),
    "script": ("src", "href", "xlink:href"),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href", "xlink:href"),
    "video": ("src", "poster"),
}
"""Attributes of elements whose addresses a browser loads with the page: the HTML and SVG standards."""
_MAY_NAME: Final = re.compile(rf"(<({'|'.join(_LOADED)})(?=[\t\n\r\f />\0])[^<]*)", re.IGNORECASE)
_NEEDS_ALL: Final = re.compile(r"<base|<!\[", re.IGNORECASE)
"""What changes how the rest is read, or that it can be read."""
_PAGES: Final = {"embed", "frame", "iframe", "object"}
"""Elements that may show a page: one of the application is as good as a file."""
_RELATIONS: Final = {
    "apple-touch-icon",
    "apple-touch-icon-precomposed",
    "icon",
    "manifest",
    "mask-icon",
    "modulepreload",
    "preload",
    "stylesheet",
}
"""Kinds of `<link>` that are loaded; others name addresses for search engines, readers and later."""
_SHOWN: Final = {"audio", "button", "embed", "frame", "iframe", "img", "input", "object", "svg", "video"}
_QUOTED_DOTS: Final = re.compile(r"(?:^|(?<=/))(?:\.|%2[eE]){1,2}(?=[/?#]|$)")
_TEXT: Final = {"textarea", "title"}
"""Elements in which tags are text: "Parsing elements that contain only text", the HTML standard."""
_SILENT: Final = {"noscript", "script", "style", "template", "title"}
"""Elements whose text is not shown, where a browser runs scripts."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """One address that a page has a browser load."""

    address: str
    where: str
    """Element and attribute, for example `script src`."""
    page: bool
    """It may be a page of the application as well."""


@dataclass(frozen=True, kw_only=True)
class _Site:
    """What CloudFront answers with."""

    paths: Collection[str]
    """Of its own files."""
    pages: Pages
    other_origins: Collection[str]
    """Path patterns of what is asked elsewhere."""


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.references: list[Reference] = []
        self.tags: list[str] = []
        self.base = ""
        self.has_content = False
        self._silent: list[str] = []
        self._text = ""
        """The open element in which tags are text."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._text:
            return
        self._text = tag if tag in _TEXT else ""
        self.tags.append(self.get_starttag_text() or "")
        values = {name: (value or "").strip() for name, value in reversed(attrs)}  # the first one counts
        if "template" not in self._silent:
            self.base = self.base or (values.get("href", "") if tag == "base" else "")
            self.references += _named(tag, values)
            refreshes = tag == "meta" and values.get("http-equiv", "").lower() == "refresh"
            if refreshes or (tag in _SHOWN and "noscript" not in self._silent) or (tag == "script" and "src" in values):
                self.has_content = True
        if tag in _SILENT:
            self._silent.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._text and tag != self._text:
            return
        self._text = ""
        if tag in self._silent:
            del self._silent[self._silent.index(tag) :]

    def handle_data(self, data: str) -> None:
        if data.strip() and (not self._silent or self._silent == ["script"]):
            self.has_content = True


def problems(
    folder: Path, paths: Collection[str], pages: Pages = "single", other_origins: Collection[str] = ()
) -> list[str]:
    """What is wrong with the pages of a build: some are empty, or name local files that are not in `paths`.

    `other_origins`: path patterns of what CloudFront asks another origin for, where the build has no say.
    """
    site = _Site(paths=paths, pages=pages, other_origins=other_origins)
    wrong: list[str] = []
    missing: list[str] = []
    for path in sorted(path for path in paths if is_html(path)):
        body = (folder / path).read_bytes()
        if not body.strip():
            wrong.append(f"{path} in {folder} is empty")
            continue
        more = None if path == ENTRY else references_or_more(body)
        if more is not None and not any(_missing(path, "", more, site)):
            continue
        try:
            page = _read(body)
        except AssertionError as error:  # html.parser raises it for declarations that it does not know
            wrong.append(f"{path} in {folder} is not HTML that can be read: {error}")
            continue
        if path == ENTRY and not page.has_content:
            wrong.append(f"{path} in {folder} has nothing to show and loads no script")
        missing += _missing(path, page.base, page.references, site)
    if missing:
        named = list(dict.fromkeys(missing))
        more_of_them = f"; and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
        needs = "; ".join(named[:MAX_NAMED])
        wrong.append(
            f"pages in {folder} need files that the site will not have: {needs}{more_of_them} (what CloudFront asks "
            "another origin for is in the paths of a service, or in --other-origin of a site alone)"
        )
    return wrong


def _missing(path: str, base: str, references: Iterable[Reference], site: _Site) -> Iterator[str]:
    for reference in references:
        named = _path(path, base, reference, site)
        if named is not None and _file(named, site, page=reference.page) is None:
            yield f"{path} names {reference.address} ({reference.where}): {_why(reference, named, site.paths)}"


def references_or_more(body: bytes) -> list[Reference] | None:
    """The references of a page, and of its comments, scripts and templates; None if the whole page has to be read.

    Only the tags that may name a file are parsed, each up to the next "<". One that does not end there is not what the
    parser finds in its place.
    """
    text = _decoded(body)
    if _NEEDS_ALL.search(text):
        return None
    tags = _MAY_NAME.findall(text)
    page = _parsed("".join(f"{tag}</{name}>" for tag, name in tags))
    same = len(page.tags) == len(tags) and all(map(str.startswith, (tag for tag, _ in tags), page.tags))
    return page.references if same else None


def needed_by_entry(
    body: bytes, paths: Collection[str], pages: Pages = "single", other_origins: Collection[str] = ()
) -> set[str]:
    """Which of `paths` the entry page, which is `body`, has a browser load from the site's own files."""
    try:
        page = _read(body)
    except AssertionError:
        return set()  # of a release that was built before `problem` was asked
    site = _Site(paths=paths, pages=pages, other_origins=other_origins)
    named = ((_path(ENTRY, page.base, reference, site), reference.page) for reference in page.references)
    files = {_file(path, site, page=is_page) for path, is_page in named if path is not None}
    return {file for file in files if file is not None} - {ENTRY}


def _read(body: bytes) -> _Page:
    return _parsed(_decoded(body))


def _decoded(body: bytes) -> str:
    return body.decode("utf-8-sig", errors="replace")


def _parsed(text: str) -> _Page:
    page = _Page()
    page.feed(text)
    page.close()
    return page


def _named(tag: str, values: Mapping[str, str]) -> Iterator[Reference]:
    """The addresses that one element has a browser load."""
    relations = set(values.get("rel", "").lower().split())
    if (tag == "link" and not relations & _RELATIONS) or (tag == "input" and values.get("type", "").lower() != "image"):
        return
    for attribute in _LOADED.get(tag, ()):
        text = values.get(attribute, "")
        if "{{" in text:  # of a template, which a script fills in
            continue
        for one in _candidates(text) if attribute.endswith("srcset") else [text]:
            if one and not one.startswith("#"):
                yield Reference(address=one, where=f"{tag} {attribute}", page=tag in _PAGES)


def _candidates(srcset: str) -> Iterator[str]:
    """The addresses of a `srcset`: an address ends with white space, or with a comma before some."""
    rest = srcset
    while match := re.match(r"[\s,]*(\S+)", rest):
        rest = rest[match.end() :]
        if not match[1].endswith(","):
            rest = rest.partition(",")[2]
        yield match[1].rstrip(",")


def _path(page: str, base: str, reference: Reference, site: _Site) -> str | None:
    """The path in the site that an address leads to, without the first "/"; None for another site or origin.

    S3 reads "+" in a path as a space: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
    """
    # As browsers read an address: "\" is "/", and a part that consists of dots may be quoted.
    text = _QUOTED_DOTS.sub(lambda dots: dots[0].lower().replace("%2e", "."), reference.address.replace("\\", "/"))
    try:
        parts = urlsplit(urljoin(urljoin(f"{_SITE}/{quote(page)}", base), text))
    except ValueError:
        return text  # no address at all, and no file
    if f"{parts.scheme}://{parts.netloc}" != _SITE or _is_of_one(site.other_origins, unquote(parts.path)):
        return None
    return unquote_plus(parts.path).removeprefix("/")


def _is_of_one(patterns: Collection[str], path: str) -> bool:
    return any(path_patterns.matches(pattern, path) for pattern in patterns)


def _file(path: str, site: _Site, *, page: bool) -> str | None:
    """The file that the site answers with; None for one that is as good as none.

    For a `page`, also a folder's index.html; of a site of many pages the .html file of that name, of any other, where
    the path names no file, the application's page. Below assets/ only files are served.
    """
    if path in site.paths:
        return path
    index = f"{path}{'/' if path and not path.endswith('/') else ''}{ENTRY}"
    if page and index in site.paths:
        return index
    if site.pages == "multi":
        named = f"{path.removesuffix('/')}.html"
        return named if page and named in site.paths else None
    names_a_file = path.startswith("assets/") or "." in path.rpartition("/")[2]
    return ENTRY if page and not names_a_file else None


def _why(reference: Reference, path: str, paths: Collection[str]) -> str:
    if "+" in reference.address and path.replace(" ", "+") in paths:
        return "S3 reads + as a space: write %2B, or rename the file"
    return "it is not in the build"
