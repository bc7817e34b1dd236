"""Signature Version 4A, against a signature that awscrt 0.38.1 made."""

from __future__ import annotations

import re

import boto3
import pytest
from botocore.auth import AUTH_TYPE_MAPS
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from release import sigv4a

CREDENTIALS = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "tok")
"""AWS's own example."""
PUBLIC = (
    0xB6618F6A65740A99E650B33B6B4B5BD0D43B176D721A3EDFEA7E7D2D56D936B1,
    0x865ED22A7EADC9C5CB9D2CBACA1B3699139FEDC5043DC6661864218330C8E518,
)
"""What AWS says belongs to it: public-key.json in tests/aws-signing-test-suite/v4a, awslabs/aws-c-auth."""
ARN = "arn:aws:cloudfront::111111111111:key-value-store/1a2b"
HOST = "111111111111.cloudfront-kvs.global.api.aws"
URL = f"https://{HOST}/key-value-stores/arn%3Aaws%3Acloudfront%3A%3A111111111111%3Akey-value-store%2F1a2b/keys?MaxResults=50"
MADE_BY_AWSCRT = (
    "3046022100dd2f893e448fc28e6914b1f888ef4a6571ddf0a10f93373fe28d4038fb39b7cb022100831a4c7266650926a347"
    "c3f07336f02dd1e7a00aa07f232ace242b7a921e4372"
)


@pytest.fixture
def signer() -> sigv4a.SigV4AAuth:
    return sigv4a.SigV4AAuth(CREDENTIALS, "cloudfront-keyvaluestore", "*")


def public_key() -> ec.EllipticCurvePublicKey:
    number = sigv4a.private_number(CREDENTIALS.access_key, CREDENTIALS.secret_key)
    return ec.derive_private_key(number, ec.SECP256R1()).public_key()


def request(**headers: str) -> AWSRequest:
    made = AWSRequest(method="POST", url=URL, data=b'{"Puts":[]}', headers={"If-Match": "E1", **headers})
    made.context = {}
    return made


def verify(signer: sigv4a.SigV4AAuth, signed: AWSRequest, signature: str) -> None:
    del signed.headers["Authorization"]
    signed.context["timestamp"] = signed.headers["X-Amz-Date"]
    text = signer.string_to_sign(signed, signer.canonical_request(signed))
    public_key().verify(bytes.fromhex(signature), text.encode(), ec.ECDSA(SHA256()))


def test_the_key_is_the_one_that_aws_derives() -> None:
    numbers = public_key().public_numbers()
    assert (numbers.x, numbers.y) == PUBLIC


def test_what_is_signed_is_what_awscrt_signs(signer: sigv4a.SigV4AAuth) -> None:
    stamped = {"X-Amz-Date": "20261129T025841Z", "X-Amz-Region-Set": "*", "X-Amz-Security-Token": "tok", "host": HOST}
    verify(signer, request(**stamped), MADE_BY_AWSCRT)
    with pytest.raises(InvalidSignature):
        verify(signer, request(**{**stamped, "If-Match": "E2"}), MADE_BY_AWSCRT)


def test_a_request_is_signed_anew_when_it_is_sent_again(signer: sigv4a.SigV4AAuth) -> None:
    made = request()
    for _ in range(2):
        signer.add_auth(made)
        found = re.fullmatch(
            r"AWS4-ECDSA-P256-SHA256 Credential=AKIDEXAMPLE/\d{8}/cloudfront-keyvaluestore/aws4_request, "
            r"SignedHeaders=host;if-match;x-amz-date;x-amz-region-set;x-amz-security-token, Signature=([0-9a-f]+)",
            made.headers["Authorization"],
        )
        assert found
        assert made.headers.get_all("X-Amz-Region-Set") == ["*"]
        verify(signer, made, found[1])


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (None, f"https://{HOST}/"),
        ("http://127.0.0.1:4566", "http://127.0.0.1:4566/"),
        ("http://[::1]:1", "http://[::1]:1/"),
    ],
)
def test_only_aws_s_own_endpoint_has_the_account_in_its_name(
    endpoint: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(AUTH_TYPE_MAPS, "v4a", sigv4a.SigV4AAuth)
    session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-west-2")
    sigv4a.install(session)
    client = session.client("cloudfront-keyvaluestore", endpoint_url=endpoint)
    sent: list[str] = []

    def send(request: AWSRequest, **_: object) -> None:
        sent.append(str(request.url))
        raise InterruptedError

    client.meta.events.register("before-send", send)
    with pytest.raises(InterruptedError):
        client.list_keys(KvsARN=ARN)
    assert sent[0].startswith(f"{expected}key-value-stores/")
