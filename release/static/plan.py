"""The decisions of a static release. Pure: everything that they know is in their arguments."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from release.static.content import is_html
from release.static.errors import StaticReleaseError
from release.static.manifest import File, Manifest
from release.version import short

CONFIG: Final = "config.json"
MAX_INVALIDATION_PATHS: Final = 1000
"""More than this become one `/*`: CloudFront has at most 3,000 paths in progress for a distribution."""

_UNQUOTED: Final = "/~$+!'(),@:;=&"
"""CloudFront finds a path only if it is quoted as in RFC 1738: this much, and no more. "*" would be a wildcard."""


@dataclass(frozen=True, kw_only=True)
class Uploads:
    """What staging does, in this order: the files that pages point at, then what is kept for activation."""

    assets: Sequence[File]
    """Content-hashed files, to their place in the site bucket; nothing that is served now changes."""
    kept: Sequence[File]
    """Files that keep their names, pages too, into the records bucket, where no visitor sees them."""


@dataclass(frozen=True, kw_only=True)
class Switch:
    """What activation does, in this order."""

    other: Sequence[File]
    config: bool
    pages: Sequence[File]
    """HTML, `index.html` the very last: a page goes live when everything that it points at has."""
    invalidate: Sequence[str]
    """Paths as CloudFront takes them, sorted."""


def check_names(manifest: Manifest, kept: Manifest) -> None:
    """Raises StaticReleaseError if a content-hashed path of one comes with other content in the other.

    Browsers keep such a file for a year and would not ask again; and one of the two could not be gone back to.
    """
    there = {file.path: file for file in kept.files}
    clashes = [
        (file, before)
        for file in manifest.files
        if (before := there.get(file.path))
        and before.sha256 != file.sha256
        and "immutable" in (file.cache, before.cache)
    ]
    if not clashes:
        return
    file, before = clashes[0]
    more = f" (and {len(clashes) - 1} more such files)" if len(clashes) > 1 else ""
    raise StaticReleaseError(
        f"{file.path} of {_named(manifest)} has other content (SHA-256 {file.sha256[:12]}) than in {_named(kept)}, "
        f"which is kept here (SHA-256 {before.sha256[:12]}){more}. Give the new content a new name, as a build does "
        "that hashes what it writes, or move the file out of assets/: browsers keep a file with such a name for a year"
    )


def uploads(*, manifest: Manifest, known: Manifest | None, assets: Mapping[str, int], kept: Collection[str]) -> Uploads:
    """What the buckets lack of `manifest`.

    `known` is the manifest whose files are all there (the active one); `assets` (path to size) and `kept` are what an
    interrupted staging of the same manifest left.
    """
    there = {} if known is None else {file.path: file for file in known.immutable}
    lacking = [
        file
        for file in manifest.immutable
        # One that is there may differ all the same: its content type is known better now.
        if there.get(file.path) != file and (file.path in there or assets.get(file.path) != file.size)
    ]
    return Uploads(assets=lacking, kept=[file for file in manifest.mutable if file.path not in kept])


def switch(*, target: Manifest, active: Manifest | None, config_changed: bool) -> Switch:
    """What must be written so that the site is `target`, given that it is `active`.

    `active` is None when that is not known for sure: after an activation that did not end, or before the first.
    What only `active` has is left: a page that a visitor has open may still ask for it, and expiry removes it later.
    """
    before = {} if active is None else {file.path: file for file in active.mutable}
    changed = [file for file in target.mutable if before.get(file.path) != file]
    pages = [file for file in changed if is_html(file.path)]
    pages.sort(key=lambda file: (file.path == "index.html", file.path))
    paths = [file.path for file in changed] + ([CONFIG] if config_changed else [])
    return Switch(
        other=[file for file in changed if not is_html(file.path)],
        config=config_changed,
        pages=pages,
        invalidate=invalidation(paths),
    )


def invalidation(paths: Iterable[str]) -> list[str]:
    """The invalidation paths for `paths`. The root page is also cached as "/"."""
    found = {"/" + quote(path, safe=_UNQUOTED) for path in paths}
    if "/index.html" in found:
        found.add("/")
    return sorted(found) if len(found) <= MAX_INVALIDATION_PATHS else ["/*"]


def keep(*, complete: Sequence[str], history: Sequence[str], count: int, named: Collection[str]) -> set[str]:
    """The manifest digests that expiry leaves alone: the last `count` staged, the last `count` active, and `named`.

    `complete` is sorted by when it was staged, `history` by when it was active; both with the newest first.
    """
    return {*complete[:count], *history[:count], *named}


def _named(manifest: Manifest) -> str:
    return f"{short(manifest.version)} (manifest {manifest.digest[:19]})"


def removable(*, removed: Manifest, kept: Collection[str]) -> list[str]:
    """The site bucket's paths that `removed` named and no manifest in force does; `kept` is all of theirs."""
    return [file.path for file in removed.files if file.path not in kept]
