"""The decisions of a static release. Pure: everything that they know is in their arguments."""

from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain, takewhile
from typing import Final
from urllib.parse import quote

from release.static.catalog import Catalog, Expiring, Purged
from release.static.content import CONFIG, ENTRY, is_html
from release.static.errors import StaticReleaseError
from release.static.manifest import File, Manifest
from release.version import short

MAX_INVALIDATION_PATHS: Final = 1000
"""More than this become one `/*`: CloudFront has at most 3,000 paths in progress for a distribution."""

_UNQUOTED: Final = "/~$+!'(),@:;=&"
"""CloudFront finds a path only if it is quoted as in RFC 1738: this much, and no more. "*" would be a wildcard."""


@dataclass(frozen=True, kw_only=True)
class Uploads:
    """What staging brings; nothing that is served now changes."""

    assets: Sequence[File]
    """Content-hashed files, to their place in the site bucket."""
    blobs: Sequence[File]
    """Files that keep their names, pages too, each content once, into the records bucket, which no visitor sees."""


@dataclass(frozen=True, kw_only=True)
class Switch:
    """What activation does, in this order."""

    other: Sequence[File]
    config: bool
    pages: Sequence[Sequence[File]]
    """HTML in waves, each of which may be written in any order: pages that are new, to which no page links yet; then
    those that change; `index.html` the very last. A page goes live when everything that it points at has."""
    removed: Sequence[str]
    """Paths that the site is no longer to have."""
    invalidate: Sequence[str]
    """Paths as CloudFront takes them, sorted."""

    @property
    def files(self) -> list[File]:
        """All that are written, in this order."""
        return [*self.other, *chain.from_iterable(self.pages)]


def check_names(manifest: Manifest, kept: Manifest) -> None:
    """Raises StaticReleaseError if a content-hashed path of one comes with other content in the other.

    Browsers keep such a file for a year and would not ask again; and one of the two could not be gone back to.
    """
    kept_files = {file.path: file for file in kept.files}
    clashes = [
        (file, kept_file)
        for file in manifest.files
        if (kept_file := kept_files.get(file.path))
        and kept_file.sha256 != file.sha256
        and "immutable" in (file.cache, kept_file.cache)
    ]
    if not clashes:
        return
    file, kept_file = clashes[0]
    more = f" (and {len(clashes) - 1} more such files)" if len(clashes) > 1 else ""
    raise StaticReleaseError(
        f"{file.path} of {_named(manifest)} has other content (SHA-256 {file.sha256[:12]}) than in {_named(kept)}, "
        f"which is kept here (SHA-256 {kept_file.sha256[:12]}){more}. Give the new content a new name, as a build does "
        "that hashes what it writes, or one without a hash: browsers keep a file with such a name for a year. Where "
        "names have hashes is said by the globs in hashed of the site's settings, or by --hashed"
    )


def check_purged(manifest: Manifest, purged: Iterable[Purged]) -> None:
    """Raises StaticReleaseError if the manifest has a file that was purged."""
    contents = {(file.path, file.sha256) for file in manifest.files}
    for content in purged:
        if (content.path, content.sha256) in contents:
            why = f"; {content.reason}" if content.reason else ""
            raise StaticReleaseError(
                f"{content.path} of {_named(manifest)} was purged here by {content.by} at {content.at} (SHA-256 "
                f"{content.sha256[:12]}{why}), so that nobody gets it again: take it out of the build, or change it"
            )


def check_expiring(manifest: Manifest, expiring: Expiring) -> None:
    """Raises StaticReleaseError if the manifest has something that another run may be deleting."""
    going = {*expiring.assets, *expiring.blobs}
    paths = [file.path for file in manifest.files if file.path in going or file.sha256 in going]
    if manifest.digest in expiring.manifests:
        paths.append("the manifest")
    if paths:
        raise StaticReleaseError(
            f"{paths[0]} of {_named(manifest)} is being deleted since {expiring.since:%Y-%m-%d %H:%M:%S} UTC, by a "
            "publish that forgets older releases, and whether that is alive is not known: run this again when it has "
            "ended\n  if it is dead:  run this again with --take-over"
        )


def purged(manifest: Manifest, *, here: Sequence[Purged], upstream: Iterable[Purged]) -> tuple[Purged, ...]:
    """What is purged here, and of this manifest in the environment before."""
    not_purged_here = {(file.path, file.sha256) for file in manifest.files} - {
        (content.path, content.sha256) for content in here
    }
    return (*here, *(content for content in upstream if (content.path, content.sha256) in not_purged_here))


def uploads(
    *, manifest: Manifest, catalog: Catalog, assets: Collection[str] = (), blobs: Collection[str] = ()
) -> Uploads:
    """What the buckets lack of `manifest`; `assets` (paths) and `blobs` are what an interrupted staging of it left."""

    def is_there(file: File) -> bool:
        asset = catalog.assets.get(file.path)
        # One that is there may differ all the same: its content type is known better now.
        same = asset is not None and (asset.sha256, asset.content_type) == (file.sha256, file.content_type)
        return same or (asset is None and file.path in assets)

    contents = {file.sha256: file for file in manifest.mutable}
    return Uploads(
        assets=[file for file in manifest.immutable if not is_there(file)],
        blobs=[file for sha256, file in contents.items() if sha256 not in catalog.blobs and sha256 not in blobs],
    )


def switch(
    *,
    target: Manifest,
    active: Manifest | None,
    present: Collection[str],
    leftover: Iterable[str],
    config_changed: bool,
) -> Switch:
    """What must be done so that the site is `target`, given that it is `active`.

    `active` is None when that is not known for sure: after an activation that did not end, or before the first.
    `present` are the paths of which the site has some file, `leftover` those of files that keep their names and that it
    is not to have any more. Content-hashed ones stay: a page that a visitor has open may still ask for them, and expiry
    removes them later.
    """
    active_files = {} if active is None else {file.path: file for file in active.mutable}
    changed = [file for file in target.mutable if active_files.get(file.path) != file]
    pages = [file for file in changed if is_html(file.path) and file.path != ENTRY]
    waves = (
        [file for file in pages if file.path not in present],
        [file for file in pages if file.path in present],
        [file for file in changed if file.path == ENTRY],
    )
    removed = sorted(set(leftover))
    paths = [*(file.path for file in changed), *([CONFIG] if config_changed else []), *removed]
    return Switch(
        other=[file for file in changed if not is_html(file.path)],
        config=config_changed,
        pages=[wave for wave in waves if wave],
        removed=removed,
        invalidate=invalidation(paths),
    )


def leftover(*, target: Manifest, others: Iterable[Manifest], assets: Container[str]) -> set[str]:
    """Paths of the others' files that keep their names and that neither `target` has nor a kept asset (`assets`)."""
    stays = {file.path for file in target.files}
    paths = (file.path for manifest in others for file in manifest.mutable)
    return {path for path in paths if path not in stays and path not in assets}


def common_prefix(files: Sequence[File]) -> str:
    """What the paths of sorted files begin with."""
    pairs = zip(files[0].path, files[-1].path, strict=False) if files else ()
    return "".join(first for first, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def invalidation(paths: Iterable[str]) -> list[str]:
    """The invalidation paths for `paths`. The root page is also cached as "/"."""
    quoted = {"/" + quote(path, safe=_UNQUOTED) for path in paths}
    if f"/{ENTRY}" in quoted:
        quoted.add("/")
    return sorted(quoted) if len(quoted) <= MAX_INVALIDATION_PATHS else ["/*"]


def keep(*, complete: Sequence[str], history: Sequence[str], count: int, named: Collection[str]) -> set[str]:
    """The manifest digests that expiry leaves alone: the last `count` staged, the last `count` active, and `named`.

    `complete` is sorted by when it was staged, `history` by when it was active; both with the newest first.
    """
    return {*complete[:count], *history[:count], *named}


def _named(manifest: Manifest) -> str:
    return f"{short(manifest.version)} (manifest {manifest.digest[:19]})"
