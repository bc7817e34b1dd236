"""A service with everything that it needs, described as AWS does; tests take things away."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from release import image, preflight
from release.inputs import from_inputs
from release.records import Proven
from release.registry import ImageError, Registries
from release.request import ReleaseRequest
from release.session import Clients

REGION, ACCOUNT = "us-west-2", "111111111111"
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
SERVICE = f"{ECS}:service/easi-impl/backend-1a2b3c4"
TASK, OLD_TASK = f"{ECS}:task-definition/easi-impl:2", f"{ECS}:task-definition/easi-impl:1"
DIGEST = "sha256:" + "b" * 64
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/easi-impl@{DIGEST}"
SOURCE = f"222222222222.dkr.ecr.{REGION}.amazonaws.com/easi-dev@{DIGEST}"
GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/backend/1"
EXECUTION, RUNTIME = (f"arn:aws:iam::{ACCOUNT}:role/teams/easi-impl-{kind}" for kind in ("execution", "task"))
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:database-AbCdEf"
FUNCTION_ROLE = f"arn:aws:iam::{ACCOUNT}:role/teams/easi-impl-deploy"
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/easi/token"


def request(**changes: Any) -> ReleaseRequest:
    inputs = {
        "version": "2" * 40,
        "image": IMAGE,
        "taskDefinition": TASK,
        "staticManifest": "sha256:" + "c" * 64,
        "environment": "impl",
        "source": {"image": SOURCE, "bucket": "dev-site", "recordsBucket": "dev-records"},
        "service": SERVICE,
        "deployFunction": "easi-impl-deploy",
        "cpuArchitecture": "ARM64",
        "counts": {"minimum": 1.0, "maximum": 2.0},
        "rolloutDeadline": 60.0,
        "site": {"bucket": "site", "distributionId": "E1", "url": "https://a.gov", "connectTo": "", "config": {}},
        "health": {"path": "/h", "passes": 3.0, "interval": 1.0, "deadline": 60.0, "requireLiveTimestamp": True},
        "recordsBucket": "records",
        "keep": 10.0,
        "reason": None,
        "connection": {"profile": "", "assumeRoles": []},
        "container": "backend",
        "migration": {"command": [], "timeout": 900.0},
        "restart": "",
        **changes,
    }
    return from_inputs(inputs)


def refused(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


class Registry:
    """Has the image in the repositories that it is told."""

    def __init__(self) -> None:
        self.places = {"easi-impl"}
        self.problem = ""


def fake_registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    fake = Registry()

    def digest(_self: Any, place: Any, reference: str) -> str | None:
        return reference if place.name in fake.places else None

    def require(_registries: Any, place: Any, _digest: str, architecture: str) -> None:
        assert place.name in fake.places
        assert architecture == "ARM64"
        if fake.problem:
            raise ImageError(fake.problem)

    monkeypatch.setattr(Registries, "digest", digest)
    monkeypatch.setattr(image, "require", require)
    return fake


def problems(
    world: World, *, proven: Proven | None = None, interrupted: bool = False, **changes: Any
) -> tuple[tuple[str, ...], list[str]]:
    """What is wrong, and what could not be checked."""
    said: list[str] = []
    return asked(world, said, proven=proven, interrupted=interrupted, **changes).lines, said


def asked(
    world: World, said: list[str], *, proven: Proven | None = None, interrupted: bool = False, **changes: Any
) -> preflight.Problems:
    """The answer of the preflight, and in `said` what could not be checked."""
    return preflight.problems(
        request(**changes), world.clients, proven=proven, interrupted=interrupted, say=said.append
    )


class World:
    """Stands for each client that a preflight asks."""

    def __init__(self) -> None:
        self.denied: set[str] = set()
        """Operations that the role may not call."""
        self.service: dict[str, Any] | None = {
            "serviceArn": SERVICE,
            "status": "ACTIVE",
            "taskDefinition": OLD_TASK,
            "desiredCount": 2,
            "deployments": [deployment(OLD_TASK, "COMPLETED")],
            "loadBalancers": [{"targetGroupArn": GROUP, "containerName": "backend", "containerPort": 8080}],
            "networkConfiguration": {
                "awsvpcConfiguration": {"subnets": ["subnet-a", "subnet-b"], "assignPublicIp": "DISABLED"}
            },
        }
        self.container: dict[str, Any] = {
            "name": "backend",
            "image": IMAGE,
            "portMappings": [{"containerPort": 8080}],
            "secrets": [
                {"name": "DATABASE", "valueFrom": f"{SECRET}:password::"},
                {"name": "TOKEN", "valueFrom": PARAMETER},
            ],
            "logConfiguration": {"logDriver": "awslogs"},
        }
        self.task: dict[str, Any] | None = {
            "taskDefinitionArn": TASK,
            "status": "ACTIVE",
            "containerDefinitions": [self.container],
            "executionRoleArn": EXECUTION,
            "taskRoleArn": RUNTIME,
        }
        self.old_task: dict[str, Any] | None = {**self.task, "taskDefinitionArn": OLD_TASK}
        """What the proven release runs, and is gone back to."""
        self.roles = {"easi-impl-execution", "easi-impl-task"}
        self.forbidden: dict[tuple[str, str], str] = {}
        """What IAM decides of actions and resources that are not allowed."""
        self.secrets: dict[str, dict[str, Any]] = {SECRET: {"VersionIdsToStages": {"v1": ["AWSCURRENT"]}}}
        self.parameters = {"/easi/token"}
        self.groups: dict[str, dict[str, Any]] = {
            GROUP: {"TargetGroupName": "backend", "TargetType": "ip", "HealthCheckPort": "traffic-port"}
        }
        self.routes = {"rtb-a": [nat("nat-1")], "rtb-main": [nat("nat-1")]}
        """Of the route table of subnet-a, and of the network's main one, which is subnet-b's."""
        self.endpoints: list[dict[str, Any]] = []
        self.proven: str | None = OLD_TASK
        self.regions: list[tuple[str, str]] = []
        self.scans: dict[str, Any] = {}
        """By repository, the answer about the image's scan."""

    @property
    def clients(self) -> Clients:
        def make(service: str, region: str) -> World:
            self.regions.append((service, region))
            return self

        return Clients(s3=self, cloudfront=None, function=self, make=make)

    def _asked(self, operation: str) -> None:
        if operation in self.denied:
            raise refused(
                "UnauthorizedOperation" if operation.startswith("describe_route") else "AccessDeniedException"
            )

    def describe_image_scan_findings(self, **asked: Any) -> Any:
        self._asked("describe_image_scan_findings")
        if asked["repositoryName"] not in self.scans:
            raise refused("ImageNotFoundException")
        return self.scans[asked["repositoryName"]]

    def describe_services(self, cluster: str, services: list[str]) -> Any:
        self._asked("describe_services")
        assert (cluster, services) == ("easi-impl", [SERVICE])
        return {"services": [self.service] if self.service else [], "failures": []}

    def describe_task_definition(self, **asked: Any) -> Any:
        self._asked("describe_task_definition")
        task = {TASK: self.task, OLD_TASK: self.old_task}[asked["taskDefinition"]]
        if task is None:
            raise refused("ClientException", "Unable to describe task definition.")
        return {"taskDefinition": task}

    def get_function_configuration(self, **asked: Any) -> Any:
        assert asked == {"FunctionName": "easi-impl-deploy"}
        return {"Role": FUNCTION_ROLE}

    def get_role(self, **asked: Any) -> Any:
        self._asked("get_role")
        if asked["RoleName"] not in self.roles:
            raise refused("NoSuchEntity")

    def describe_secret(self, **asked: Any) -> Any:
        self._asked("describe_secret")
        if asked["SecretId"] not in self.secrets:
            raise refused("ResourceNotFoundException")
        return self.secrets[asked["SecretId"]]

    def describe_target_groups(self, **asked: Any) -> Any:
        if asked["TargetGroupArns"][0] not in self.groups:
            raise refused("TargetGroupNotFound")
        return {"TargetGroups": [self.groups[asked["TargetGroupArns"][0]]]}

    def describe_subnets(self, **asked: Any) -> Any:
        return {"Subnets": [{"SubnetId": subnet, "VpcId": "vpc-1"} for subnet in asked["SubnetIds"]]}

    def get_object(self, **asked: Any) -> Any:
        assert (asked["Bucket"], asked["Key"]) == ("records", "release.json")
        if self.proven is None:
            raise refused("NoSuchKey")
        proven: dict[str, Any] = {
            "version": "1" * 40,
            "image": IMAGE,
            "taskDefinition": self.proven,
            "staticManifest": "sha256:" + "a" * 64,
            "verifiedAt": "2026-01-01T00:00:00Z",
            "reason": None,
            "previous": [],
        }
        return {"Body": io.BytesIO(json.dumps(proven).encode()), "ETag": "e"}

    def get_paginator(self, operation: str) -> Pages:
        return Pages(self, operation)

    def pages(self, operation: str, arguments: dict[str, Any]) -> Iterator[dict[str, Any]]:
        self._asked(operation)
        if operation == "describe_parameters":
            (wanted,) = arguments["ParameterFilters"]
            assert len(wanted["Values"]) <= 50
            yield {"Parameters": [{"Name": name} for name in sorted(self.parameters & set(wanted["Values"]))]}
        elif operation == "simulate_principal_policy":
            if arguments["PolicySourceArn"].rpartition("/")[2] not in {*self.roles, "easi-impl-deploy"}:
                raise refused("NoSuchEntity")
            (action,) = arguments["ActionNames"]
            passed = [entry["ContextKeyValues"] for entry in arguments["ContextEntries"]]
            assert passed == ([["ecs-tasks.amazonaws.com"]] if action == "iam:PassRole" else [])
            for resource in arguments["ResourceArns"]:
                decision = self.forbidden.get((action, resource), "allowed")
                yield {"EvaluationResults": [{"EvalResourceName": resource, "EvalDecision": decision}]}
        elif operation == "describe_vpc_endpoints":
            yield {"VpcEndpoints": self.endpoints}
        else:
            own = {"RouteTableId": "rtb-a", "VpcId": "vpc-1", "Associations": [{"SubnetId": "subnet-a", "Main": False}]}
            main = {"RouteTableId": "rtb-main", "VpcId": "vpc-1", "Associations": [{"Main": True}]}
            by_subnet = arguments["Filters"][0]["Name"] == "association.subnet-id"
            for table in [own] if by_subnet else [own, main]:
                yield {"RouteTables": [{**table, "Routes": [LOCAL, *self.routes[str(table["RouteTableId"])]]}]}


class Pages:
    """What pages of an answer are asked of."""

    def __init__(self, world: World, operation: str) -> None:
        self.world, self.operation = world, operation

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        return self.world.pages(self.operation, arguments)


LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}
INTERNET = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}


def nat(gateway: str, state: str = "active") -> dict[str, Any]:
    return {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": gateway, "State": state}


def endpoint(service: str, *tables: str, state: str = "available") -> dict[str, Any]:
    return {
        "ServiceName": f"com.amazonaws.{REGION}.{service}",
        "VpcEndpointType": "Gateway" if tables else "Interface",
        "State": state,
        "RouteTableIds": list(tables),
    }


def deployment(task: str, state: str, desired: int = 2) -> dict[str, Any]:
    return {
        "id": "ecs-svc/1",
        "taskDefinition": task,
        "rolloutState": state,
        "desiredCount": desired,
        "runningCount": 1,
        "createdAt": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
