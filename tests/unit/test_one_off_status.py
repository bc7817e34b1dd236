"""What is said of a one-off task: judged by one container, and without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from functions.deploy import facts, one_off, one_off_verdict
from functions.deploy.requests import TaskStatus
from tests.unit.ecs_answers import ARN, SERVICE, Answers
from tests.unit.one_off_tasks import TASK, ended, rehearsed, task, world


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


@pytest.mark.parametrize(
    ("of_task", "of_container", "health"),
    [
        ("UNKNOWN", "UNKNOWN", "UNKNOWN"),
        ("UNKNOWN", "HEALTHY", "HEALTHY"),
        ("HEALTHY", "HEALTHY", "HEALTHY"),
        ("UNHEALTHY", "UNHEALTHY", "UNHEALTHY"),
        ("UNHEALTHY", "HEALTHY", "UNHEALTHY"),
    ],
)
def test_health_is_that_of_the_container_in_a_task_that_is_not_unhealthy(
    of_task: str, of_container: str, health: str
) -> None:
    """A sidecar without a health check leaves the task UNKNOWN; one that is sick makes it UNHEALTHY."""
    containers = [{"name": "backend", "healthStatus": of_container}, {"name": "proxy"}]
    _, answer = ask(rehearsed(healthStatus=of_task, containers=containers))

    assert (answer["outcome"], answer["health"]) == ("in_progress", health)


def test_an_explanation_of_an_unhealthy_task_names_its_health_command() -> None:
    answers, _ = world(rehearsed(healthStatus="UNHEALTHY"))
    definition = answers.task_definition(ARN.format(7))
    definition["containerDefinitions"][0]["healthCheck"] = {"command": ["CMD", "/backend", "healthcheck"]}
    answers.replies["DescribeTaskDefinition"] = lambda _: {"taskDefinition": definition}
    answers.replies["GetLogEvents"] = lambda _: {"events": []}

    question = TaskStatus(task=TASK.format("1"), container="backend", explain=True)
    details = one_off.task_status(answers.aws(), question)["details"]

    assert "health command of container backend: /backend healthcheck" in details


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


def test_status_of_a_failed_task_has_its_end_and_its_log_without_secrets() -> None:
    _, answer = ask(ended(3))

    assert answer == {
        "service": SERVICE,
        "task": TASK.format("1"),
        "outcome": "failed",
        "lastStatus": "STOPPED",
        "exitCode": 3,
        "health": "UNKNOWN",
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
