"""A dry run: the very code of a publish says what it would do, with a client that changes nothing."""

# The arguments have the names that boto3 gives them.
# ruff: noqa: N803

from __future__ import annotations

import dataclasses
from typing import Any, Final

from botocore.exceptions import ClientError

from functions.aws_errors import is_missing

READS: Final = frozenset({"get_object", "get_paginator", "head_object", "meta"})
ETAG: Final = '"of a dry run"'


@dataclasses.dataclass(frozen=True)
class Put:
    """What would have been uploaded."""

    checksum: str
    size: int


class DryRun:
    """A client of S3 that reads, and answers as if it had also written."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3
        self._put: dict[tuple[str, str], Put] = {}
        """By bucket and key."""

    def __getattr__(self, operation: str) -> Any:
        if operation not in READS:
            raise AttributeError(f"a dry run has no {operation}")
        return getattr(self._s3, operation)

    def put_object(self, *, Bucket: str, Key: str, Body: Any, **rest: Any) -> dict[str, Any]:
        if rest.get("IfNoneMatch") == "*" and self._is_there(Bucket, Key):
            refused: Any = {"Error": {"Code": "PreconditionFailed", "Message": "there is such an object"}}
            raise ClientError(refused, "PutObject")
        size = rest["ContentLength"] if "ContentLength" in rest else len(Body)
        self._put[Bucket, Key] = Put(rest.get("ChecksumSHA256", ""), size)
        return {"ETag": ETAG}

    def copy_object(self, *, CopySource: dict[str, str], **_: Any) -> dict[str, Any]:
        put = self._put.get((CopySource["Bucket"], CopySource["Key"]))
        head = self._s3.head_object(**CopySource, ChecksumMode="ENABLED") if put is None else {}
        checksum = put.checksum if put else head.get("ChecksumSHA256")
        return {"CopyObjectResult": {"ETag": ETAG, "ChecksumSHA256": checksum}}

    def list_objects_v2(self, *, Bucket: str, Prefix: str = "", **rest: Any) -> dict[str, Any]:
        page: dict[str, Any] = self._s3.list_objects_v2(Bucket=Bucket, Prefix=Prefix, **rest)
        if page.get("IsTruncated"):
            return page
        put = [
            {"Key": key, "Size": put.size, "ETag": ETAG}
            for (bucket, key), put in list(self._put.items())  # a thread may add to it meanwhile
            if bucket == Bucket and key.startswith(Prefix)
        ]
        return {**page, "Contents": [*page.get("Contents", []), *put]}

    def delete_objects(self, **_: Any) -> dict[str, Any]:
        return {}

    def _is_there(self, bucket: str, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if is_missing(error):
                return False
            raise
        return True
