from __future__ import annotations

import json
from typing import Any

import pytest

from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.static_site import StaticSite, StaticSiteArgs
from tests.components.recorded import Recorded, record

DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
CERTIFICATE = "arn:aws:acm:us-east-1:111111111111:certificate/1"


def build(**args: Any) -> Recorded:
    def program() -> None:
        balancer = LoadBalancer(
            "backend", LoadBalancerArgs(vpc_id="vpc-1", vpc_cidr="10.0.0.0/16", subnet_ids=["subnet-1"])
        )
        StaticSite("site", StaticSiteArgs(api=balancer, **args))

    return record(program)


def policy(recorded: Recorded) -> dict[str, Any]:
    statements = json.loads(recorded.one("aws:s3/bucketPolicy:BucketPolicy")["policy"])["Statement"]
    return {statement["Sid"]: statement for statement in statements}


def test_only_the_distribution_reads_the_bucket_and_only_over_tls() -> None:
    statements = policy(build())
    assert sorted(statements) == ["Distribution", "OnlyTls"]
    assert statements["Distribution"]["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert "s3:ListBucket" in statements["Distribution"]["Action"]
    assert statements["Distribution"]["Condition"]["StringEquals"]["AWS:SourceArn"].endswith("Distribution/site")
    assert statements["OnlyTls"]["Effect"] == "Deny"


def test_bucket_has_no_public_access_and_keeps_versions() -> None:
    recorded = build()
    block = recorded.one("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock")
    assert all(
        block[key] for key in ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    )
    assert recorded.one("aws:s3/bucketVersioning:BucketVersioning")["versioningConfiguration"]["status"] == "Enabled"


def test_no_lifecycle_rule_removes_a_current_object() -> None:
    rules = build().one("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")["rules"]
    assert rules
    assert all("expiration" not in rule for rule in rules)


def test_minimum_ttl_does_not_override_no_cache() -> None:
    assert build().one("aws:cloudfront/cachePolicy:CachePolicy")["minTtl"] == 0


def test_api_is_not_cached_and_not_rewritten() -> None:
    (api,) = build().one(DISTRIBUTION)["orderedCacheBehaviors"]
    assert api["pathPattern"] == "/api/*"
    assert api["cachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert "functionAssociations" not in api


def test_load_balancer_is_reached_through_a_vpc_origin() -> None:
    origins = {origin["originId"]: origin for origin in build().one(DISTRIBUTION)["origins"]}
    assert origins["api"]["vpcOriginConfig"]["vpcOriginId"] == "site-id"
    assert origins["site"]["originAccessControlId"] == "site-id"


def test_domain_is_an_alias_with_its_certificate() -> None:
    distribution = build(domain="easi.example.gov", certificate_arn=CERTIFICATE).one(DISTRIBUTION)
    assert distribution["aliases"] == ["easi.example.gov"]
    assert distribution["viewerCertificate"]["acmCertificateArn"] == CERTIFICATE


def test_domain_needs_its_certificate() -> None:
    with pytest.raises(ValueError, match="domain and certificate_arn belong together"):
        build(domain="easi.example.gov")


def test_readers_of_the_next_environment_read_and_nothing_else() -> None:
    statements = policy(build(reader_accounts=["222222222222"]))
    assert statements["ReadersGet"]["Action"] == "s3:GetObject"
    assert statements["ReadersList"]["Action"] == "s3:ListBucket"
    assert statements["ReadersGet"]["Principal"] == {"AWS": ["arn:aws:iam::222222222222:root"]}
