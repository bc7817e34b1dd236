"""Services with no tasks, each behind a load balancer and with the deploy function, in an emulator of a test's own."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import docker.errors
import pytest
from botocore.config import Config

from cli import run
from functions.deploy.requests import Deploy, Rollback, RunTask
from local.emulator import process
from release import lease
from release.deploy_function import DeployFunction, FunctionFailed
from release.migration import migrate
from release.one_off import OneOff
from release.rollout import RolledOut, current, replaced, roll_back, side_by_side, start
from tests.local import authorized_emulator
from tests.local.emulated import client, free_port
from tests.local.emulator_world import open_group
from tests.local.images import build_server, pack

COUNTS = {"minimum_count": 2, "maximum_count": 4}
NUMBERS = itertools.count(1)
FUNCTION = Path(__file__).parents[2] / "functions"


@dataclass(frozen=True, kw_only=True)
class Aws:
    """Clients of the emulator, and names that are this run's own."""

    endpoint: str
    name: str
    image: str

    def client(self, service: str) -> Any:
        """As the account's root, whom no policy binds."""
        return client(self.endpoint, service, config=Config(retries={"total_max_attempts": 1}))


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service with no tasks, behind a load balancer, and the function that deploys it."""

    aws: Aws
    name: str
    """Of its task family, its log group and its load balancer."""
    function: str
    said: list[str]
    suffix: str = ""
    """What autonaming adds to the name of the service itself."""

    @property
    def service_name(self) -> str:
        return self.name + self.suffix

    @property
    def records_bucket(self) -> str:
        """Where the lease is that the function asks for."""
        return f"{self.aws.name}-{self.name}-records"

    def lease(self) -> lease.Lease:
        """The lease of one release; a context manager."""
        s3 = self.aws.client("s3")
        return lease.acquire(
            s3, self.records_bucket, environment="test", version="3f2c1aa", who="somebody", say=self.said.append
        )

    def ask(self, command: str, **fields: Any) -> dict[str, Any]:
        """The function's answer; what it raised is in `errorMessage`."""
        event = json.dumps({"command": command, **fields})
        answer = self.aws.client("lambda").invoke(FunctionName=self.function, Payload=event)
        found: dict[str, Any] = json.loads(answer["Payload"].read())
        return found

    def one_offs(self) -> list[dict[str, Any]]:
        """The one-off tasks of the service's family, running or ended."""
        ecs = self.aws.client("ecs")
        arns = [
            arn
            for status in ("RUNNING", "STOPPED")
            for arn in ecs.list_tasks(cluster=self.aws.name, family=self.name, desiredStatus=status)["taskArns"]
        ]
        tasks = ecs.describe_tasks(cluster=self.aws.name, tasks=arns)["tasks"] if arns else []
        return [task for task in tasks if task.get("startedBy", "").startswith("release/")]

    def register(self, mode: str, **changes: Any) -> str:
        container = {
            "name": "backend",
            "image": self.aws.image,
            "essential": True,
            "portMappings": [{"containerPort": 8080}],
            "environment": [{"name": "MODE", "value": mode}],
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": f"/ecs/{self.name}",
                    "awslogs-region": "us-west-2",
                    "awslogs-stream-prefix": "backend",
                },
            },
        } | changes
        answer = self.aws.client("ecs").register_task_definition(
            family=self.name,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            containerDefinitions=[container],
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def roll_out(self, task_definition: str, deadline_s: float = 60.0, **changes: Any) -> RolledOut:
        with self.lease() as held:
            function = self._function(deadline_s)
            replaces = replaced(current(function.client, function.name))
            wanted: dict[str, Any] = {**COUNTS, "expected_deployment": replaces}
            deploy = Deploy(task_definition=task_definition, lease=held.id, **(wanted | changes))
            under_way = start(function, deploy)
            try:
                return side_by_side([under_way.until_decided()])[0]
            except FunctionFailed as error:
                error.deployment = under_way.began.deployment
                raise

    def roll_back(
        self, task_definition: str | None, deployment: str | None, deadline_s: float = 60.0, **changes: Any
    ) -> RolledOut | None:
        with self.lease() as held:
            wanted: dict[str, Any] = {**COUNTS, "task_definition": task_definition, "deployment": deployment}
            back = roll_back(self._function(deadline_s), Rollback(lease=held.id, **(wanted | changes)))
            return side_by_side([back])[0]

    def migrate(self, task_definition: str, *command: str, timeout_s: float = 30.0) -> None:
        with self.lease() as held:
            request = RunTask(
                task_definition=task_definition, container="backend", container_command=command, lease=held.id
            )
            migrate(self._function(timeout_s), request)

    def run(self, task_definition: str, *command: str, timeout_s: float = 30.0) -> tuple[int, list[str]]:
        """The exit code of a command, and the lines that it was seen to write."""
        written: list[str] = []
        with self.lease() as held:
            request = RunTask(
                task_definition=task_definition, container="backend", container_command=command, lease=held.id
            )
            return run.watch(
                OneOff(self._function(timeout_s), request, "the command"), written.append, "backend"
            ), written

    def _function(self, deadline_s: float) -> DeployFunction:
        return DeployFunction(self.aws.client("lambda"), self.function, self.said.append, deadline_s, interval_s=0.3)

    def on(self) -> str | None:
        return current(self.aws.client("lambda"), self.function).task_definition

    def running(self) -> list[str]:
        ecs = self.aws.client("ecs")
        arns = ecs.list_tasks(cluster=self.aws.name, serviceName=self.service_name, desiredStatus="RUNNING")["taskArns"]
        tasks = ecs.describe_tasks(cluster=self.aws.name, tasks=arns)["tasks"]
        return [task["taskDefinitionArn"] for task in tasks if task["lastStatus"] == "RUNNING"]


@contextmanager
def emulated(
    factory: pytest.TempPathFactory, name: str = "", build: Callable[[Path], Path] = build_server, *, auth: bool = False
) -> Iterator[Aws]:
    """An emulator of a module's own, and the image of the program that `build` makes in a folder."""
    folder, port, engine = factory.mktemp("emulator"), free_port(), docker.from_env()
    image = pack(engine, build(factory.mktemp("program")), f"deploy-test-{port}:latest")
    settings = process.EmulatorSettings(folder=folder, port=port)
    try:
        emulator = authorized_emulator.start(folder) if auth else process.start(settings, print)
        yield Aws(endpoint=emulator.endpoint, name=name or f"deploy-test-{port}", image=image)
    finally:
        process.stop(folder, print)
        with contextlib.suppress(docker.errors.ImageNotFound):
            engine.images.remove(image, force=True)
        engine.close()


def deployed(aws: Aws) -> Iterator[Service]:
    """For a fixture: a service of a test's own."""
    name = f"deploy-{next(NUMBERS)}"
    made = Service(aws=aws, name=name, function=f"{name}-deploy", said=[], suffix="-1a2b3c4")
    create(made)
    yield made
    # Its tasks would run, or be started and crash, under all the tests after it.
    aws.client("ecs").update_service(cluster=aws.name, service=made.service_name, desiredCount=0)


def create(service: Service, role: str = "arn:aws:iam::000000000000:role/deploy", health_path: str = "/health") -> None:
    """The service, its load balancer and its function, which runs as `role`."""
    aws, name = service.aws, service.name
    ec2, ecs, elbv2, functions = (aws.client(each) for each in ("ec2", "ecs", "elbv2", "lambda"))
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    group_id = open_group(aws, name, vpc)
    balancer = elbv2.create_load_balancer(Name=name, Subnets=[subnet], SecurityGroups=[group_id])["LoadBalancers"][0]
    group = elbv2.create_target_group(
        Name=name,
        Protocol="HTTP",
        Port=8080,
        VpcId=vpc,
        TargetType="ip",
        HealthCheckPath=health_path,
        HealthCheckIntervalSeconds=5,
        HealthCheckTimeoutSeconds=2,
        HealthyThresholdCount=2,
        UnhealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]
    elbv2.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}]
    )
    elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
    )
    aws.client("logs").create_log_group(logGroupName=f"/ecs/{name}")
    ecs.create_cluster(clusterName=aws.name)
    ecs.create_service(
        cluster=aws.name,
        serviceName=service.service_name,
        taskDefinition=service.register("placeholder"),
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group_id]}},
        loadBalancers=[{"targetGroupArn": group, "containerName": "backend", "containerPort": 8080}],
        deploymentConfiguration={
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
    )
    aws.client("s3").create_bucket(
        Bucket=service.records_bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"}
    )
    functions.create_function(
        FunctionName=service.function,
        Runtime="python3.13",
        Role=role,
        Handler="functions.deploy.handler.handle",
        Timeout=60,
        Code={"ZipFile": _zip()},
        Environment={
            "Variables": {
                "CLUSTER": aws.name,
                "SERVICE": service.service_name,
                "RECORDS_BUCKET": service.records_bucket,
                "AWS_ENDPOINT_URL": aws.endpoint,
            }
        },
    )
    deadline = time.monotonic() + 20
    while functions.get_function(FunctionName=service.function)["Configuration"]["State"] != "Active":
        assert time.monotonic() < deadline, "the function did not become active within 20 s"
        time.sleep(0.1)


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(FUNCTION.rglob("*.py")):
            archive.write(path, path.relative_to(FUNCTION.parent).as_posix())
    return packed.getvalue()
