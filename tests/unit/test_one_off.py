"""One-off tasks of the deploy function: one for each command, judged by one container, stopped only if it is one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.deploy import facts, one_off, one_off_verdict
from functions.deploy.errors import AwsError, RefusedError, UnavailableError
from functions.deploy.requests import RunTask, StopTask, TaskStatus
from tests.unit.ecs_answers import ARN, CLUSTER, LEASE, SERVICE, Answers

TASK = "arn:aws:ecs:us-west-2:111122223333:task/easi-dev/{}"
MIGRATE = ("/backend", "migrate")
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}}


def wanted(**changes: Any) -> RunTask:
    given = {"lease": LEASE, "task_definition": ARN.format(7), "container": "backend", "container_command": MIGRATE}
    return RunTask(**(given | changes))


def task(name: str = "1", **changes: Any) -> dict[str, Any]:
    """A one-off task as DescribeTasks answers it."""
    return {
        "taskArn": TASK.format(name),
        "taskDefinitionArn": ARN.format(7),
        "startedBy": f"easi-release/{LEASE}",
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        "createdAt": datetime(2026, 11, 23, 17, 5, tzinfo=UTC),
        "overrides": {"containerOverrides": [{"name": "backend", "command": list(MIGRATE)}, {"name": "proxy"}]},
        "containers": [{"name": "backend"}, {"name": "proxy"}],
        **changes,
    }


def ended(code: int | None, **changes: Any) -> Any:
    containers = [{"name": "backend"} | ({} if code is None else {"exitCode": code}), {"name": "proxy", "exitCode": 9}]
    return task(
        **{
            "lastStatus": "STOPPED",
            "desiredStatus": "STOPPED",
            "stopCode": "EssentialContainerExited",
            "stoppedReason": "Essential container in task exited",
            "containers": containers,
            **changes,
        }
    )


def world(*tasks: dict[str, Any]) -> tuple[Answers, list[dict[str, Any]]]:
    """A service whose family has these one-off tasks besides the service's own, and the arguments of RunTask."""
    answers = Answers("aws_succeeded")
    answers.service["networkConfiguration"] = NETWORK
    known, started = [*answers.content["describe_tasks"]["tasks"], *tasks], list[dict[str, Any]]()

    def list_tasks(asked: Mapping[str, Any]) -> dict[str, Any]:
        assert (asked["cluster"], asked["family"]) == (CLUSTER, "easi-dev")
        return {"taskArns": [each["taskArn"] for each in known if each["desiredStatus"] == asked["desiredStatus"]]}

    def run_task(asked: Mapping[str, Any]) -> dict[str, Any]:
        started.append(dict(asked))
        known.append(task("new", taskDefinitionArn=asked["taskDefinition"], startedBy=asked["startedBy"]))
        return {"tasks": [known[-1]], "failures": []}

    answers.replies["ListTasks"] = list_tasks
    answers.replies["DescribeTasks"] = lambda asked: {
        "tasks": [each for each in known if each["taskArn"] in asked["tasks"]]
    }
    answers.replies["RunTask"] = run_task
    return answers, started


def test_task_runs_where_the_service_runs_with_the_command_of_one_container() -> None:
    answers, started = world()

    answer = one_off.run_task(answers.aws(), wanted())

    assert answer == {"service": SERVICE, "task": TASK.format("new"), "started": True}
    token = started[0].pop("clientToken")
    assert started == [
        {
            "cluster": CLUSTER,
            "taskDefinition": ARN.format(7),
            "count": 1,
            "startedBy": f"easi-release/{LEASE}",
            "propagateTags": "TASK_DEFINITION",
            "overrides": {"containerOverrides": [{"name": "backend", "command": list(MIGRATE)}]},
            "networkConfiguration": NETWORK,
            "launchType": "FARGATE",
            "platformVersion": "LATEST",
        }
    ]
    assert len(token) == 64


def test_capacity_providers_of_the_service_stand_instead_of_a_launch_type() -> None:
    answers, started = world()
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
    answers.service["capacityProviderStrategy"] = strategy

    one_off.run_task(answers.aws(), wanted())

    assert started[0]["capacityProviderStrategy"] == strategy
    assert "launchType" not in started[0]


def test_client_token_is_the_commands_own() -> None:
    tokens = [
        one_off._token(wanted(**changes))
        for changes in (
            {},
            {},
            {"lease": "b"},
            {"task_definition": ARN.format(8)},
            {"container": "proxy"},
            {"container_command": ("/backend migrate",)},
        )
    ]

    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 5


@pytest.mark.parametrize(
    "there",
    [task(), task(startedBy="easi-release/earlier"), ended(0), ended(3)],
    ids=["runs", "left", "done", "failed"],
)
def test_task_of_the_same_command_is_found_again(there: dict[str, Any]) -> None:
    answers, started = world(there)

    answer = one_off.run_task(answers.aws(), wanted())

    assert answer == {"service": SERVICE, "task": there["taskArn"], "started": False}
    assert started == []


@pytest.mark.parametrize(
    "there",
    [
        ended(3, startedBy="easi-release/earlier"),
        ended(0, taskDefinitionArn=ARN.format(6)),
        task(startedBy="somebody"),
        task(startedBy="ecs-svc/5846192370518264913"),
    ],
    ids=["of an earlier release", "of another revision", "by hand", "of the service"],
)
def test_other_tasks_do_not_stand_for_this_one(there: dict[str, Any]) -> None:
    answers, started = world(there)

    assert one_off.run_task(answers.aws(), wanted())["started"]
    assert len(started) == 1


@pytest.mark.parametrize(
    "there",
    [task(taskDefinitionArn=ARN.format(6)), task(overrides={"containerOverrides": []})],
    ids=["revision", "command"],
)
def test_another_one_off_task_has_to_end_first(there: dict[str, Any]) -> None:
    answers, started = world(there)
    revision = there["taskDefinitionArn"].rpartition("/")[2]

    with pytest.raises(UnavailableError, match=f"one-off task 1 of {revision} still runs"):
        one_off.run_task(answers.aws(), wanted())
    assert started == []


def test_container_that_the_revision_lacks_is_refused() -> None:
    answers, started = world()

    with pytest.raises(RefusedError, match="easi-dev:7 has no container api; it has backend"):
        one_off.run_task(answers.aws(), wanted(container="api"))
    assert started == []


def test_task_that_ecs_does_not_start_is_an_error_with_its_reason() -> None:
    answers, _ = world()
    failure = {"arn": "a", "reason": "RESOURCE:ENI", "detail": "no free address"}
    answers.replies["RunTask"] = lambda _: {"tasks": [], "failures": [failure]}

    with pytest.raises(AwsError, match="started no task of easi-dev:7: RESOURCE:ENI no free address"):
        one_off.run_task(answers.aws(), wanted())


@pytest.mark.parametrize(
    ("found", "outcome", "code", "reason"),
    [
        (task(lastStatus="PROVISIONING"), "in_progress", None, ""),
        (task(), "in_progress", None, ""),
        (task(lastStatus="DEPROVISIONING", desiredStatus="STOPPED"), "in_progress", None, ""),
        (ended(0), "succeeded", 0, ""),
        (ended(0, lastStatus="DEPROVISIONING"), "succeeded", 0, ""),
        (ended(3), "failed", 3, "Essential container in task exited"),
        (ended(None, stopCode="TaskFailedToStart", stoppedReason="no image"), "failed", None, "no image"),
        (ended(None, stoppedReason=""), "failed", None, "ECS gives no reason"),
        (ended(0, stopCode="UserInitiated", stoppedReason="by hand"), "failed", 0, "stopped: by hand"),
        (ended(0, stopCode="SpotInterruption", stoppedReason="reclaimed"), "failed", 0, "stopped: reclaimed"),
        (None, "no_task", None, "ECS does not know the task"),
    ],
)
def test_verdict_is_by_the_exit_code_of_one_container(found: Any, outcome: str, code: int | None, reason: str) -> None:
    tasks = facts.tasks([found] if found else [])

    verdict = one_off_verdict.decide(next(iter(tasks), None), "backend")

    assert (verdict.outcome, verdict.exit_code, verdict.reason) == (outcome, code, reason)


def test_exit_code_of_a_sidecar_does_not_count() -> None:
    (found,) = facts.tasks([ended(0)])

    assert one_off_verdict.decide(found, "backend").outcome == "succeeded"
    assert one_off_verdict.decide(found, "proxy").exit_code == 9


def test_reason_of_the_container_goes_before_that_of_the_task() -> None:
    container = {"name": "backend", "exitCode": 137, "reason": "OutOfMemoryError"}
    (found,) = facts.tasks([ended(0, containers=[container])])

    assert one_off_verdict.decide(found, "backend").reason == "OutOfMemoryError"


def ask(*tasks: dict[str, Any], **changes: Any) -> tuple[Answers, dict[str, Any]]:
    answers, _ = world(*tasks)
    environment = [{"name": "DATABASE", "value": "postgres://app:pepper@db/easi"}]
    definition = answers.task_definition(ARN.format(7))
    definition["containerDefinitions"][0]["environment"] = environment
    answers.replies["DescribeTaskDefinition"] = lambda _: {"taskDefinition": definition}
    messages = ["migrating postgres://app:pepper@db/easi", "token=hunter2 refused"]
    answers.replies["GetLogEvents"] = lambda _: {"events": [{"message": each} for each in messages]}
    return answers, one_off.task_status(
        answers.aws(), TaskStatus(task=TASK.format("1"), container="backend", **changes)
    )


def test_status_of_a_failed_task_has_its_end_and_its_log_without_secrets() -> None:
    _, answer = ask(ended(3))

    assert answer == {
        "service": SERVICE,
        "task": TASK.format("1"),
        "outcome": "failed",
        "lastStatus": "STOPPED",
        "exitCode": 3,
        "reason": "Essential container in task exited",
        "details": [
            "task 1 container backend: exit code 3",
            "task 1 container proxy: exit code 9",
            "task 1 stopped: Essential container in task exited",
            "task 1 backend | migrating [DATABASE]",
            "task 1 backend | token=[hidden] refused",
            "whole log: aws logs filter-log-events --region us-west-2 --log-group-name /ecs/easi-dev "
            "--log-stream-names backend/backend/1 --query 'events[].[message]' --output text",
        ],
    }


def test_what_ecs_says_of_a_task_is_without_secrets() -> None:
    container = {"name": "backend", "exitCode": 1, "reason": "cannot run --password hunter2"}
    _, answer = ask(ended(1, containers=[container], stoppedReason="token=hunter2 is wrong"))

    assert answer["reason"] == "cannot run --password [hidden]"
    assert "task 1 stopped: token=[hidden] is wrong" in answer["details"]
    assert "task 1 container backend: exit code 1, cannot run --password [hidden]" in answer["details"]


def test_status_reads_logs_of_a_task_that_runs_only_when_an_explanation_is_wanted() -> None:
    quiet, plain = ask(task())
    _, explained = ask(task(), explain=True)

    assert plain["details"] == []
    assert quiet.names == ["DescribeTasks"]
    assert "task 1 backend | migrating [DATABASE]" in explained["details"]
    assert not any("stopped" in line for line in explained["details"])


def test_task_that_ecs_does_not_know_is_no_task() -> None:
    _, answer = ask()

    assert (answer["outcome"], answer["exitCode"], answer["details"]) == ("no_task", None, [])


def stop(answers: Answers, **changes: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    stopped: list[dict[str, Any]] = []

    def stop_task(asked: Mapping[str, Any]) -> dict[str, Any]:
        stopped.append(dict(asked))
        return {"task": {}}

    answers.replies["StopTask"] = stop_task
    given = {"lease": LEASE, "task": TASK.format("1"), "reason": "it hangs"} | changes
    return stopped, one_off.stop_task(answers.aws(), StopTask(**given))


def test_one_off_task_is_stopped_with_the_reason() -> None:
    answers, _ = world(task(startedBy="easi-release/earlier"))

    stopped, answer = stop(answers)

    assert stopped == [{"cluster": CLUSTER, "task": TASK.format("1"), "reason": "it hangs"}]
    assert answer == {"service": SERVICE, "task": TASK.format("1"), "outcome": "stopping"}


def test_task_that_ends_already_is_left_to_it() -> None:
    stopped, answer = stop(world(ended(0))[0])

    assert (stopped, answer["outcome"]) == ([], "stopping")


@pytest.mark.parametrize(
    "foreign",
    [
        task(startedBy="ecs-svc/5846192370518264913"),
        task(startedBy=""),
        task(taskDefinitionArn=ARN.format(7).replace("easi-dev:", "other:")),
    ],
)
def test_other_tasks_are_not_stopped(foreign: dict[str, Any]) -> None:
    answers, _ = world(foreign)

    with pytest.raises(RefusedError, match="expected a one-off task of easi-dev"):
        stop(answers)
    assert "StopTask" not in answers.names


def test_task_that_ecs_does_not_know_yet_is_asked_for_again() -> None:
    with pytest.raises(UnavailableError, match="just started, or has ended long ago"):
        stop(world()[0])


def test_lease_of_another_release_neither_starts_nor_stops() -> None:
    answers, _ = world(task())

    with pytest.raises(RefusedError, match="the lease is held by octocat"):
        one_off.run_task(answers.aws(), wanted(lease="another"))
    with pytest.raises(RefusedError, match="the lease is held by octocat"):
        stop(answers, lease="another")
    assert answers.names == ["GetObject"]
