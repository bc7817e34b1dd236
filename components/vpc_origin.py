"""An API behind CloudFront: an internal load balancer as a VPC origin, and what CloudFront sends it."""

from __future__ import annotations

import hashlib
import re

import pulumi
import pulumi_aws as aws

from components.load_balancer import HTTP, HTTPS, LoadBalancer

API = "api"
"""The origin's id in its distribution."""
TIMEOUT = "60m"
"""AWS says "up to 15 minutes" for a VPC origin ("Restrict access with VPC origins", Amazon CloudFront Developer Guide),
which is when the provider would give up; and an origin that was not waited for is in AWS, but not in the state."""
_TARGET = "[0-9a-f]{7}"
"""What a name ends with: which load balancer is reached, and by which protocol."""
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html
ALL_VIEWER_EXCEPT_HOST_HEADER = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
"""With the viewer's Host: over HTTPS, an origin's certificate has to cover the origin's domain name or, where it is
sent on, the Host. Nobody has a certificate for a load balancer's own name, so the site's name it is.
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/http-502-bad-gateway.html"""


def name_pattern(name: str) -> str:
    """The names in AWS of this stack's VPC origins for `name`, as a regular expression."""
    return re.escape(_prefix(name)) + _TARGET


def vpc_origin(
    name: str, api: LoadBalancer, opts: pulumi.ResourceOptions, *, existing: str | None = None
) -> tuple[aws.cloudfront.DistributionOriginArgsDict, pulumi.Resource]:
    """An origin that is reached from inside the load balancer's network, over HTTPS if it has a certificate.

    Beside it what a distribution has to depend on: the load balancer lets CloudFront in.

    CloudFront changes no VPC origin that a distribution uses, and has no two of one name. So another load balancer or
    protocol is another VPC origin, of another name, which is in use before the old one is deleted. `existing` is the id
    of one that is in AWS and not in the state: it is imported.
    """
    protocol = "https-only" if api.https else "http-only"
    target = api.arn.apply(lambda arn: hashlib.sha256(f"{protocol} {arn}".encode()).hexdigest()[:7])
    origin = aws.cloudfront.VpcOrigin(
        name,
        vpc_origin_endpoint_config={
            "name": pulumi.Output.concat(_prefix(name), target),
            "arn": api.arn,
            "http_port": HTTP,
            "https_port": HTTPS,
            "origin_protocol_policy": protocol,
            "origin_ssl_protocols": {"items": ["TLSv1.2"], "quantity": 1},
        },
        # Not custom_timeouts: they do not reach resources of the Plugin Framework (pulumi-terraform-bridge, issue 827).
        timeouts={"create": TIMEOUT, "update": TIMEOUT, "delete": TIMEOUT},
        opts=pulumi.ResourceOptions.merge(
            opts,
            pulumi.ResourceOptions(
                depends_on=[api.listener], replace_on_changes=["vpcOriginEndpointConfig"], import_=existing
            ),
        ),
    )
    arguments: aws.cloudfront.DistributionOriginArgsDict = {
        "origin_id": API,
        "domain_name": api.dns_name,
        "vpc_origin_config": {"vpc_origin_id": origin.id},
    }
    return arguments, api.admit_cloudfront(origin)


def _prefix(name: str) -> str:
    return f"{pulumi.get_project()}-{pulumi.get_stack()}-{name}-"


def request_policy(api: LoadBalancer) -> str:
    """What of a request reaches the API: all, and the Host if the certificate has to be looked for by it."""
    return ALL_VIEWER if api.https else ALL_VIEWER_EXCEPT_HOST_HEADER
