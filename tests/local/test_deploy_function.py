"""The deploy function as it runs: a real invocation, real tasks in containers, real health checks of targets."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions.deploy.network import Network
from functions.deploy.requests import Deploy
from release import lease
from release.deploy_function import DeployFunction
from release.migration import MigrationFailed
from release.rollout import RolledOut, RolloutFailed, current, replaced, roll_out
from tests.local.deployed_service import COUNTS, Aws, Service, create, emulated

NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with emulated(tmp_path_factory) as made:
        yield made


@pytest.fixture
def service(aws: Aws) -> Iterator[Service]:
    name = f"deploy-{next(NUMBERS)}"
    made = Service(aws=aws, name=name, function=f"{name}-deploy", said=[], suffix="-1a2b3c4")
    create(made)
    yield made
    # Its tasks would run, or be started and crash, under all the tests after it.
    aws.client("ecs").update_service(cluster=aws.name, service=made.service_name, desiredCount=0)


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

    with pytest.raises(RolloutFailed) as caught:
        service.roll_out(bad)

    assert caught.value.outcome == "rolled_back"
    assert f"The service is on {good.rsplit('/', 1)[-1]}, 2 of 2 tasks running" in caught.value.message
    assert service.running() == [good, good]
    expected = {"crash": "exit code 3", "500": "health checks"}[mode]
    assert any(expected in line for line in caught.value.details), caught.value.details
    # Whatever the environment says is not repeated, also when a program wrote it to its log.
    assert any("backend | starting [MODE]" in line for line in caught.value.details), caught.value.details


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
        with pytest.raises(RolloutFailed) as caught:
            roll_out(function, request)

    assert caught.value.outcome == "superseded"
    assert third.rsplit("/", 1)[-1] in caught.value.message


def begin(service: Service, revision: str, lease_id: str) -> dict[str, Any]:
    """The answer to a deploy whose end nobody waits for."""
    expected = service.ask("status")["current"]["deployment"]
    command = {"lease": lease_id, "taskDefinition": revision, "expectedDeployment": expected, **counts()}
    return service.ask("deploy", **command)


def counts() -> dict[str, int]:
    return {"minimumCount": COUNTS["minimum_count"], "maximumCount": COUNTS["maximum_count"]}


def one_offs(service: Service) -> list[dict[str, Any]]:
    """The one-off tasks of the service's family, running or ended."""
    ecs = service.aws.client("ecs")
    arns = [
        arn
        for state in ("RUNNING", "STOPPED")
        for arn in ecs.list_tasks(cluster=service.aws.name, family=service.name, desiredStatus=state)["taskArns"]
    ]
    tasks = ecs.describe_tasks(cluster=service.aws.name, tasks=arns)["tasks"] if arns else []
    return [task for task in tasks if task.get("startedBy", "").startswith("easi-release")]


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
    with pytest.raises(RolloutFailed) as caught:
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
        again = service.ask("rollback", lease=held.id, deployment=done.deployment, **counts())
    assert (again["outcome"], again["started"], again["desiredCount"]) == ("stopped", False, 0)


def test_deployment_of_somebody_else_is_neither_replaced_nor_rolled_back(service: Service) -> None:
    first, second, theirs = (service.register(mode) for mode in ("one", "two", "three"))
    service.roll_out(first)
    ours = service.roll_out(second)
    service.aws.client("ecs").update_service(
        cluster=service.aws.name, service=service.service_name, taskDefinition=theirs
    )

    with pytest.raises(RolloutFailed, match=f"on {service.name}:4 since .*: somebody else deploys it") as back:
        service.roll_back(first, ours.deployment)
    with pytest.raises(RolloutFailed, match=f"on {service.name}:4 since .*: somebody else deploys it") as forward:
        service.roll_out(first, expected_deployment=ours.deployment)

    assert (back.value.outcome, forward.value.outcome) == ("refused", "refused")
    assert service.on() == theirs


def test_repeated_deploy_of_one_lease_starts_one_deployment(service: Service) -> None:
    first, second = service.register("one"), service.register("two")
    service.roll_out(first)
    expected = service.ask("status")["current"]["deployment"]

    with service.lease() as held:
        command = {"lease": held.id, "taskDefinition": second, "expectedDeployment": expected, **counts()}
        answers = [service.ask("deploy", force=True, **command) for _ in range(3)]

    assert [answer["started"] for answer in answers] == [True, False, False]
    assert len({answer["deployment"] for answer in answers}) == 1


def test_migration_runs_once_in_a_task_of_its_own(service: Service) -> None:
    revision = service.register("one")

    done = service.migrate(revision, "exit", "0")

    (task,) = one_offs(service)
    assert (task["taskArn"], task["taskDefinitionArn"]) == (done.task, revision)
    assert task["overrides"]["containerOverrides"] == [{"name": "backend", "command": ["exit", "0"]}]
    assert service.on() is None


def test_failed_migration_tells_its_exit_code_and_what_it_wrote_but_no_secret(service: Service) -> None:
    with pytest.raises(MigrationFailed) as caught:
        service.migrate(service.register("one"), "exit", "3")

    assert caught.value.outcome == "failed"
    assert "exit code 3" in caught.value.message
    assert any("backend | migrating with password=[hidden] in [MODE]" in line for line in caught.value.details)
    assert "hunter2" not in repr(caught.value.details)


def test_migration_that_hangs_is_stopped(service: Service) -> None:
    with pytest.raises(MigrationFailed) as caught:
        service.migrate(service.register("one"), "hang", timeout_s=6)

    assert caught.value.outcome == "timed_out"
    (task,) = one_offs(service)
    assert (task["lastStatus"], task["stopCode"]) == ("STOPPED", "UserInitiated")


def test_task_that_ends_well_because_it_was_told_to_has_failed(service: Service) -> None:
    run = {"taskDefinition": service.register("one"), "container": "backend", "containerCommand": ["hang"]}
    with service.lease() as held:
        task = service.ask("run_task", lease=held.id, **run)["task"]
        wait_until(lambda: any("migrating" in line for line in asked(service, task)["details"]))
        service.ask("stop_task", lease=held.id, task=task, reason="enough")

    wait_until(lambda: asked(service, task)["outcome"] != "in_progress")

    answer = asked(service, task)
    assert (answer["outcome"], answer["exitCode"], answer["reason"]) == ("failed", 0, "stopped: enough")


def asked(service: Service, task: str) -> dict[str, Any]:
    return service.ask("task_status", task=task, container="backend", explain=True)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline, "not so after 60 s"
        time.sleep(0.2)


def test_repeated_run_task_finds_its_task_also_when_it_has_ended(service: Service) -> None:
    revision = service.register("one")
    with service.lease() as held:
        command = {"lease": held.id, "taskDefinition": revision, "container": "backend"}
        first = service.ask("run_task", containerCommand=["exit", "3"], **command)
        wait_until(lambda: asked(service, first["task"])["outcome"] != "in_progress")
        again = service.ask("run_task", containerCommand=["exit", "3"], **command)

    assert (first["started"], again["started"]) == (True, False)
    assert first["task"] == again["task"]
    with service.lease() as held:
        anew = service.ask("run_task", containerCommand=["exit", "3"], **command | {"lease": held.id})
    assert anew["started"]


def test_task_that_still_runs_is_adopted_and_another_revision_waits_for_it(service: Service) -> None:
    revision, other = service.register("one"), service.register("two")
    run = {"container": "backend", "containerCommand": ["hang"]}
    with service.lease() as held:
        first = service.ask("run_task", lease=held.id, taskDefinition=revision, **run)
    with service.lease() as held:
        adopted = service.ask("run_task", lease=held.id, taskDefinition=revision, **run)
        waiting = service.ask("run_task", lease=held.id, taskDefinition=other, **run)
        stopped = [service.ask("stop_task", lease=held.id, task=first["task"], reason="test") for _ in range(2)]

    assert (adopted["started"], adopted["task"]) == (False, first["task"])
    task, name = first["task"].rpartition("/")[2], revision.rpartition("/")[2]
    assert waiting["errorMessage"].startswith(f"unavailable: one-off task {task} of {name} still runs")
    assert [answer["outcome"] for answer in stopped] == ["stopping", "stopping"]


def test_nothing_is_changed_without_the_lease(service: Service) -> None:
    first, second = service.register("one"), service.register("two")
    service.roll_out(first)
    current = service.ask("status")["current"]["deployment"]
    commands: dict[str, dict[str, Any]] = {
        "deploy": {"taskDefinition": second, "expectedDeployment": current, **counts()},
        "rollback": {"taskDefinition": second, "deployment": current, **counts()},
        "run_task": {"taskDefinition": second, "container": "backend", "containerCommand": ["exit", "0"]},
        "stop_task": {"task": f"arn:aws:ecs:us-west-2:000000000000:task/{service.aws.name}/1", "reason": "test"},
    }

    said = [service.ask(name, lease="mine", **fields)["errorMessage"] for name, fields in commands.items()]
    assert all(text.startswith("refused: nobody holds the lease") for text in said), said
    with service.lease():
        said = [service.ask(name, lease="mine", **fields)["errorMessage"] for name, fields in commands.items()]
    assert all("the lease is held by somebody since " in text and "releasing 3f2c1aa." in text for text in said), said
    assert service.on() == first
    assert one_offs(service) == []


def test_lease_expires_by_the_clock_of_s3(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    revision = service.register("one")
    monkeypatch.setattr(lease, "HEARTBEAT_S", 600.0)
    with service.lease() as held:
        expected = service.ask("status")["current"]["deployment"]
        command = {"lease": held.id, "taskDefinition": revision, "expectedDeployment": expected, **counts()}
        time.sleep(lease.TTL_S + 2)
        answer = service.ask("deploy", **command)

    assert "expired after 30 s" in answer["errorMessage"], answer
    assert service.running() == []
