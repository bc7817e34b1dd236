"""Staging: everything that a release needs is brought to the buckets, and nothing that visitors see changes.

The content-hashed files go to their place in the site bucket, beside those of the release that is active. The files
that keep their names go to the records bucket, where activation takes them from. The manifest is written before the
first of them and `staged.json` after the last, so that a killed staging is known for what it is, and is continued by
the next.

What the buckets have is known from the active manifest and one listing, not by asking for each file.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from release.static import plan, store
from release.static.content import CACHE_CONTROL
from release.static.errors import StaticReleaseError, WrongContentError
from release.static.manifest import File, Manifest
from release.static.store import Say, Site, reported

_SMALL_FILE_BYTES: Final = 1024 * 1024
"""Files up to this size are read at once; larger ones are streamed."""


@dataclass(frozen=True, kw_only=True)
class Folder:
    """The files come from a build on this machine."""

    path: Path


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """The files come from the environment before, copied by S3 itself."""

    bucket: str
    records_bucket: str


@dataclass(frozen=True, kw_only=True)
class Staged:
    """What staging had to do. Both are 0 when everything was there."""

    assets: int
    kept: int


def stage(*, s3: Any, manifest: Manifest, source: Folder | Upstream, site: Site, say: Say) -> Staged:
    """Brings `manifest` and all its files here. Raises StaticReleaseError; run again, it continues.

    Requests when nothing is to do: 1 if the manifest is active, 2 if it was staged before; otherwise 4, one for each
    file that is lacking, and if there is an active release one, and one for every thousand of the site's objects.
    After an interrupted staging one more for every thousand objects.
    """
    active = store.active(s3=s3, records_bucket=site.records_bucket)
    if active is not None and active.manifest == manifest.digest:
        return Staged(assets=0, kept=0)
    if store.is_staged(s3=s3, records_bucket=site.records_bucket, digest=manifest.digest):
        say(f"static files of {manifest.version[:12]} were staged before")
        return Staged(assets=0, kept=0)
    known = None
    if active is not None and active.manifest:
        known = _still_there(s3, site, store.load(s3=s3, records_bucket=site.records_bucket, digest=active.manifest))
    todo = plan.uploads(manifest=manifest, known=known, assets={}, kept=())  # refuses before anything is written
    if not _begin(s3, site, manifest):
        say("continuing an interrupted staging")
        todo = _what_is_left(s3, site, manifest, known, trusted=isinstance(source, Folder))
    copy = bringer(s3, source, manifest.digest)
    prefix = store.root(manifest.digest) + "files/"
    assets = store.in_parallel(s3, lambda file: copy(file, site.bucket, ""), todo.assets)
    kept = store.in_parallel(s3, lambda file: copy(file, site.records_bucket, prefix), todo.kept)
    document = {"manifest": manifest.digest, "version": manifest.version, "stagedAt": store.now()}
    store.put(s3, site.records_bucket, store.root(manifest.digest) + "staged.json", json.dumps(document).encode())
    origin = "uploaded" if isinstance(source, Folder) else f"copied from {source.bucket}"
    say(f"static files staged: {assets + kept} of {len(manifest.files)} {origin}, the others were there")
    return Staged(assets=assets, kept=kept)


def _begin(s3: Any, site: Site, manifest: Manifest) -> bool:
    """Writes the manifest; False if it is there already."""
    key = store.root(manifest.digest) + "manifest.json"
    with reported(f"write s3://{site.records_bucket}/{key}"):
        try:
            s3.put_object(
                Bucket=site.records_bucket,
                Key=key,
                Body=manifest.to_json(),
                ContentType="application/json",
                CacheControl="no-cache",
                ChecksumSHA256=store.checksum(manifest.digest.removeprefix("sha256:")),
                IfNoneMatch="*",
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("PreconditionFailed", "ConditionalRequestConflict"):
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


def bringer(s3: Any, source: Folder | Upstream, digest: str) -> Callable[[File, str, str], None]:
    """What brings one file of the manifest from `source`: called with the file, a bucket and a prefix in it."""
    return _upload(s3, source.path) if isinstance(source, Folder) else _copy(s3, source, digest)


def _upload(s3: Any, folder: Path) -> Callable[[File, str, str], None]:
    def upload(file: File, bucket: str, prefix: str) -> None:
        headers = {
            "Bucket": bucket,
            "Key": prefix + file.path,
            "ContentType": file.content_type,
            "CacheControl": CACHE_CONTROL[file.cache],
            "ChecksumSHA256": store.checksum(file.sha256),
        }
        with reported(f"upload {file.path} to s3://{bucket}/{prefix}"), (folder / file.path).open("rb") as opened:
            if file.size > _SMALL_FILE_BYTES:
                s3.put_object(**headers, Body=opened, ContentLength=file.size)
                return
            body = opened.read(_SMALL_FILE_BYTES + 1)
            if hashlib.sha256(body).hexdigest() != file.sha256:
                raise StaticReleaseError(
                    f"{folder / file.path} changed while it was being released; build again and release that"
                )
            s3.put_object(**headers, Body=body)

    return upload


def _copy(s3: Any, source: Upstream, digest: str) -> Callable[[File, str, str], None]:
    def copy(file: File, bucket: str, prefix: str) -> None:
        if file.cache == "immutable":
            origin = (source.bucket, file.path)
        else:
            origin = (source.records_bucket, store.root(digest) + "files/" + file.path)
        try:
            copy_object(s3, file, source=origin, target=(bucket, prefix + file.path))
        except WrongContentError:
            with reported(f"delete s3://{bucket}/{prefix}{file.path}"):
                s3.delete_object(Bucket=bucket, Key=prefix + file.path)
            raise

    return copy


def copy_object(
    s3: Any, file: File, *, source: tuple[str, str], target: tuple[str, str], version: str | None = None
) -> None:
    """Has S3 copy one object, its last version unless another is asked for, and verifies that what arrived is `file`.

    Raises WrongContentError if it is not. S3 keeps the SHA-256 of everything that a release uploads, and gives it for
    the copy.
    """
    with reported(f"copy s3://{source[0]}/{source[1]} to s3://{target[0]}/{target[1]}"):
        answer = s3.copy_object(
            Bucket=target[0],
            Key=target[1],
            CopySource={"Bucket": source[0], "Key": source[1], **({"VersionId": version} if version else {})},
            MetadataDirective="REPLACE",
            ContentType=file.content_type,
            CacheControl=CACHE_CONTROL[file.cache],
            ChecksumAlgorithm="SHA256",
        )
        found = answer.get("CopyObjectResult", {}).get("ChecksumSHA256")
        size = file.size
        if found is None:
            head = s3.head_object(Bucket=target[0], Key=target[1], ChecksumMode="ENABLED")
            found, size = head.get("ChecksumSHA256"), head["ContentLength"]
    if size != file.size or found != store.checksum(file.sha256):
        raise WrongContentError(
            f"s3://{source[0]}/{source[1]} is not the {file.path} that the manifest names (sha256 {file.sha256[:12]}): "
            "it was changed by something else than a release; release that version again from its build"
        )
