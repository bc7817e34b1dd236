"""A small program with a load balancer, a cluster and a service, which tests change one argument at a time."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

from components.cluster import Cluster, ClusterArgs
from components.ecs_service import EcsService, EcsServiceArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from components.target import Route
from tests.components.recorded import Recorded, record

SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
RULE = "aws:lb/listenerRule:ListenerRule"
TARGETS = "aws:lb/targetGroup:TargetGroup"
LISTENER = "aws:lb/listener:Listener"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
POLICY = "aws:iam/rolePolicy:RolePolicy"
ROLE = "aws:iam/role:Role"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"

IMAGE = f"repository@sha256:{'a' * 64}"
REPOSITORY = "arn:aws:ecr:us-west-2:111111111111:repository/shop"
SECRET = "arn:aws:secretsmanager:us-west-2:111111111111:secret:db-a1b2c3:password::"
PARAMETER = "arn:aws:ssm:us-west-2:111111111111:parameter/shop/token"


def load_balancer(name: str = "backend", **changes: Any) -> LoadBalancer:
    args = LoadBalancerArgs(vpc_id="vpc-1", subnet_ids=["subnet-1", "subnet-2"], allowed_cidrs=["10.0.0.0/16"])
    return LoadBalancer(name, dataclasses.replace(args, **changes))


def service(name: str, cluster: Cluster, **changes: Any) -> EcsService:
    args = EcsServiceArgs(
        family=f"shop-{name}",
        cluster=cluster,
        image=IMAGE,
        repository_arns=[REPOSITORY],
        vpc_id="vpc-1",
        subnet_ids=["subnet-1", "subnet-2"],
        region="us-west-2",
    )
    return EcsService(name, dataclasses.replace(args, **changes))


def program(build: Callable[[Cluster], Any]) -> Recorded:
    """What `build` makes with a cluster."""
    return record(lambda: build(Cluster("shop", ClusterArgs(cluster_name="shop"))))


def routed(**changes: Any) -> Recorded:
    """One service behind a load balancer of its own; `route` changes arguments of its route."""
    route = changes.pop("route", {})

    def build(cluster: Cluster) -> None:
        given = {"load_balancer": load_balancer(), "health_path": "/health", **route}
        service("backend", cluster, route=Route(**given), **changes)

    return program(build)


def containers(recorded: Recorded) -> dict[str, dict[str, Any]]:
    """The task's containers by their names, in their order."""
    found: list[dict[str, Any]] = json.loads(recorded.one(TASK)["containerDefinitions"])
    return {container["name"]: container for container in found}


def statements(recorded: Recorded, role: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(recorded.one(POLICY, role)["policy"])["Statement"]
    return found
