"""What the buckets have of the releases that are kept, in one object: `static/catalog.json`. Pure.

A release reads it once and writes it once, however many releases are kept.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, NamedTuple

from functions import strict_json
from functions.strict_json import DamagedError
from release.static.content import cache_class
from release.static.errors import StaticReleaseError
from release.static.manifest import File, Manifest
from release.version import Digest

MAX_PLAIN: Final = 1000
"""More in each kept release would make much of the catalog, which has to be read for every release."""


@dataclass(frozen=True, kw_only=True)
class Staged:
    """A release of which everything is here."""

    manifest: Digest
    version: str
    staged_at: str
    number: int
    """Of two releases, the one that was staged later has the greater number."""
    earlier_program: bool = False
    """The files that keep their names are in `static/<hex>/files/`, as an earlier program stored them."""
    plain: tuple[str, ...] | None = None
    """Paths of files that keep their names although these look hashed: a later release may have them as content-hashed
    ones. None: only the manifest says, as an earlier program staged it, or there are more than `MAX_PLAIN`."""


class Asset(NamedTuple):
    """A content-hashed file in the site bucket."""

    sha256: str
    etag: str
    """As S3 answered to the write; empty where that is not known."""
    content_type: str
    number: int
    """The last staged release that names it."""


@dataclass(frozen=True, kw_only=True)
class Purged:
    """Content of a path that nobody is to get again."""

    path: str
    sha256: str
    at: str
    by: str
    reason: str = ""
    """Empty where nobody said why."""


@dataclass(frozen=True, kw_only=True)
class Expiring:
    """What is being deleted, and is not counted on any more. Empty when the deletion has ended."""

    manifests: tuple[Digest, ...] = ()
    assets: tuple[str, ...] = ()
    blobs: tuple[str, ...] = ()
    since: datetime | None = None
    """When the run that deletes it began to; None where an earlier program wrote this."""

    @property
    def is_empty(self) -> bool:
        return not (self.manifests or self.assets or self.blobs)


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """What is here. It has an asset or a blob for each file of each staged release that was not purged."""

    staged: tuple[Staged, ...] = ()
    """The last staged first."""
    assets: Mapping[str, Asset] = field(default_factory=dict)
    """By path."""
    blobs: Mapping[str, int] = field(default_factory=dict)
    """SHA-256 of what is in `static/blobs/`, with the number of the last staged release that names it."""
    purged: tuple[Purged, ...] = ()
    expiring: Expiring = Expiring()

    def find(self, digest: str) -> Staged | None:
        """The staged release with this manifest, None if there is none."""
        return next((release for release in self.staged if release.manifest == digest), None)

    def add(
        self, manifest: Manifest, *, etags: Mapping[str, str], staged_at: str, earlier_program: bool = False
    ) -> "Catalog":
        """The catalog after `manifest`, without what is purged of it, was staged. `etags`: of what was written now."""
        number = 1 + max((release.number for release in self.staged), default=0)
        assets, blobs = dict(self.assets), dict(self.blobs)
        for file in manifest.immutable:
            asset = assets.get(file.path)
            etag = etags.get(file.path) or (asset.etag if asset and asset.sha256 == file.sha256 else "")
            assets[file.path] = Asset(file.sha256, etag, file.content_type, number)
        for file in manifest.mutable:
            # One that another release has as a content-hashed file, by the rule of another program, stays for both.
            if file.path in assets:
                assets[file.path] = assets[file.path]._replace(number=number)
        if not earlier_program:
            blobs.update(dict.fromkeys((file.sha256 for file in manifest.mutable), number))
        entry = Staged(
            manifest=manifest.digest,
            version=manifest.version,
            staged_at=staged_at,
            number=number,
            earlier_program=earlier_program,
            plain=_plain(manifest),
        )
        named = {file.path for file in manifest.files}
        expiring = replace(
            self.expiring,
            manifests=tuple(digest for digest in self.expiring.manifests if digest != manifest.digest),
            assets=tuple(path for path in self.expiring.assets if path not in named),
            blobs=tuple(sha256 for sha256 in self.expiring.blobs if sha256 not in blobs),
        )
        others = (release for release in self.staged if release.manifest != manifest.digest)
        return replace(self, staged=(entry, *others), assets=assets, blobs=blobs, expiring=expiring)

    def known(self, digest: str, manifest: Manifest) -> "Catalog":
        """The catalog with what only the manifest of a staged release said."""
        staged = (
            replace(release, plain=_plain(manifest)) if release.manifest == digest else release
            for release in self.staged
        )
        return replace(self, staged=tuple(staged))

    def seen(self, files: Iterable[File], etags: Mapping[str, str]) -> "Catalog":
        """The catalog with what is known now of some of `files`: their headers, and `etags` by path."""
        seen = {file.path: file for file in files if file.path in etags and file.path in self.assets}
        assets = {
            path: self.assets[path]._replace(etag=etags[path], content_type=file.content_type)
            for path, file in seen.items()
        }
        is_news = any(self.assets[path] != asset for path, asset in assets.items())
        return replace(self, assets={**self.assets, **assets}) if is_news else self

    def without(self, removed: Collection[Staged], older: Iterable[tuple[int, Manifest]]) -> "Catalog":
        """The catalog without some releases, and without what only they name: that is `expiring` now.

        `older`: of the releases that stay, number and manifest of those that were staged before one that goes. What
        the last ones name they name with a greater number than any that goes.
        """
        numbers = {release.number for release in removed}
        assets = {path: asset for path, asset in self.assets.items() if asset.number in numbers}
        blobs = {sha256: number for sha256, number in self.blobs.items() if number in numbers}
        still_assets: dict[str, Asset] = {}
        still_blobs: dict[str, int] = {}
        for number, manifest in sorted(older, key=lambda numbered: numbered[0]):
            for file in manifest.files:
                if file.path in assets:
                    still_assets[file.path] = assets[file.path]._replace(number=number)
                if file.sha256 in blobs and file.cache != "immutable":
                    still_blobs[file.sha256] = number
        gone = {release.manifest for release in removed}
        return replace(
            self,
            staged=tuple(release for release in self.staged if release.manifest not in gone),
            assets={path: asset for path, asset in self.assets.items() if path not in assets} | still_assets,
            blobs={sha256: number for sha256, number in self.blobs.items() if sha256 not in blobs} | still_blobs,
            expiring=replace(
                self.expiring,
                manifests=(*self.expiring.manifests, *sorted(gone)),
                assets=(*self.expiring.assets, *sorted(assets.keys() - still_assets.keys())),
                blobs=(*self.expiring.blobs, *sorted(blobs.keys() - still_blobs.keys())),
            ),
        )

    def to_json(self) -> bytes:
        """As it is stored. Raises StaticReleaseError for one that is too large to be read again."""
        document = strict_json.fields(replace(self, assets={}, blobs={}))
        document |= {"assets": self.assets, "blobs": self.blobs}
        body = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
        if len(body) > strict_json.MAX_BYTES:
            raise StaticReleaseError(
                f"the list of what is kept has {len(body)} bytes, {strict_json.MAX_BYTES} are possible: keep fewer "
                "releases (the setting keepReleases), or build a site of fewer files"
            )
        return body

    @classmethod
    def from_json(cls, text: bytes) -> "Catalog":
        """The catalog that `to_json` wrote. Raises DamagedError for anything else."""
        stored = strict_json.read(_Stored, strict_json.decode(text))
        types: dict[str, str] = {}
        assets: dict[str, Any] = dict(stored.assets)
        for path, written in assets.items():  # replaced one by one: there may be a hundred thousand
            if not (isinstance(written, list) and [type(value) for value in written] == _ASSET):
                raise DamagedError(f"assets.{path} is {strict_json.shown(written)}, expected four values")
            sha256, etag, content_type, number = written
            assets[path] = Asset(sha256, etag, types.setdefault(content_type, content_type), number)
        return cls(**{**vars(stored), "assets": assets})


_ASSET: Final = [str, str, str, int]


@dataclass(frozen=True, kw_only=True)
class _Stored:
    staged: tuple[Staged, ...]
    assets: Mapping[str, Any]
    blobs: Mapping[str, int]
    purged: tuple[Purged, ...]
    expiring: Expiring


def _plain(manifest: Manifest) -> tuple[str, ...] | None:
    everywhere = ("*",)
    paths = tuple(file.path for file in manifest.mutable if cache_class(file.path, everywhere) == "immutable")
    return paths if len(paths) <= MAX_PLAIN else None


def without_purged(manifest: Manifest, purged: Collection[Purged]) -> Manifest:
    """The manifest without the files that were purged, and with the digest of the whole: it is that release still."""
    gone = {(content.path, content.sha256) for content in purged}
    files = tuple(file for file in manifest.files if (file.path, file.sha256) not in gone)
    if len(files) == len(manifest.files):
        return manifest
    rest = replace(manifest, files=files)
    vars(rest)["digest"] = manifest.digest  # where `cached_property` keeps it
    return rest
