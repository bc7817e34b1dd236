"""Fetches what a verdict is decided from, and what explains a bad one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import facts
import verdict
from botocore.exceptions import BotoCoreError, ClientError
from facts import Service, ServiceDeployment, Task
from steady import Seen

if TYPE_CHECKING:
    from commands import Aws

DESCRIBE_TASKS_LIMIT = 100
DESCRIBE_DEPLOYMENTS_LIMIT = 20
EXPLAINED_TASKS = 3
LOG_LINES = 20
LOG_LINE_LENGTH = 500

EXIT_CODES = {
    137: "killed: out of memory, or still running when its stop timeout ended",
    139: "segmentation fault",
    143: "terminated",
}


def gather(aws: Aws, service: Service, asked: verdict.Asked) -> Seen:
    """Everything that `verdict.decide` looks at, in as few calls as the state of the rollout needs."""
    ours = service.deployment(asked.deployment)
    rolling = ours is not None and ours.is_primary and ours.rollout_state == "IN_PROGRESS"
    return Seen(
        service=service,
        tasks=_tasks(aws),
        targets=tuple(
            target
            for group in dict.fromkeys(each.target_group for each in service.load_balancing)
            for target in facts.targets(group, aws.elbv2.describe_target_health(TargetGroupArn=group))
        ),
        # While a rolling update goes on, `deployments[]` says the same with a call less.
        service_deployment=None
        if rolling and service.strategy == "ROLLING"
        else _service_deployment(aws, service, asked),
    )


def details(aws: Aws, found: verdict.Verdict, *, with_logs: bool) -> list[str]:
    """Stopped reasons, exit codes, service events and, if wanted, the last lines that failed containers wrote."""
    tasks = found.failed_tasks[:EXPLAINED_TASKS]
    lines = [line for task in tasks for line in _end_of(task)]
    lines += [f"event: {message}" for message in found.events]
    if with_logs and tasks and found.task_definition:
        lines += _log_lines(aws, found.task_definition, tasks)
    return lines


def _tasks(aws: Aws) -> tuple[Task, ...]:
    arns: list[str] = []
    for state in ("RUNNING", "STOPPED"):
        pages = aws.ecs.get_paginator("list_tasks").paginate(
            cluster=aws.cluster, serviceName=aws.service, desiredStatus=state
        )
        arns += (arn for page in pages for arn in page["taskArns"])
    return facts.tasks(
        aws.ecs.describe_tasks(cluster=aws.cluster, tasks=arns[start : start + DESCRIBE_TASKS_LIMIT])
        for start in range(0, len(arns), DESCRIBE_TASKS_LIMIT)
    )


def _service_deployment(aws: Aws, service: Service, asked: verdict.Asked) -> ServiceDeployment | None:
    """ECS's own record of the deployment in question; None where it keeps none (or is an emulator without them)."""
    ours = service.deployment(asked.deployment)
    created_at = (ours.created_at if ours else None) or asked.created_at
    task_definition = ours.task_definition if ours else asked.task_definition
    if created_at is None or task_definition is None:
        return None
    briefs = aws.ecs.list_service_deployments(
        cluster=aws.cluster,
        service=aws.service,
        createdAt={"after": created_at - timedelta(seconds=verdict.MATCH_TOLERANCE_S)},
        maxResults=DESCRIBE_DEPLOYMENTS_LIMIT,
    )
    arns = [each["serviceDeploymentArn"] for each in briefs["serviceDeployments"]]
    if not arns:
        return None
    candidates = facts.service_deployments(aws.ecs.describe_service_deployments(serviceDeploymentArns=arns))
    wanted = list(dict.fromkeys(each.target_revision for each in candidates if each.target_revision))
    if not wanted:
        return None
    answer = aws.ecs.describe_service_revisions(serviceRevisionArns=wanted)
    revisions = {each["serviceRevisionArn"]: each["taskDefinition"] for each in answer["serviceRevisions"]}
    return verdict.matching(task_definition, created_at, candidates, revisions)


def _end_of(task: Task) -> Iterator[str]:
    yield f"task {task.id} stopped: {task.stopped_reason or 'ECS gives no reason'}"
    for container in task.containers:
        code = container.exit_code
        said = [container.reason] if container.reason else []
        if code is not None:
            said.insert(0, f"exit code {code}" + (f" ({EXIT_CODES[code]})" if code in EXIT_CODES else ""))
        if said:
            yield f"task {task.id} container {container.name}: {', '.join(said)}"


def _log_lines(aws: Aws, task_definition: str, tasks: tuple[Task, ...]) -> list[str]:
    """The last lines of the tasks that stopped last. An explanation never becomes a failure of its own."""
    lines: list[str] = []
    try:
        definition = aws.ecs.describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
    except (BotoCoreError, ClientError) as error:
        return [f"no log lines: {error}"]
    for task in tasks:
        for container in definition["containerDefinitions"]:
            if len(lines) < LOG_LINES:
                lines += _container_lines(aws, container, task, LOG_LINES - len(lines))
    return lines


def _container_lines(aws: Aws, container: dict[str, Any], task: Task, limit: int) -> list[str]:
    logging = container.get("logConfiguration") or {}
    options = logging.get("options") or {}
    group, prefix = options.get("awslogs-group"), options.get("awslogs-stream-prefix")
    if logging.get("logDriver") != "awslogs" or not group or not prefix:
        return []
    name = container["name"]
    try:
        answer = aws.logs(options.get("awslogs-region")).get_log_events(
            logGroupName=group, logStreamName=f"{prefix}/{name}/{task.id}", limit=limit, startFromHead=False
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return []  # The container never wrote a line.
        return [f"no log lines of {name}: {error}"]
    except BotoCoreError as error:
        return [f"no log lines of {name}: {error}"]
    messages = [event["message"].rstrip()[:LOG_LINE_LENGTH] for event in answer["events"]]
    return [f"task {task.id} {name} | {message}" for message in messages]
