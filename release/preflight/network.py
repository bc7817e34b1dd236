"""Whether tasks in the service's subnets reach what they cannot start without: the registry, the log, the secrets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from functions.aws_errors import code
from release.preflight import secrets
from release.request import ServiceRequest
from release.session import Clients

if TYPE_CHECKING:
    from types_boto3_ec2.client import EC2Client

ALWAYS = ("ecr.api", "ecr.dkr", "s3")
"""Endpoints for pulling an image; its layers are in S3.
https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html"""

Described = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """A network as far as the way out of it goes."""

    region: str
    tables: Mapping[str, Described]
    """Route table of each subnet."""
    endpoints: Sequence[Described]
    """VPC endpoints that are available."""
    public: bool
    """Whether tasks get public addresses."""


def check(request: ServiceRequest, clients: Clients, service: Described, task: Described) -> Iterator[str]:
    """A few descriptions of the network that the release moves the service to, or of the service's own."""
    target = request.identity.network
    own = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}
    ids = list(target.subnets) if target else own.get("subnets")
    if not ids:
        return
    try:
        subnets = clients.ec2.describe_subnets(SubnetIds=ids)["Subnets"]
    except ClientError as error:
        if code(error) != "InvalidSubnetID.NotFound":
            raise
        yield f"a subnet of the service does not exist: {error.response['Error']['Message']}"
        return
    network = Network(
        region=request.region,
        tables=_tables(clients.ec2, {subnet["SubnetId"]: subnet["VpcId"] for subnet in subnets}),
        endpoints=_endpoints(clients.ec2, sorted({subnet["VpcId"] for subnet in subnets})),
        public=target is None and own.get("assignPublicIp") == "ENABLED",
    )
    needed = [*ALWAYS, *_also(request, task)]
    for subnet in sorted(network.tables):
        yield from without_exit(subnet, network, needed)


def without_exit(subnet: str, network: Network, needed: Sequence[str]) -> Iterator[str]:
    """What keeps tasks in a subnet from what is `needed`: ecr.api and so on.

    Any route that leaves the network counts: where a transit gateway or a peered network leads to is not known here.
    """
    table = network.tables[subnet]
    ways = [route for route in table["Routes"] if route.get("State", "active") == "active" and _leaves(route)]
    if any(network.public or not _is_internet_gateway(route) for route in ways):
        return
    lacking = [name for name in needed if not _has(network, table, name)]
    if not lacking:
        return
    dead = [route for route in table["Routes"] if route.get("State") == "blackhole"]
    why = "has no route out of the network"
    if ways:
        why = f"goes out by {ways[0]['GatewayId']}, for which its tasks would need public addresses"
    elif dead:
        why = f"goes out by {_target(dead[0])}, which does not exist any more"
    yield (
        f"the subnet {subnet} ({table['RouteTableId']}) {why}, and there is no VPC endpoint for {', '.join(lacking)}: "
        "no task would start there; give its route table a NAT gateway, or the network these endpoints"
    )


def _tables(ec2: EC2Client, subnets: Mapping[str, str]) -> dict[str, Described]:
    """The route table of each subnet: its own, else its network's main one."""
    tables = {
        association["SubnetId"]: table
        for table in _route_tables(ec2, "association.subnet-id", sorted(subnets))
        for association in table["Associations"]
        if association.get("SubnetId") in subnets
    }
    rest = {subnet: vpc for subnet, vpc in subnets.items() if subnet not in tables}
    if rest:
        in_network = _route_tables(ec2, "vpc-id", sorted(set(rest.values())))
        main = {table["VpcId"]: table for table in in_network if any(one.get("Main") for one in table["Associations"])}
        tables |= {subnet: main[vpc] for subnet, vpc in rest.items() if vpc in main}
    return tables


def _route_tables(ec2: EC2Client, name: str, values: Sequence[str]) -> list[Described]:
    pages = ec2.get_paginator("describe_route_tables").paginate(Filters=[{"Name": name, "Values": values}])
    return [table for page in pages for table in page["RouteTables"]]


def _endpoints(ec2: EC2Client, networks: Sequence[str]) -> list[Described]:
    pages = ec2.get_paginator("describe_vpc_endpoints").paginate(Filters=[{"Name": "vpc-id", "Values": networks}])
    endpoints = [endpoint for page in pages for endpoint in page["VpcEndpoints"]]
    return [endpoint for endpoint in endpoints if endpoint.get("State", "available").lower() == "available"]


def _also(request: ServiceRequest, task: Described) -> Iterator[str]:
    """Endpoints that this task needs beside those of its image."""
    drivers = {(container.get("logConfiguration") or {}).get("logDriver") for container in task["containerDefinitions"]}
    if "awslogs" in drivers:
        yield "logs"
    if any(secret.region == request.region for secret in secrets.used(task, request.region)):
        yield "secretsmanager"
    if request.region in secrets.parameters(task, region=request.region, account=request.account):
        yield "ssm"


TARGETS = (
    "NatGatewayId",
    "TransitGatewayId",
    "VpcPeeringConnectionId",
    "NetworkInterfaceId",
    "InstanceId",
    "LocalGatewayId",
    "CarrierGatewayId",
    "CoreNetworkArn",
    "GatewayId",
)
"""Keys of what a route of EC2 may lead to."""


def _target(route: Described) -> str:
    return next((route[key] for key in TARGETS if route.get(key)), "")


def _leaves(route: Described) -> bool:
    """Neither the network itself nor a gateway endpoint, which is in the endpoints."""
    return _target(route) not in ("", "local") and not _target(route).startswith("vpce-")


def _is_internet_gateway(route: Described) -> bool:
    return _target(route).startswith("igw-")


def _has(network: Network, table: Described, name: str) -> bool:
    return any(
        endpoint["ServiceName"].endswith(f".{network.region}.{name}")
        and (
            endpoint.get("VpcEndpointType") != "Gateway"
            or table["RouteTableId"] in (endpoint.get("RouteTableIds") or ())
        )
        for endpoint in network.endpoints
    )
