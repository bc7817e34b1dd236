"""An emulator for tests, on a free port and in a temporary folder, and services of real containers in it."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import docker
from botocore.config import Config
from botocore.exceptions import ClientError

from local.emulator.process import Running
from tests.local import images
from tests.local.emulated import REGION, client, free_port, get

SETTLED_S = 120.0
WAIT_S = 90.0
"""Bounds that end a hang; they measure nothing, and a slow machine stays far below them."""


@dataclass(frozen=True, kw_only=True)
class World:
    """One emulator with a network, a load balancer and an image to run."""

    emulator: Running
    image: str
    balancer: dict[str, Any]
    group: str
    """A security group that lets everybody in and out: the load balancer's and the tasks'."""
    folder: Path

    def client(self, name: str) -> Any:
        return client(self.emulator.endpoint, name, config=Config(retries={"total_max_attempts": 1}))

    def get(self, path: str, host: str, **headers: str) -> tuple[int, str]:
        status, body = get(self.emulator.port, path, host, **headers)
        return status, body.decode()


class HasClients(Protocol):
    """A world or an account."""

    def client(self, name: str, /) -> Any:
        """A client of boto3 for the emulator."""


def open_group(world: HasClients, name: str, vpc: str = "vpc-1") -> str:
    ec2 = world.client("ec2")
    group = str(ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"])
    everybody = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=everybody)
    return group


def push_server(world: World, folder: Path) -> str:
    world.client("ecr").create_repository(repositoryName="server")
    repository = f"localhost:{world.emulator.port}/server"
    engine = docker.from_env()
    images.pack(engine, images.build(images.SERVER, folder), f"{repository}:1")
    for line in engine.images.push(repository, tag="1", stream=True, decode=True):
        assert "error" not in line, line
    engine.images.remove(f"{repository}:1")
    details = world.client("ecr").describe_images(repositoryName="server")["imageDetails"]
    return f"000000000000.dkr.ecr.{REGION}.amazonaws.com/server@{details[0]['imageDigest']}"


def prepared(emulator: Running, folder: Path, build: Path) -> World:
    """The world of an emulator that was started in `folder`: its image is built in `build`."""
    world = World(emulator=emulator, image="", balancer={}, group="", folder=folder)
    image = push_server(world, build)
    group = open_group(world, "tests")
    balancer = world.client("elbv2").create_load_balancer(
        Name="lb", Subnets=["subnet-1", "subnet-2"], SecurityGroups=[group]
    )["LoadBalancers"][0]
    world.client("ecs").create_cluster(clusterName="tests")
    world.client("logs").create_log_group(logGroupName="/ecs/tests")
    return dataclasses.replace(world, image=image, balancer=balancer, group=group)


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service behind a listener rule of its own."""

    world: World
    name: str
    group: str
    port: int

    def revision(self, mode: str, version: str = "1", *, role: str | None = None, **settings: Any) -> str:
        """A task definition; `role` is its execution role."""
        container = {
            "name": "app",
            "image": self.world.image,
            "essential": True,
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": "MODE", "value": mode}, {"name": "VERSION", "value": version}],
            "user": "65532",
            "readonlyRootFilesystem": True,
            "stopTimeout": 5,
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "/ecs/tests",
                    "awslogs-region": REGION,
                    "awslogs-stream-prefix": self.name,
                },
            },
            **settings,
        }
        answer = self.world.client("ecs").register_task_definition(
            family=self.name,
            containerDefinitions=[container],
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            **({"executionRoleArn": role} if role else {}),
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def create(self, revision: str, count: int = 0) -> None:
        self.world.client("ecs").create_service(
            cluster="tests",
            serviceName=self.name,
            taskDefinition=revision,
            desiredCount=count,
            launchType="FARGATE",
            loadBalancers=[{"targetGroupArn": self.group, "containerName": "app", "containerPort": 8080}],
            networkConfiguration={
                "awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": [self.world.group]}
            },
            deploymentConfiguration={
                "deploymentCircuitBreaker": {"enable": True, "rollback": True},
                "minimumHealthyPercent": 100,
                "maximumPercent": 200,
            },
        )

    def deploy(self, revision: str, count: int = 1) -> str:
        answer = self.world.client("ecs").update_service(
            cluster="tests", service=self.name, taskDefinition=revision, desiredCount=count, forceNewDeployment=True
        )
        return str(answer["service"]["deployments"][0]["id"])

    def describe(self) -> dict[str, Any]:
        services = self.world.client("ecs").describe_services(cluster="tests", services=[self.name])["services"]
        found: dict[str, Any] = services[0]
        return found

    def outcome(self, deployment: str) -> str:
        deadline = time.monotonic() + SETTLED_S
        while time.monotonic() < deadline:
            state = next((item for item in self.describe()["deployments"] if item["id"] == deployment), None)
            if state is None:
                return "gone"
            if state["rolloutState"] in {"COMPLETED", "FAILED"}:
                return str(state["rolloutState"])
            time.sleep(0.3)
        return f"nothing within {SETTLED_S:.0f} s: {self.describe()}"

    def targets(self) -> list[tuple[str, str]]:
        found = self.world.client("elbv2").describe_target_health(TargetGroupArn=self.group)
        health = [item["TargetHealth"] for item in found["TargetHealthDescriptions"]]
        return [(item["State"], item.get("Reason", "")) for item in health]

    def stopped(self) -> list[dict[str, Any]]:
        client = self.world.client("ecs")
        arns = client.list_tasks(cluster="tests", family=self.name, desiredStatus="STOPPED")["taskArns"]
        tasks: list[dict[str, Any]] = client.describe_tasks(cluster="tests", tasks=arns)["tasks"] if arns else []
        return tasks

    def containers(self) -> list[Any]:
        family = f"com.amazonaws.ecs.task-definition-family={self.name}"
        found: list[Any] = docker.from_env().containers.list(filters={"label": family})
        image = f"localhost:{self.world.emulator.port}/"
        return [item for item in found if str(item.attrs["Config"]["Image"]).startswith(image)]

    def delete(self) -> None:
        with contextlib.suppress(ClientError):  # it was never made
            self.world.client("ecs").delete_service(cluster="tests", service=self.name, force=True)

    def get(self, path: str = "/") -> tuple[int, str]:
        return self.world.get(path, f"lb.alb.localhost:{self.port}")


def make_service(world: World, name: str) -> Service:
    balancing = world.client("elbv2")
    group = balancing.create_target_group(
        Name=name,
        Protocol="HTTP",
        Port=8080,
        VpcId="vpc-1",
        TargetType="ip",
        HealthCheckPath="/health",
        HealthCheckIntervalSeconds=5,  # the least that AWS takes
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    attributes = [{"Key": "deregistration_delay.timeout_seconds", "Value": "5"}]
    balancing.modify_target_group_attributes(TargetGroupArn=group, Attributes=attributes)
    port = free_port()
    balancing.create_listener(
        LoadBalancerArn=world.balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=port,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    return Service(world=world, name=name, group=group, port=port)


def wait_for(what: Callable[[], bool], seconds: float = WAIT_S) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if what():
            return True
        time.sleep(0.2)
    return False
