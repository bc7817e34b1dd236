"""The deploy function as it runs: a real invocation, real tasks in containers, real health checks of targets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from functions.deploy.network import Network
from functions.deploy.requests import Deploy
from release import lease, slow_start
from release.deploy_function import DeployFunction, FunctionFailed
from release.rollout import RolledOut, current, replaced, side_by_side, start
from tests.local.deployed_service import Aws, Service, deployed, emulated

COUNTS = {"minimumCount": 2, "maximumCount": 4}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with emulated(tmp_path_factory) as made:
        yield made


service = pytest.fixture(deployed)


def test_first_deployment_brings_a_service_from_no_tasks_to_healthy_targets(service: Service) -> None:
    revision = service.register("one")
    assert service.on() is None

    done = service.roll_out(revision)

    assert done.started
    assert service.running() == [revision, revision]
    assert service.on() == revision
    assert any("0 of 2 targets healthy" in line or "of 2 tasks running" in line for line in service.said), service.said


def test_second_revision_replaces_the_first_and_only_force_repeats_it(service: Service) -> None:
    first, second = service.register("one"), service.register("two")
    service.roll_out(first)

    done = service.roll_out(second)
    again = service.roll_out(second)
    forced = service.roll_out(second, force=True)

    assert done.started
    assert (again.started, again.deployment) == (False, done.deployment)
    assert forced.started
    assert forced.deployment != done.deployment
    assert service.running() == [second, second]


def test_the_same_revision_moves_to_another_network_and_back(service: Service) -> None:
    revision, ec2 = service.register("one"), service.aws.client("ec2")
    service.roll_out(revision)
    here = current(service.aws.client("lambda"), service.function)
    assert here.network is not None
    (subnet,) = ec2.describe_subnets(SubnetIds=list(here.network.subnets))["Subnets"]
    other = ec2.create_subnet(VpcId=subnet["VpcId"], CidrBlock="10.0.2.0/24")["Subnet"]["SubnetId"]
    there = Network(subnets=(other,), security_groups=here.network.security_groups)

    moved = service.roll_out(revision, network=there, execute_command=True)
    again = service.roll_out(revision, network=there, execute_command=True)
    now = current(service.aws.client("lambda"), service.function)
    back = service.roll_back(revision, moved.deployment, network=here.network, execute_command=False)

    assert (moved.started, again.started) == (True, False)
    assert (again.deployment, now.deployment) == (moved.deployment, moved.deployment)
    assert (now.network, now.execute_command) == (there, True)
    assert back is not None
    assert back.started
    assert service.running() == [revision, revision]
    after = current(service.aws.client("lambda"), service.function)
    assert (after.network, after.execute_command) == (here.network, False)


@pytest.mark.parametrize("mode", ["crash", "500"])
def test_bad_revision_is_taken_back_and_explained(service: Service, mode: str) -> None:
    good, bad = service.register("one"), service.register(mode)
    service.roll_out(good)

    with pytest.raises(FunctionFailed) as caught:
        service.roll_out(bad)

    assert caught.value.outcome == "rolled_back"
    assert f"The service is on {good.rsplit('/', 1)[-1]}, 2 of 2 tasks running" in caught.value.message
    assert service.running() == [good, good]
    expected = {"crash": "exit code 3", "500": "health checks"}[mode]
    assert any(expected in line for line in caught.value.details), caught.value.details
    # Whatever the environment says is not repeated, also when a program wrote it to its log.
    assert any("backend | starting [MODE]" in line for line in caught.value.details), caught.value.details


def test_a_program_that_serves_late_needs_settings_and_nothing_else(service: Service) -> None:
    late = service.register("late")
    with pytest.raises(FunctionFailed) as caught:
        service.roll_out(late, deadline_s=180)
    advice = slow_start.of_rollout("backend", caught.value.outcome, caught.value.details, 180)
    assert any("services.backend.health.grace" in line for line in advice), caught.value.details

    # As `health.grace` and `health.startPeriod` of the settings are written.
    ecs = service.aws.client("ecs")
    ecs.update_service(cluster=service.aws.name, service=service.service_name, healthCheckGracePeriodSeconds=90)
    command = ["CMD", "/server", "probe", "health"]
    check = {"command": command, "interval": 5, "timeout": 4, "retries": 3, "startPeriod": 90}
    patient = service.register("late", healthCheck=check)

    assert service.roll_out(patient, deadline_s=180).started
    assert service.running() == [patient, patient]


def test_image_that_does_not_exist_is_no_tasks(service: Service) -> None:
    good, bad = service.register("one"), service.register("two", image="localhost:9/nowhere@sha256:" + "0" * 64)
    service.roll_out(good)

    with pytest.raises(FunctionFailed) as caught:
        service.roll_out(bad)

    assert caught.value.outcome == "no_tasks"
    assert service.running() == [good, good]


def test_failed_first_deployment_has_nothing_to_return_to_and_can_be_repeated(service: Service) -> None:
    with pytest.raises(FunctionFailed) as caught:
        service.roll_out(service.register("crash"))
    assert caught.value.outcome == "failed"

    good = service.register("one")
    assert service.roll_out(good).started
    assert service.running() == [good, good]


def test_newer_deployment_supersedes(service: Service) -> None:
    first, second, third = service.register("one"), service.register("two"), service.register("three")
    service.roll_out(first)
    ecs = service.aws.client("ecs")
    began: list[str] = []

    def overtake(line: str) -> None:
        if " begins" in line and not began:
            began.append(line)
            ecs.update_service(cluster=service.aws.name, service=service.service_name, taskDefinition=third)

    with service.lease() as held:
        function = DeployFunction(service.aws.client("lambda"), service.function, overtake, 60)
        request = Deploy(
            task_definition=second,
            minimum_count=2,
            maximum_count=4,
            lease=held.id,
            expected_deployment=replaced(current(function.client, function.name)),
        )
        with pytest.raises(FunctionFailed) as caught:
            side_by_side([start(function, request).until_decided()])

    assert caught.value.outcome == "superseded"
    assert third.rsplit("/", 1)[-1] in caught.value.message


def begin(service: Service, revision: str, lease_id: str) -> dict[str, Any]:
    """The answer to a deploy whose end nobody waits for."""
    expected = service.ask("status")["current"]["deployment"]
    command = {"lease": lease_id, "taskDefinition": revision, "expectedDeployment": expected, **COUNTS}
    return service.ask("deploy", **command)


def test_proven_deployment_is_rolled_back_to_the_revision_before(service: Service) -> None:
    first, second = service.register("one"), service.register("two")
    service.roll_out(first)
    done = service.roll_out(second)

    back = service.roll_back(first, done.deployment)

    assert isinstance(back, RolledOut)
    assert (back.started, back.task_definition) == (True, first)
    assert service.running() == [first, first]
    again = service.roll_back(first, done.deployment)
    assert isinstance(again, RolledOut)
    assert (again.started, again.deployment) == (False, back.deployment)


def test_deployment_that_still_rolls_is_rolled_back(service: Service) -> None:
    good, silent = service.register("one"), service.register("deaf")
    service.roll_out(good)
    with service.lease() as held:
        began = begin(service, silent, held.id)

    back = service.roll_back(good, began["deployment"])

    assert isinstance(back, RolledOut)
    assert service.running() == [good, good]
    assert service.on() == good


def test_deployment_that_ecs_took_back_itself_is_left_as_it_is(service: Service) -> None:
    good, bad = service.register("one"), service.register("crash")
    service.roll_out(good)
    with pytest.raises(FunctionFailed) as caught:
        service.roll_out(bad)

    back = service.roll_back(good, caught.value.deployment)

    assert isinstance(back, RolledOut)
    assert not back.started
    assert service.running() == [good, good]


def test_first_deployment_is_rolled_back_to_no_tasks(service: Service) -> None:
    done = service.roll_out(service.register("one"))

    assert service.roll_back(None, done.deployment) is None

    assert service.running() == []
    assert service.on() is None
    with service.lease() as held:
        again = service.ask("rollback", lease=held.id, deployment=done.deployment, **COUNTS)
    assert (again["outcome"], again["started"], again["desiredCount"]) == ("stopped", False, 0)


def test_deployment_of_somebody_else_is_neither_replaced_nor_rolled_back(service: Service) -> None:
    first, second, theirs = (service.register(mode) for mode in ("one", "two", "three"))
    service.roll_out(first)
    ours = service.roll_out(second)
    service.aws.client("ecs").update_service(
        cluster=service.aws.name, service=service.service_name, taskDefinition=theirs
    )

    with pytest.raises(FunctionFailed, match=f"on {service.name}:4 since .*: somebody else deploys it") as back:
        service.roll_back(first, ours.deployment)
    with pytest.raises(FunctionFailed, match=f"on {service.name}:4 since .*: somebody else deploys it") as forward:
        service.roll_out(first, expected_deployment=ours.deployment)

    assert (back.value.outcome, forward.value.outcome) == ("refused", "refused")
    assert service.on() == theirs


def test_repeated_deploy_of_one_lease_starts_one_deployment(service: Service) -> None:
    first, second = service.register("one"), service.register("two")
    service.roll_out(first)
    expected = service.ask("status")["current"]["deployment"]

    with service.lease() as held:
        command = {"lease": held.id, "taskDefinition": second, "expectedDeployment": expected, **COUNTS}
        answers = [service.ask("deploy", force=True, **command) for _ in range(3)]

    assert [answer["started"] for answer in answers] == [True, False, False]
    assert len({answer["deployment"] for answer in answers}) == 1


def test_nothing_is_changed_without_the_lease(service: Service) -> None:
    first, second = service.register("one"), service.register("two")
    service.roll_out(first)
    current = service.ask("status")["current"]["deployment"]
    commands: dict[str, dict[str, Any]] = {
        "deploy": {"taskDefinition": second, "expectedDeployment": current, **COUNTS},
        "rollback": {"taskDefinition": second, "deployment": current, **COUNTS},
        "run_task": {"taskDefinition": second, "container": "backend", "containerCommand": ["exit", "0"]},
        "stop_task": {"task": f"arn:aws:ecs:us-west-2:000000000000:task/{service.aws.name}/1", "reason": "test"},
    }

    said = [service.ask(name, lease="mine", **fields)["errorMessage"] for name, fields in commands.items()]
    assert all(text.startswith("refused: nobody holds the lease") for text in said), said
    with service.lease():
        said = [service.ask(name, lease="mine", **fields)["errorMessage"] for name, fields in commands.items()]
    assert all("the lease is held by somebody since " in text and "releasing 3f2c1aa." in text for text in said), said
    assert service.on() == first
    assert service.one_offs() == []


def test_lease_expires_by_the_clock_of_s3(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    revision = service.register("one")
    monkeypatch.setattr(lease, "HEARTBEAT_S", 600.0)
    with service.lease() as held:
        expected = service.ask("status")["current"]["deployment"]
        command = {"lease": held.id, "taskDefinition": revision, "expectedDeployment": expected, **COUNTS}
        time.sleep(lease.TTL_S + 2)
        answer = service.ask("deploy", **command)

    assert "expired after 30 s" in answer["errorMessage"], answer
    assert service.running() == []
