"""Fetches what a verdict is decided from, and what explains a bad one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import facts
import redaction
import verdict
from botocore.exceptions import BotoCoreError, ClientError
from clients import Aws
from facts import Service, ServiceDeployment, Task
from steady import Seen

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
        tasks=tasks(aws, serviceName=aws.service),
        targets=tuple(
            target
            for group in dict.fromkeys(each.target_group for each in service.load_balancing)
            for target in facts.targets(group, aws.elbv2.describe_target_health(TargetGroupArn=group))
        ),
        # While a rolling update goes on, `deployments[]` says the same with a call less.
        service_deployment=None
        if rolling and service.strategy == "ROLLING"
        else service_deployment(aws, service, asked),
    )


def details(aws: Aws, found: verdict.Verdict, *, with_logs: bool) -> list[str]:
    """Stopped reasons, exit codes, service events and, if wanted, the last lines that failed containers wrote."""
    tasks = found.failed_tasks[:EXPLAINED_TASKS]
    return explanation(aws, tasks, found.task_definition if with_logs else None, found.events)


def explanation(
    aws: Aws, tasks: tuple[Task, ...], task_definition: str | None, events: tuple[str, ...] = ()
) -> list[str]:
    """How tasks ended, and the last lines that they wrote if their task definition is given, without secrets."""
    lines = [line for task in tasks for line in _end_of(task)]
    lines += [f"event: {message}" for message in events]
    if not tasks or not task_definition:
        return [redaction.hide(line) for line in lines]
    try:
        definition = aws.ecs.describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
    except (BotoCoreError, ClientError) as error:  # an explanation never becomes a failure of its own
        return [redaction.hide(line) for line in [*lines, f"no log lines: {error}"]]
    return [redaction.hide(line) for line in lines] + _log_lines(aws, definition, tasks)


def tasks(aws: Aws, **filters: str) -> tuple[Task, ...]:
    """The tasks of the cluster that a filter of ListTasks finds, running and stopped within the last hour."""
    arns: list[str] = []
    for state in ("RUNNING", "STOPPED"):
        pages = aws.ecs.get_paginator("list_tasks").paginate(cluster=aws.cluster, desiredStatus=state, **filters)
        arns += (arn for page in pages for arn in page["taskArns"])
    return described(aws, arns)


def described(aws: Aws, arns: list[str]) -> tuple[Task, ...]:
    """The tasks that ECS knows of these."""
    return facts.tasks(
        aws.ecs.describe_tasks(cluster=aws.cluster, tasks=arns[start : start + DESCRIBE_TASKS_LIMIT])
        for start in range(0, len(arns), DESCRIBE_TASKS_LIMIT)
    )


def service_deployment(aws: Aws, service: Service, asked: verdict.Asked) -> ServiceDeployment | None:
    """ECS's own record of the deployment in question; None where it keeps none (or is an emulator without them)."""
    ours = service.deployment(asked.deployment)
    created_at = (ours.created_at if ours else None) or asked.created_at
    task_definition = ours.task_definition if ours else asked.task_definition
    if created_at is None or task_definition is None:
        return None
    candidates = _candidates(aws, created_at)
    revisions = task_definitions(aws, [each.target_revision for each in candidates if each.target_revision])
    return verdict.matching(task_definition, created_at, candidates, revisions)


def _candidates(aws: Aws, created_at: datetime) -> tuple[ServiceDeployment, ...]:
    briefs = aws.ecs.list_service_deployments(
        cluster=aws.cluster,
        service=aws.service,
        createdAt={"after": created_at - timedelta(seconds=verdict.MATCH_TOLERANCE_S)},
        maxResults=DESCRIBE_DEPLOYMENTS_LIMIT,
    )
    arns = [each["serviceDeploymentArn"] for each in briefs["serviceDeployments"]]
    if not arns:
        return ()
    return facts.service_deployments(aws.ecs.describe_service_deployments(serviceDeploymentArns=arns))


def task_definitions(aws: Aws, service_revisions: Iterable[str]) -> dict[str, str]:
    """By service revision: the task definition that it is of."""
    wanted = list(dict.fromkeys(service_revisions))
    if not wanted:
        return {}
    answer = aws.ecs.describe_service_revisions(serviceRevisionArns=wanted)
    return {each["serviceRevisionArn"]: each["taskDefinition"] for each in answer["serviceRevisions"]}


def _end_of(task: Task) -> Iterator[str]:
    if task.desired_status == "STOPPED":
        yield f"task {task.id} stopped: {task.stopped_reason or 'ECS gives no reason'}"
    for container in task.containers:
        code = container.exit_code
        said = [container.reason] if container.reason else []
        if code is not None:
            said.insert(0, f"exit code {code}" + (f" ({EXIT_CODES[code]})" if code in EXIT_CODES else ""))
        if said:
            yield f"task {task.id} container {container.name}: {', '.join(said)}"


def _log_lines(aws: Aws, definition: dict[str, Any], tasks: tuple[Task, ...]) -> list[str]:
    """The last lines of the tasks that stopped last."""
    lines: list[str] = []
    hide = redaction.of_definition(definition)
    for task in tasks:
        for container in definition["containerDefinitions"]:
            if len(lines) < LOG_LINES:
                lines += _container_lines(aws, container, task, LOG_LINES - len(lines), hide)
    return lines


def _container_lines(
    aws: Aws, container: dict[str, Any], task: Task, limit: int, hide: Callable[[str], str]
) -> list[str]:
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
    # Cut after hiding: half a secret is none that a pattern finds.
    messages = [hide(event["message"].rstrip())[:LOG_LINE_LENGTH] for event in answer["events"]]
    return [f"task {task.id} {name} | {message}" for message in messages]
