"""What the records bucket knows about static releases, and how S3 is spoken to.

Those of the main site are at the bucket's root, those of another one under `sites/<name>/`:

static/<hex>/manifest.json   written first: these files are being brought, or are, here
static/blobs/<sha256>        the content of files that keep their names, once for all releases
static/catalog.json          written last: of which releases everything is here, see `catalog`
static/active.json           what the site is made of

Earlier programs wrote `static/<hex>/files/<path>` in place of blobs, and `static/<hex>/staged.json` in place of the
catalog; `static/<hex>/expiring.json` was the mark of a release that is being forgotten.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws_errors import is_missing
from functions.strict_json import DamagedError, Form, fields
from release import objects
from release.static.content import CACHE_CONTROL
from release.static.errors import ManifestError, StaticReleaseError
from release.static.manifest import File, Manifest
from release.version import Digest, is_digest
from settings.site_build import Pages

ACTIVE: Final = "static/active.json"
BLOBS: Final = "static/blobs/"
MAX_HISTORY: Final = 50
MAX_DELETED: Final = 1000
"""Keys that one DeleteObjects takes."""

Item = TypeVar("Item")
Read = Callable[[Any, str, str], tuple[Mapping[str, Any], bytes]]
"""Client, bucket and key to an answer and its content, as `objects.read`."""


@dataclass(frozen=True, kw_only=True)
class Site:
    bucket: str
    records_bucket: str
    distribution_id: str | None
    """None: no CDN has to forget anything."""
    url: str | None
    """The public address, `https://…`, without a path. None: what visitors get is not read back."""
    connect_to: str | None = None
    """`host:port` that connections go to in place of the address's own; the Host header stays."""
    probe_secret: str | None = field(default=None, repr=False)
    """Sent as the header by which a firewall lets the read-back in."""
    routes: str | None = None
    """ARN of the CloudFront KeyValueStore with the paths of the site's files; None: the edge goes by their form."""
    prefix: str = ""
    """Of this site's keys in the records bucket; empty for the main one, which has the bucket's root."""
    pages: Pages | None = None
    """What the distribution is made for: what is staged has to be that. None: that is not known."""
    other_origins: tuple[str, ...] = ()
    """Path patterns of what CloudFront asks another origin for than the bucket."""


def _is_time(text: str) -> bool:
    try:
        return not text or datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


@dataclass(frozen=True, kw_only=True)
class Active:
    """What the site is made of, as far as no unfinished release has begun to switch it."""

    manifest: Digest | None
    """None where the very first activation has not ended."""
    config_sha256: str
    activated_at: str
    history: tuple[Digest, ...]
    """Manifests that were active, the newest first, this one included; 50 at most."""
    version: str = ""
    """Of the manifest; empty where an earlier program wrote this."""
    unsettled: Digest | None = None
    """The manifest whose activation began and has not ended. A release keeps a mark of its own in place of it."""
    unsettled_at: Annotated[str, Form(_is_time, "a time in UTC")] = ""
    unsettled_by: str = ""
    gave_up_at: str = ""
    """When the run that began it failed, or was interrupted, as it noted itself; empty: it may be at work."""
    routes: str | None = None
    """ARN of the key value store that has this manifest's paths; None: none is known to."""
    purged_at: str = ""
    """When something was purged last: an activation that read the records before that fails, as this has changed."""
    bucket: str = ""
    """The site's; empty where an earlier program wrote this."""

    def is_routed(self, site: Site) -> bool:
        """Whether the edge knows this manifest's paths, as far as it knows any."""
        return site.routes in (None, self.routes)

    def to_json(self) -> bytes:
        return json.dumps(fields(self), indent=1).encode()


NOTHING_ACTIVE: Final = Active(manifest=None, config_sha256="", activated_at="", history=())
"""Before the first activation began."""


def root(digest: str, prefix: str = "") -> str:
    """The prefix of everything that is kept for one manifest. `prefix` is the site's, here and below."""
    if not is_digest(digest):
        raise ManifestError(f"a manifest's digest is sha256:<64 hexadecimal digits>, not {digest!r}")
    return f"{prefix}static/{digest.removeprefix('sha256:')}/"


def manifest_key(digest: str, prefix: str = "") -> str:
    """The key of a manifest in the records bucket."""
    return root(digest, prefix) + "manifest.json"


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
            "NoSuchDistribution": "; is that its ID, and is it in this account?",
            "NoSuchBucket": "; is that its name, and has it been created?",
            "NoSuchKey": "; what a release wrote was deleted: `pulumi up --refresh` of its environment restores it",
            "BadDigest": "; the file changed after the manifest was made: build again and release that",
            "IncompleteBody": "; the file changed after the manifest was made: build again and release that",
            "XAmzContentSHA256Mismatch": "; the file changed after the manifest was made: build again and release that",
            "InvalidRequest": "; if it names a checksum, the file changed after the manifest was made: build again",
        }.get(code, "")
        raise StaticReleaseError(
            f"could not {what}: {code}: {detail.get('Message', '').rstrip('.')}{advice}"
        ) from error
    except DamagedError as error:
        raise StaticReleaseError(str(error)) from error
    except (BotoCoreError, OSError) as error:
        raise StaticReleaseError(f"could not {what}: {error}; run it again, it continues") from error


def get(s3: Any, bucket: str, key: str, read: Read = objects.read) -> bytes | None:
    """The object's content, None if there is none."""
    with reported(f"read s3://{bucket}/{key}"):
        try:
            _, body = read(s3, bucket, key)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
    return body


def stored(s3: Any, bucket: str, key: str, kind: type[Item]) -> Item | None:
    """What a release stored there, None if there is nothing."""
    with reported(f"read s3://{bucket}/{key}"):
        item_and_etag = objects.load(s3, bucket, key, kind)
    return item_and_etag[0] if item_and_etag else None


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


def is_file(head: Mapping[str, Any], file: File) -> bool:
    """Whether an answer to HeadObject is of the file, with its content and its headers."""
    written = (head.get("ChecksumSHA256"), head.get("CacheControl"), head.get("ContentType"))
    return written == (checksum(file.sha256), CACHE_CONTROL[file.cache], file.content_type)


def find(*, s3: Any, records_bucket: str, digest: str, read: Read = objects.read, prefix: str = "") -> Manifest | None:
    """The stored manifest with this digest, None if there is none. Raises StaticReleaseError."""
    key = manifest_key(digest, prefix)
    body = get(s3, records_bucket, key, read)
    if body is None:
        return None
    try:
        if (found := f"sha256:{hashlib.sha256(body).hexdigest()}") != digest:
            raise ManifestError(f"its digest is {found}")  # noqa: TRY301 - as what it says
        return Manifest.from_json(body)
    except ManifestError as error:
        raise ManifestError(f"{objects.damaged(records_bucket, key, error)}") from error


def load(*, s3: Any, records_bucket: str, digest: str, read: Read = objects.read, prefix: str = "") -> Manifest:
    """The stored manifest with this digest, of this environment or of the one before. Raises StaticReleaseError."""
    manifest = find(s3=s3, records_bucket=records_bucket, digest=digest, read=read, prefix=prefix)
    if manifest is None:
        key = manifest_key(digest, prefix)
        raise StaticReleaseError(
            f"{digest} was never staged: s3://{records_bucket}/{key} is not there; release that version (or its "
            "environment before) again\n"
            f"  if it was deleted:  {objects.restore(records_bucket, key, version=0)}"
        )
    return manifest


def active(*, s3: Any, records_bucket: str, prefix: str = "") -> Active | None:
    """What the site is made of, None before the first activation began. One request."""
    return stored(s3, records_bucket, prefix + ACTIVE, Active)


def check_bucket(active: Active | None, site: Site) -> None:
    """Raises StaticReleaseError if the records are of another bucket than the site's."""
    if active is None or active.bucket in ("", site.bucket):
        return
    key = f"s3://{site.records_bucket}/{site.prefix}{ACTIVE}"
    raise StaticReleaseError(
        f"{key} says what is in s3://{active.bucket}, and s3://{site.bucket} was named: nothing was changed. Name "
        f"s3://{active.bucket}, or for s3://{site.bucket} another records bucket: one holds the records of one site\n"
        f"  if s3://{site.bucket} replaces s3://{active.bucket}:  aws s3 rm {key}, then release again"
    )


def etag(answer: Mapping[str, Any]) -> str:
    """The ETag in an answer or an entry of a listing, without its quotes."""
    return str(answer.get("ETag", "")).strip('"')


def blob(sha256: str, prefix: str = "") -> str:
    """The key of a content in the records bucket."""
    return prefix + BLOBS + sha256


def releases(s3: Any, records_bucket: str, prefix: str = "") -> list[str]:
    """The hexadecimal digests of all manifests that are here, complete or not, sorted."""
    pages = _pages(s3, records_bucket, f"{prefix}static/", Delimiter="/")
    prefixes = [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
    return [name.split("/")[-2] for name in prefixes if name != prefix + BLOBS]


def listed(s3: Any, bucket: str, prefix: str) -> Iterator[dict[str, Any]]:
    """The objects under `prefix`: one request for a thousand."""
    for page in _pages(s3, bucket, prefix):
        yield from page.get("Contents", [])


def _pages(s3: Any, bucket: str, prefix: str, **more: str) -> Iterator[dict[str, Any]]:
    arguments = {"Bucket": bucket, "Prefix": prefix, **more}
    while True:
        with reported(f"list s3://{bucket}/{prefix}"):
            page = s3.list_objects_v2(**arguments)
        yield page
        if not page.get("IsTruncated"):
            return
        arguments["ContinuationToken"] = page["NextContinuationToken"]


def delete(s3: Any, bucket: str, objects: Iterable[Mapping[str, str]]) -> None:
    """Deletes each `{"Key": …}`, or the version of it with `VersionId`; what is not there is no failure."""
    remaining = iter(objects)
    while batch := list(islice(remaining, MAX_DELETED)):
        with reported(f"delete {len(batch)} objects of s3://{bucket}"):
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        for error in answer.get("Errors", []):
            raise StaticReleaseError(
                f"could not delete s3://{bucket}/{error.get('Key')}: {error.get('Code')}: {error.get('Message')}"
            )
