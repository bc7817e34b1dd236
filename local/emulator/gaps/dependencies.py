"""Gap: a subnet, a security group or an internet gateway goes although something uses it.

EC2 refuses it with DependencyViolation:
- a subnet in which something has a network interface ("Delete a subnet", Amazon VPC User Guide): a load balancer, and
  with it CloudFront's interfaces for its VPC origin, a NAT gateway, an interface endpoint, a task;
- a group that something has, or that a rule of another one names ("Delete a security group", the same guide);
- an internet gateway that is attached, and taking it from a network with public addresses (DetachInternetGateway,
  Amazon EC2 API Reference).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ministack.services import alb, ec2, ecs

from local.emulator.gaps import around, security_groups


def _in_subnet(subnet: str) -> Iterator[bool]:
    yield from (subnet in balancer["Subnets"] for balancer in alb._lbs.values())
    yield from (gateway["SubnetId"] == subnet for gateway in _gateways())
    yield from (subnet in (endpoint.get("SubnetIds") or ()) for endpoint in ec2._vpc_endpoints.values())
    yield from (subnet in (network.get("subnets") or ()) for network in _networks_of_tasks())


def _with_group(group: str) -> Iterator[bool]:
    yield from (group in balancer["SecurityGroups"] for balancer in alb._lbs.values())
    yield from (security_groups.refers(other, group) for other in ec2._security_groups.values())
    yield from (group in (network.get("securityGroups") or ()) for network in _networks_of_tasks())


def _networks_of(gateway: str) -> Iterator[bool]:
    record = ec2._internet_gateways.get(gateway) or {}
    yield from (bool(attachment.get("VpcId")) for attachment in record.get("Attachments") or ())


def _public_in(vpc: str) -> Iterator[bool]:
    yield from (gateway["VpcId"] == vpc for gateway in _gateways())


def _gateways() -> list[dict[str, Any]]:
    return [gateway for gateway in ec2._nat_gateways.values() if gateway["State"] != "deleted"]


def _networks_of_tasks() -> Iterator[dict[str, Any]]:
    """Where the tasks of services are that have not ended."""
    running = {task.get("group") for task in ecs._tasks.values() if task.get("lastStatus") != "STOPPED"}
    for service in ecs._services.values():
        if f"service:{service['serviceName']}" in running:
            yield (service.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {}


def _unless_used(argument: str, users: Callable[[str], Iterator[bool]]) -> Callable[..., Any]:
    def delete(act: Any, params: Any) -> Any:
        name = ec2._p(params, argument)
        if name and any(users(name)):
            return ec2._error("DependencyViolation", f"resource {name} has a dependent object", 400)
        return act(params)

    return delete


around(ec2._ACTION_MAP, "DeleteSubnet")(_unless_used("SubnetId", _in_subnet))
around(ec2._ACTION_MAP, "DeleteSecurityGroup")(_unless_used("GroupId", _with_group))
around(ec2._ACTION_MAP, "DeleteInternetGateway")(_unless_used("InternetGatewayId", _networks_of))
around(ec2._ACTION_MAP, "DetachInternetGateway")(_unless_used("VpcId", _public_in))
