"""A site's own name: certificate and DNS records."""

from __future__ import annotations

from typing import Any

import pytest

from components.site_domain import Domain
from tests.components.site_program import CERTIFICATE, DISTRIBUTION, EAST, site

ARN = "arn:aws:acm:us-east-1:111111111111:certificate/1"
NAME = "easi.example.gov"
RECORD = "aws:route53/record:Record"
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"


def test_certificate_is_made_in_us_east_1_and_validated_in_the_zone() -> None:
    recorded = site(domain=Domain(name=NAME, zone_id="Z1"))
    certificate = recorded.one(CERTIFICATE)
    assert (certificate["domainName"], certificate["validationMethod"]) == (NAME, "DNS")
    for token in (CERTIFICATE, VALIDATION):
        assert EAST in recorded.asked(token)["provider"]
    proof = recorded.one(RECORD, "site-validation")
    assert (proof["zoneId"], proof["name"], proof["type"]) == ("Z1", f"_a.{NAME}", "CNAME")
    assert proof["records"] == ["_b.acm-validations.aws"]
    assert recorded.one(VALIDATION)["validationRecordFqdns"] == [proof["name"]]


def test_distribution_uses_the_certificate_once_it_is_valid() -> None:
    recorded = site(domain=Domain(name=NAME, zone_id="Z1"))
    assert any(VALIDATION in urn for urn in recorded.asked(DISTRIBUTION)["dependencies"])
    distribution = recorded.one(DISTRIBUTION)
    assert distribution["aliases"] == [NAME]
    assert distribution["viewerCertificate"] == {
        "acmCertificateArn": recorded.one(VALIDATION)["certificateArn"],
        "sslSupportMethod": "sni-only",
        "minimumProtocolVersion": "TLSv1.2_2021",
    }


def test_another_name_gets_its_certificate_before_the_old_one_goes() -> None:
    recorded = site(domain=Domain(name=NAME, zone_id="Z1"))
    for token in (CERTIFICATE, VALIDATION):
        assert not recorded.asked(token).get("deleteBeforeReplace")
    assert "name" not in recorded.one(CERTIFICATE)


def test_zone_answers_the_name_with_the_distribution() -> None:
    recorded = site(domain=Domain(name=NAME, zone_id="Z1"))
    for kind in ("A", "AAAA"):
        record = recorded.one(RECORD, f"site-{kind.lower()}")
        assert (record["zoneId"], record["name"], record["type"]) == ("Z1", NAME, kind)
        (alias,) = record["aliases"]
        assert alias == {"name": "site.cloudfront.net", "zoneId": "Z2FDTNDATAQYW2", "evaluateTargetHealth": False}
        assert "allowOverwrite" not in record, "a record that something else made is not ours to take"


def test_given_certificate_is_used_and_none_is_made() -> None:
    recorded = site(east=False, domain=Domain(name=NAME, certificate_arn=ARN, zone_id="Z1"))
    assert recorded.one(DISTRIBUTION)["viewerCertificate"]["acmCertificateArn"] == ARN
    assert recorded.all(CERTIFICATE) == []
    assert sorted(record.name for record in recorded.all(RECORD)) == ["site-a", "site-aaaa"]


def test_dns_of_somebody_else_is_left_alone() -> None:
    recorded = site(east=False, domain=Domain(name=NAME, certificate_arn=ARN))
    assert recorded.one(DISTRIBUTION)["aliases"] == [NAME]
    assert recorded.all(RECORD) == []


def test_site_without_a_domain_has_the_distributions_name() -> None:
    distribution = site(east=False).one(DISTRIBUTION)
    assert not distribution.get("aliases")
    assert distribution["viewerCertificate"] == {"cloudfrontDefaultCertificate": True}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": NAME}, "domain easi.example.gov needs certificate_arn .* or zone_id"),
        ({"name": f"{NAME}.", "zone_id": "Z1"}, "is no host name: expected lower case without a dot at the end"),
        ({"name": "EASi.example.gov", "zone_id": "Z1"}, "is no host name"),
        ({"name": f"https://{NAME}", "zone_id": "Z1"}, "is no host name"),
        ({"name": NAME, "certificate_arn": ARN.replace("us-east-1", "us-west-2")}, "takes an ACM certificate of us-ea"),
    ],
)
def test_names_that_cannot_be_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Domain(**given)


def test_certificate_needs_a_provider_for_us_east_1() -> None:
    with pytest.raises(ValueError, match="made with the provider us_east_1, which is missing"):
        site(east=False, domain=Domain(name=NAME, zone_id="Z1"))
