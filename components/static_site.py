"""A static site and an API under one name: a private bucket and an internal load balancer behind CloudFront.

Either may be missing: without files it is a name that only leads to the API.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from typing import Any, Literal, get_args

import pulumi
import pulumi_aws as aws

from components import policies, response_headers, viewer_request
from components.aws_limits import REGION, WEB_ACL_ARN
from components.component import Component
from components.load_balancer import LoadBalancer
from components.log_buckets import AccessLogs, AccessLogsArgs
from components.private_bucket import PrivateBucket, PrivateBucketArgs
from components.site_domain import Domain, SiteDomain, SiteDomainArgs
from components.vpc_origin import API, CACHING_DISABLED, request_policy, vpc_origin

Pages = Literal["single", "multi"]
"""`single`: index.html routes every path that is no file. `multi`: each page is a file, and a miss is a 404."""

SAME_SITE = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
"""A Content-Security-Policy that allows what comes from the site itself."""

CACHED_ERRORS = (400, 403, 404, 405, 414, 500, 501, 502, 503, 504)
"""Statuses that CloudFront caches for 10 s where a distribution does not say otherwise, whatever the cache policy says:
"Control how long CloudFront caches errors", Amazon CloudFront Developer Guide."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StaticSiteArgs:
    files: bool = True
    """Without, there is no bucket, and every path leads to `api`, whatever `api_paths` are."""
    api: LoadBalancer | None = None
    """Serves `api_paths`; CloudFront reaches it inside its network, nothing else does from outside. Over HTTPS if it
    has a certificate, which then has to cover the site's domain."""
    api_paths: Sequence[str] = ()
    """Path patterns, at least one where there are files. Their answers are never cached, nor are errors of any path."""
    vpc_origin_id: str | None = None
    """A VPC origin for `api` that is in AWS and not in the state, as after an update that was cut short. It is
    imported."""
    domain: Domain | None = None
    """Another name of the distribution."""
    us_east_1: aws.Provider | None = None
    """Provider for us-east-1: needed for a domain without certificate, and for access logs."""
    web_acl_arn: str | None = None
    """AWS WAF web ACL with scope CLOUDFRONT, which are made in us-east-1."""
    content_security_policy: str = SAME_SITE
    """The Content-Security-Policy header of every answer. A page that calls another host needs its `connect-src`."""
    permissions_policy: str | None = None
    """The Permissions-Policy header of every answer: which of the browser's devices and features a page may use."""
    hsts_subdomains: bool = False
    """Have browsers use HTTPS for every host below the site's name, too, for a year: other teams' as well."""
    origin_shield_region: str | None = None
    """Region of one more cache in front of the bucket, the one nearest to it that has Origin Shield: see
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/origin-shield.html"""
    access_log_days: int | None = None
    """Days to keep access logs, 1 or more. None writes none."""
    pages: Pages = "single"
    """What the builds are that are published here, each of which says so itself, too. For `multi`, the page of a miss
    gets status 404."""
    key_arn: str | None = None
    """KMS key that new objects are encrypted with. None: S3's own. Its policy has to let CloudFront decrypt:
    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/private-content-restricting-access-to-s3.html"""
    partition: str = "aws"
    reader_accounts: Sequence[str] = ()
    """Accounts that promote from here: they may read the objects."""
    keep: bool = True
    """Refuse to delete the bucket, leave it in AWS otherwise, and leave the access logs. To delete them: `pulumi up`
    with False, then destroy."""


class StaticSite(Component):
    """A bucket that only its distribution can read, and the distribution.

    Objects are kept by caches for as long as their own `Cache-Control` says, 0 seconds without. Names of parts are
    made up by the engine, so that each can be replaced while the old one serves. Raises ValueError for a site without
    files and API, for a load balancer with HTTPS and no domain, for what needs a missing `us_east_1`, and for a web
    ACL, shield region or number of days that AWS does not take.
    """

    bucket: pulumi.Output[str] | None
    """None without files, as are `routes`."""
    distribution_id: pulumi.Output[str]
    distribution_domain_name: pulumi.Output[str]
    """The distribution's own name: `d111111abcdef8.cloudfront.net`."""
    routes: pulumi.Output[str] | None
    """ARN of the key value store with the paths of the site's files, for whoever publishes them. As long as it is
    empty, a path without an extension gets index.html, any other the file of that name."""

    def __init__(self, name: str, args: StaticSiteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        _check(args)
        super().__init__("easi:site:StaticSite", name, opts)
        bucket = routes = domain = None
        if args.files:
            kept = PrivateBucketArgs(keep="protected" if args.keep else None, key_arn=args.key_arn)
            bucket = PrivateBucket(name, kept, opts=self.child)
            # Without a comment the provider sees one that is empty, and a change in every preview.
            routes = aws.cloudfront.KeyValueStore(name, comment="Paths of the site's files", opts=self.child)
        if args.domain:
            domain = SiteDomain(name, SiteDomainArgs(domain=args.domain, us_east_1=args.us_east_1), opts=self.child)
        distribution = self._distribution(name, args, bucket, routes, domain)
        if domain:
            domain.point_to(distribution)
        if bucket:
            _let_read(bucket, distribution, args)
        self.bucket = bucket.bucket if bucket else None
        self.distribution_id, self.distribution_domain_name = distribution.id, distribution.domain_name
        self.routes = routes.arn if routes else None
        if args.access_log_days is not None and args.us_east_1:
            logs = AccessLogsArgs(
                distribution_arn=distribution.arn,
                us_east_1=args.us_east_1,
                days=args.access_log_days,
                keep=args.keep,
            )
            AccessLogs(f"{name}-logs", logs, opts=self.child)
        self.register_outputs(
            {
                "bucket": self.bucket,
                "distributionId": self.distribution_id,
                "distributionDomainName": self.distribution_domain_name,
                "routes": self.routes,
            }
        )

    def _distribution(
        self,
        name: str,
        args: StaticSiteArgs,
        bucket: PrivateBucket | None,
        routes: aws.cloudfront.KeyValueStore | None,
        domain: SiteDomain | None,
    ) -> aws.cloudfront.Distribution:
        headers = response_headers.policy(
            name,
            args.content_security_policy,
            args.permissions_policy,
            hsts_subdomains=args.hsts_subdomains,
            hide_key=args.key_arn is not None,
            opts=self.child,
        )
        origins = [self._site_origin(name, args, bucket)] if bucket else []
        needed: list[pulumi.Resource] = []
        if args.api:
            origin, admitted = vpc_origin(name, args.api, self.child, existing=args.vpc_origin_id)
            origins.append(origin)
            needed.append(admitted)
        rest: Any = _to_the_api(args.api, headers.id)
        of_paths: Any = []
        if routes:
            of_paths = [{**rest, "path_pattern": path} for path in args.api_paths] if args.api else []
            functions = self._functions(name, args, routes)
            rest = {
                **_behavior("site", headers.id),
                "allowed_methods": ["GET", "HEAD"],
                "cache_policy_id": self._cache_policy(name).id,
                "function_associations": [
                    {"event_type": event, "function_arn": function.arn} for event, function in functions.items()
                ],
            }
        return aws.cloudfront.Distribution(
            name,
            enabled=True,
            comment=f"{pulumi.get_project()}-{pulumi.get_stack()}",
            aliases=[args.domain.name] if args.domain else [],
            default_root_object="index.html" if routes else None,
            http_version="http2and3",
            is_ipv6_enabled=True,
            price_class="PriceClass_100",  # edges in North America, Europe and Israel
            web_acl_id=args.web_acl_arn,
            origins=origins,
            default_cache_behavior=rest,
            ordered_cache_behaviors=of_paths,
            custom_error_responses=[{"error_code": status, "error_caching_min_ttl": 0} for status in CACHED_ERRORS],
            restrictions={"geo_restriction": {"restriction_type": "none"}},
            viewer_certificate=_viewer_certificate(domain),
            opts=pulumi.ResourceOptions(parent=self, depends_on=needed),
        )

    def _site_origin(
        self, name: str, args: StaticSiteArgs, bucket: PrivateBucket
    ) -> aws.cloudfront.DistributionOriginArgsDict:
        access = aws.cloudfront.OriginAccessControl(
            name,
            origin_access_control_origin_type="s3",
            signing_behavior="always",
            signing_protocol="sigv4",
            opts=self.child,
        )
        origin: aws.cloudfront.DistributionOriginArgsDict = {
            "origin_id": "site",
            "domain_name": bucket.domain_name,
            "origin_access_control_id": access.id,
        }
        if args.origin_shield_region:
            origin["origin_shield"] = {"enabled": True, "origin_shield_region": args.origin_shield_region}
        return origin

    def _cache_policy(self, name: str) -> aws.cloudfront.CachePolicy:
        """Objects say themselves how long they are fresh. A minimum above 0 would override their `no-cache`."""
        return aws.cloudfront.CachePolicy(
            name,
            min_ttl=0,
            default_ttl=0,
            max_ttl=response_headers.YEAR_S,
            parameters_in_cache_key_and_forwarded_to_origin={
                "cookies_config": {"cookie_behavior": "none"},
                "headers_config": {"header_behavior": "none"},
                "query_strings_config": {"query_string_behavior": "none"},
                "enable_accept_encoding_brotli": True,
                "enable_accept_encoding_gzip": True,
            },
            opts=self.child,
        )

    def _functions(
        self, name: str, args: StaticSiteArgs, routes: aws.cloudfront.KeyValueStore
    ) -> dict[str, aws.cloudfront.Function]:
        """By event. The second one is needed by few sites, and each of its runs is paid for."""
        code = {"viewer-request": (name, viewer_request.CODE)}
        if args.pages == "multi":
            code["viewer-response"] = (f"{name}-status", viewer_request.RESPONSE_CODE)
        return {
            event: aws.cloudfront.Function(
                function_name,
                runtime="cloudfront-js-2.0",
                code=text,
                key_value_store_associations=[routes.arn],
                publish=True,
                opts=self.child,
            )
            for event, (function_name, text) in code.items()
        }


def _let_read(bucket: PrivateBucket, distribution: aws.cloudfront.Distribution, args: StaticSiteArgs) -> None:
    bucket.policy(
        [
            policies.grant(
                {"Service": "cloudfront.amazonaws.com"},
                # With ListBucket, S3 answers a miss with 404; without it, with 403.
                ["s3:GetObject", "s3:ListBucket"],
                [bucket.arn, pulumi.Output.concat(bucket.arn, "/*")],
                {"StringEquals": {"AWS:SourceArn": distribution.arn}},
                sid="Distribution",
            ),
            *policies.readable_by(args.reader_accounts, args.partition, bucket.arn),
        ]
    )


def _to_the_api(api: LoadBalancer | None, headers_policy: pulumi.Input[str]) -> dict[str, Any]:
    return {
        **_behavior(API, headers_policy),
        "allowed_methods": ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"],
        "cache_policy_id": CACHING_DISABLED,
        "origin_request_policy_id": request_policy(api) if api else None,
    }


def _behavior(origin: str, headers_policy: pulumi.Input[str]) -> dict[str, Any]:
    return {
        "target_origin_id": origin,
        "viewer_protocol_policy": "redirect-to-https",
        "cached_methods": ["GET", "HEAD"],
        "compress": True,
        "response_headers_policy_id": headers_policy,
    }


def _viewer_certificate(domain: SiteDomain | None) -> aws.cloudfront.DistributionViewerCertificateArgsDict:
    if domain is None:
        return {"cloudfront_default_certificate": True}
    return {
        "acm_certificate_arn": domain.certificate_arn,
        "ssl_support_method": "sni-only",
        "minimum_protocol_version": "TLSv1.2_2021",
    }


def _check(args: StaticSiteArgs) -> None:
    if not args.files and args.api is None:
        raise ValueError("the site has neither files nor an api: nothing would answer there; give it one of them")
    if args.pages not in get_args(Pages):
        raise ValueError(f"pages is {args.pages!r}: expected {' or '.join(get_args(Pages))}")
    if args.api and args.api.https and not args.domain:
        raise ValueError(
            "the load balancer behind the site has a certificate, and the site has no domain: CloudFront would expect "
            "a certificate for a name of its own; give the site a domain that the certificate covers"
        )
    if args.api and args.files and (isinstance(args.api_paths, str) or not args.api_paths):
        raise ValueError(f"api_paths is {args.api_paths!r}: expected a list of path patterns such as /api/*")
    if args.access_log_days is not None and args.us_east_1 is None:
        raise ValueError("access_log_days needs the provider us_east_1: access logs are delivered from that region")
    if args.web_acl_arn is not None and not re.fullmatch(WEB_ACL_ARN, args.web_acl_arn):
        raise ValueError(
            f"web_acl_arn {args.web_acl_arn!r} is no web ACL for a distribution: expected one with scope CLOUDFRONT, "
            "arn:aws:wafv2:us-east-1:<account>:global/webacl/<name>/<id>"
        )
    if args.origin_shield_region is not None and not re.fullmatch(REGION, args.origin_shield_region):
        raise ValueError(f"origin_shield_region is {args.origin_shield_region!r}: expected a region such as us-east-2")
