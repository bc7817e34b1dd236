"""Signature Version 4, as S3 has it. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import quote

UNRESERVED: Final = "-_.~"
"""What is not percent-encoded beside letters and digits; in the path of a key "/" is not either."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """Credentials as they are at one moment."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    """Of a session: temporary credentials have one."""


def path(key: str) -> str:
    """A key as it stands in a URL: the same on the wire and in what is signed."""
    return quote(key, safe="/" + UNRESERVED)


def query(parameters: Sequence[tuple[str, str]]) -> str:
    """A query in the order in which it is signed."""
    encoded = sorted((quote(name, safe=UNRESERVED), quote(value, safe=UNRESERVED)) for name, value in parameters)
    return "&".join([f"{name}={value}" for name, value in encoded])


def sign(
    *,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    payload_sha256: str,
    keys: Keys,
    region: str,
    now: datetime,
) -> dict[str, str]:
    """The headers to send: `headers`, in lower case and with `host`, and those that make them a signed request."""
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    sent = {**headers, "x-amz-content-sha256": payload_sha256, "x-amz-date": stamp}
    if keys.token:
        sent["x-amz-security-token"] = keys.token
    names = sorted(sent)
    signed = ";".join(names)
    lines = "".join([f"{name}:{' '.join(sent[name].split())}\n" for name in names])
    request = "\n".join((method, path, query, lines, signed, payload_sha256))
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(request.encode()).hexdigest()))
    signature = hmac.digest(_key(keys.secret_key, stamp[:8], region), text.encode(), "sha256").hex()
    sent["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{scope}, SignedHeaders={signed}, Signature={signature}"
    )
    return sent


@functools.lru_cache(maxsize=8)
def _key(secret_key: str, day: str, region: str) -> bytes:
    """The key of a day."""
    key = ("AWS4" + secret_key).encode()
    for part in (day, region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
