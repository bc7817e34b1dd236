"""The health gate believes only tasks of the rollout: the example's backend in containers, behind a load balancer.

The load balancer is made to send requests to a task that answers with the right version and is not of the rollout.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from release import healthcheck, tasks
from release.healthcheck import HealthCheck, NotProven, Proof
from tests.local.deployed_service import Aws, Service, create, emulated
from tests.local.emulator_world import wait_for

VERSION = "3f2c1aa" + "0" * 33
BACKEND = Path(__file__).parents[2] / "example" / "backend"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with emulated(tmp_path_factory, build=build_example) as made:
        yield made


def build_example(folder: Path) -> Path:
    flags = ["-o", str(folder / "program"), "-ldflags", f"-X main.version={VERSION}"]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOOS": "linux"}
    subprocess.run(["go", "build", "-C", str(BACKEND), *flags, "."], env=environment, check=True)
    return folder / "program"


@pytest.fixture(scope="module")
def service(aws: Aws) -> Service:
    made = Service(aws=aws, name="answering", function="answering-deploy", said=[])
    create(made, health_path="/api/v1/healthcheck")
    return made


def prove(service: Service, revision: str, known: frozenset[str] = frozenset(), *, deadline_s: float = 5.0) -> Proof:
    port = service.aws.endpoint.rpartition(":")[2]
    check = HealthCheck(
        url=f"http://{service.name}.alb.localhost/api/v1/healthcheck",
        version=VERSION,
        connect_to=f"127.0.0.1:{port}",
        interval_s=0.1,
        deadline_s=deadline_s,
    )
    ours = tasks.of(service.aws.client("lambda"), service.function, revision, known)
    return healthcheck.prove(check, service.said.append, ours)


def group(service: Service) -> str:
    found = service.aws.client("elbv2").describe_target_groups(Names=[service.name])["TargetGroups"]
    return str(found[0]["TargetGroupArn"])


def address(task: dict[str, Any]) -> str:
    details = [detail for attachment in task["attachments"] for detail in attachment["details"]]
    return next(str(detail["value"]) for detail in details if detail["name"] == "privateIPv4Address")


def stranger(service: Service, revision: str) -> dict[str, Any]:
    """A task of the same revision that runs beside the service."""
    ecs, cluster = service.aws.client("ecs"), service.aws.name
    network = ecs.describe_services(cluster=cluster, services=[service.service_name])["services"][0]
    started = ecs.run_task(
        cluster=cluster,
        taskDefinition=revision,
        launchType="FARGATE",
        networkConfiguration=network["networkConfiguration"],
    )["tasks"][0]["taskArn"]

    def now() -> dict[str, Any]:
        found: dict[str, Any] = ecs.describe_tasks(cluster=cluster, tasks=[started])["tasks"][0]
        return found

    assert wait_for(lambda: now()["lastStatus"] == "RUNNING"), now()
    return now()


def test_the_right_version_of_a_task_that_is_not_of_the_rollout_proves_nothing(service: Service) -> None:
    revision = service.register("", environment=[])
    rolled = service.roll_out(revision, minimum_count=1, maximum_count=1)
    ecs, elbv2, cluster = service.aws.client("ecs"), service.aws.client("elbv2"), service.aws.name
    (own,) = ecs.list_tasks(cluster=cluster, serviceName=service.service_name)["taskArns"]
    task = own.rpartition("/")[2]
    assert rolled.tasks == {task}
    assert prove(service, revision, rolled.tasks).tasks == (task,)
    assert prove(service, revision).tasks == (task,), "asked for, as status and verify do it"

    other = stranger(service, revision)
    there = [{"Id": address(other), "Port": 8080}]
    ours = [{"Id": address(ecs.describe_tasks(cluster=cluster, tasks=[own])["tasks"][0]), "Port": 8080}]
    elbv2.register_targets(TargetGroupArn=group(service), Targets=there)
    elbv2.deregister_targets(TargetGroupArn=group(service), Targets=ours)

    def only_the_other() -> bool:
        found = elbv2.describe_target_health(TargetGroupArn=group(service))["TargetHealthDescriptions"]
        return [(item["Target"]["Id"], item["TargetHealth"]["State"]) for item in found] == [
            (there[0]["Id"], "healthy")
        ]

    assert wait_for(only_the_other)
    said = f"answered by task {other['taskArn'].rpartition('/')[2]}, which is not of this release"
    with pytest.raises(NotProven, match=said):
        prove(service, revision, rolled.tasks)
    with pytest.raises(NotProven, match=said):
        prove(service, revision)


def test_a_task_that_ecs_put_in_the_place_of_another_is_believed(service: Service) -> None:
    revision = service.register("", environment=[])
    rolled = service.roll_out(revision, minimum_count=1, maximum_count=1)
    ecs, cluster = service.aws.client("ecs"), service.aws.name
    (first,) = rolled.tasks
    ecs.stop_task(cluster=cluster, task=first, reason="to be replaced")

    def replaced() -> bool:
        arns = ecs.list_tasks(cluster=cluster, serviceName=service.service_name)["taskArns"]
        return service.running() == [revision] and not any(arn.endswith(first) for arn in arns)

    assert wait_for(replaced)
    # As in a release: on a machine that is busy, 5 s were too short for the replacement to be the one that answers.
    proof = prove(service, revision, rolled.tasks, deadline_s=60.0)
    assert proof.tasks
    assert first not in proof.tasks
