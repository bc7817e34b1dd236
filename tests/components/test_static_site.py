from __future__ import annotations

import json
from typing import Any

import pytest

from components.site_domain import Domain
from components.static_site import StaticSite, StaticSiteArgs
from components.viewer_request import CODE, RESPONSE_CODE
from components.vpc_origin import ALL_VIEWER, ALL_VIEWER_EXCEPT_HOST_HEADER, CACHING_DISABLED
from tests.components.recorded import Recorded
from tests.components.site_program import DISTRIBUTION, site

DOMAIN = Domain(name="easi.example.gov", zone_id="Z1")
ARN = "arn:aws:mock:us-west-2:111111111111"
HEADERS = "aws:cloudfront/responseHeadersPolicy:ResponseHeadersPolicy"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
VPC_ORIGIN = "aws:cloudfront/vpcOrigin:VpcOrigin"
WEB_ACL = "arn:aws:wafv2:us-east-1:111111111111:global/webacl/easi/1a2b"


def policy(recorded: Recorded) -> dict[str, Any]:
    statements = json.loads(recorded.one("aws:s3/bucketPolicy:BucketPolicy", "site")["policy"])["Statement"]
    return {statement["Sid"]: statement for statement in statements}


def origins(recorded: Recorded) -> dict[str, Any]:
    return {origin["originId"]: origin for origin in recorded.one(DISTRIBUTION)["origins"]}


def test_only_the_distribution_reads_the_bucket_and_only_over_tls() -> None:
    statements = policy(site())
    assert sorted(statements) == ["Distribution", "OnlyTls"]
    assert statements["Distribution"]["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    assert statements["Distribution"]["Action"] == ["s3:GetObject", "s3:ListBucket"]
    assert statements["Distribution"]["Condition"]["StringEquals"]["AWS:SourceArn"].endswith("Distribution/site")
    assert statements["OnlyTls"]["Effect"] == "Deny"


def test_readers_of_the_next_environment_read_and_nothing_else() -> None:
    statements = policy(site(reader_accounts=["222222222222"]))
    assert statements["ReadersGet"]["Action"] == "s3:GetObject"
    assert statements["ReadersList"]["Action"] == "s3:ListBucket"
    assert statements["ReadersGet"]["Principal"] == {"AWS": ["arn:aws:iam::222222222222:root"]}


def test_objects_say_how_long_they_are_fresh() -> None:
    cache = site().one("aws:cloudfront/cachePolicy:CachePolicy")
    assert (cache["minTtl"], cache["defaultTtl"]) == (0, 0)


def test_api_is_not_cached_and_not_rewritten() -> None:
    distribution = site().one(DISTRIBUTION)
    (api,) = distribution["orderedCacheBehaviors"]
    assert (api["pathPattern"], api["targetOriginId"]) == ("/api/*", "api")
    assert api["cachePolicyId"] == CACHING_DISABLED
    assert "functionAssociations" not in api


def test_the_function_at_the_edge_reads_the_store_of_the_site_s_paths() -> None:
    recorded = site()
    function = recorded.one("aws:cloudfront/function:Function")
    assert function["keyValueStoreAssociations"] == [f"{ARN}:KeyValueStore/site"]
    assert (function["code"], function["runtime"], function["publish"]) == (CODE, "cloudfront-js-2.0", True)
    (association,) = recorded.one(DISTRIBUTION)["defaultCacheBehavior"]["functionAssociations"]
    assert association == {"eventType": "viewer-request", "functionArn": f"{ARN}:Function/site"}


def test_site_of_many_pages_has_a_function_that_gives_a_miss_its_status() -> None:
    recorded = site(pages="multi")
    (behavior,) = (recorded.one(DISTRIBUTION)["defaultCacheBehavior"],)
    events = {one["eventType"]: one["functionArn"] for one in behavior["functionAssociations"]}
    assert events == {
        "viewer-request": f"{ARN}:Function/site",
        "viewer-response": f"{ARN}:Function/site-status",
    }
    function = recorded.one("aws:cloudfront/function:Function", "site-status")
    assert (function["code"], function["publish"]) == (RESPONSE_CODE, True)
    assert function["keyValueStoreAssociations"] == [f"{ARN}:KeyValueStore/site"]
    (api,) = recorded.one(DISTRIBUTION)["orderedCacheBehaviors"]
    assert "functionAssociations" not in api, "its 404 stays its own"


def test_pages_that_are_neither_are_refused() -> None:
    with pytest.raises(ValueError, match="pages is 'many': expected single or multi"):
        StaticSite("site", StaticSiteArgs(pages="many"))  # type: ignore[arg-type]  # what a program without types gives


def test_no_error_is_cached() -> None:
    responses = site().one(DISTRIBUTION)["customErrorResponses"]
    assert {response["errorCode"] for response in responses} >= {400, 403, 404, 405, 414, *range(500, 505)}
    assert all(response["errorCachingMinTtl"] == 0 and len(response) == 2 for response in responses)


@pytest.mark.parametrize(("api_https", "port"), [(False, 80), (True, 443)])
def test_cloudfront_alone_is_let_in_by_its_own_group_before_it_sends_requests(api_https: bool, port: int) -> None:
    recorded = site(api_https=api_https, domain=DOMAIN)
    rule = recorded.one(INGRESS)
    assert rule["referencedSecurityGroupId"] == "CloudFront-VPCOrigins-Service-SG of vpc-1"
    assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", port, port)
    assert "cidrIpv4" not in rule
    assert depends(recorded, INGRESS, f"backend-{port}-cloudfront") >= {VPC_ORIGIN}
    assert depends(recorded, DISTRIBUTION, "site") >= {INGRESS, VPC_ORIGIN}


def test_sites_in_front_of_one_load_balancer_share_the_rule() -> None:
    recorded = site(sites=2)
    assert len(recorded.all(VPC_ORIGIN)) == 2
    assert len(recorded.all(INGRESS)) == 1
    assert depends(recorded, DISTRIBUTION, "site1") >= {INGRESS}


def depends(recorded: Recorded, token: str, name: str) -> set[str]:
    """The types of what a resource depends on."""
    return {urn.split("::")[2].rpartition("$")[2] for urn in recorded.asked(token, name)["dependencies"]}


def test_every_path_of_the_api_goes_to_it_in_the_given_order() -> None:
    behaviors = site(api_paths=["/graphql", "/api/*"]).one(DISTRIBUTION)["orderedCacheBehaviors"]
    assert [behavior["pathPattern"] for behavior in behaviors] == ["/graphql", "/api/*"]
    assert {behavior["cachePolicyId"] for behavior in behaviors} == {CACHING_DISABLED}


def test_site_without_an_api_has_one_origin_and_one_behavior() -> None:
    recorded = site(api=False)
    assert list(origins(recorded)) == ["site"]
    assert not recorded.one(DISTRIBUTION).get("orderedCacheBehaviors")
    assert recorded.all(VPC_ORIGIN) == []


def test_load_balancer_is_reached_through_a_vpc_origin_once_it_listens() -> None:
    recorded = site()
    assert origins(recorded)["api"]["vpcOriginConfig"]["vpcOriginId"] == "site-id"
    endpoint = recorded.one(VPC_ORIGIN)["vpcOriginEndpointConfig"]
    assert (endpoint["originProtocolPolicy"], endpoint["httpPort"]) == ("http-only", 80)
    needed = recorded.asked(VPC_ORIGIN)["dependencies"]
    assert any(urn.endswith("aws:lb/listener:Listener::backend") for urn in needed)
    (api,) = recorded.one(DISTRIBUTION)["orderedCacheBehaviors"]
    assert api["originRequestPolicyId"] == ALL_VIEWER_EXCEPT_HOST_HEADER


def test_load_balancer_with_a_certificate_is_asked_for_the_sites_name_over_https() -> None:
    recorded = site(api_https=True, domain=DOMAIN)
    endpoint = recorded.one(VPC_ORIGIN)["vpcOriginEndpointConfig"]
    assert (endpoint["originProtocolPolicy"], endpoint["httpsPort"]) == ("https-only", 443)
    (api,) = recorded.one(DISTRIBUTION)["orderedCacheBehaviors"]
    assert api["originRequestPolicyId"] == ALL_VIEWER


def test_a_vpc_origin_that_the_state_lacks_is_imported_by_its_id() -> None:
    assert site(vpc_origin_id="vo_1").asked(VPC_ORIGIN)["importId"] == "vo_1"
    assert not site().asked(VPC_ORIGIN).get("importId")


def test_another_protocol_is_another_vpc_origin_of_another_name() -> None:
    http, https = site(domain=DOMAIN), site(api_https=True, domain=DOMAIN)
    names = {recorded.one(VPC_ORIGIN)["vpcOriginEndpointConfig"]["name"] for recorded in (http, https)}
    assert len(names) == 2
    assert http.asked(VPC_ORIGIN)["replaceOnChanges"] == ["vpcOriginEndpointConfig"]
    assert not http.asked(VPC_ORIGIN).get("deleteBeforeReplace")


def test_bucket_is_only_reached_with_the_distributions_signature() -> None:
    recorded = site()
    assert origins(recorded)["site"]["originAccessControlId"] == "site-id"
    access = recorded.one("aws:cloudfront/originAccessControl:OriginAccessControl")
    assert (access["signingBehavior"], access["signingProtocol"]) == ("always", "sigv4")


def test_security_headers_are_on_pages_and_api() -> None:
    recorded = site(content_security_policy="default-src 'self'; connect-src 'self' https://idp.example.gov")
    headers = recorded.one(HEADERS)["securityHeadersConfig"]
    assert headers["contentSecurityPolicy"]["contentSecurityPolicy"].endswith("https://idp.example.gov")
    assert headers["frameOptions"]["frameOption"] == "DENY"
    assert headers["strictTransportSecurity"]["accessControlMaxAgeSec"] == 31_536_000
    distribution = recorded.one(DISTRIBUTION)
    behaviors = [distribution["defaultCacheBehavior"], *distribution["orderedCacheBehaviors"]]
    assert [behavior["responseHeadersPolicyId"] for behavior in behaviors] == ["site-id", "site-id"]
    assert {behavior["viewerProtocolPolicy"] for behavior in behaviors} == {"redirect-to-https"}


def test_other_hosts_of_the_domain_and_the_browsers_devices_are_bound_only_when_asked() -> None:
    plain = site().one(HEADERS)
    assert plain["securityHeadersConfig"]["strictTransportSecurity"]["includeSubdomains"] is False
    assert "customHeadersConfig" not in plain
    asked = site(hsts_subdomains=True, permissions_policy="camera=()").one(HEADERS)
    assert asked["securityHeadersConfig"]["strictTransportSecurity"]["includeSubdomains"] is True
    assert asked["customHeadersConfig"]["items"] == [
        {"header": "Permissions-Policy", "value": "camera=()", "override": True}
    ]


def test_the_key_of_the_bucket_is_not_told_to_viewers() -> None:
    assert "removeHeadersConfig" not in site().one(HEADERS)
    removed = site(key_arn="arn:aws:kms:us-west-2:111111111111:key/1").one(HEADERS)["removeHeadersConfig"]
    assert removed["items"] == [{"header": "x-amz-server-side-encryption-aws-kms-key-id"}]


def test_policy_of_the_site_itself_is_the_default() -> None:
    default = site().one(HEADERS)["securityHeadersConfig"]["contentSecurityPolicy"]["contentSecurityPolicy"]
    assert default.startswith("default-src 'self';")


def test_origin_shield_stands_before_the_bucket_only() -> None:
    found = origins(site(origin_shield_region="us-west-2"))
    assert found["site"]["originShield"] == {"enabled": True, "originShieldRegion": "us-west-2"}
    assert "originShield" not in found["api"]
    assert "originShield" not in origins(site())["site"]


def test_web_acl_filters_requests() -> None:
    assert site(web_acl_arn=WEB_ACL).one(DISTRIBUTION)["webAclId"] == WEB_ACL
    assert "webAclId" not in site().one(DISTRIBUTION)


def test_whole_world_is_served() -> None:
    restrictions = site().one(DISTRIBUTION)["restrictions"]
    assert restrictions == {"geoRestriction": {"restrictionType": "none"}}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"api_https": True}, "has a certificate, and the site has no domain"),
        ({"api_paths": []}, r"api_paths is \[\]: expected a list"),
        ({"api_paths": "/api/*"}, r"api_paths is '/api/\*': expected a list"),
        ({"east": False, "access_log_days": 7}, "access_log_days needs the provider us_east_1"),
        ({"access_log_days": 0}, "expire_days is 0: expected 1 or more"),
        ({"web_acl_arn": WEB_ACL.replace("global", "regional")}, "no web ACL for a distribution: expected one with"),
        ({"origin_shield_region": "Oregon"}, "origin_shield_region is 'Oregon': expected a region such as us-east-2"),
    ],
)
def test_impossible_combinations_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        site(**given)


def test_bucket_is_protected_and_retained_unless_it_is_not_to_be_kept() -> None:
    kept, free = (site(keep=keep).asked("aws:s3/bucket:Bucket", "site") for keep in (True, False))
    assert (kept.get("protect"), kept.get("retainOnDelete")) == (True, True)
    assert (free.get("protect"), free.get("retainOnDelete")) == (None, None)


def test_parts_can_be_replaced_while_the_old_ones_serve() -> None:
    named = [item for item in site().resources if item.token.startswith("aws:cloudfront/") and "name" in item.inputs]
    assert named == []


def test_without_files_every_path_leads_to_the_api_and_nothing_is_cached() -> None:
    recorded = site(files=False, domain=DOMAIN, web_acl_arn=WEB_ACL, access_log_days=30)
    distribution = recorded.one(DISTRIBUTION)
    behavior = distribution["defaultCacheBehavior"]
    assert behavior["targetOriginId"] == "api"
    assert (behavior["cachePolicyId"], behavior["originRequestPolicyId"]) == (
        CACHING_DISABLED,
        ALL_VIEWER_EXCEPT_HOST_HEADER,
    )
    assert sorted(behavior["allowedMethods"]) == ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    assert behavior["responseHeadersPolicyId"]
    assert set(origins(recorded)) == {"api"}
    assert (distribution["aliases"], distribution["webAclId"]) == ([DOMAIN.name], WEB_ACL)
    assert "defaultRootObject" not in distribution
    for kind in ("keyValueStore:KeyValueStore", "function:Function", "originAccessControl:OriginAccessControl"):
        assert recorded.all(f"aws:cloudfront/{kind}") == []


def test_a_site_without_files_and_api_is_refused() -> None:
    with pytest.raises(ValueError, match="neither files nor an api"):
        StaticSite("site", StaticSiteArgs(files=False))
