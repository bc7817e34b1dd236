"""S3 in memory, as far as a records bucket needs it: conditional writes and deletes, and the clock of the service.

`If-None-Match: *` and `If-Match` answer as
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html has it: 412 for a condition that does
not hold, 404 for `If-Match` without an object. Times are whole seconds, as in HTTP.
"""

# The arguments have the names that boto3 gives them.
# ruff: noqa: N803

from __future__ import annotations

import dataclasses
import hashlib
import io
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

STATUS = {"NoSuchKey": 404, "404": 404, "NoSuchBucket": 404, "PreconditionFailed": 412, "AccessDenied": 403}


def refusal(code: str, operation: str) -> ClientError:
    """The error that boto3 raises for an answer of S3."""
    status = STATUS.get(code, 500)
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


@dataclasses.dataclass(frozen=True)
class Stored:
    """An object."""

    body: bytes
    etag: str
    modified: datetime


class FakeS3:
    """A client with buckets that exist as soon as they are written to. Time stands still until `advance`."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
        self.objects: dict[tuple[str, str], Stored] = {}
        self.calls: list[tuple[str, str]] = []
        """(operation, key) of every call that arrived, in order."""
        self._faults: list[tuple[str, bool]] = []
        self._lock = threading.RLock()

    def advance(self, seconds: float) -> None:
        """Let time pass. Fits where code takes a `sleep`."""
        self.now += timedelta(seconds=seconds)

    def fail(self, operation: str, times: int = 1, *, afterwards: bool = False) -> None:
        """Let the next calls of `operation` fail; `afterwards`: their work is done, and the answer is lost."""
        self._faults += [(operation, afterwards)] * times

    def body(self, bucket: str, key: str) -> bytes | None:
        """What is stored, without a call."""
        found = self.objects.get((bucket, key))
        return found.body if found else None

    def put_object(self, *, Bucket: str, Key: str, Body: bytes | str, **rest: Any) -> dict[str, Any]:
        """PutObject."""
        body = Body.encode() if isinstance(Body, str) else Body

        def work() -> dict[str, Any]:
            self._judge("PutObject", Bucket, Key, rest)
            etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
            self.objects[Bucket, Key] = Stored(body, etag, self.now.replace(microsecond=0))
            return self._answer(ETag=etag)

        return self._call("PutObject", Key, work)

    def get_object(self, *, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:
        """GetObject."""

        def work() -> dict[str, Any]:
            found = self._found("GetObject", "NoSuchKey", Bucket, Key)
            return self._answer(Body=io.BytesIO(found.body), ETag=found.etag, LastModified=found.modified)

        return self._call("GetObject", Key, work)

    def head_object(self, *, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:
        """HeadObject."""

        def work() -> dict[str, Any]:
            found = self._found("HeadObject", "404", Bucket, Key)
            return self._answer(ContentLength=len(found.body), ETag=found.etag, LastModified=found.modified)

        return self._call("HeadObject", Key, work)

    def delete_object(self, *, Bucket: str, Key: str, **rest: Any) -> dict[str, Any]:
        """DeleteObject: of a missing object it succeeds, unless there is a condition."""

        def work() -> dict[str, Any]:
            self._judge("DeleteObject", Bucket, Key, rest)
            self.objects.pop((Bucket, Key), None)
            return self._answer()

        return self._call("DeleteObject", Key, work)

    def list_objects_v2(self, *, Bucket: str, Prefix: str = "", **rest: Any) -> dict[str, Any]:
        """ListObjectsV2, with `Delimiter`, `StartAfter`, `MaxKeys` (1000 at most) and continuation."""

        def work() -> dict[str, Any]:
            after = rest.get("ContinuationToken") or rest.get("StartAfter") or ""
            names = sorted(key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix))
            entries: dict[str, str | None] = {}
            for name in names:
                head, found, _tail = name[len(Prefix) :].partition(rest.get("Delimiter") or "\0")
                entries[Prefix + head + (rest["Delimiter"] if found else "")] = None if found else name
            left = [entry for entry in sorted(entries) if entry > after]
            page = left[: min(rest.get("MaxKeys", 1000), 1000)]
            more = {"NextContinuationToken": page[-1]} if len(left) > len(page) else {}
            contents = [self._entry(Bucket, key) for entry in page if (key := entries[entry]) is not None]
            prefixes = [{"Prefix": entry} for entry in page if entries[entry] is None]
            # boto3 leaves out a list without items, as the answer in XML has no element for it.
            lists = {"Contents": contents, "CommonPrefixes": prefixes}
            some = {name: items for name, items in lists.items() if items}
            return self._answer(IsTruncated=bool(more), KeyCount=len(page), **some, **more)

        return self._call("ListObjectsV2", Prefix, work)

    def get_paginator(self, operation: str) -> Any:
        """Of `list_objects_v2`."""
        assert operation == "list_objects_v2"

        class Paginator:
            """Page after page."""

            @staticmethod
            def paginate(**arguments: Any) -> Any:
                """All pages."""
                arguments.pop("PaginationConfig", None)
                while True:
                    page = self.list_objects_v2(**arguments)
                    yield page
                    if not page["IsTruncated"]:
                        return
                    arguments["ContinuationToken"] = page["NextContinuationToken"]

        return Paginator()

    def _call(self, operation: str, key: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        with self._lock:
            self.calls.append((operation, key))
            fault = next((each for each in self._faults if each[0] == operation), None)
            if fault is None:
                return work()
            self._faults.remove(fault)
            if fault[1]:
                work()
            raise EndpointConnectionError(endpoint_url="https://s3.example.org")

    def _judge(self, operation: str, bucket: str, key: str, rest: dict[str, Any]) -> None:
        found = self.objects.get((bucket, key))
        if rest.get("IfNoneMatch") == "*" and found is not None:
            raise refusal("PreconditionFailed", operation)
        wanted = rest.get("IfMatch")
        if wanted is not None and found is None:
            raise refusal("NoSuchKey", operation)
        if wanted is not None and found is not None and wanted not in ("*", found.etag):
            raise refusal("PreconditionFailed", operation)

    def _found(self, operation: str, missing: str, bucket: str, key: str) -> Stored:
        found = self.objects.get((bucket, key))
        if found is None:
            raise refusal(missing, operation)
        return found

    def _entry(self, bucket: str, key: str) -> dict[str, Any]:
        found = self.objects[bucket, key]
        return {"Key": key, "Size": len(found.body), "ETag": found.etag, "LastModified": found.modified}

    def _answer(self, **fields: Any) -> dict[str, Any]:
        headers = {"date": format_datetime(self.now.replace(microsecond=0), usegmt=True)}
        return {**fields, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": headers}}
