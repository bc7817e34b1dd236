"""Where the files of a release come from, and how one of them gets into a bucket, verified."""

import functools
import hashlib
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from functions.aws_errors import code
from release import objects
from release.static import store
from release.static.catalog import Catalog
from release.static.content import CACHE_CONTROL
from release.static.errors import StaticReleaseError, WrongContentError
from release.static.manifest import File, Manifest
from release.static.records import ABANDONED_S, Records
from release.static.store import reported
from release.version import short

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
    prefix: str = ""
    """As `store.Site` has it."""


Bringer = Callable[[File, str, str], str]
"""Brings a file to a bucket and key, and returns the ETag that it has there."""


def is_elsewhere(source: Folder | Upstream | None, records_bucket: str) -> bool:
    """Whether it has files that keep their names beside those in this environment's records bucket."""
    return isinstance(source, Folder) or (source is not None and source.records_bucket != records_bucket)


def catalog_of(s3: Any, source: Folder | Upstream) -> Catalog:
    """What the environment before keeps in its records bucket; nothing for a build. One request."""
    if isinstance(source, Folder):
        return Catalog()
    return replace(Records(s3, source.records_bucket, source.prefix).stored() or Catalog(), assets={})


def bringer(s3: Any, source: Folder | Upstream, manifest: Manifest, catalog: Catalog) -> Bringer:
    """What brings the files of the manifest from `source`, which has `catalog`: see `catalog_of`."""
    if isinstance(source, Folder):
        return functools.partial(upload, s3, source.path)
    return _copy(s3, source, manifest, catalog)


def upload(s3: Any, folder: Path, file: File, bucket: str, key: str, **condition: str) -> str:
    """Uploads one file of a build; its ETag. `condition` is `IfMatch` or `IfNoneMatch`. Raises StaticReleaseError."""
    with reported(f"upload {file.path} to s3://{bucket}/{key}"), (folder / file.path).open("rb") as opened:
        headers = {
            "Bucket": bucket,
            "Key": key,
            "ContentType": file.content_type,
            "CacheControl": CACHE_CONTROL[file.cache],
            "ChecksumSHA256": store.checksum(file.sha256),
            **condition,
        }
        if file.size > _SMALL_FILE_BYTES:
            return store.etag(s3.put_object(**headers, Body=opened, ContentLength=file.size))
        body = opened.read(_SMALL_FILE_BYTES + 1)
        if hashlib.sha256(body).hexdigest() != file.sha256:
            raise StaticReleaseError(
                f"{folder / file.path} changed while it was being released; build again and release that"
            )
        return store.etag(objects.repeated(lambda: s3.put_object(**headers, Body=body)))


def upload_new(s3: Any, folder: Path, file: File, bucket: str) -> str:
    """Uploads an asset that no kept release has, unless another run may be bringing other content of that name.

    Returns its ETag. An object that is there is replaced if it has the same content, or is as old as a run that is
    taken for dead. Raises StaticReleaseError.
    """
    try:
        return upload(s3, folder, file, bucket, file.path, IfNoneMatch="*")
    except StaticReleaseError as error:
        if not (isinstance(error.__cause__, ClientError) and code(error.__cause__) == "PreconditionFailed"):
            raise
    head = store.head(s3, bucket, file.path)
    if store.is_file(head, file):
        return store.etag(head)
    if head and not _has_content(s3, bucket, head, file) and not _is_old(head):
        raise StaticReleaseError(
            f"s3://{bucket}/{file.path} was written at {head['LastModified']:%Y-%m-%d %H:%M:%S} UTC with other content "
            f"than {file.path} of this build (SHA-256 {file.sha256[:12]}), and no release that is kept names it: "
            "another publish may be bringing it. Wait for its end, or give the new content a new name, as a build does "
            "that hashes what it writes\n"
            f"  if no other publish runs:  aws s3 rm s3://{bucket}/{shlex.quote(file.path)}"
        )
    return upload(s3, folder, file, bucket, file.path, **({"IfMatch": head["ETag"]} if head else {"IfNoneMatch": "*"}))


def _has_content(s3: Any, bucket: str, head: Mapping[str, Any], file: File) -> bool:
    """Whether an object has the content of the file; S3 has no SHA-256 of what some other programs wrote."""
    if "ChecksumSHA256" in head:
        return bool(head["ChecksumSHA256"] == store.checksum(file.sha256))
    if head["ContentLength"] != file.size:
        return False
    return hashlib.sha256(store.get(s3, bucket, file.path) or b"").hexdigest() == file.sha256


def _is_old(head: Mapping[str, Any]) -> bool:
    """By S3's own clock."""
    now = parsedate_to_datetime(head["ResponseMetadata"]["HTTPHeaders"]["date"])
    return bool(now - head["LastModified"] > timedelta(seconds=ABANDONED_S))


def _copy(s3: Any, source: Upstream, manifest: Manifest, catalog: Catalog) -> Bringer:
    def copy(file: File, bucket: str, key: str) -> str:
        if file.cache == "immutable":
            origin = (source.bucket, file.path)
        else:
            origin = (source.records_bucket, kept_at(catalog, manifest, file, source.prefix))
        try:
            return copy_object(s3, file, source=origin, target=(bucket, key))
        except WrongContentError as error:
            with reported(f"delete s3://{bucket}/{key}"):
                s3.delete_object(Bucket=bucket, Key=key)
            whose = _whose(s3, source, file.path, error.checksum)
            if whose is None:
                raise
            raise WrongContentError(
                f"s3://{origin[0]}/{origin[1]} is not that of {short(manifest.version)} (SHA-256 {file.sha256[:12]}), "
                f"but that of {short(whose.version)} (manifest {whose.digest[:19]}), released there under that name. "
                f"Release {short(manifest.version)} in that environment again, which brings its file back, then here; "
                "or build a version whose file has a name of its own",
                error.checksum,
            ) from error

    return copy


def kept_at(catalog: Catalog, manifest: Manifest, file: File, prefix: str) -> str:
    """The key in the records bucket of a file that keeps its name. An earlier program stored it by its path."""
    if file.sha256 in catalog.blobs:
        return store.blob(file.sha256, prefix)
    return f"{store.root(manifest.digest, prefix)}files/{file.path}"


def _whose(s3: Any, source: Upstream, path: str, checksum: str | None) -> Manifest | None:
    """A manifest of the environment before that names the content which was found there; None if none does."""
    for name in store.releases(s3, source.records_bucket, source.prefix) if checksum else ():
        digest = f"sha256:{name}"
        manifest = store.find(s3=s3, records_bucket=source.records_bucket, digest=digest, prefix=source.prefix)
        if manifest and any(file.path == path and store.checksum(file.sha256) == checksum for file in manifest.files):
            return manifest
    return None


def copy_object(
    s3: Any, file: File, *, source: tuple[str, str], target: tuple[str, str], version: str | None = None
) -> str:
    """Has S3 copy one object, its last version unless another is asked for, and verifies that what arrived is `file`.

    Returns the ETag of the copy. Raises WrongContentError if it is not. S3 keeps the SHA-256 of everything that a
    release uploads, and gives it for the copy.
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
        result = answer["CopyObjectResult"]
        checksum = result.get("ChecksumSHA256")
    if checksum is None:
        checksum = store.head(s3, target[0], target[1]).get("ChecksumSHA256")
    if checksum != store.checksum(file.sha256):
        raise WrongContentError(
            f"s3://{source[0]}/{source[1]} is not the {file.path} that the manifest names (SHA-256 "
            f"{file.sha256[:12]}): it was changed by something else than a release; release that version again from "
            "its build",
            checksum,
        )
    return store.etag(result)
