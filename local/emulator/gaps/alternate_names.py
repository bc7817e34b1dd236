"""Gap: two distributions may have one alternate name, and a distribution does not answer to it.

CloudFront refuses a name that another distribution has, of whatever account, with CNAMEAlreadyExists ("Move an
alternate domain name", Amazon CloudFront Developer Guide), and takes a request by its Host header.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack import app
from ministack.services import cloudfront

from local.emulator.gaps import around

TAKEN = "One or more of the CNAMEs you provided are already associated with a different resource."


@around(cloudfront, "_create_distribution")
def create_distribution(create: Any, headers: Mapping[str, str], body: bytes) -> Any:
    """CreateDistribution, which refuses a name that is taken."""
    return _refusal(body, None) or create(headers, body)


@around(cloudfront, "_update_distribution")
def update_distribution(update: Any, identity: str, headers: Mapping[str, str], body: bytes) -> Any:
    """UpdateDistribution, which refuses a name that another distribution has."""
    return _refusal(body, identity) or update(identity, headers, body)


@around(app, "_parse_cloudfront_dataplane_host")
def label_of(parse: Any, host: str) -> Any:
    """The label of the distribution that a host leads to, also where that is an alternate name."""
    owners = [owner for kind, owner in cloudfront._domain_owners(host.partition(":")[0]) if kind == "distribution"]
    return owners[0].lower() if owners else parse(host)


def _refusal(body: bytes, identity: str | None) -> Any:
    root = cloudfront._parse_body(body)
    config, _ = cloudfront._unwrap_distribution_create_xml(root) if identity is None else (root, None)
    if config is None:
        return None
    reference = cloudfront._text(config, "CallerReference")
    for name in cloudfront._get_distribution_aliases({"config_xml": cloudfront.tostring(config, encoding="unicode")}):
        for _, owner in cloudfront._domain_owners(name):
            again = cloudfront._distributions.get(owner, {}).get("CallerReference") == reference
            if owner != identity and not again:
                return cloudfront._error("CNAMEAlreadyExists", TAKEN, 409)
    return None
