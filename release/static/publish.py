"""Staging: everything that a release needs is brought to the buckets, and nothing that visitors see changes.

The content-hashed files go to their place in the site bucket, beside those of the release that is active. The files
that keep their names go to the records bucket, where activation takes them from. The manifest is written before the
first of them and `staged.json` after the last, so that a killed staging is known for what it is, and is continued by
the next.

What the buckets have is known from the active manifest and one listing, not by asking for each file.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from functions.aws_errors import code
from release import objects
from release.progress import Say
from release.static import plan, repair, store
from release.static.errors import StaticReleaseError
from release.static.manifest import Manifest
from release.static.source import Folder, Upstream, bringer
from release.static.store import Site, reported
from release.version import short


@dataclass(frozen=True, kw_only=True)
class Staged:
    """What staging had to do. Both are 0 when everything was there."""

    assets: int
    kept: int


def stage(*, s3: Any, manifest: Manifest, source: Folder | Upstream, site: Site, say: Say) -> Staged:
    """Brings `manifest` and all its files here. Raises StaticReleaseError; run again, it continues.

    A manifest that was staged before is here as long as nothing happened to its content-hashed files: one that can no
    longer be had is refused. So is one of whose names another manifest that is kept makes other content.

    Requests when nothing is to do: 1 if the manifest is active; if it was staged before 2, and one for each
    content-hashed file. Otherwise 5, one for each manifest that is kept and for each file that is lacking, and if there
    is an active release one, and one for every thousand of the site's objects. After an interrupted staging one more
    for every thousand objects.
    """
    active = store.active(s3=s3, records_bucket=site.records_bucket)
    if active is not None and active.manifest == manifest.digest:
        return Staged(assets=0, kept=0)
    if store.is_staged(s3=s3, records_bucket=site.records_bucket, digest=manifest.digest):
        repair.find(s3=s3, site=site, manifest=manifest, source=source)
        say(f"static files of {short(manifest.version)} were staged before")
        return Staged(assets=0, kept=0)
    _check_names(s3, site, manifest)
    known = None
    if active is not None and active.manifest:
        known = _still_there(s3, site, store.load(s3=s3, records_bucket=site.records_bucket, digest=active.manifest))
    todo = plan.uploads(manifest=manifest, known=known, assets={}, kept=())
    if not _begin(s3, site, manifest):
        say("continuing an interrupted staging")
        todo = _what_is_left(s3, site, manifest, known, trusted=isinstance(source, Folder))
    copy = bringer(s3, source, manifest)
    prefix = store.root(manifest.digest) + "files/"
    assets = store.in_parallel(s3, lambda file: copy(file, site.bucket, ""), todo.assets)
    kept = store.in_parallel(s3, lambda file: copy(file, site.records_bucket, prefix), todo.kept)
    document = {"manifest": manifest.digest, "version": manifest.version, "stagedAt": store.now()}
    store.put(s3, site.records_bucket, store.root(manifest.digest) + "staged.json", json.dumps(document).encode())
    origin = "uploaded" if isinstance(source, Folder) else f"copied from {source.bucket}"
    there = "" if assets + kept == len(manifest.files) else ", the others were there"
    say(f"static files staged: {assets + kept} of {len(manifest.files)} {origin}{there}")
    return Staged(assets=assets, kept=kept)


def _check_names(s3: Any, site: Site, manifest: Manifest) -> None:
    """Raises StaticReleaseError if a manifest that can be gone back to has other content under one of the names."""

    def check(digest: str) -> None:
        kept = store.find(s3=s3, records_bucket=site.records_bucket, digest=digest)
        if kept is None:
            return  # it is being forgotten
        try:
            plan.check_names(manifest, kept)
        except StaticReleaseError:
            # What never arrived completely was never served, and is compared again should its staging go on.
            if store.is_staged(s3=s3, records_bucket=site.records_bucket, digest=digest):
                raise

    if manifest.immutable:
        digests = ["sha256:" + name for name in store.releases(s3, site.records_bucket)]
        store.in_parallel(s3, check, [digest for digest in digests if digest != manifest.digest])


def _begin(s3: Any, site: Site, manifest: Manifest) -> bool:
    """Writes the manifest; False if it is there already."""
    key = store.root(manifest.digest) + "manifest.json"
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


def _still_there(s3: Any, site: Site, active: Manifest) -> Manifest:
    """The active manifest without the assets that somebody deleted: a release must not count on those."""
    sizes = {item["Key"]: item["Size"] for item in store.listed(s3, site.bucket, "assets/")}
    lacking = {file.path for file in active.immutable if sizes.get(file.path) != file.size}
    return replace(active, files=tuple(file for file in active.files if file.path not in lacking))


def _what_is_left(s3: Any, site: Site, manifest: Manifest, known: Manifest | None, *, trusted: bool) -> plan.Uploads:
    """What an interrupted staging of the same manifest did not get to.

    An asset counts as there if it has the right size and was written since that staging began: so it was
    written by a release, which gives it the right headers and has S3 verify its content. That holds for uploads; copies
    are verified after they arrived, so that nothing is `trusted` and all of them are made again.
    """
    records, root = site.records_bucket, store.root(manifest.digest)
    with reported(f"look at s3://{records}/{root}"):
        s3.delete_object(Bucket=records, Key=root + "expiring.json")
        if not trusted:
            return plan.uploads(manifest=manifest, known=known, assets={}, kept=())
        began: datetime = s3.head_object(Bucket=records, Key=root + "manifest.json")["LastModified"]
    sizes = {file.path: file.size for file in manifest.files}
    since = began.replace(microsecond=0) - timedelta(seconds=1)
    assets = {
        item["Key"]: item["Size"]
        for item in store.listed(s3, site.bucket, "assets/")
        if item["Key"] in sizes and item["LastModified"] >= since
    }
    prefix = root + "files/"
    kept = {
        path
        for item in store.listed(s3, records, prefix)
        if sizes.get(path := item["Key"].removeprefix(prefix)) == item["Size"]
    }
    return plan.uploads(manifest=manifest, known=known, assets=assets, kept=kept)
