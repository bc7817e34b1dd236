"""Signature Version 4A, the one that the data plane of CloudFront KeyValueStore takes.

botocore has it with the package awscrt only, which every process that imports botocore would load at its start: 60 ms
of CPU, a third of that import (docs/decisions/0023-the-edge-knows-the-paths.md).
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final
from urllib.parse import urlsplit

import boto3
from botocore.auth import AUTH_TYPE_MAPS, SigV4Auth

ALGORITHM: Final = "AWS4-ECDSA-P256-SHA256"
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of the curve P-256: NIST SP 800-186, section 3.2.1.3."""
AWS_HOST: Final = ".cloudfront-kvs.global.api.aws"
"""https://docs.aws.amazon.com/general/latest/gr/cf_region.html"""


def private_number(access_key: str, secret_key: str) -> int:
    """The private key that belongs to AWS credentials, as a number.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html#derive-signing-key
    """
    for counter in range(1, 255):
        context = access_key.encode() + bytes([counter])
        text = b"\0\0\0\1" + ALGORITHM.encode() + b"\0" + context + (256).to_bytes(4, "big")
        candidate = int.from_bytes(hmac.digest(b"AWS4A" + secret_key.encode(), text, "sha256"), "big")
        if candidate <= ORDER - 2:
            return candidate + 1
    raise ValueError("no key belongs to these credentials")  # once in 2**8128


class SigV4AAuth(SigV4Auth):
    """A botocore signer; the regions, of which `*` is all, are in a header instead of in the scope."""

    def _modify_request_before_signing(self, request: Any) -> None:
        super()._modify_request_before_signing(request)  # type: ignore[misc] # private: not in the stubs, nor are the names below
        del request.headers["X-Amz-Region-Set"]  # of an attempt before; no error if there is none
        request.headers["X-Amz-Region-Set"] = self._region_name  # type: ignore[attr-defined] # see above

    def credential_scope(self, request: Any) -> str:
        name = self._service_name  # type: ignore[attr-defined] # see above
        return f"{request.context['timestamp'][:8]}/{name}/aws4_request"

    def scope(self, request: Any) -> str:
        return f"{self.credentials.access_key}/{self.credential_scope(request)}"

    def string_to_sign(self, request: Any, canonical_request: str) -> str:
        digest = hashlib.sha256(canonical_request.encode()).hexdigest()
        return "\n".join((ALGORITHM, request.context["timestamp"], self.credential_scope(request), digest))

    def signature(self, string_to_sign: str, request: Any) -> str:
        # Loaded when it is needed: a release that leaves the site's paths as they are signs nothing.
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - see above
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - see above

        number = private_number(self.credentials.access_key or "", self.credentials.secret_key or "")
        key = ec.derive_private_key(number, ec.SECP256R1())
        return key.sign(string_to_sign.encode(), ec.ECDSA(SHA256())).hex()

    def _inject_signature_to_request(self, request: Any, signature: str) -> Any:
        headers = self.signed_headers(self.headers_to_sign(request))
        credential = f"{ALGORITHM} Credential={self.scope(request)}"
        request.headers["Authorization"] = f"{credential}, SignedHeaders={headers}, Signature={signature}"
        return request


def install(session: boto3.Session) -> None:
    """Have clients of this session sign with it where a service asks for Signature Version 4A.

    With awscrt installed, botocore signs by itself.
    """
    AUTH_TYPE_MAPS.setdefault("v4a", SigV4AAuth)
    session.events.register("before-sign.cloudfront-keyvaluestore", without_account)


def without_account(request: Any, **_event: Any) -> None:
    """Takes an endpoint that somebody gave (AWS_ENDPOINT_URL) as it is.

    botocore puts the account before its host, as it is in AWS's own: 111111111111.cloudfront-kvs.global.api.aws. No
    other server has such names.
    """
    parts = urlsplit(request.url)
    if not (parts.hostname or "").endswith(AWS_HOST):
        request.url = parts._replace(netloc=parts.netloc.partition(".")[2]).geturl()
