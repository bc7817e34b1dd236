"""Where the files of a release come from, and how one of them gets into a bucket, verified."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from release.static import store
from release.static.catalog import Catalog
from release.static.content import CACHE_CONTROL
from release.static.errors import StaticReleaseError, WrongContentError
from release.static.manifest import File, Manifest
from release.static.records import Records
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


Bringer = Callable[[File, str, str], str]
"""Brings a file to a bucket and key, and returns the ETag that it has there."""


def is_elsewhere(source: Folder | Upstream | None, records_bucket: str) -> bool:
    """Whether it has files that keep their names beside those in this environment's records bucket."""
    return isinstance(source, Folder) or (source is not None and source.records_bucket != records_bucket)


def catalog_of(s3: Any, source: Folder | Upstream) -> Catalog:
    """What the environment before keeps in its records bucket; nothing for a build. One request."""
    if isinstance(source, Folder):
        return Catalog()
    return replace(Records(s3, source.records_bucket).stored() or Catalog(), assets={})


def bringer(s3: Any, source: Folder | Upstream, manifest: Manifest, catalog: Catalog) -> Bringer:
    """What brings the files of the manifest from `source`, which has `catalog`: see `catalog_of`."""
    return _upload(s3, source.path) if isinstance(source, Folder) else _copy(s3, source, manifest, catalog)


def _upload(s3: Any, folder: Path) -> Bringer:
    def upload(file: File, bucket: str, key: str) -> str:
        headers = {
            "Bucket": bucket,
            "Key": key,
            "ContentType": file.content_type,
            "CacheControl": CACHE_CONTROL[file.cache],
            "ChecksumSHA256": store.checksum(file.sha256),
        }
        with reported(f"upload {file.path} to s3://{bucket}/{key}"), (folder / file.path).open("rb") as opened:
            if file.size > _SMALL_FILE_BYTES:
                return store.etag(s3.put_object(**headers, Body=opened, ContentLength=file.size))
            body = opened.read(_SMALL_FILE_BYTES + 1)
            if hashlib.sha256(body).hexdigest() != file.sha256:
                raise StaticReleaseError(
                    f"{folder / file.path} changed while it was being released; build again and release that"
                )
            return store.etag(s3.put_object(**headers, Body=body))

    return upload


def _copy(s3: Any, source: Upstream, manifest: Manifest, catalog: Catalog) -> Bringer:
    def copy(file: File, bucket: str, key: str) -> str:
        if file.cache == "immutable":
            origin = (source.bucket, file.path)
        else:
            origin = (source.records_bucket, kept_at(catalog, manifest, file))
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


def kept_at(catalog: Catalog, manifest: Manifest, file: File) -> str:
    """The key in the records bucket of a file that keeps its name. An earlier program stored it by its path."""
    if file.sha256 in catalog.blobs:
        return store.blob(file.sha256)
    return f"{store.root(manifest.digest)}files/{file.path}"


def _whose(s3: Any, source: Upstream, path: str, checksum: str | None) -> Manifest | None:
    """A manifest of the environment before that names the content which was found there; None if none does."""
    for name in store.releases(s3, source.records_bucket) if checksum else ():
        manifest = store.find(s3=s3, records_bucket=source.records_bucket, digest="sha256:" + name)
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
