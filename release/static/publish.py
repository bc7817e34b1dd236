"""Staging: everything that a release needs is brought to the buckets, and nothing that visitors see changes.

The content-hashed files go to their place in the site bucket, beside those of the release that is active. The content
of files that keep their names goes to the records bucket, where activation takes it from. The manifest is written
before the first of them and the catalog after the last, so that a killed staging is known for what it is, and is
continued by the next.

What the buckets have is known from the catalog, not by asking for each file.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from functions.aws_errors import code
from release import objects, progress
from release.progress import Say
from release.static import plan, repair, routes, store
from release.static.catalog import Catalog, without_purged
from release.static.errors import StaticReleaseError
from release.static.manifest import File, Manifest
from release.static.parallel import in_parallel
from release.static.records import Records, may_be_under_way
from release.static.source import Folder, Upstream, bringer, catalog_of, upload_new
from release.static.store import Site, reported
from release.version import short


def stage(
    *,
    s3: Any,
    manifest: Manifest,
    source: Folder | Upstream,
    site: Site,
    say: Say,
    records: Records | None = None,
    listing: repair.Listing | None = None,
    alone: bool = False,
    take_over: bool = False,
) -> int:
    """Brings `manifest` and all its files here; returns how many contents were lacking. Run again, it continues.

    Raises StaticReleaseError.

    Refused are records of another bucket; another kind of site than `site` is; a manifest that was staged before and of
    which a file is lost; one with a content-hashed file that has other content in another kept manifest; and a build
    with a file that was purged, or that another run may be deleting.
    What comes from the environment before is brought without the files that are purged there or here.

    `records`: what this run has read already; `listing`: of the site bucket, for the switch after it; `alone`: no lease
    keeps another run from uploading, or deleting, at the same time; `take_over`: no other run is alive. Requests when
    nothing is to do: 1 if the manifest is active; if it was staged before 2, and what `repair.find` needs. Otherwise 5,
    and one for each file that is lacking; after an interrupted staging one more for every thousand objects. From the
    environment before, 1 more.
    """
    records = records or Records(s3, site.records_bucket, site.prefix)
    active = records.active()
    store.check_bucket(active, site)
    if active is not None and active.manifest == manifest.digest:
        return 0
    _check_kind(manifest, site)
    catalog = records.catalog()
    upstream = catalog_of(s3, source)
    purged = plan.purged(manifest, here=catalog.purged, upstream=upstream.purged)
    files = without_purged(manifest, purged)
    records.add(files)
    if catalog.find(manifest.digest):
        repair.find(records=records, site=site, manifest=files, source=source, doubt=False, listing=listing)
        repair.check_kept(records=records, manifest=files, source=source, files=files.mutable)
        if purged != catalog.purged:
            records.save_catalog(replace(catalog, purged=purged))
        say(f"static files of {short(manifest.version)} were staged before")
        return 0
    if alone and not take_over and may_be_under_way(catalog.expiring.since):
        plan.check_expiring(manifest, catalog.expiring)
    if isinstance(source, Folder):
        plan.check_purged(manifest, purged)
    catalog = replace(catalog, purged=purged)
    if site.routes is not None:
        routes.check(files)
    catalog = _check_names(records, files, catalog, active.manifest if active else None)
    assets, blobs = set[str](), set[str]()
    if not _begin(s3, site, manifest):
        say("continuing an interrupted staging")
        if isinstance(source, Folder):
            # Copies are verified after they arrived: all of them are made again.
            assets, blobs = _arrived(s3, site, files)
    todo = plan.uploads(manifest=files, catalog=catalog, assets=assets, blobs=blobs)
    etags: dict[str, str] = {}
    bring = bringer(s3, source, manifest, upstream)

    def work(file: File) -> None:
        if alone and isinstance(source, Folder) and file.cache == "immutable" and file.path not in catalog.assets:
            etags[file.path] = upload_new(s3, source.path, file, site.bucket)
        elif file.cache == "immutable":
            etags[file.path] = bring(file, site.bucket, file.path)
        else:
            bring(file, site.records_bucket, store.blob(file.sha256, site.prefix))

    lacking, does = [*todo.assets, *todo.blobs], "uploaded" if isinstance(source, Folder) else "copied"
    count = in_parallel(s3, progress.counting(work, say, does, len(lacking)), lacking)
    if listing is not None:
        listing.uploaded = etags.keys()
        if catalog.expiring.assets:
            listing.forget()  # another run may be deleting what this one has brought
    records.save_catalog(catalog.add(files, etags=etags, staged_at=store.now()))
    origin = "uploaded" if isinstance(source, Folder) else f"copied from {source.bucket}"
    there = "" if count == len(manifest.files) else ", the others were there"
    say(f"static files staged: {count} of {len(manifest.files)} {origin}{there}")
    return count


def _check_kind(manifest: Manifest, site: Site) -> None:
    if site.pages not in (None, manifest.pages):
        raise StaticReleaseError(
            f"{short(manifest.version)} is a build with pages: {manifest.pages}, and the site here has pages: "
            f"{site.pages}. Give the site the same `pages` as where the build was made, or release another build"
        )


def _check_names(records: Records, manifest: Manifest, catalog: Catalog, active: str | None) -> Catalog:
    """Raises StaticReleaseError if a manifest that can be gone back to has other content under one of the names.

    Returns the catalog with what kept manifests said. One request for each that has to be read: those of an earlier
    program once, else none, unless there is such a name.
    """
    if active is not None:
        plan.check_names(manifest, records.load(active))
    taken = catalog.assets
    if any(file.path in taken and taken[file.path].sha256 != file.sha256 for file in manifest.files):
        for release in catalog.staged:
            plan.check_names(manifest, records.load(release.manifest))
    new = {file.path for file in manifest.immutable if file.path not in taken}
    for release in catalog.staged if new else ():
        if release.plain is None or not new.isdisjoint(release.plain):
            kept = records.load(release.manifest)
            plan.check_names(manifest, kept)
            catalog = catalog.known(release.manifest, kept)
    return catalog


def _begin(s3: Any, site: Site, manifest: Manifest) -> bool:
    """Writes the manifest; False if it is there already."""
    key = store.manifest_key(manifest.digest, site.prefix)
    with reported(f"write s3://{site.records_bucket}/{key}"):
        try:
            objects.repeated(
                lambda: s3.put_object(
                    Bucket=site.records_bucket,
                    Key=key,
                    Body=manifest.to_json(),
                    ContentType="application/json",
                    CacheControl="no-cache",
                    ChecksumSHA256=store.checksum(manifest.digest.removeprefix("sha256:")),
                    IfNoneMatch="*",
                )
            )
        except ClientError as error:
            if code(error) == "PreconditionFailed":
                return False
            raise
    return True


def _arrived(s3: Any, site: Site, manifest: Manifest) -> tuple[set[str], set[str]]:
    """What an interrupted staging of the same manifest has brought: paths of assets, and SHA-256 of blobs.

    One counts if it has the right size and was written since that staging began, so by a release. That may have been
    one of another manifest with the same name: the ETag is not taken for known, and activation looks at the content.
    """
    key = store.manifest_key(manifest.digest, site.prefix)
    with reported(f"look at s3://{site.records_bucket}/{key}"):
        began: datetime = s3.head_object(Bucket=site.records_bucket, Key=key)["LastModified"]
    since = began.replace(microsecond=0) - timedelta(seconds=1)
    sizes = {file.path: file.size for file in manifest.immutable}
    assets = {
        item["Key"]
        for item in store.listed(s3, site.bucket, plan.common_prefix(manifest.immutable))
        if sizes.get(item["Key"]) == item["Size"] and item["LastModified"] >= since
    }
    contents = {store.blob(file.sha256, site.prefix): file for file in manifest.mutable}
    blobs = {
        contents[item["Key"]].sha256
        for item in store.listed(s3, site.records_bucket, site.prefix + store.BLOBS)
        if item["Key"] in contents and contents[item["Key"]].size == item["Size"] and item["LastModified"] >= since
    }
    return assets, blobs
