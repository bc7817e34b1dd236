"""The deploy function as it runs: a real invocation, real tasks in containers, real health checks of targets."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import socket
import subprocess
import tarfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import docker
import pytest
from botocore.config import Config

from local.emulator import process
from release.rollout import RolledOut, RolloutFailed, RolloutRequest, current, roll_out

NUMBERS = itertools.count(1)
FUNCTION = Path(__file__).parents[2] / "functions" / "deploy"
PROGRAM = """
package main

import (
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	mode := os.Getenv("MODE")
	fmt.Println("starting", mode)
	if mode == "crash" {
		fmt.Println("cannot open the database")
		os.Exit(3)
	}
	if mode == "silent" {
		time.Sleep(time.Hour)
	}
	http.ListenAndServe(":8080", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if mode == "broken" {
			w.WriteHeader(500)
		}
		fmt.Fprintln(w, mode)
	}))
}
"""


@dataclass(frozen=True, kw_only=True)
class Aws:
    """Clients of the emulator, and names that are this run's own."""

    endpoint: str
    name: str
    image: str

    def client(self, service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name="us-west-2",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}),
        )


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service with no tasks, behind a load balancer, and the function that deploys it."""

    aws: Aws
    name: str
    function: str
    said: list[str]

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

    def roll_out(self, task_definition: str, **changes: Any) -> RolledOut:
        wanted: dict[str, Any] = {"minimum_count": 2, "maximum_count": 4, "deadline_s": 60.0, "interval_s": 0.3}
        request = RolloutRequest(function=self.function, task_definition=task_definition, **(wanted | changes))
        return roll_out(self.aws.client("lambda"), request, self.said.append)

    def on(self) -> str | None:
        return current(self.aws.client("lambda"), self.function).task_definition

    def running(self) -> list[str]:
        ecs = self.aws.client("ecs")
        arns = ecs.list_tasks(cluster=self.aws.name, serviceName=self.name, desiredStatus="RUNNING")["taskArns"]
        tasks = ecs.describe_tasks(cluster=self.aws.name, tasks=arns)["tasks"]
        return [task["taskDefinitionArn"] for task in tasks if task["lastStatus"] == "RUNNING"]


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    folder = tmp_path_factory.mktemp("emulator")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    name = f"deploy-test-{port}"
    engine = docker.from_env()
    image = _image(engine, tmp_path_factory.mktemp("program"), f"{name}:latest")
    settings = process.EmulatorSettings(folder=folder, port=port)
    try:
        emulator = process.start(settings, print)
        yield Aws(endpoint=emulator.endpoint, name=name, image=image)
    finally:
        process.stop(folder, print)
        with contextlib.suppress(docker.errors.ImageNotFound):
            engine.images.remove(image, force=True)
        engine.close()


@pytest.fixture
def service(aws: Aws) -> Service:
    name = f"deploy-{next(NUMBERS)}"
    made = Service(aws=aws, name=name, function=f"{name}-deploy", said=[])
    _create(made)
    return made


def test_first_deployment_brings_a_service_from_no_tasks_to_healthy_targets(service: Service) -> None:
    revision = service.register("one")
    assert service.on() is None

    done = service.roll_out(revision)

    assert (done.started, done.replaced, done.desired_count) == (True, None, 2)
    assert service.running() == [revision, revision]
    assert service.on() == revision
    assert any("0 of 2 targets healthy" in line or "of 2 tasks running" in line for line in service.said), service.said


def test_second_revision_replaces_the_first_and_only_force_repeats_it(service: Service) -> None:
    first, second = service.register("one"), service.register("two")
    service.roll_out(first)

    done = service.roll_out(second)
    again = service.roll_out(second)
    forced = service.roll_out(second, force=True)

    assert (done.started, done.replaced) == (True, first)
    assert (again.started, again.deployment) == (False, done.deployment)
    assert forced.started
    assert forced.deployment != done.deployment
    assert service.running() == [second, second]


@pytest.mark.parametrize("mode", ["crash", "broken"])
def test_bad_revision_is_taken_back_and_explained(service: Service, mode: str) -> None:
    good, bad = service.register("one"), service.register(mode)
    service.roll_out(good)

    with pytest.raises(RolloutFailed) as caught:
        service.roll_out(bad)

    assert caught.value.outcome == "rolled_back"
    assert f"The service is on {good.rsplit('/', 1)[-1]}, 2 of 2 tasks running" in caught.value.message
    assert service.running() == [good, good]
    expected = {"crash": "exit code 3", "broken": "health checks"}[mode]
    assert any(expected in line for line in caught.value.details), caught.value.details
    assert any(f"backend | starting {mode}" in line for line in caught.value.details), caught.value.details


def test_image_that_does_not_exist_is_no_tasks(service: Service) -> None:
    good, bad = service.register("one"), service.register("two", image="localhost:9/nowhere@sha256:" + "0" * 64)
    service.roll_out(good)

    with pytest.raises(RolloutFailed) as caught:
        service.roll_out(bad)

    assert caught.value.outcome == "no_tasks"
    assert service.running() == [good, good]


def test_failed_first_deployment_has_nothing_to_return_to_and_can_be_repeated(service: Service) -> None:
    with pytest.raises(RolloutFailed) as caught:
        service.roll_out(service.register("crash"))
    assert caught.value.outcome == "failed"

    good = service.register("one")
    assert service.roll_out(good).started
    assert service.running() == [good, good]


def test_deadline_says_what_was_still_missing(service: Service) -> None:
    with pytest.raises(RolloutFailed) as caught:
        service.roll_out(service.register("silent"), deadline_s=3)

    assert caught.value.outcome == "timed_out"
    assert "0 of 2 targets healthy" in caught.value.message


def test_newer_deployment_supersedes(service: Service) -> None:
    first, second, third = service.register("one"), service.register("two"), service.register("three")
    service.roll_out(first)
    ecs = service.aws.client("ecs")
    began: list[str] = []

    def overtake(line: str) -> None:
        if " begins" in line and not began:
            began.append(line)
            ecs.update_service(cluster=service.aws.name, service=service.name, taskDefinition=third)

    request = RolloutRequest(
        function=service.function, task_definition=second, minimum_count=2, maximum_count=4, deadline_s=60
    )
    with pytest.raises(RolloutFailed) as caught:
        roll_out(service.aws.client("lambda"), request, overtake)

    assert caught.value.outcome == "superseded"
    assert third.rsplit("/", 1)[-1] in caught.value.message


def test_inactive_revision_is_refused(service: Service) -> None:
    revision = service.register("one")
    service.aws.client("ecs").deregister_task_definition(taskDefinition=revision)

    with pytest.raises(RolloutFailed, match=r"is INACTIVE: it was deregistered") as caught:
        service.roll_out(revision)

    assert caught.value.outcome == "refused"
    assert service.on() is None


def test_bad_event_sets_function_error_and_names_the_field(service: Service) -> None:
    with pytest.raises(RolloutFailed, match='"minimumCount" must be a whole number') as caught:
        service.roll_out(service.register("one"), minimum_count=0)

    assert caught.value.outcome == "refused"


def _image(engine: docker.DockerClient, folder: Path, tag: str) -> str:
    (folder / "main.go").write_text(PROGRAM)
    subprocess.run(
        ["go", "build", "-o", "program", "main.go"],
        cwd=folder,
        env={**os.environ, "CGO_ENABLED": "0", "GOOS": "linux", "GOFLAGS": "-mod=mod", "GO111MODULE": "off"},
        check=True,
    )
    (folder / "Dockerfile").write_text('FROM scratch\nCOPY program /program\nENTRYPOINT ["/program"]\n')
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as archive:
        for name in ("Dockerfile", "program"):
            archive.add(folder / name, arcname=name)
    context.seek(0)
    engine.images.build(fileobj=context, custom_context=True, tag=tag, rm=True)
    return tag


def _create(service: Service) -> None:
    aws, name = service.aws, service.name
    ec2, ecs, elbv2, functions = (aws.client(each) for each in ("ec2", "ecs", "elbv2", "lambda"))
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    balancer = elbv2.create_load_balancer(Name=name, Subnets=[subnet])["LoadBalancers"][0]
    group = elbv2.create_target_group(
        Name=name,
        Protocol="HTTP",
        Port=8080,
        VpcId=vpc,
        TargetType="ip",
        HealthCheckPath="/",
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
        serviceName=name,
        taskDefinition=service.register("placeholder"),
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
        loadBalancers=[{"targetGroupArn": group, "containerName": "backend", "containerPort": 8080}],
        deploymentConfiguration={
            "maximumPercent": 200,
            "minimumHealthyPercent": 100,
            "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        },
    )
    functions.create_function(
        FunctionName=service.function,
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/deploy",
        Handler="handler.handle",
        Timeout=60,
        Code={"ZipFile": _zip()},
        Environment={
            "Variables": {
                "CLUSTER": aws.name,
                "SERVICE": name,
                "AWS_ENDPOINT_URL": aws.endpoint,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
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
        for path in sorted(FUNCTION.glob("*.py")):
            archive.write(path, path.name)
    return packed.getvalue()
