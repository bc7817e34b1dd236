"""What the buckets lack of a kept release, or have with other content or headers, and where to get it.

That is about content-hashed files in the site bucket. A release writes each once; somebody may have deleted or replaced
one since.
"""

import hashlib
import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from release.progress import Say
from release.static import drift, plan, store
from release.static.catalog import Asset, Catalog
from release.static.errors import LostFileError
from release.static.manifest import File, Manifest
from release.static.parallel import in_parallel, meanwhile
from release.static.records import Records
from release.static.source import Folder, Upstream, bringer, copy_object, is_elsewhere
from release.static.store import Site, reported
from release.version import short

MAX_AGE_S: Final = 10.0
"""Of a listing that began beside other work; an older one is made again, as somebody may have deleted a file since."""


class _Object(NamedTuple):
    path: str
    size: int
    etag: str


class Listing:
    """What the site bucket has, listed beside what is done meanwhile, and what this run has uploaded there since."""

    def __init__(self, s3: Any, site: Site, manifest: Manifest) -> None:
        """Begins at once; a manifest without assets needs none."""
        self._began, self._prefix = time.monotonic(), plan.common_prefix(manifest.immutable)
        self._listed: Callable[[], list[_Object]] = list
        if manifest.immutable:
            self._listed = meanwhile(lambda: list(_objects(s3, site.bucket, self._prefix)))
        self.uploaded: Collection[str] = ()
        """Paths: S3 has answered that it has these files."""

    def covers(self, prefix: str) -> bool:
        """Whether it may be taken for what is there now under `prefix`."""
        return prefix == self._prefix and time.monotonic() - self._began < MAX_AGE_S

    def forget(self) -> None:
        """It is not to be relied on."""
        self._began = -math.inf

    def before(self) -> Iterator[_Object]:
        """What was there, without what was uploaded since."""
        return (listed for listed in self._listed() if listed.path not in self.uploaded)


@dataclass(frozen=True, kw_only=True)
class Repair:
    """One file that is to be brought back."""

    file: File
    version: str | None
    """The version of the object that is the file; None: it comes from the source of the release."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the site bucket has."""

    repairs: Sequence[Repair]
    """What has to be brought back before the manifest can be the site, by path."""
    etags: Mapping[str, str]
    """Of the assets that were asked for one by one, and that are the manifest's."""
    others: frozenset[str]
    """What else is there: of the whole bucket only where all was doubted."""


def find(
    *,
    records: Records,
    site: Site,
    manifest: Manifest,
    source: Folder | Upstream | None,
    doubt: bool,
    listing: Listing | None = None,
) -> Seen:
    """Looks whether the manifest's assets are there. Changes nothing.

    One request for a thousand objects, none where a `listing` has begun and still counts, and one for each asset whose
    size or ETag is not what the catalog says; with `doubt` the whole bucket is listed, and every asset asked for, as
    headers that were changed by hand show only so. What has to be brought back comes from the bucket's own earlier
    versions, which it keeps for 30 days, else from `source`. Raises LostFileError naming a file that is in
    neither.
    """
    s3, assets = records.s3, records.catalog().assets
    lacking, others = {file.path: file for file in manifest.immutable}, set()
    unsure: list[File] = []
    prefix = "" if doubt else plan.common_prefix(manifest.immutable)
    present: Iterable[_Object] = ()
    if listing is not None and listing.covers(prefix):
        present = listing.before()
        for path in listing.uploaded:
            lacking.pop(path, None)
    elif lacking or doubt:
        present = _objects(s3, site.bucket, prefix)
    for item in present:
        file = lacking.pop(item.path, None)
        if file is None:
            others.add(item.path)
        elif doubt or not _as_written(item, file, assets.get(file.path)):
            unsure.append(file)
    etags: dict[str, str] = {}
    wrong = list(lacking.values())

    def look(file: File) -> None:
        head = store.head(s3, site.bucket, file.path)
        if store.is_file(head, file):
            etags[file.path] = store.etag(head)
        else:
            wrong.append(file)

    in_parallel(s3, look, unsure)
    repairs = [_repair(s3, site, manifest, file, source) for file in sorted(wrong, key=lambda file: file.path)]
    return Seen(repairs=repairs, etags=etags, others=frozenset(others))


def check_kept(
    *, records: Records, manifest: Manifest, source: Folder | Upstream | None, files: Iterable[File]
) -> None:
    """Raises LostFileError if a file that keeps its name is lacking in the records bucket, and is nowhere else.

    One request for a thousand objects.
    """
    if is_elsewhere(source, records.bucket):
        return
    for key, file in sorted(drift.lost(records, manifest, files).items()):
        raise LostFileError(
            f"{file.path} of {short(manifest.version)}: s3://{records.bucket}/{key} was deleted or rewritten: "
            f"build {short(manifest.version)} again and release it, or release another version"
        )


def bring(
    *, s3: Any, site: Site, manifest: Manifest, source: Folder | Upstream | None, repairs: Sequence[Repair], say: Say
) -> None:
    """Brings back what `find` has found. Raises StaticReleaseError; run again, it continues."""
    for repair in repairs:
        file, place = repair.file, (site.bucket, repair.file.path)
        if repair.version is not None:
            copy_object(s3, file, source=place, target=place, version=repair.version)
            origin = "an earlier version of it"
        elif source is not None:
            bringer(s3, source, manifest, Catalog())(file, *place)
            origin = str(source.path) if isinstance(source, Folder) else source.bucket
        say(f"{file.path} restored from {origin}")


def _objects(s3: Any, bucket: str, prefix: str) -> Iterator[_Object]:
    for item in store.listed(s3, bucket, prefix):
        yield _Object(item["Key"], item["Size"], store.etag(item))


def _as_written(item: _Object, file: File, asset: Asset | None) -> bool:
    """Whether an entry of a listing is the file, as a release wrote it. S3 gives no content two ETags by itself."""
    if asset is None or not asset.etag:
        return False
    recorded = (asset.sha256, asset.content_type, asset.etag)
    return item.size == file.size and recorded == (file.sha256, file.content_type, item.etag)


def _repair(s3: Any, site: Site, manifest: Manifest, file: File, source: Folder | Upstream | None) -> Repair:
    version = _earlier(s3, site, file)
    if version is None and not _has(s3, source, file):
        raise LostFileError(
            f"{file.path} of {short(manifest.version)} was deleted or rewritten in s3://{site.bucket}: no version of "
            f"the object there has its content (SHA-256 {file.sha256[:12]}), and {_where(source)}: build "
            f"{short(manifest.version)} again and release it, or release another version"
        )
    return Repair(file=file, version=version)


def _has(s3: Any, source: Folder | Upstream | None, file: File) -> bool:
    if isinstance(source, Upstream):
        return store.holds(s3, source.bucket, file.path, file)
    if source is None or not (source.path / file.path).is_file():
        return False
    with (source.path / file.path).open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256


def _where(source: Folder | Upstream | None) -> str:
    if source is None:
        return "this release knows no other place of it"
    return f"{source.path if isinstance(source, Folder) else f's3://{source.bucket}'} does not have it either"


def _earlier(s3: Any, site: Site, file: File) -> str | None:
    """The newest version of the object that has the content of the file, None if there is none."""
    with reported(f"look for versions of s3://{site.bucket}/{file.path}"):
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=site.bucket, Prefix=file.path)
        for page in pages:
            for entry in page.get("Versions", []):
                if entry["Key"] == file.path and entry["Size"] == file.size:
                    version: str = entry["VersionId"]
                    if store.holds(s3, site.bucket, file.path, file, version):
                        return version
    return None
