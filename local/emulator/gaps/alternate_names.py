"""Gap: two distributions may have one alternate name, and a distribution does not answer to it.

CloudFront refuses a name that another distribution has, of whatever account, with CNAMEAlreadyExists ("Move an
alternate domain name", Amazon CloudFront Developer Guide), and takes a request by its Host header.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack import app
from ministack.services import cloudfront

TAKEN = "One or more of the CNAMEs you provided are already associated with a different resource."


def close() -> None:
    cloudfront._create_distribution = refusing_on_creation(cloudfront._create_distribution)
    cloudfront._update_distribution = refusing_on_update(cloudfront._update_distribution)
    app._parse_cloudfront_dataplane_host = or_its_own_label(app._parse_cloudfront_dataplane_host)


def refusing_on_creation(create: Any) -> Any:
    """CreateDistribution, which refuses a name that is taken."""

    def create_distribution(headers: Mapping[str, str], body: bytes) -> Any:
        return _refusal(body, None) or create(headers, body)

    return create_distribution


def refusing_on_update(update: Any) -> Any:
    """UpdateDistribution, which refuses a name that another distribution has."""

    def update_distribution(identity: str, headers: Mapping[str, str], body: bytes) -> Any:
        return _refusal(body, identity) or update(identity, headers, body)

    return update_distribution


def or_its_own_label(parse: Any) -> Any:
    """The label of the distribution that a host leads to, also where that is an alternate name."""

    def label_of(host: str) -> Any:
        owners = [owner for kind, owner in cloudfront._domain_owners(host.partition(":")[0]) if kind == "distribution"]
        return owners[0].lower() if owners else parse(host)

    return label_of


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
