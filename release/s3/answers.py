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
_ENCODED: Final = frozenset({"Delimiter", "Key", "Prefix", "StartAfter"})
"""What `encoding-type=url` encodes of a listing."""
_LISTS: Final = frozenset({"CommonPrefixes", "Contents", "Deleted"})


@dataclass(kw_only=True, slots=True)
class Answer:
    """One answer. Its body is not read yet if it is that of GetObject."""

    operation: str
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    response: http.client.HTTPResponse = field(repr=False)
    end: Callable[[], None] = field(repr=False)
    """Gives the connection back."""
    body: bytes = b""

    def read(self) -> bytes:
        """The whole body. Raises OSError or HTTPException where it breaks off."""
        body = self.response.read()
        if not self.response.will_close:
            self.end()
        return body


class Body:
    """The content of an object."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer

    def read(self) -> bytes:
        """All of it, held against S3's checksum. Raises what botocore's does."""
        headers = self._answer.headers
        try:
            body = self._answer.read()
        except http.client.IncompleteRead as error:
            raise IncompleteReadError(
                actual_bytes=len(error.partial), expected_bytes=headers.get("content-length")
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise ResponseStreamingError(error=error) from error
        wanted = headers.get("x-amz-checksum-sha256")
        # Of an object that came in parts it is one of their checksums: "<checksum>-<parts>".
        if wanted and "-" not in wanted:
            found = base64.b64encode(hashlib.sha256(body).digest()).decode()
            if found != wanted:
                raise FlexibleChecksumError(
                    error_msg=f"Expected checksum {wanted} did not match calculated checksum: {found}"
                )
        return body


def fields(answer: Answer) -> dict[str, Any]:
    """What the headers say."""
    found = {name: read(answer.headers[header]) for header, (name, read) in _FIELDS.items() if header in answer.headers}
    return {**found, "ResponseMetadata": {"HTTPStatusCode": answer.status, "HTTPHeaders": answer.headers}}


def check(answer: Answer) -> None:
    """Raises ClientError for an answer that is an error: CopyObject's and DeleteObjects' may have status 200.

    "If the error occurs during the copy operation, the error response is embedded in the 200 OK response", CopyObject.
    """
    document = _parsed(answer.body) if answer.status >= 300 or answer.body else None
    if answer.status < 300 and (document is None or document.tag != "Error"):
        return
    # botocore's way with an answer without a body (HeadObject) or one of something else than S3.
    error = {"Code": str(answer.status), "Message": http.client.responses.get(answer.status, "")}
    if document is not None and document.tag == "Error":
        error = {**error, **{child.tag: child.text or "" for child in document}}
    if "x-amz-bucket-region" in answer.headers and answer.status in (301, 400):
        error["Message"] += f" (the bucket is in {answer.headers['x-amz-bucket-region']})"
    metadata = {
        "HTTPStatusCode": max(answer.status, 500) if answer.status < 300 else answer.status,
        "HTTPHeaders": answer.headers,
        "RequestId": answer.headers.get("x-amz-request-id", ""),
    }
    raise ClientError({"Error": error, "ResponseMetadata": metadata}, answer.operation)


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
    found = {} if document is None else _map(document)
    return {{"Error": "Errors"}.get(name, name): value for name, value in found.items()}


def delete_document(delete: Mapping[str, Any]) -> bytes:
    """The body of DeleteObjects."""
    from xml.sax.saxutils import escape  # noqa: PLC0415 - only expiry needs it

    objects = "".join([f"<Object><Key>{escape(each['Key'])}</Key></Object>" for each in delete["Objects"]])
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
    found: dict[str, Any] = {}
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
            found.setdefault(child.tag, []).append(value)
        else:
            found[child.tag] = value
    return found
