"""S3 in memory, as far as a records bucket needs it: conditional writes and deletes, and the clock of the service.

`If-None-Match: *` and `If-Match` answer as
https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html has it: 412 for a condition that does
not hold, 404 for `If-Match` without an object. Times are whole seconds, as in HTTP.
"""

# The arguments have the names that boto3 gives them.
# ruff: noqa: N803

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

STATUS = {"NoSuchKey": 404, "404": 404, "NoSuchBucket": 404, "PreconditionFailed": 412, "AccessDenied": 403}


def refusal(code: str, operation: str = "PutObject") -> ClientError:
    """The error that boto3 raises for an answer of S3."""
    status = STATUS.get(code, 500)
    answer: Any = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


class FakeS3:
    """A client with one bucket, whose name is the first one that is used. Time stands still until `advance`.

    `before` and `after` are called around each request with `get`, `head`, `put`, `delete` or `list` and its key. They
    may raise (also a `refusal`), let time pass, or change what is stored.
    """

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
        self.objects: dict[str, bytes] = {}
        self.calls: list[tuple[str, str]] = []
        """(operation, key) of every call that arrived, in order."""
        self.before: Callable[[str, str], None] = lambda _operation, _key: None
        self.after: Callable[[str, str], None] = lambda _operation, _key: None
        self._name = ""
        self._modified: dict[str, datetime] = {}
        self._faults: list[tuple[str, bool]] = []
        self._lock = threading.RLock()

    def advance(self, seconds: float) -> None:
        """Let time pass. Fits where code takes a `sleep`."""
        self.now += timedelta(seconds=seconds)

    def fail(self, operation: str, times: int = 1, *, afterwards: bool = False) -> None:
        """Let the next calls of `operation` fail; `afterwards`: their work is done, and the answer is lost."""
        self._faults += [(operation, afterwards)] * times

    def put_object(self, *, Bucket: str, Key: str, Body: bytes | str, **rest: Any) -> dict[str, Any]:
        """PutObject."""
        body = Body.encode() if isinstance(Body, str) else Body

        def work() -> dict[str, Any]:
            self._judge("PutObject", Key, rest)
            self.objects[Key] = body
            self._modified[Key] = self.now.replace(microsecond=0)
            return self._answer(ETag=_etag(body))

        return self._call("PutObject", Bucket, Key, work)

    def get_object(self, *, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:
        """GetObject."""

        def work() -> dict[str, Any]:
            entry = self._entry("GetObject", "NoSuchKey", Key)
            return self._answer(Body=io.BytesIO(self.objects[Key]), **entry)

        return self._call("GetObject", Bucket, Key, work)

    def head_object(self, *, Bucket: str, Key: str, **_: Any) -> dict[str, Any]:
        """HeadObject."""

        def work() -> dict[str, Any]:
            entry = self._entry("HeadObject", "404", Key)
            return self._answer(ContentLength=len(self.objects[Key]), **entry)

        return self._call("HeadObject", Bucket, Key, work)

    def delete_object(self, *, Bucket: str, Key: str, **rest: Any) -> dict[str, Any]:
        """DeleteObject: of a missing object it succeeds, unless there is a condition."""

        def work() -> dict[str, Any]:
            self._judge("DeleteObject", Key, rest)
            self.objects.pop(Key, None)
            return self._answer()

        return self._call("DeleteObject", Bucket, Key, work)

    def list_objects_v2(self, *, Bucket: str, Prefix: str = "", **rest: Any) -> dict[str, Any]:
        """ListObjectsV2, with `Delimiter`, `StartAfter` and continuation.

        A page has one entry: S3 promises no more, and whoever reads only the first sees too few.
        """

        def work() -> dict[str, Any]:
            start = rest.get("ContinuationToken") or rest.get("StartAfter") or ""
            entries: dict[str, str | None] = {}
            for name in sorted(name for name in self.objects if name.startswith(Prefix)):
                head, delimiter, _tail = name[len(Prefix) :].partition(rest.get("Delimiter") or "\0")
                entries[Prefix + head + delimiter] = None if delimiter else name
            left = [entry for entry in sorted(entries) if entry > start]
            page = left[:1]
            more = {"NextContinuationToken": page[-1]} if len(left) > len(page) else {}
            contents = [
                {"Key": key, "Size": len(self.objects[key]), **self._entry("ListObjectsV2", "NoSuchKey", key)}
                for entry in page
                if (key := entries[entry]) is not None
            ]
            prefixes = [{"Prefix": entry} for entry in page if entries[entry] is None]
            # boto3 leaves out a list without items, as the answer in XML has no element for it.
            lists = {"Contents": contents, "CommonPrefixes": prefixes}
            some = {element: items for element, items in lists.items() if items}
            return self._answer(IsTruncated=bool(more), KeyCount=len(page), **some, **more)

        return self._call("ListObjectsV2", Bucket, Prefix, work)

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

    def _call(self, operation: str, bucket: str, key: str, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        name = operation.removesuffix("ObjectsV2").removesuffix("Object").lower()
        self.before(name, key)
        with self._lock:
            self.calls.append((operation, key))
            self._name = self._name or bucket
            if bucket != self._name:
                raise refusal("NoSuchBucket", operation)
            fault = next((fault for fault in self._faults if fault[0] == operation), None)
            if fault is not None:
                self._faults.remove(fault)
                if fault[1]:
                    work()
                raise EndpointConnectionError(endpoint_url="https://s3.example.org")
            answer = work()
        self.after(name, key)
        return answer

    def _judge(self, operation: str, key: str, rest: dict[str, Any]) -> None:
        body, condition = self.objects.get(key), rest.get("IfMatch")
        if rest.get("IfNoneMatch") == "*" and body is not None:
            raise refusal("PreconditionFailed", operation)
        if condition is not None and body is None:
            raise refusal("NoSuchKey", operation)
        if condition is not None and body is not None and condition not in ("*", _etag(body)):
            raise refusal("PreconditionFailed", operation)

    def _entry(self, operation: str, missing: str, key: str) -> dict[str, Any]:
        if key not in self.objects:
            raise refusal(missing, operation)
        return {"ETag": _etag(self.objects[key]), "LastModified": self._modified.get(key, self.now)}

    def _answer(self, **fields: Any) -> dict[str, Any]:
        headers = {"date": format_datetime(self.now.replace(microsecond=0), usegmt=True)}
        return {**fields, "ResponseMetadata": {"HTTPStatusCode": 200, "HTTPHeaders": headers}}


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
