"""What the buckets lack of a kept release, or have with other content or headers, and where to get it.

That is about content-hashed files in the site bucket. A release writes each once; somebody may have deleted or replaced
one since.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from release.progress import Say
from release.static import drift, plan, store
from release.static.catalog import Asset, Catalog
from release.static.errors import StaticReleaseError
from release.static.manifest import File, Manifest
from release.static.source import Folder, Upstream, bringer, copy_object, kept_at
from release.static.store import Site, reported
from release.version import short


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
    *, s3: Any, site: Site, manifest: Manifest, catalog: Catalog, source: Folder | Upstream | None, doubt: bool
) -> Seen:
    """Looks whether the manifest's assets are there. Changes nothing.

    One request for a thousand objects, and one for each asset whose size or ETag is not what the catalog says; with
    `doubt` the whole bucket is listed, and every asset asked for, as headers that were changed by hand show only so.
    What has to be brought back comes from the bucket's own earlier versions, which it keeps for 30 days, else from
    `source`. Raises StaticReleaseError naming a file that is in neither.
    """
    lacking, others = {file.path: file for file in manifest.immutable}, set()
    unsure: list[File] = []
    prefix = "" if doubt else plan.common_prefix(manifest.immutable)
    for item in store.listed(s3, site.bucket, prefix) if lacking or doubt else ():
        file = lacking.pop(item["Key"], None)
        if file is None:
            others.add(item["Key"])
        elif doubt or not _as_written(item, file, catalog.assets.get(file.path)):
            unsure.append(file)
    etags: dict[str, str] = {}
    wrong = list(lacking.values())

    def look(file: File) -> None:
        head = store.head(s3, site.bucket, file.path)
        if drift.is_file(head, file):
            etags[file.path] = store.etag(head)
        else:
            wrong.append(file)

    store.in_parallel(s3, look, unsure)
    repairs = [_repair(s3, site, manifest, file, source) for file in sorted(wrong, key=lambda file: file.path)]
    return Seen(repairs=repairs, etags=etags, others=frozenset(others))


def check_kept(s3: Any, site: Site, manifest: Manifest, catalog: Catalog, files: Iterable[File]) -> None:
    """Raises StaticReleaseError if the records bucket lacks one of the files that keep their names.

    For a switch that has no other source of them. One request for a thousand objects.
    """
    needed = {kept_at(catalog, manifest, file): file for file in files}
    for prefix in sorted({key[: key.index("/", len("static/")) + 1] for key in needed}):
        for item in store.listed(s3, site.records_bucket, prefix):
            if item["Key"] in needed and needed[item["Key"]].size == item["Size"]:
                del needed[item["Key"]]
    for key, file in sorted(needed.items()):
        raise StaticReleaseError(
            f"{file.path} of {short(manifest.version)}: s3://{site.records_bucket}/{key} was deleted or rewritten: "
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


def _as_written(item: Mapping[str, Any], file: File, asset: Asset | None) -> bool:
    """Whether an entry of a listing is the file, as a release wrote it. S3 gives no content two ETags by itself."""
    if asset is None or not asset.etag:
        return False
    recorded = (asset.sha256, asset.content_type, asset.etag)
    return item["Size"] == file.size and recorded == (file.sha256, file.content_type, store.etag(item))


def _repair(s3: Any, site: Site, manifest: Manifest, file: File, source: Folder | Upstream | None) -> Repair:
    version = _earlier(s3, site, file)
    if version is None and not _has(s3, source, file):
        raise StaticReleaseError(
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
