"""Records a site with what it may have: load balancer, provider for us-east-1, a certificate to be validated."""

from __future__ import annotations

import dataclasses
from typing import Any

import pulumi_aws as aws

from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.static_site import StaticSite, StaticSiteArgs
from tests.components.recorded import Recorded, record

CERTIFICATE = "aws:acm/certificate:Certificate"
DISTRIBUTION = "aws:cloudfront/distribution:Distribution"
EAST = "pulumi:providers:aws::us-east-1::"


def site(*, api: bool = True, api_https: bool = False, east: bool = True, sites: int = 1, **args: Any) -> Recorded:
    """A site named `site`, by default in front of a load balancer without HTTPS; `sites` of them, with numbers."""
    assert set(args) <= {field.name for field in dataclasses.fields(StaticSiteArgs)}, args

    def program() -> None:
        given = dict(args)
        if api:
            balancer = LoadBalancerArgs(
                vpc_id="vpc-1",
                subnet_ids=["subnet-1"],
                certificate_arn="arn:aws:acm:us-west-2:111111111111:certificate/1" if api_https else None,
            )
            given = {"api": LoadBalancer("backend", balancer), "api_paths": ["/api/*"], **given}
        if east:
            given["us_east_1"] = aws.Provider("us-east-1", region="us-east-1")
        for number in range(sites):
            StaticSite(f"site{number or ''}", StaticSiteArgs(**given))

    return record(program)
