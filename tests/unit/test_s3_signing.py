"""Requests are signed as botocore signs them."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import example, given, settings
from hypothesis import strategies as st

from release.s3 import signing
from release.s3.signing import Keys

PAYLOAD = "0" * 64
HOST = "site.s3.us-west-2.amazonaws.com"


class _Fixed(S3SigV4Auth):
    """botocore's signer with a payload that is known."""

    def payload(self, _request: object) -> str:
        return PAYLOAD


NOW = datetime.now(UTC).replace(microsecond=0)
keys = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=40)


@settings(deadline=None)
@given(key=keys, prefix=keys, token=st.none() | st.just("FwoGZXIvYXdzEXAMPLE=="))
@example(key="a b+c%2Fd~e'(f)*!&=;,:@$#?[]", prefix="/x//../y", token=None)
@example(key="ünïcode/日本語/e\u0301", prefix="a", token="t")
def test_a_request_has_the_signature_of_botocores(key: str, prefix: str, token: str | None) -> None:
    path, query = "/" + signing.path(key), signing.query([("prefix", prefix), ("list-type", "2")])
    headers = {"content-type": "text/html;  charset=utf-8", "x-amz-copy-source": quote(key), "if-none-match": "*"}
    signed = signing.sign(
        method="PUT",
        path=path,
        query=query,
        headers={"host": HOST, **headers},
        payload_sha256=PAYLOAD,
        keys=Keys(access_key="AKID", secret_key="secret", token=token),
        region="us-west-2",
        now=NOW,
    )
    request = AWSRequest("PUT", f"https://{HOST}{path}?{query}", headers=headers)
    request.context["timestamp"] = NOW.strftime("%Y%m%dT%H%M%SZ")
    signer = _Fixed(Credentials("AKID", "secret", token), "s3", "us-west-2")
    request.headers["X-Amz-Date"] = signed["x-amz-date"]
    request.headers["X-Amz-Content-SHA256"] = PAYLOAD
    if token:
        request.headers["X-Amz-Security-Token"] = token
    canonical = signer.canonical_request(request)
    expected = signer.signature(signer.string_to_sign(request, canonical), request)
    assert signed["authorization"].rpartition("Signature=")[2] == expected


def test_no_secret_is_shown() -> None:
    assert "secret" not in repr(Keys(access_key="AKID", secret_key="secret", token="secret"))
