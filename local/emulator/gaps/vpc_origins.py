"""Gap: a VPC origin is made of any load balancer, and is deployed at once.

CloudFront has VPC origins in some zones, and in networks with an internet gateway; a new one is `Deploying` for up to
15 minutes ("Restrict access with VPC origins", Amazon CloudFront Developer Guide). What it says when it
refuses one is documented nowhere, nor for how long one that is deployed again or deleted takes.
"""

from __future__ import annotations

import time
from typing import Any

from ministack.services import alb, cloudfront, ec2

from components.aws_limits import ZONES_WITHOUT_VPC_ORIGINS
from local.emulator.gaps import around, regions, security_groups

DEPLOY_S = 1.0

_made: dict[str, float] = {}
"""When each VPC origin was made; one from before the emulator was started is deployed."""


@around(cloudfront, "_create_vpc_origin")
def create_vpc_origin(create: Any, body: Any) -> Any:
    status, headers, payload = create(body)
    if status != 202:
        return status, headers, payload
    identity = headers["Location"].rpartition("/")[2]
    if why := _refusal(cloudfront._vpc_origins[identity]["VpcOriginEndpointConfig"]["Arn"]):
        del cloudfront._vpc_origins[identity]
        return cloudfront._error("InvalidArgument", why, 400)
    _made[identity] = time.monotonic()
    return status, headers, payload


def _refusal(arn: str) -> str:
    """Why CloudFront reaches no load balancer there; empty if it does, or there is none to look at."""
    balancer = regions.stored(alb._lbs, arn)
    if balancer is None:
        return ""
    vpc = security_groups.network_of(balancer)
    with regions.scope_of(arn):
        zones = {ec2._subnets[one]["AvailabilityZoneId"] for one in balancer["Subnets"] if one in ec2._subnets}
        attached = {one.get("VpcId") for gateway in ec2._internet_gateways.values() for one in gateway["Attachments"]}
    if without := sorted(zones & set(ZONES_WITHOUT_VPC_ORIGINS)):
        return f"VPC origins are not supported in the Availability Zone {', '.join(without)}."
    return "" if vpc in attached else f"The VPC {vpc} has no internet gateway."


@around(cloudfront, "_get_vpc_origin")
def get_vpc_origin(get: Any, identity: str) -> Any:
    origin = cloudfront._vpc_origins.get(identity)
    if origin is not None and time.monotonic() < _made.get(identity, 0.0) + DEPLOY_S:
        return cloudfront._vpc_origin_response(origin, deploying=True)
    return get(identity)
