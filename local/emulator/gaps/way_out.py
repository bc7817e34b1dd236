"""Gap: an image of ECR is pulled from a subnet without a way out.

Here a task without one stops with what the agent says then ("Resolve Amazon ECS ResourceInitializationError errors",
Amazon ECS Developer Guide). Its subnet is the first of its network, and its address is private. A NAT gateway leads out
if its own subnet has a route to an internet gateway; where a transit gateway, a peered network or an instance leads is
not known, and passes. Without a route, the network's endpoints have to do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import get_region
from ministack.services import ec2, ecs

from local.emulator.gaps import around
from local.emulator.gaps.container_settings import local_image

ANYWHERE = "0.0.0.0/0"
ENDPOINTS = ("ecr.api", "ecr.dkr", "s3")
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html"""


@around(ecs, "_start_task_worker")
def start_task_worker(start: Any, task: dict[str, Any], definition: dict[str, Any], *rest: Any) -> None:
    images = [str(container["image"]) for container in definition.get("containerDefinitions") or ()]
    from_ecr = any(is_of_ecr(image, int(os.environ["GATEWAY_PORT"])) for image in images)
    subnet = ec2._subnets.get(task.get("_subnet") or "")
    if from_ecr and subnet is not None and not reaches_ecr(subnet):
        raise ecs._SecretResolutionError(
            "unable to retrieve ecr registry auth: service call has been retried 3 time(s): RequestError: send "
            f'request failed caused by: Post "https://api.ecr.{get_region()}.amazonaws.com/": dial tcp: i/o '
            "timeout. Please check your task network configuration."
        )
    start(task, definition, *rest)


def is_of_ecr(image: str, port: int) -> bool:
    """Whether an image is in the emulator's registry, by its address on AWS or by that on this machine."""
    return local_image(image, port).startswith(f"localhost:{port}/")


def reaches_ecr(subnet: dict[str, Any]) -> bool:
    """Whether a task with a private address in a subnet gets its image."""
    table = _table(subnet)
    if table is None:
        return True
    return any(_leads_out(route) for route in _defaults(table)) or all(
        any(_serves(endpoint, table, name) for endpoint in ec2._vpc_endpoints.values()) for name in ENDPOINTS
    )


def _table(subnet: dict[str, Any]) -> dict[str, Any] | None:
    """The route table of a subnet: its own, else its network's main one; None where the emulator has none."""
    tables = [table for table in ec2._route_tables.values() if table["VpcId"] == subnet["VpcId"]]
    for key, value in (("SubnetId", subnet["SubnetId"]), ("Main", True)):
        for table in tables:
            if any(association.get(key) == value for association in table["Associations"]):
                return dict(table)
    return None


def _defaults(table: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for route in table["Routes"]:
        if route.get("DestinationCidrBlock") == ANYWHERE and route.get("State", "active") == "active":
            yield route


def _leads_out(route: dict[str, Any]) -> bool:
    if route.get("GatewayId"):
        return False  # an internet gateway is for public addresses, the others lead nowhere else
    gateway = ec2._nat_gateways.get(route.get("NatGatewayId") or "")
    if gateway is None:
        return not route.get("NatGatewayId")
    subnet = ec2._subnets.get(gateway["SubnetId"])
    table = _table(subnet) if subnet else None
    if gateway["State"] != "available" or table is None:
        return False
    ways = [str(way.get("GatewayId") or "") for way in _defaults(table)]
    return gateway["ConnectivityType"] == "private" or any(way.startswith("igw-") for way in ways)


def _serves(endpoint: dict[str, Any], table: dict[str, Any], name: str) -> bool:
    if endpoint["VpcId"] != table["VpcId"] or not endpoint["ServiceName"].endswith(f".{get_region()}.{name}"):
        return False
    return endpoint["VpcEndpointType"] != "Gateway" or table["RouteTableId"] in endpoint["RouteTableIds"]
