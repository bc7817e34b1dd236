"""A static site and an API under one name: a private bucket and an internal load balancer behind CloudFront."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components import policies
from components.load_balancer import LISTENER_PORT, LoadBalancer
from components.private_bucket import PrivateBucket

# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
YEAR_S = 31_536_000

REWRITE_TO_INDEX = """\
// A path of the single-page application has no extension: it gets the page, which routes it.
function handler(event) {
  var request = event.request;
  var name = request.uri.substring(request.uri.lastIndexOf('/') + 1);
  if (name.indexOf('.') === -1) {
    request.uri = '/index.html';
  }
  return request;
}
"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StaticSiteArgs:
    """What is served, by which name, and who may copy it."""

    api: LoadBalancer
    """Serves `api_path`; CloudFront reaches it inside its network, nothing else does from outside."""
    api_path: str = "/api/*"
    domain: str | None = None
    """Another name of the distribution; needs `certificate_arn`."""
    certificate_arn: str | None = None
    """ACM certificate in us-east-1."""
    web_acl_arn: str | None = None
    """AWS WAF web ACL with scope CLOUDFRONT."""
    content_security_policy: str = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    price_class: str = "PriceClass_100"
    partition: str = "aws"
    reader_accounts: Sequence[str] = ()
    """Accounts that promote from here: they may read the objects."""
    keep: bool = True
    """Refuse to destroy the bucket."""


class StaticSite(pulumi.ComponentResource):
    """A bucket that only its distribution can read, and the distribution.

    Raises ValueError for a domain without certificate or the reverse.
    """

    bucket: pulumi.Output[str]
    distribution_id: pulumi.Output[str]
    distribution_domain_name: pulumi.Output[str]
    """The distribution's own name: `d111111abcdef8.cloudfront.net`."""

    def __init__(self, name: str, args: StaticSiteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        if bool(args.domain) != bool(args.certificate_arn):
            raise ValueError("domain and certificate_arn belong together: give both or neither")
        super().__init__("easi:site:StaticSite", name, {}, opts)
        files = PrivateBucket(name, keep=args.keep, opts=pulumi.ResourceOptions(parent=self))
        distribution = self._distribution(name, args, files)
        files.policy(
            [
                {
                    # With ListBucket, S3 answers a miss with 404; without it, with 403.
                    "Sid": "Distribution",
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudfront.amazonaws.com"},
                    "Action": ["s3:GetObject", "s3:ListBucket"],
                    "Resource": [files.arn, pulumi.Output.concat(files.arn, "/*")],
                    "Condition": {"StringEquals": {"AWS:SourceArn": distribution.arn}},
                },
                *policies.readable_by(args.reader_accounts, args.partition, files.arn),
            ]
        )
        self.bucket = files.bucket
        self.distribution_id = distribution.id
        self.distribution_domain_name = distribution.domain_name
        self.register_outputs(
            {
                "bucket": self.bucket,
                "distributionId": self.distribution_id,
                "distributionDomainName": self.distribution_domain_name,
            }
        )

    def _distribution(self, name: str, args: StaticSiteArgs, files: PrivateBucket) -> aws.cloudfront.Distribution:
        child = pulumi.ResourceOptions(parent=self)
        access = aws.cloudfront.OriginAccessControl(
            name,
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=child,
        )
        vpc_origin = aws.cloudfront.VpcOrigin(
            name,
            vpc_origin_endpoint_config={
                "name": f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}",
                "arn": args.api.arn,
                "http_port": LISTENER_PORT,
                "https_port": 443,
                "origin_protocol_policy": "http-only",
                "origin_ssl_protocols": {"items": ["TLSv1.2"], "quantity": 1},
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[args.api.listener]),
        )
        origins: list[aws.cloudfront.DistributionOriginArgsDict] = [
            {
                "origin_id": "site",
                "domain_name": files.domain_name,
                "origin_access_control_id": access.id,
            },
            {
                "origin_id": "api",
                "domain_name": args.api.dns_name,
                "vpc_origin_config": {"vpc_origin_id": vpc_origin.id},
            },
        ]
        headers = self._response_headers(name, args)
        return aws.cloudfront.Distribution(
            name,
            enabled=True,
            comment=f"{pulumi.get_project()}-{pulumi.get_stack()}",
            aliases=[args.domain] if args.domain else [],
            default_root_object="index.html",
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class=args.price_class,
            web_acl_id=args.web_acl_arn,
            origins=origins,
            default_cache_behavior=aws.cloudfront.DistributionDefaultCacheBehaviorArgs(
                **_behavior("site", headers.id),
                allowed_methods=["GET", "HEAD"],
                cache_policy_id=self._cache_policy(name).id,
                function_associations=[
                    aws.cloudfront.DistributionDefaultCacheBehaviorFunctionAssociationArgs(
                        event_type="viewer-request", function_arn=self._rewrite(name).arn
                    ),
                ],
            ),
            ordered_cache_behaviors=[
                aws.cloudfront.DistributionOrderedCacheBehaviorArgs(
                    **_behavior("api", headers.id),
                    path_pattern=args.api_path,
                    allowed_methods=["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
                    cache_policy_id=CACHING_DISABLED,
                    origin_request_policy_id=ALL_VIEWER_EXCEPT_HOST_HEADER,
                )
            ],
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate=_certificate(args),
            opts=child,
        )

    def _cache_policy(self, name: str) -> aws.cloudfront.CachePolicy:
        """Objects say themselves how long they are fresh. A minimum above 0 would override their `no-cache`."""
        return aws.cloudfront.CachePolicy(
            name,
            name=f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}",
            min_ttl=0,
            default_ttl=0,
            max_ttl=YEAR_S,
            parameters_in_cache_key_and_forwarded_to_origin={
                "cookies_config": {"cookie_behavior": "none"},
                "headers_config": {"header_behavior": "none"},
                "query_strings_config": {"query_string_behavior": "none"},
                "enable_accept_encoding_brotli": True,
                "enable_accept_encoding_gzip": True,
            },
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _rewrite(self, name: str) -> aws.cloudfront.Function:
        return aws.cloudfront.Function(
            name,
            name=f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}",
            runtime="cloudfront-js-2.0",
            code=REWRITE_TO_INDEX,
            publish=True,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _response_headers(self, name: str, args: StaticSiteArgs) -> aws.cloudfront.ResponseHeadersPolicy:
        return aws.cloudfront.ResponseHeadersPolicy(
            name,
            name=f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}",
            security_headers_config={
                "content_security_policy": {
                    "content_security_policy": args.content_security_policy,
                    "override": True,
                },
                "content_type_options": {"override": True},
                "frame_options": {"frame_option": "DENY", "override": True},
                "referrer_policy": {"referrer_policy": "same-origin", "override": True},
                "strict_transport_security": {
                    "access_control_max_age_sec": YEAR_S,
                    "include_subdomains": True,
                    "override": True,
                },
            },
            opts=pulumi.ResourceOptions(parent=self),
        )


def _behavior(origin: str, headers_policy: pulumi.Input[str]) -> dict[str, Any]:
    """What every cache behavior has in common."""
    return {
        "target_origin_id": origin,
        "viewer_protocol_policy": "redirect-to-https",
        "cached_methods": ["GET", "HEAD"],
        "compress": True,
        "response_headers_policy_id": headers_policy,
    }


def _certificate(args: StaticSiteArgs) -> aws.cloudfront.DistributionViewerCertificateArgsDict:
    if args.certificate_arn is None:
        return {"cloudfront_default_certificate": True}
    return {
        "acm_certificate_arn": args.certificate_arn,
        "ssl_support_method": "sni-only",
        "minimum_protocol_version": "TLSv1.2_2021",
    }
