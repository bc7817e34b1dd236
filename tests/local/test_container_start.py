"""Containers that cannot start, in the emulator: the task says what Docker said of it, and nothing of them is left."""

from __future__ import annotations

import time
from typing import Any

import docker
import pytest

from tests.local.emulator_world import Service, World, wait_for

pytest_plugins = ["tests.local.emulator_fixtures"]

ARCHITECTURES = {"amd64": "X86_64", "arm64": "ARM64"}
START = "CannotStartContainerError: Error response from daemon: "
CREATE = "CannotCreateContainerError: Error response from daemon: "


def revision(service: Service, *, own: bool = True, **settings: Any) -> str:
    """A task definition that names an architecture, as the program's do: this machine's, or the other."""
    mine = ARCHITECTURES[docker.from_env().version()["Arch"]]
    other = next(name for name in ARCHITECTURES.values() if name != mine)
    container = {"name": "app", "image": service.world.image, "essential": True, **settings}
    answer = service.world.client("ecs").register_task_definition(
        family=service.name,
        containerDefinitions=[container],
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="256",
        memory="512",
        runtimePlatform={"cpuArchitecture": mine if own else other, "operatingSystemFamily": "LINUX"},
    )
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def run(service: Service, definition: str) -> str:
    """A task of its own; its ARN."""
    tasks = service.world.client("ecs").run_task(
        cluster="tests",
        taskDefinition=definition,
        launchType="FARGATE",
        networkConfiguration={
            "awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": [service.world.group]}
        },
    )["tasks"]
    return str(tasks[0]["taskArn"])


def described(service: Service, task: str) -> dict[str, Any]:
    found: dict[str, Any] = service.world.client("ecs").describe_tasks(cluster="tests", tasks=[task])["tasks"][0]
    return found


def ended(service: Service, task: str) -> dict[str, Any]:
    assert wait_for(lambda: described(service, task)["lastStatus"] == "STOPPED"), described(service, task)
    return described(service, task)


def left(task: str) -> list[Any]:
    """The containers of a task in any state."""
    label = f"com.amazonaws.ecs.task-arn={task}"
    found: list[Any] = docker.from_env().api.containers(all=True, filters={"label": label})
    return found


def log(world: World) -> str:
    return (world.folder / "log").read_text(errors="replace")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"user": "node"}, f"{START}unable to find user node: no matching entries in passwd file"),
        ({"entryPoint": ["report"]}, 'exec: "report": executable file not found in $PATH'),
        ({"entryPoint": ["/etc/hostname"]}, 'exec: "/etc/hostname": permission denied'),
        ({"workingDirectory": "/server/below"}, "not a directory"),
        ({"workingDirectory": "below"}, f"{CREATE}the working directory 'below' is invalid"),
    ],
    ids=["user", "program", "not-executable", "no-folder", "no-path"],
)
def test_not_started(service: Service, settings: dict[str, Any], said: str) -> None:
    before = len(log(service.world))
    task = run(service, revision(service, **settings))
    stopped = ended(service, task)
    assert said in stopped["stoppedReason"]
    assert stopped["stoppedReason"].startswith((START, CREATE))
    assert stopped["stopCode"] == "TaskFailedToStart"
    assert "exitCode" not in stopped["containers"][0]
    assert wait_for(lambda: not left(task)), left(task)
    assert "host architecture" not in log(service.world)[before:], "it is not about the architecture"


def test_an_image_that_is_not_there_is_one_that_cannot_be_pulled(service: Service) -> None:
    repository = service.world.image.partition("@")[0]
    stopped = ended(service, run(service, revision(service, image=f"{repository}:absent")))
    assert stopped["stoppedReason"].startswith("CannotPullContainerError: ")


def test_a_task_of_a_service_says_it_too(service: Service) -> None:
    service.create(revision(service, user="node", portMappings=[{"containerPort": 8080}]), count=1)
    assert wait_for(lambda: bool(service.stopped())), service.describe()
    assert service.stopped()[0]["stoppedReason"].startswith(f"{START}unable to find user node")


def test_an_image_of_this_machine_runs_although_the_other_architecture_was_meant(service: Service) -> None:
    task = run(service, revision(service, own=False))
    try:
        assert wait_for(lambda: described(service, task)["lastStatus"] == "RUNNING"), described(service, task)
        time.sleep(1)
        assert described(service, task)["lastStatus"] == "RUNNING", described(service, task)
    finally:
        service.world.client("ecs").stop_task(cluster="tests", task=task)
