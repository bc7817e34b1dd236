"""One-off tasks of the deploy function, as requests ask for them and ECS answers them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from functions.deploy.requests import RunTask
from tests.unit.ecs_answers import ARN, CLUSTER, LEASE, Answers

TASK = "arn:aws:ecs:us-west-2:111122223333:task/easi-dev/{}"
MIGRATE = ("/backend", "migrate")
NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"], "assignPublicIp": "DISABLED"}}


def wanted(**changes: Any) -> RunTask:
    given = {"lease": LEASE, "task_definition": ARN.format(7), "container": "backend", "container_command": MIGRATE}
    return RunTask(**(given | changes))


def override(*command: str) -> dict[str, Any]:
    return {"containerOverrides": [{"name": "backend", "command": list(command)}, {"name": "proxy"}]}


def task(name: str = "1", **changes: Any) -> dict[str, Any]:
    """A one-off task as DescribeTasks answers it."""
    return {
        "taskArn": TASK.format(name),
        "taskDefinitionArn": ARN.format(7),
        "startedBy": f"release/{LEASE}",
        "lastStatus": "RUNNING",
        "desiredStatus": "RUNNING",
        "createdAt": datetime(2026, 11, 23, 17, 5, tzinfo=UTC),
        "overrides": override(*MIGRATE),
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


def rehearsal(**changes: Any) -> RunTask:
    return wanted(**{"container_command": None, "environment": {"RELEASE_REHEARSAL": "3"}, **changes})


def rehearsed(name: str = "1", **changes: Any) -> dict[str, Any]:
    variables = [{"name": "RELEASE_REHEARSAL", "value": "3"}]
    return task(name, overrides={"containerOverrides": [{"name": "backend", "environment": variables}]}, **changes)
