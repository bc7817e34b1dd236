"""A client of S3 with botocore's calling convention, for what a release asks of S3 a thousand times.

Everything else that botocore's client has is handed on to one of botocore's, which is made when it is first needed.
"""

# The arguments have the names that botocore gives them.
# ruff: noqa: N803

from __future__ import annotations

import base64
import hashlib
import random
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import IO, Any, Final, cast
from urllib.parse import SplitResult, urlsplit

from botocore.exceptions import (
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    InvalidEndpointConfigurationError,
    ReadTimeoutError,
)

from release.s3 import answers, signing
from release.s3.answers import Answer, Body
from release.s3.connections import MAX_CONNECTIONS, Connections, pieces
from release.s3.signing import Keys

MAX_PAUSE_S: Final = 20.0
"""The longest pause between attempts, as of botocore's `standard` retries."""
AWS_HOSTS: Final = (".amazonaws.com", ".amazonaws.com.cn")
"""Ends of S3's own host names, where a bucket is a part of the name; any other endpoint has it in the path."""
_UNDONE: Final = frozenset({"SlowDown", "ServiceUnavailable", "RequestTimeout", "Throttling", "RequestLimitExceeded"})
"""Codes by which S3 says that it has not done it."""
_UNKNOWN: Final = frozenset({500, 502, 503, 504})
"""Statuses after which it may have been done all the same."""
_HEADERS: Final = {
    "CacheControl": "cache-control",
    "ChecksumAlgorithm": "x-amz-checksum-algorithm",
    "ChecksumMode": "x-amz-checksum-mode",
    "ChecksumSHA256": "x-amz-checksum-sha256",
    "ContentType": "content-type",
    "CopySource": "x-amz-copy-source",
    "IfMatch": "if-match",
    "IfNoneMatch": "if-none-match",
    "MetadataDirective": "x-amz-metadata-directive",
}
_PARAMETERS: Final = {
    "ContinuationToken": "continuation-token",
    "Delimiter": "delimiter",
    "MaxKeys": "max-keys",
    "Prefix": "prefix",
    "VersionId": "versionId",
    **{name: name for name in ("delete", "encoding-type", "list-type")},
}
_HOST: Final = re.compile(r"[\w.-]+|[0-9a-f:.]+", re.ASCII)
"""A name, or an address of IPv6."""
_NOTHING: Final = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Request:
    operation: str
    method: str
    bucket: str
    key: str
    query: str
    headers: Mapping[str, str]
    body: bytes | IO[bytes]
    size: int
    sha256: str
    """Of the body."""


def _request(
    operation: str, method: str, bucket: str, key: str, more: Mapping[str, Any], *, body: bytes | IO[bytes] = b""
) -> _Request:
    """What arguments of botocore make of a request."""
    headers = {_HEADERS[name]: str(value) for name, value in more.items() if name in _HEADERS}
    parameters = [(_PARAMETERS[name], str(value)) for name, value in more.items() if name in _PARAMETERS]
    if len(headers) + len(parameters) + ("ContentLength" in more) != len(more):
        raise TypeError(f"{operation}: one of {sorted(more)} is not known here; add it to the tables of {__name__}")
    checksum = more.get("ChecksumSHA256")
    return _Request(
        operation=operation,
        method=method,
        bucket=bucket,
        key=key,
        query=signing.query(parameters),
        headers=headers,
        body=body,
        size=more.get("ContentLength", 0),
        sha256=base64.b64decode(checksum).hex() if checksum else _NOTHING,
    )


def _parts(endpoint: str) -> SplitResult:
    """Raises InvalidEndpointConfigurationError for what is none."""
    wrong = f"{endpoint!r} is no endpoint of S3: expected https://host or http://host:port"
    try:
        parts = urlsplit(endpoint)
        named = _HOST.fullmatch(parts.hostname or "") and parts.port != 0
    except ValueError as error:  # a port that is none, or brackets without an address
        raise InvalidEndpointConfigurationError(msg=wrong) from error
    if parts.scheme not in ("http", "https") or not named or parts.path.strip("/"):
        raise InvalidEndpointConfigurationError(msg=wrong)
    return parts


def _measured(body: bytes) -> dict[str, Any]:
    """The arguments that say what `body` is."""
    return {"ContentLength": len(body), "ChecksumSHA256": base64.b64encode(hashlib.sha256(body).digest()).decode()}


class S3Client:
    """What botocore's client of S3 does, for threads, as `release.s3.connect` makes it.

    Methods raise what botocore's do: ClientError for an answer of S3 that is an error, BotoCoreError for none.
    """

    def __init__(
        self,
        *,
        endpoint: str,
        region: str,
        keys: Callable[[], Keys],
        botocore_client: Callable[[], Any],
        attempts: int = 5,
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 20.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`keys` is asked for each request; `botocore_client` makes one for what this one does not do."""
        parts = _parts(endpoint)
        self._host, self._region, self._keys, self._sleep = parts.netloc, region, keys, sleep
        self._attempts = attempts
        self.meta = SimpleNamespace(config=SimpleNamespace(max_pool_connections=MAX_CONNECTIONS))
        self._botocore_client, self._made, self._making = botocore_client, None, threading.Lock()
        self._scheme = parts.scheme
        self._connections = Connections(
            parts.scheme, connect_timeout_s=connect_timeout_s, read_timeout_s=read_timeout_s
        )

    def __getattr__(self, name: str) -> Any:
        """What only botocore's client has."""
        if name.startswith("_"):
            raise AttributeError(name)
        with self._making:
            self._made = self._made or self._botocore_client()
        return getattr(self._made, name)

    def url(self, bucket: str, key: str) -> str:
        """Where an object is asked for."""
        host, prefix = self._place(bucket)
        return f"{self._scheme}://{host}{prefix}/{signing.path(key)}"

    def get_object(self, *, Bucket: str, Key: str, **more: str) -> dict[str, Any]:
        """The answer with a Body that is to be read to its end, once."""
        answer = self._send(_request("GetObject", "GET", Bucket, Key, {"ChecksumMode": "ENABLED", **more}))
        return {**answers.fields(answer), "Body": Body(answer)}

    def head_object(self, *, Bucket: str, Key: str, **more: str) -> dict[str, Any]:
        return answers.fields(self._send(_request("HeadObject", "HEAD", Bucket, Key, more)))

    def put_object(self, *, Bucket: str, Key: str, Body: bytes | str | IO[bytes] = b"", **more: Any) -> dict[str, Any]:
        """A Body that is a file is sent from where it stands, ContentLength bytes of it, without being read before.

        It needs ChecksumSHA256 then; of anything else that is computed. S3 holds what arrives against it.
        """
        body = Body.encode() if isinstance(Body, str) else Body
        if isinstance(body, bytes):
            more = {**_measured(body), **more}
        elif not {"ContentLength", "ChecksumSHA256"} <= set(more):
            raise ValueError("a file needs ContentLength and ChecksumSHA256, so that it is read once")
        return answers.fields(self._send(_request("PutObject", "PUT", Bucket, Key, more, body=body)))

    def copy_object(self, *, Bucket: str, Key: str, CopySource: Mapping[str, str], **more: str) -> dict[str, Any]:
        source = signing.path(f"{CopySource['Bucket']}/{CopySource['Key']}")
        if "VersionId" in CopySource:
            source += f"?versionId={CopySource['VersionId']}"
        answer = self._send(_request("CopyObject", "PUT", Bucket, Key, {"CopySource": source, **more}))
        return {**answers.fields(answer), "CopyObjectResult": answers.copied(answer.body)}

    def delete_object(self, *, Bucket: str, Key: str, **more: str) -> dict[str, Any]:
        return answers.fields(self._send(_request("DeleteObject", "DELETE", Bucket, Key, more)))

    def delete_objects(self, *, Bucket: str, Delete: Mapping[str, Any]) -> dict[str, Any]:
        body = answers.delete_document(Delete)
        answer = self._send(_request("DeleteObjects", "POST", Bucket, "", {"delete": "", **_measured(body)}, body=body))
        return {**answers.fields(answer), **answers.deleted(answer.body)}

    def list_objects_v2(self, *, Bucket: str, **more: Any) -> dict[str, Any]:
        # Names may have characters that XML cannot hold.
        arguments = {"list-type": "2", "encoding-type": "url", **more}
        answer = self._send(_request("ListObjectsV2", "GET", Bucket, "", arguments))
        return {**answers.fields(answer), **answers.listed(answer.body)}

    def _send(self, request: _Request) -> Answer:
        """What S3 answers, once it is nothing that asking again may change."""
        start = None if isinstance(request.body, bytes) else request.body.tell()
        in_doubt = False
        for attempt in range(1, self._attempts + 1):
            try:
                return self._once(request)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                if in_doubt and code == "PreconditionFailed" and (written := self._written(request)) is not None:
                    return written
                undone = code in _UNDONE
                if attempt == self._attempts or not (
                    undone or error.response["ResponseMetadata"]["HTTPStatusCode"] in _UNKNOWN
                ):
                    raise
                in_doubt = in_doubt or not undone
            except (EndpointConnectionError, ConnectTimeoutError):  # nothing was sent
                if attempt == self._attempts:
                    raise
            except (ConnectionClosedError, ReadTimeoutError):
                if attempt == self._attempts:
                    raise
                in_doubt = True
            self._sleep(min(random.random() * 2 ** (attempt - 1), MAX_PAUSE_S))  # noqa: S311 - a pause
            if start is not None:
                cast("IO[bytes]", request.body).seek(start)
        raise AssertionError("unreachable")

    def _written(self, request: _Request) -> Answer | None:
        """What S3 says of the object that a write in doubt was to make, if that is what is there.

        A write that arrived and whose answer did not fails on itself when it is repeated: so its content is compared.
        """
        head = self._send(_request("HeadObject", "HEAD", request.bucket, request.key, {"ChecksumMode": "ENABLED"}))
        expected = request.headers.get("x-amz-checksum-sha256")
        return head if expected and head.headers.get("x-amz-checksum-sha256") == expected else None

    def _once(self, request: _Request) -> Answer:
        host, prefix = self._place(request.bucket)
        path = prefix + "/" + signing.path(request.key)
        headers = signing.sign(
            method=request.method,
            path=path,
            query=request.query,
            headers={"host": host, **request.headers},
            payload_sha256=request.sha256,
            keys=self._keys(),
            region=self._region,
            now=datetime.now(UTC),
        )
        if request.method in ("PUT", "POST"):
            headers["content-length"] = str(request.size)
        body = request.body if isinstance(request.body, bytes) else pieces(request.body, request.size)
        whole = request.operation != "GetObject"
        try:
            target = f"{path}?{request.query}" if request.query else path
            response = self._connections.send(host, request.method, target, body or None, headers, whole=whole)
        except EOFError as error:
            short = {"Code": "IncompleteBody", "Message": str(error)}
            answer: Any = {"Error": short, "ResponseMetadata": {"HTTPStatusCode": 400}}
            raise ClientError(answer, "PutObject") from error
        return answers.checked(Answer(operation=request.operation, response=response))

    def _place(self, bucket: str) -> tuple[str, str]:
        """The host of a bucket and what stands before its keys. A name with dots is in no certificate of S3's."""
        if self._host.endswith(AWS_HOSTS) and "." not in bucket:
            return f"{bucket}.{self._host}", ""
        return self._host, f"/{bucket}"
