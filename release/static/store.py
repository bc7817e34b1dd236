"""What the records bucket knows about static releases, and how S3 is spoken to.

static/<hex>/manifest.json   written first: these files are being brought, or are, here
static/<hex>/files/<path>    the files that keep their names, as this release has them
static/<hex>/staged.json     written last: everything is here, the content-hashed files in the site bucket too
static/<hex>/expiring.json   the release is being forgotten
static/active.json           what the site is made of
"""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws_errors import is_missing
from release import objects
from release.static.errors import ManifestError, StaticReleaseError
from release.static.manifest import File, Manifest, checked_digest
from release.strict_json import DamagedError, fields
from release.version import Digest

CONCURRENCY: Final = 32
"""Requests to S3 at the same time; a client whose connection pool is smaller gets as many as its pool holds."""
ACTIVE: Final = "static/active.json"
MAX_HISTORY: Final = 50

Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True)
class Site:
    bucket: str
    records_bucket: str
    distribution_id: str
    url: str
    """The public address, `https://…`, without a path."""
    connect_to: str | None = None
    """`host:port` that connections go to in place of the address's own; the Host header stays."""
    probe_secret: str | None = field(default=None, repr=False)
    """Sent as the header by which a firewall lets the read-back in."""


@dataclass(frozen=True, kw_only=True)
class Active:
    """What the site is made of, as far as no unfinished release has begun to switch it."""

    manifest: Digest | None
    """None where an earlier program's very first activation has not ended."""
    config_sha256: str
    activated_at: str
    history: tuple[Digest, ...]
    """Manifests that were active, the newest first, this one included; 50 at most."""
    unsettled: Digest | None = None
    """Written by earlier programs: the manifest whose activation began and has not ended."""

    def to_json(self) -> bytes:
        return json.dumps(fields(self), indent=1).encode()


def root(digest: str) -> str:
    """The prefix of everything that is kept for one manifest."""
    return f"static/{checked_digest(digest)}/"


def now() -> str:
    """The time in UTC, ISO 8601, in milliseconds: sorted as text, it is sorted by time."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def checksum(sha256: str) -> str:
    """A hexadecimal SHA-256 as S3 writes it."""
    return base64.b64encode(bytes.fromhex(sha256)).decode()


@contextmanager
def reported(what: str) -> Iterator[None]:
    """Turns what AWS and the network raise into one line that says what was being done."""
    try:
        yield
    except ClientError as error:
        detail = error.response.get("Error", {})
        code = detail.get("Code", "error")
        advice = {
            "AccessDenied": "; the role of this release needs that permission (a missing object also looks like this "
            "without s3:ListBucket)",
            "NoSuchBucket": "; has the stack been created?",
            "NoSuchKey": "; what a release wrote was deleted: `pulumi up --refresh` of its environment restores it",
            "BadDigest": "; the file changed after the manifest was made: build again and release that",
            "InvalidRequest": "; if it names a checksum, the file changed after the manifest was made: build again",
        }.get(code, "")
        raise StaticReleaseError(
            f"could not {what}: {code}: {detail.get('Message', '').rstrip('.')}{advice}"
        ) from error
    except DamagedError as error:
        raise StaticReleaseError(str(error)) from error
    except (BotoCoreError, OSError) as error:
        raise StaticReleaseError(f"could not {what}: {error}; run the release again, it continues") from error


def get(s3: Any, bucket: str, key: str) -> bytes | None:
    """The object's content, None if there is none."""
    with reported(f"read s3://{bucket}/{key}"):
        try:
            _, body = objects.read(s3, bucket, key)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
    return body


def stored(s3: Any, bucket: str, key: str, kind: type[Item]) -> Item | None:
    """What a release stored there, None if there is nothing."""
    with reported(f"read s3://{bucket}/{key}"):
        found = objects.load(s3, bucket, key, kind)
    return found[0] if found else None


def put(s3: Any, bucket: str, key: str, body: bytes) -> None:
    with reported(f"write s3://{bucket}/{key}"):
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", CacheControl="no-cache")


def head(s3: Any, bucket: str, key: str, version: str | None = None) -> Mapping[str, Any]:
    """What S3 says of an object, or of one version of it; empty if there is none. One request.

    `ChecksumSHA256` is computed by S3 itself when the content arrives: nobody can keep it and write other content. S3
    has it of everything that a release uploads or copies; something else may have written an object without one.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html
    """
    which = {"VersionId": version} if version else {}
    with reported(f"look at s3://{bucket}/{key}"):
        try:
            answer: Mapping[str, Any] = s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED", **which)
        except ClientError as error:
            if is_missing(error):
                return {}
            raise
    return answer


def holds(s3: Any, bucket: str, key: str, file: File, version: str | None = None) -> bool:
    """Whether the object, or one version of it, has the content of `file`. One request."""
    return head(s3, bucket, key, version).get("ChecksumSHA256") == checksum(file.sha256)


def find(*, s3: Any, records_bucket: str, digest: str) -> Manifest | None:
    """The stored manifest with this digest, None if there is none. Raises StaticReleaseError."""
    key = root(digest) + "manifest.json"
    body = get(s3, records_bucket, key)
    if body is None:
        return None
    try:
        if (found := f"sha256:{hashlib.sha256(body).hexdigest()}") != digest:
            raise ManifestError(f"its digest is {found}")  # noqa: TRY301 - as what it says
        return Manifest.from_json(body)
    except ManifestError as error:
        raise ManifestError(f"{objects.damaged(records_bucket, key, error)}") from error


def load(*, s3: Any, records_bucket: str, digest: str) -> Manifest:
    """The stored manifest with this digest, of this environment or of the one before. Raises StaticReleaseError."""
    manifest = find(s3=s3, records_bucket=records_bucket, digest=digest)
    if manifest is None:
        raise StaticReleaseError(
            f"{digest} was never staged: s3://{records_bucket}/{root(digest)}manifest.json is not there; release that "
            "version (or its environment before) again"
        )
    return manifest


def active(*, s3: Any, records_bucket: str) -> Active | None:
    """What the site is made of, None before the first activation began. One request."""
    return stored(s3, records_bucket, ACTIVE, Active)


def is_staged(*, s3: Any, records_bucket: str, digest: str) -> bool:
    """Whether everything of the manifest is here. One request."""
    return get(s3, records_bucket, root(digest) + "staged.json") is not None


def releases(s3: Any, records_bucket: str) -> list[str]:
    """The hexadecimal digests of all manifests that are here, complete or not, sorted."""
    with reported(f"list s3://{records_bucket}/static/"):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=records_bucket, Prefix="static/", Delimiter="/")
        return [entry["Prefix"].split("/")[1] for page in pages for entry in page.get("CommonPrefixes", [])]


def listed(s3: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """The objects under `prefix`: one request for a thousand."""
    with reported(f"list s3://{bucket}/{prefix}"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from page.get("Contents", [])


def in_parallel(s3: Any, work: Callable[[Item], None], items: Iterable[Item]) -> int:
    """Does `work` for each item, some at a time; returns how many. The first failure ends it: no further item begins.

    Waiting work is bounded, so that a hundred thousand items need no more memory than a hundred.
    """
    pool_size = min(CONCURRENCY, s3.meta.config.max_pool_connections)
    stop = threading.Event()

    def one(item: Item) -> None:
        if not stop.is_set():
            work(item)

    done_count = 0
    remaining = iter(items)
    with ThreadPoolExecutor(pool_size, thread_name_prefix="s3") as pool:
        pending: set[Future[None]] = {pool.submit(one, item) for item in islice(remaining, 4 * pool_size)}
        try:
            while pending:
                done, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                    done_count += 1
                pending |= {pool.submit(one, item) for item in islice(remaining, len(done))}
        except BaseException:
            stop.set()
            raise
    return done_count
