"""Where the files of a release come from, and how one of them gets into a bucket, verified."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from release.static import store
from release.static.content import CACHE_CONTROL
from release.static.errors import StaticReleaseError, WrongContentError
from release.static.manifest import File, Manifest
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


def bringer(s3: Any, source: Folder | Upstream, manifest: Manifest) -> Callable[[File, str, str], None]:
    """What brings one file of the manifest from `source`: called with the file, a bucket and a prefix in it."""
    return _upload(s3, source.path) if isinstance(source, Folder) else _copy(s3, source, manifest)


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


def _copy(s3: Any, source: Upstream, manifest: Manifest) -> Callable[[File, str, str], None]:
    def copy(file: File, bucket: str, prefix: str) -> None:
        if file.cache == "immutable":
            origin = (source.bucket, file.path)
        else:
            origin = (source.records_bucket, store.root(manifest.digest) + "files/" + file.path)
        try:
            copy_object(s3, file, source=origin, target=(bucket, prefix + file.path))
        except WrongContentError as error:
            with reported(f"delete s3://{bucket}/{prefix}{file.path}"):
                s3.delete_object(Bucket=bucket, Key=prefix + file.path)
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


def _whose(s3: Any, source: Upstream, path: str, checksum: str | None) -> Manifest | None:
    """A manifest of the environment before that names the content which was found there; None if none does."""
    for name in store.releases(s3, source.records_bucket) if checksum else ():
        manifest = store.find(s3=s3, records_bucket=source.records_bucket, digest="sha256:" + name)
        if manifest and any(file.path == path and store.checksum(file.sha256) == checksum for file in manifest.files):
            return manifest
    return None


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
        checksum = answer.get("CopyObjectResult", {}).get("ChecksumSHA256")
    if checksum is None:
        checksum = store.head(s3, target[0], target[1]).get("ChecksumSHA256")
    if checksum != store.checksum(file.sha256):
        raise WrongContentError(
            f"s3://{source[0]}/{source[1]} is not the {file.path} that the manifest names (SHA-256 "
            f"{file.sha256[:12]}): it was changed by something else than a release; release that version again from "
            "its build",
            checksum,
        )
