"""A bucket in memory, with the conditional writes and deletes of S3."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError


def error(code: str, operation: str = "PutObject") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, operation)


class Bucket:
    """One bucket, whatever it is called. `before` and `after` are called around each request, and may raise."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.before: Callable[[str, str], None] = lambda _operation, _key: None
        self.after: Callable[[str, str], None] = lambda _operation, _key: None

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        self.before("get", Key)
        if Key not in self.objects:
            raise error("NoSuchKey", "GetObject")
        return {"Body": io.BytesIO(self.objects[Key]), "ETag": _etag(self.objects[Key])}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes, **more: Any) -> dict[str, Any]:  # noqa: N803 - as above
        self.before("put", Key)
        self._check(Key, more)
        self.objects[Key] = Body
        self.after("put", Key)
        return {"ETag": _etag(Body)}

    def delete_object(self, *, Bucket: str, Key: str, **more: Any) -> None:  # noqa: N803 - as above
        self.before("delete", Key)
        self._check(Key, more)
        self.objects.pop(Key, None)
        self.after("delete", Key)

    def get_paginator(self, name: str) -> Any:
        assert name == "list_objects_v2"
        return _Pages(self)

    def _check(self, key: str, condition: dict[str, Any]) -> None:
        there = self.objects.get(key)
        if condition.get("IfNoneMatch") == "*" and there is not None:
            raise error("PreconditionFailed")
        wanted = condition.get("IfMatch")
        if wanted is not None and (there is None or _etag(there) != wanted):
            raise error("PreconditionFailed" if there is not None else "NoSuchKey")


class _Pages:
    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def paginate(self, *, Bucket: str, Prefix: str, Delimiter: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - as above
        self._bucket.before("list", Prefix)
        found = {
            Prefix + key.removeprefix(Prefix).partition(Delimiter)[0] + Delimiter
            for key in self._bucket.objects
            if key.startswith(Prefix)
        }
        for prefix in sorted(found):  # one per page: whoever reads only the first sees too few
            yield {"CommonPrefixes": [{"Prefix": prefix}]}
        yield {}


def _etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'
