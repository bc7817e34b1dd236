"""The headers that CloudFront adds to every answer of a site."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws

YEAR_S = 31_536_000


def make(
    name: str,
    content_security_policy: str,
    permissions_policy: str | None,
    hsts_subdomains: bool,
    opts: pulumi.ResourceOptions,
) -> aws.cloudfront.ResponseHeadersPolicy:
    """The policy that adds them, also where the origin sends others."""
    custom: Any = None
    if permissions_policy:
        header = {"header": "Permissions-Policy", "value": permissions_policy, "override": True}
        custom = {"items": [header]}
    return aws.cloudfront.ResponseHeadersPolicy(
        name,
        security_headers_config={
            "content_security_policy": {"content_security_policy": content_security_policy, "override": True},
            "content_type_options": {"override": True},
            "frame_options": {"frame_option": "DENY", "override": True},
            "referrer_policy": {"referrer_policy": "same-origin", "override": True},
            "strict_transport_security": {
                "access_control_max_age_sec": YEAR_S,
                "include_subdomains": hsts_subdomains,
                "override": True,
            },
        },
        custom_headers_config=custom,
        opts=opts,
    )
