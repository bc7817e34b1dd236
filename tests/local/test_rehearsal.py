"""What a rehearsal finds of images that do not work: real tasks with their health commands, a real deploy function.

Beside it a service runs, of which nothing may change.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from functions.deploy.requests import RunTask
from release import rehearsal, rollout
from release.deploy_function import DeployFunction
from release.rehearsal import RehearsalFailed
from release.request import Rehearsal
from tests.local.deployed_service import Aws, Service, create, emulated
from tests.local.faults import image

OLD, NEW = "1" * 40, "2" * 40
VERSION = Rehearsal(asks="version", passes=3, stays_s=5)
HEALTH = Rehearsal(asks="health", passes=3, stays_s=15)
NOTHING = Rehearsal(asks="nothing", passes=3, stays_s=10)
COMMAND = {"command": ["CMD", "/server", "healthcheck"], "interval": 5, "timeout": 3, "retries": 3}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with emulated(tmp_path_factory, build=image.build_program) as made:
        yield made


@pytest.fixture(scope="module")
def service(aws: Aws) -> Service:
    """A service that runs a version that works."""
    made = Service(aws=aws, name="rehearsed", function="rehearsed-deploy", said=[])
    create(made, health_path="/ready")
    made.roll_out(register(made, "good", OLD), minimum_count=1)
    return made


def register(
    service: Service, mode: str, version: str = NEW, *, health_check: Mapping[str, Any] | None = COMMAND
) -> str:
    """A revision as `components.container` writes it: neither root nor a writable disk."""
    variables = {image.MODE_VARIABLE: mode, image.VERSION_VARIABLE: version}
    return service.register(
        mode,
        user="65532:65532",
        readonlyRootFilesystem=True,
        linuxParameters={"capabilities": {"drop": ["ALL"]}},
        environment=[{"name": name, "value": value} for name, value in variables.items()],
        **({"healthCheck": health_check} if health_check else {}),
    )


def one_offs(service: Service) -> dict[str, str]:
    """The tasks that releases have started, and which status they are to have."""
    return {task["taskArn"]: task["desiredStatus"] for task in service.one_offs()}


def serves(service: Service) -> tuple[Any, ...]:
    ecs, elbv2 = service.aws.client("ecs"), service.aws.client("elbv2")
    (described,) = ecs.describe_services(cluster=service.aws.name, services=[service.service_name])["services"]
    tasks = ecs.list_tasks(cluster=service.aws.name, serviceName=service.service_name)["taskArns"]
    (group,) = elbv2.describe_target_groups(Names=[service.name])["TargetGroups"]
    targets = elbv2.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
    deployments = [(one["id"], one["taskDefinition"]) for one in described["deployments"]]
    return deployments, sorted(tasks), [target["Target"]["Id"] for target in targets]


def rehearse(service: Service, revision: str, plan: Rehearsal, deadline_s: float = 60.0) -> str:
    """What is proven; nothing of the service has changed afterwards, and no task is left."""
    before = serves(service)
    try:
        with service.lease() as held:
            task = RunTask(
                lease=held.id,
                task_definition=revision,
                container="backend",
                environment=rehearsal.variables(plan, NEW),
            )
            client = service.aws.client("lambda")
            function = DeployFunction(client, service.function, service.said.append, deadline_s, interval_s=0.3)
            (proof,) = rollout.side_by_side([rehearsal.rehearse(function, task, plan)])
            return proof
    finally:
        assert serves(service) == before
        assert set(one_offs(service).values()) == {"STOPPED"}


def refused(service: Service, revision: str, plan: Rehearsal = VERSION) -> str:
    with pytest.raises(RehearsalFailed) as caught:
        rehearse(service, revision, plan)
    return "\n".join([caught.value.message, *caught.value.details])


def test_a_version_that_works_is_proven(service: Service) -> None:
    assert rehearse(service, register(service, "good"), VERSION).startswith("status and version right 3 times in a row")


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        # What the task's own variables say is hidden.
        ("other", "not healthy: version is 0123456789012345678901234567890123456789, expected [RELEASE_VERSION]"),
        ("status-fail", "not healthy: status is fail, expected pass"),
        ("sometimes", "not healthy: answered 503, expected 200"),
    ],
)
def test_what_visitors_would_get_is_found_and_said(service: Service, mode: str, why: str) -> None:
    said = refused(service, register(service, mode))
    assert re.match(r"the task of the rehearsal is not healthy after \d+ s, says the health command\n", said)
    assert "health command of container backend: /server healthcheck" in said
    assert f"backend | {why}" in said


def test_another_version_is_found_where_the_image_answers_with_a_variable(service: Service) -> None:
    """Its RELEASE_VERSION is that of the image, and no variable of the rehearsal goes before it."""
    assert f"version is [RELEASE_VERSION], expected {NEW}" in refused(service, register(service, "good", OLD))


@pytest.mark.parametrize("plan", [VERSION, HEALTH, NOTHING], ids=lambda plan: plan.asks)
def test_a_crash_after_4_s_is_found(service: Service, plan: Rehearsal) -> None:
    health_check = None if plan is NOTHING else COMMAND
    said = refused(service, register(service, "crash-late", health_check=health_check), plan)
    assert said.startswith("the rehearsal failed with exit code 4: ")
    assert "backend | lost the database" in said


def test_without_a_comparison_it_is_proven_that_it_stays_healthy(service: Service) -> None:
    assert rehearse(service, register(service, "good"), HEALTH).startswith("healthy for 15 s, version not compared")


def test_without_a_health_command_it_is_proven_that_it_runs(service: Service) -> None:
    proof = rehearse(service, register(service, "other", health_check=None), NOTHING)
    assert proof.startswith("ran for 10 s, and nothing asked it")


def test_a_health_command_that_the_image_has_not_is_found(service: Service) -> None:
    missing = {**COMMAND, "command": ["CMD", "/nowhere"]}
    said = refused(service, register(service, "good", health_check=missing))
    assert "health command of container backend: /nowhere" in said


def test_a_rehearsal_whose_process_died_is_stopped_by_the_next(service: Service) -> None:
    revision = register(service, "good")
    with service.lease() as held:
        fields = {"lease": held.id, "taskDefinition": revision, "container": "backend"}
        left = service.ask("run_task", **fields)["task"]
        assert service.ask("run_task", **fields) == {"service": service.service_name, "task": left, "started": False}
    assert one_offs(service)[left] == "RUNNING"

    rehearse(service, revision, VERSION)
    (task,) = service.aws.client("ecs").describe_tasks(cluster=service.aws.name, tasks=[left])["tasks"]
    assert task["stoppedReason"] == "release: a rehearsal that nobody watches any more"
