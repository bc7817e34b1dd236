"""Where the load balancer sends requests, and whether the container listens there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from functions.aws_errors import code
from functions.names import name_in
from release.session import Clients

TRAFFIC_PORT = "traffic-port"
"""What a target group says that asks for the health where it sends requests."""


def check_ports(service: Mapping[str, Any], task: Mapping[str, Any]) -> Iterator[str]:
    """Container and port of each of the service's load balancers must be in the task definition."""
    revision = name_in(task["taskDefinitionArn"])
    mappings = {
        container["name"]: [mapping["containerPort"] for mapping in container.get("portMappings") or ()]
        for container in task["containerDefinitions"]
    }
    for balancer in service.get("loadBalancers") or ():
        name, port = balancer["containerName"], balancer["containerPort"]
        if name not in mappings:
            has = ", ".join(sorted(mappings))
            yield (
                f"the load balancer sends requests to the container {name}, and {revision} has {has}: give both the "
                "same name"
            )
        elif port not in mappings[name]:
            has = ", ".join(map(str, mappings[name])) or "none"
            yield (
                f"the load balancer sends requests to port {port} of {name}, and the ports of {name} in {revision} are "
                f"{has}: map the port on which it listens, and send the requests there"
            )


def check(clients: Clients, service: Mapping[str, Any]) -> Iterator[str]:
    """Each target group must exist, take tasks, and ask for health on the container's port."""
    ports: dict[str, int] = {}
    for balancer in service.get("loadBalancers") or ():
        other = (balancer.get("advancedConfiguration") or {}).get("alternateTargetGroupArn")
        for arn in (balancer.get("targetGroupArn"), other):
            if arn:
                ports[arn] = balancer["containerPort"]
    for arn, port in ports.items():
        try:
            group = clients.elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
        except ClientError as error:
            if code(error) not in ("TargetGroupNotFound", "TargetGroupNotFoundException"):
                raise
            yield f"the target group {arn} of the service does not exist: `pulumi up --refresh` makes it again"
            continue
        yield from group_problems(group, port)


def group_problems(group: Mapping[str, Any], port: int) -> Iterator[str]:
    """What of a target group keeps a task with this container port from getting requests.

    The group's own port does not count: ECS registers each task with the container's.
    """
    name = group["TargetGroupName"]
    if group.get("TargetType", "ip") != "ip":
        yield f"the target group {name} is for targets of type {group['TargetType']}, and tasks on Fargate are ip"
    asked = group.get("HealthCheckPort") or TRAFFIC_PORT
    if asked not in (TRAFFIC_PORT, str(port)):
        yield (
            f"the target group {name} asks for the health on port {asked}, and the container listens on {port}: no "
            f"task would ever be healthy; set the port of its health check to {TRAFFIC_PORT}"
        )
