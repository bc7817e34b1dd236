"""S3 in memory, as far as releases need it: conditional writes and deletes, checksums, versions, the service's clock.

`If-None-Match: *` and `If-Match` answer as
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html has it: 412 for a condition that does
not hold, 404 for `If-Match` without an object. Times are whole seconds, as in HTTP.
"""

# The arguments have the names that boto3 gives them.
# ruff: noqa: N803

from __future__ import annotations

import base64
import hashlib
import io
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any, Final

from botocore.exceptions import ClientError, EndpointConnectionError

STATUS = {"NoSuchKey": 404, "404": 404, "NoSuchBucket": 404, "PreconditionFailed": 412, "AccessDenied": 403, "405": 405}
STATUS |= dict.fromkeys(("BadDigest", "InvalidRequest", "KeyTooLongError", "MalformedXML"), 400)
MAX_KEYS: Final = 1000
"""Keys of one page of ListObjectsV2 and ListObjectVersions, and of one DeleteObjects (their API references)."""


def refusal(code: str, operation: str = "PutObject") -> ClientError:
    """The error that boto3 raises for an answer of S3."""
    status = STATUS.get(code, 500)
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


@dataclass(frozen=True)
class Version:
    """One version of an object; `body` None: a delete marker."""

    id: str
    body: bytes | None
    modified: datetime
    headers: dict[str, str]
    checksum: str | None
    """SHA-256, where the writer had S3 compute it."""


@dataclass
class Bucket:
    """What one bucket has. `objects` may be changed by a test, as something else than a release would."""

    objects: dict[str, bytes] = field(default_factory=dict)
    written: dict[str, Version] = field(default_factory=dict)
    history: dict[str, list[Version]] = field(default_factory=dict)
    """By key, every version that was not deleted for good, the newest last."""


class FakeS3:
    """A client with the buckets that it is given, which keep versions; else with one, whose name is the first used.

    Time stands still until `advance`. `objects` are those of the first bucket. `before` and `after` are called around
    each request with `get`, `head`, `put`, `copy`, `delete` or `list` and its key. They may raise (also a `refusal`),
    let time pass, or change what is stored.
    """

    meta = SimpleNamespace(config=SimpleNamespace(max_pool_connections=8))

    def __init__(self, *buckets: str, page: int = 1) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
        self.buckets = {name: Bucket() for name in buckets}
        self.page = page
        """Keys of one page of a listing: S3 promises no number, and whoever reads only the first sees too few."""
        self._first = next(iter(self.buckets.values()), Bucket())
        self.objects = self._first.objects
        self.calls: list[tuple[str, str]] = []
        """(operation, key) of every call that arrived, in order."""
        self.before: Callable[[str, str], None] = lambda _operation, _key: None
        self.after: Callable[[str, str], None] = lambda _operation, _key: None
        self._faults: list[tuple[str, bool]] = []
        self._lock = threading.RLock()
        self._numbers = itertools.count(1)

    def advance(self, seconds: float) -> None:
        """Let time pass. Fits where code takes a `sleep`."""
        self.now += timedelta(seconds=seconds)

    def fail(self, operation: str, times: int = 1, *, afterwards: bool = False) -> None:
        """Let the next calls of `operation` fail; `afterwards`: their work is done, and the answer is lost."""
        self._faults += [(operation, afterwards)] * times

    def put_object(self, *, Bucket: str, Key: str, Body: Any, **rest: Any) -> dict[str, Any]:
        body = Body.encode() if isinstance(Body, str) else Body if isinstance(Body, bytes) else Body.read()
        checksum = rest.get("ChecksumSHA256")

        def work(bucket: Any) -> dict[str, Any]:
            self._judge(bucket, "PutObject", Key, rest)
            if len(Key.encode()) > 1024:  # "Naming Amazon S3 objects"
                raise refusal("KeyTooLongError", "PutObject")
            # "Checking object integrity in Amazon S3": a value that does not match is refused.
            if checksum is not None and checksum != _sha256(body):
                raise refusal("BadDigest", "PutObject")
            self._write(bucket, Key, body, rest, checksum)
            return self._answer(ETag=_etag(body))

        return self._call("PutObject", Bucket, Key, work)

    def copy_object(self, *, Bucket: str, Key: str, CopySource: dict[str, str], **rest: Any) -> dict[str, Any]:
        """CopyObject. Onto itself it is refused, unless headers are replaced or an earlier version is taken."""

        def work(bucket: Any) -> dict[str, Any]:
            origin = self._bucket(CopySource["Bucket"], "CopyObject")
            found = self._version(origin, "CopyObject", CopySource["Key"], CopySource.get("VersionId"))
            replaces = rest.get("MetadataDirective") == "REPLACE"
            if origin is bucket and CopySource["Key"] == Key and not replaces and "VersionId" not in CopySource:
                raise refusal("InvalidRequest", "CopyObject")
            assert found.body is not None
            checksum = _sha256(found.body) if rest.get("ChecksumAlgorithm") == "SHA256" else found.checksum
            self._write(bucket, Key, found.body, rest if replaces else found.headers, checksum)
            result = {"ETag": _etag(found.body), **({"ChecksumSHA256": checksum} if checksum else {})}
            return self._answer(CopyObjectResult=result)

        return self._call("CopyObject", Bucket, Key, work)

    def get_object(self, *, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:
        def work(bucket: Any) -> dict[str, Any]:
            found = self._version(bucket, "GetObject", Key)
            return self._answer(Body=io.BytesIO(found.body or b""), **self._entry(found), **found.headers)

        return self._call("GetObject", Bucket, Key, work)

    def head_object(self, *, Bucket: str, Key: str, **rest: Any) -> dict[str, Any]:
        """HeadObject, of one version if it is asked for; the checksum only where it is asked for, as S3 has it."""

        def work(bucket: Any) -> dict[str, Any]:
            found = self._version(bucket, "HeadObject", Key, rest.get("VersionId"))
            asked = rest.get("ChecksumMode") == "ENABLED" and found.checksum
            checksum = {"ChecksumSHA256": found.checksum} if asked else {}
            return self._answer(**self._entry(found), **found.headers, **checksum)

        return self._call("HeadObject", Bucket, Key, work)

    def delete_object(self, *, Bucket: str, Key: str, **rest: Any) -> dict[str, Any]:
        """DeleteObject: of a missing object it succeeds, unless there is a condition."""

        def work(bucket: Any) -> dict[str, Any]:
            self._judge(bucket, "DeleteObject", Key, rest)
            self._delete(bucket, Key, rest.get("VersionId"))
            return self._answer()

        return self._call("DeleteObject", Bucket, Key, work)

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        """DeleteObjects: a thousand keys at most, each as DeleteObject has it."""
        asked = Delete["Objects"]

        def work(bucket: Any) -> dict[str, Any]:
            if not 0 < len(asked) <= MAX_KEYS:
                raise refusal("MalformedXML", "DeleteObjects")
            for each in asked:
                self._delete(bucket, each["Key"], each.get("VersionId"))
            return self._answer()

        return self._call("DeleteObjects", Bucket, " ".join(each["Key"] for each in asked), work)

    def list_objects_v2(self, *, Bucket: str, Prefix: str = "", **rest: Any) -> dict[str, Any]:
        """ListObjectsV2, with `Delimiter`, `StartAfter` and continuation."""

        def work(bucket: Any) -> dict[str, Any]:
            start = rest.get("ContinuationToken") or rest.get("StartAfter") or ""
            entries: dict[str, str | None] = {}
            for name in sorted(name for name in bucket.objects if name.startswith(Prefix)):
                head, delimiter, _tail = name[len(Prefix) :].partition(rest.get("Delimiter") or "\0")
                entries[Prefix + head + delimiter] = None if delimiter else name
            left = [entry for entry in sorted(entries) if entry > start]
            page = left[: self.page]
            more = {"NextContinuationToken": page[-1]} if len(left) > len(page) else {}
            contents = []
            for entry in page:
                if (key := entries[entry]) is not None:
                    found = self._entry(self._version(bucket, "ListObjectsV2", key))
                    contents.append({"Key": key, "Size": found.pop("ContentLength"), **found})
            prefixes = [{"Prefix": entry} for entry in page if entries[entry] is None]
            # boto3 leaves out a list without items, as the answer in XML has no element for it.
            lists = {"Contents": contents, "CommonPrefixes": prefixes}
            some = {element: items for element, items in lists.items() if items}
            return self._answer(IsTruncated=bool(more), KeyCount=len(page), **some, **more)

        return self._call("ListObjectsV2", Bucket, Prefix, work)

    def list_object_versions(self, *, Bucket: str, Prefix: str = "") -> dict[str, Any]:
        """ListObjectVersions: by key, the newest first. All of them in one page."""

        def work(bucket: Any) -> dict[str, Any]:
            lists: dict[str, list[dict[str, Any]]] = {"Versions": [], "DeleteMarkers": []}
            for key in sorted(key for key in bucket.history if key.startswith(Prefix)):
                for version in reversed(bucket.history[key]):
                    entry = {"Key": key, "VersionId": version.id, "IsLatest": version is bucket.history[key][-1]}
                    if version.body is None:
                        lists["DeleteMarkers"].append(entry)
                    else:
                        lists["Versions"].append({**entry, "Size": len(version.body), "ETag": _etag(version.body)})
            return self._answer(IsTruncated=False, **{name: items for name, items in lists.items() if items})

        return self._call("ListObjectVersions", Bucket, Prefix, work)

    def get_paginator(self, operation: str) -> Any:
        """Of `list_objects_v2` and `list_object_versions`."""
        ask = getattr(self, operation)

        def paginate(**arguments: Any) -> Iterator[dict[str, Any]]:
            arguments.pop("PaginationConfig", None)
            while True:
                page = ask(**arguments)
                yield page
                if not page["IsTruncated"]:
                    return
                arguments["ContinuationToken"] = page["NextContinuationToken"]

        return SimpleNamespace(paginate=paginate)

    def _call(self, operation: str, bucket: str, key: str, work: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        name = operation.partition("Object")[0].lower()
        self.before(name, key)
        with self._lock:
            self.calls.append((operation, key))
            self.buckets = self.buckets or {bucket: self._first}
            found = self._bucket(bucket, operation)
            fault = next((fault for fault in self._faults if fault[0] == operation), None)
            if fault is not None:
                self._faults.remove(fault)
                if fault[1]:
                    work(found)
                raise EndpointConnectionError(endpoint_url="https://s3.example.org")
            answer = work(found)
        self.after(name, key)
        return answer

    def _bucket(self, name: str, operation: str) -> Bucket:
        if name not in self.buckets:
            raise refusal("NoSuchBucket", operation)
        return self.buckets[name]

    def _version(self, bucket: Bucket, operation: str, key: str, which: str | None = None) -> Version:
        if which is not None:
            found = next((each for each in bucket.history.get(key, ()) if each.id == which), None)
        elif key not in bucket.objects:
            found = None
        else:
            found, body = bucket.written.get(key), bucket.objects[key]
            if found is None or found.body is not body:  # a test has put it there
                found = Version("null", body, self.now, {}, None)
        if found is not None and found.body is None:  # HeadObject, API reference: of a delete marker
            raise refusal("405", operation)
        if found is None or found.body is None:
            raise refusal("404" if operation == "HeadObject" else "NoSuchKey", operation)
        return found

    def _write(self, bucket: Bucket, key: str, body: bytes, given: dict[str, Any], checksum: str | None) -> None:
        names: tuple[str, ...] = ("ContentType", "CacheControl")
        headers = {name: given[name] for name in names if name in given}
        version = Version(str(next(self._numbers)), body, self.now.replace(microsecond=0), headers, checksum)
        bucket.objects[key] = body
        bucket.written[key] = version
        bucket.history.setdefault(key, []).append(version)

    def _delete(self, bucket: Bucket, key: str, which: str | None) -> None:
        kept = bucket.history.setdefault(key, [])
        if which is None:  # "Working with delete markers", user guide
            bucket.objects.pop(key, None)
            kept.append(Version(str(next(self._numbers)), None, self.now, {}, None))
            return
        kept[:] = [each for each in kept if each.id != which]
        bucket.objects.pop(key, None)
        if kept and kept[-1].body is not None:
            bucket.objects[key], bucket.written[key] = kept[-1].body, kept[-1]

    def _judge(self, bucket: Bucket, operation: str, key: str, rest: dict[str, Any]) -> None:
        body, condition = bucket.objects.get(key), rest.get("IfMatch")
        if rest.get("IfNoneMatch") == "*" and body is not None:
            raise refusal("PreconditionFailed", operation)
        if condition is not None and body is None:
            raise refusal("NoSuchKey", operation)
        if condition is not None and body is not None and condition not in ("*", _etag(body)):
            raise refusal("PreconditionFailed", operation)

    def _entry(self, found: Version) -> dict[str, Any]:
        body = found.body or b""
        return {"ETag": _etag(body), "LastModified": found.modified, "ContentLength": len(body)}

    def _answer(self, **fields: Any) -> dict[str, Any]:
        headers = {"date": format_datetime(self.now.replace(microsecond=0), usegmt=True)}
        return {**fields, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": headers}}


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


def _sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()
