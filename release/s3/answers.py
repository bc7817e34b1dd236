"""What S3 answers, as the maps that botocore makes of it."""

from __future__ import annotations

import base64
import hashlib
import http.client
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus

from botocore.exceptions import ClientError, FlexibleChecksumError, IncompleteReadError, ResponseStreamingError
from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_FIELDS: Final[Mapping[str, tuple[str, Callable[[str], Any]]]] = {
    "cache-control": ("CacheControl", str),
    "content-length": ("ContentLength", int),
    "content-type": ("ContentType", str),
    "etag": ("ETag", str),
    "last-modified": ("LastModified", parsedate_to_datetime),
    "x-amz-checksum-sha256": ("ChecksumSHA256", str),
    "x-amz-version-id": ("VersionId", str),
}
_KINDS: Final[Mapping[str, Callable[[str], Any]]] = {
    "IsTruncated": lambda text: text == "true",
    "KeyCount": int,
    "LastModified": datetime.fromisoformat,
    "MaxKeys": int,
    "Size": int,
}
_ENCODED: Final = frozenset({"Delimiter", "Key", "Prefix"})
"""What `encoding-type=url` encodes of a listing."""
_LISTS: Final = frozenset({"CommonPrefixes", "Contents", "Deleted"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One answer. Its body is not read yet if it is that of GetObject."""

    operation: str
    response: BaseHTTPResponse = field(repr=False)

    @property
    def status(self) -> int:
        return self.response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """By name in any case."""
        return self.response.headers

    @property
    def body(self) -> bytes:
        return self.response.data


class Body:
    """The content of an object."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def read(self) -> bytes:
        """All of it, held against S3's checksum. Raises what botocore's does."""
        try:
            body = self._answer.body
        except HTTPError as error:
            cause = error.args[-1] if error.args else None
            if isinstance(cause, http.client.IncompleteRead):
                raise IncompleteReadError(
                    actual_bytes=len(cause.partial), expected_bytes=cause.expected or 0
                ) from error
            raise ResponseStreamingError(error=error) from error
        finally:
            self._answer.response.release_conn()
        expected = self._answer.headers.get("x-amz-checksum-sha256")
        # Of an object that came in parts it is one of their checksums: "<checksum>-<parts>".
        if expected and "-" not in expected:
            computed = base64.b64encode(hashlib.sha256(body).digest()).decode()
            if computed != expected:
                raise FlexibleChecksumError(
                    error_msg=f"Expected checksum {expected} did not match calculated checksum: {computed}"
                )
        return body


def fields(answer: Answer) -> dict[str, Any]:
    """What the headers say."""
    read = {name: kind(answer.headers[header]) for header, (name, kind) in _FIELDS.items() if header in answer.headers}
    return {**read, "ResponseMetadata": {"HTTPStatusCode": answer.status, "HTTPHeaders": answer.headers}}


def checked(answer: Answer) -> Answer:
    """The same answer. Raises ClientError for an error, which CopyObject and DeleteObjects may give status 200.

    Also for a listing that is none.

    "If the error occurs during the copy operation, the error response is embedded in the 200 OK response", CopyObject.
    """
    listing = answer.operation == "ListObjectsV2"
    if answer.status < 300 and not listing and (answer.operation == "GetObject" or not answer.body):
        return answer
    document = _parsed(answer.body)
    tag = None if document is None else document.tag
    if answer.status < 300 and (tag == "ListBucketResult" if listing else tag != "Error"):
        return answer
    # botocore's way with an answer without a body (HeadObject) or one of something else than S3.
    error = {"Code": str(answer.status), "Message": http.client.responses.get(answer.status, "")}
    if listing and answer.status < 300:
        # Taken for an empty bucket, it would say that nothing is held, and that nothing has to go.
        error["Message"] = "the answer is no listing of S3"
    if document is not None and document.tag == "Error":
        error = {**error, **{child.tag: child.text or "" for child in document}}
    if "x-amz-bucket-region" in answer.headers and answer.status in (301, 400):
        error["Message"] += f" (the bucket is in {answer.headers['x-amz-bucket-region']})"
    metadata = {
        "HTTPStatusCode": max(answer.status, 500) if answer.status < 300 else answer.status,
        "HTTPHeaders": answer.headers,
        "RequestId": answer.headers.get("x-amz-request-id", ""),
    }
    response: Any = {"Error": error, "ResponseMetadata": metadata}
    raise ClientError(response, answer.operation)


def copied(body: bytes) -> dict[str, Any]:
    document = _parsed(body)
    return {} if document is None else _map(document)


def listed(body: bytes) -> dict[str, Any]:
    document = _parsed(body)
    if document is None:
        return {}
    decode = any(child.tag == "EncodingType" for child in document)
    return _map(document, decode=decode)


def deleted(body: bytes) -> dict[str, Any]:
    document = _parsed(body)
    members = {} if document is None else _map(document)
    return {{"Error": "Errors"}.get(name, name): value for name, value in members.items()}


def delete_document(delete: Mapping[str, Any]) -> bytes:
    """The body of DeleteObjects: keys, or versions of them."""
    from xml.sax.saxutils import escape  # noqa: PLC0415 - only expiry needs it

    objects = "".join(
        [
            "<Object>" + "".join([f"<{name}>{escape(item[name])}</{name}>" for name in sorted(item)]) + "</Object>"
            for item in delete["Objects"]
        ]
    )
    quiet = "<Quiet>true</Quiet>" if delete.get("Quiet") else ""
    return f'<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{quiet}{objects}</Delete>'.encode()


def _parsed(body: bytes) -> Element | None:
    """The document, without the namespace; None for what is none."""
    from xml.etree import ElementTree  # noqa: PLC0415 - a release that changes nothing gets no XML

    try:
        # S3 sends white space to keep the connection alive while it copies.
        document = ElementTree.fromstring(body.lstrip())  # noqa: S314 - expat 2.7 bounds what entities may become
    except ElementTree.ParseError:
        return None
    for element in document.iter():
        element.tag = element.tag.rpartition("}")[2]
    return document


def _map(element: Element, *, decode: bool = False) -> dict[str, Any]:
    members: dict[str, Any] = {}
    for child in element:
        value: Any
        if len(child):
            value = _map(child, decode=decode)
        else:
            value = child.text or ""
            if decode and child.tag in _ENCODED:
                value = unquote_plus(value)
            value = _KINDS.get(child.tag, str)(value)
        if child.tag in _LISTS or (child.tag == "Error" and element.tag == "DeleteResult"):
            members.setdefault(child.tag, []).append(value)
        else:
            members[child.tag] = value
    return members
