"""The headers that CloudFront adds to every answer of a site."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_aws as aws

YEAR_S = 31_536_000
S3_KEY = "x-amz-server-side-encryption-aws-kms-key-id"


def make(
    name: str,
    content_security_policy: str,
    permissions_policy: str | None,
    *,
    hsts_subdomains: bool,
    hide_key: bool,
    opts: pulumi.ResourceOptions,
) -> aws.cloudfront.ResponseHeadersPolicy:
    """The policy that adds them, also where the origin sends others.

    With `hide_key` it takes away the one in which S3 tells the ARN of an object's key, and so the account.
    """
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
        remove_headers_config={"items": [{"header": S3_KEY}]} if hide_key else None,
        opts=opts,
    )
