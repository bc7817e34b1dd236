"""The names that the emulator's distributions answer to."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import pytest
from ministack import app
from ministack.services import cloudfront, waf

from local.emulator import gaps
from local.emulator.gaps import buckets, distributions, web_acls
from release import http

PROBE = {"x-release-probe": "0123456789abcdef"}


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module, name in (
        (cloudfront, "_create_distribution"),
        (cloudfront, "_update_distribution"),
        (app, "_parse_cloudfront_dataplane_host"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
    gaps.close("alternate_names")
    yield
    cloudfront._distributions.clear()


def config(reference: str, *names: str) -> bytes:
    items = "".join(f"<CNAME>{name}</CNAME>" for name in names)
    return (
        f"<DistributionConfig><CallerReference>{reference}</CallerReference><Enabled>true</Enabled>"
        f"<Aliases><Quantity>{len(names)}</Quantity><Items>{items}</Items></Aliases>"
        "<Origins/><DefaultCacheBehavior/></DistributionConfig>"
    ).encode()


def create(reference: str, *names: str) -> int:
    status: int = cloudfront._create_distribution({}, config(reference, *names))[0]
    return status


def named(reference: str) -> Any:
    return next(item for item in cloudfront._distributions.values() if item["CallerReference"] == reference)


def test_name_of_another_distribution_is_refused() -> None:
    assert create("old", "easi.example.gov") == 201
    assert create("old", "easi.example.gov") == 200  # the same request again
    status, _, body = cloudfront._create_distribution({}, config("new", "EASI.example.gov"))
    assert (status, b"CNAMEAlreadyExists" in body) == (409, True)
    assert create("new", "new.example.gov") == 201
    for reference, expected in (("new", 409), ("old", 200)):
        found = named(reference)
        body = config(reference, "easi.example.gov")
        assert cloudfront._update_distribution(found["Id"], {"if-match": found["ETag"]}, body)[0] == expected


def test_distribution_is_found_by_its_alternate_name() -> None:
    create("one", "easi.example.gov")
    for host, found in (
        ("easi.example.gov:4566", named("one")),
        (named("one")["DomainName"].partition(".")[0] + ".cloudfront.net", named("one")),
    ):
        assert distributions.find_for_label(app._parse_cloudfront_dataplane_host(host)) is found
    assert app._parse_cloudfront_dataplane_host("other.example.gov") is None


@pytest.mark.parametrize(
    ("uri", "key"), [("/a+b.js", "a b.js"), ("/a%2Bb.js", "a+b.js"), ("/a%20b.js", "a b.js"), ("/a%25.js", "a%.js")]
)
def test_bucket_reads_a_plus_as_a_space(uri: str, key: str) -> None:
    assert buckets.object_key({}, uri) == key


@pytest.mark.parametrize(("sent", "status"), [({}, 403), ({"x-release-probe": "other"}, 403), (PROBE, 200)])
def test_web_acl_lets_in_who_sends_the_header(sent: dict[str, str], status: int) -> None:
    secret = base64.b64encode(PROBE["x-release-probe"].encode()).decode()
    statement = {
        "SearchString": secret,
        "FieldToMatch": {"SingleHeader": {"Name": "X-Release-Probe"}},
        "PositionalConstraint": "EXACTLY",
        "TextTransformations": [{"Priority": 0, "Type": "NONE"}],
    }
    rules = [{"Priority": 1, "Action": {"Allow": {}}, "Statement": {"ByteMatchStatement": statement}}]
    acl = {"DefaultAction": {"Block": {}}, "Rules": rules}
    identity, arn, _ = waf.create_web_acl_record("easi", "CLOUDFRONT", acl)
    found = f"<DistributionConfig><WebACLId>{arn}</WebACLId></DistributionConfig>"

    async def serve(*_: object) -> tuple[int, dict[str, str], bytes]:
        return 200, {}, b""

    try:
        asked = web_acls.handle_viewer_request(serve, {"config_xml": found}, "GET", "/", "/", "", sent)
        answered, headers, body = asyncio.run(asked)
    finally:
        waf.delete_web_acl_record(identity, "CLOUDFRONT")
    assert answered == status
    answer = http.Response(status=answered, headers={name.lower(): headers[name] for name in headers}, body=body)
    assert bool(http.firewalled(answer)) == (status == 403)
