"""The service that is to be released to: what was rolled out before has ended, and its target groups fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from botocore.exceptions import ClientError

from functions.aws_errors import code
from functions.names import name_in
from release import records
from release.request import ServiceRequest
from release.session import Clients

TRAFFIC_PORT = "traffic-port"
"""What a target group says that asks for the health where it sends requests."""


def read(request: ServiceRequest, clients: Clients, described: MutableMapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Describe the service as `service`."""
    cluster = request.arn.split("/")[-2]
    services = clients.ecs.describe_services(cluster=cluster, services=[request.arn])["services"]
    if services and services[0]["status"] == "ACTIVE":
        described["service"] = services[0]
    else:
        status = f"is {services[0]['status']}" if services else "does not exist"
        yield f"the service {request.arn} {status}: `pulumi up --refresh` makes it again"


def check_finished(
    request: ServiceRequest, records_bucket: str, clients: Clients, service: Mapping[str, Any]
) -> Iterator[str]:
    """What ECS still rolls out, unless it is what is wanted or what was proven.

    Somebody may have had ECS deploy the revision again that it runs.
    """
    rolling = [
        deployment
        for deployment in service["deployments"]
        if deployment.get("rolloutState") == "IN_PROGRESS" and deployment["desiredCount"]
    ]
    if not rolling:
        return
    proven = records.read_release(clients.s3, records_bucket)
    before = proven.services.get(request.name) if proven else None
    expected = {request.identity.task_definition, before.task_definition if before else ""}
    for deployment in rolling:
        if deployment["taskDefinition"] not in expected:
            revision = name_in(deployment["taskDefinition"])
            yield (
                f"the service still rolls out {revision} since {deployment['createdAt']:%Y-%m-%d %H:%M:%S} UTC "
                f"({deployment['runningCount']} of {deployment['desiredCount']} tasks; {deployment['id']}), which is "
                "neither what is released nor what is proven: wait for its end, or stop it with "
                "`aws ecs stop-service-deployment`, then release again"
            )


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


def check_targets(clients: Clients, service: Mapping[str, Any]) -> Iterator[str]:
    """Each target group must exist, take tasks, and ask for health on the container's port."""
    balancers = [balancer for balancer in service.get("loadBalancers") or () if balancer.get("targetGroupArn")]
    ports = {balancer["targetGroupArn"]: balancer["containerPort"] for balancer in balancers}
    for arn, port in ports.items():
        try:
            group = clients.elbv2.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"][0]
        except ClientError as error:
            if code(error) not in ("TargetGroupNotFound", "TargetGroupNotFoundException"):
                raise
            yield f"the target group {arn} of the service does not exist: `pulumi up --refresh` makes it again"
            continue
        yield from _group_problems(group, port)


def _group_problems(group: Mapping[str, Any], port: int) -> Iterator[str]:
    """What of a target group keeps a task with this container port from getting requests.

    The group's own port does not count: ECS registers each task with the container's.
    """
    name = group["TargetGroupName"]
    if group.get("TargetType", "ip") != "ip":
        yield f"the target group {name} is for targets of type {group['TargetType']}, and tasks on Fargate are ip"
    health_port = group.get("HealthCheckPort") or TRAFFIC_PORT
    if health_port not in (TRAFFIC_PORT, str(port)):
        yield (
            f"the target group {name} asks for the health on port {health_port}, and the container listens on {port}: "
            f"no task would ever be healthy; set the port of its health check to {TRAFFIC_PORT}"
        )
