"""One-off tasks of the service's task definition, a migration or a rehearsal: start one, judge it, stop it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from functions.deploy import commands, evidence, lease, one_off_verdict
from functions.deploy.clients import Aws
from functions.deploy.commands import Answer
from functions.deploy.errors import AwsError, RefusedError, UnavailableError
from functions.deploy.facts import Task
from functions.deploy.redaction import hide
from functions.deploy.requests import RunTask, StopTask, TaskLog, TaskStatus
from functions.names import family, revision

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import ContainerOverrideTypeDef


def run_task(aws: Aws, request: RunTask) -> Answer:
    """Start the task, or find the one that this command has started before: also one that has ended since.

    A task of the same revision and command that an earlier release has left running is adopted. A rehearsal is
    stopped instead, as it does not end by itself.
    """
    lease.check(aws, request.lease)
    service = aws.describe_service()
    definition = commands.check_deployable(aws, request.task_definition, service)
    names = [container["name"] for container in definition["containerDefinitions"]]
    if request.container not in names:
        raise RefusedError(
            f"{revision(request.task_definition)} has no container {request.container}; it has {', '.join(names)}"
        )
    # By family, the service's tasks among them: `startedBy` would have to be the only filter, and finds no ended ones.
    tasks = evidence.tasks(aws, {"family": family(request.task_definition)})
    started_by = f"{one_off_verdict.STARTED_BY}/{request.lease}"
    running = one_off_verdict.still_running(tasks)
    commands_running = [task for task in running if task.commands]
    same = [task for task in commands_running if _is_same(task, request)]
    same += [task for task in tasks if task.started_by == started_by and _is_same(task, request)]
    if same:
        return {"service": service.name, "task": same[0].arn, "started": False}
    commands.stop_rehearsals(aws, running)
    # A rehearsal is one more task beside the service's own: it meets no command.
    if commands_running and request.container_command:
        raise UnavailableError(
            f"one-off task {commands_running[0].id} of {revision(commands_running[0].task_definition)} still runs: "
            "wait for its end, or stop it if nobody needs it"
        )
    placement = dict(service.placement)
    if request.network is not None:
        placement["networkConfiguration"] = request.network.configuration
    answer = aws.ecs_changing.run_task(
        cluster=aws.cluster,
        taskDefinition=request.task_definition,
        count=1,
        startedBy=started_by,
        # Those of the service: RunTask refuses SERVICE. A tag policy may demand them of every task.
        propagateTags="TASK_DEFINITION",
        clientToken=_token(request),
        overrides={"containerOverrides": [_override(request)]},
        **placement,
    )
    if not answer["tasks"]:
        failures = answer.get("failures", ())
        reasons = [f"{failure.get('reason')} {failure.get('detail') or ''}".strip() for failure in failures]
        raise AwsError(
            f"RunTask started no task of {revision(request.task_definition)}: {'; '.join(reasons) or 'no reason'}"
        )
    return {"service": service.name, "task": answer["tasks"][0]["taskArn"], "started": True}


def task_status(aws: Aws, request: TaskStatus) -> Answer:
    """Judge the task. What ECS does not know is `no_task`: it was just started, or has ended an hour ago."""
    task = _described(aws, request.task)
    judged = one_off_verdict.decide(task, request.container)
    explained = task is not None and (request.explain or judged.outcome == one_off_verdict.FAILED)
    return {
        "service": aws.service,
        "task": request.task,
        "outcome": judged.outcome,
        "lastStatus": judged.last_status,
        "exitCode": judged.exit_code,
        "health": judged.health,
        "reason": hide(judged.reason),
        "details": evidence.explanation(aws, (task,), task.task_definition) if task and explained else [],
    }


def task_log(aws: Aws, request: TaskLog) -> Answer:
    """What a container of the task has written; see `task_log.read`."""
    from functions.deploy import task_log as log  # noqa: PLC0415 - the function's first answer waits for everything that is imported

    return log.read(aws, request)


def stop_task(aws: Aws, request: StopTask) -> Answer:
    """Tell the task to end; nothing for one that ends already. Only one-off tasks of this service's are stopped."""
    lease.check(aws, request.lease)
    task = _described(aws, request.task)
    if task is None:
        raise UnavailableError(f"ECS does not know {request.task}: it was just started, or has ended long ago")
    expected = family(aws.describe_service().task_definition)
    if not one_off_verdict.is_one_off(task) or family(task.task_definition) != expected:
        raise RefusedError(
            f"task {task.id} of {revision(task.task_definition)} is started by {task.started_by or 'somebody else'}; "
            f"expected a one-off task of {expected}"
        )
    if task.desired_status != "STOPPED":
        aws.ecs_changing.stop_task(cluster=aws.cluster, task=task.arn, reason=request.reason)
    return {"service": aws.service, "task": task.arn, "outcome": "stopping"}


def _override(request: RunTask) -> ContainerOverrideTypeDef:
    """Variables of an override are added to the definition's: API_ContainerOverride, Amazon ECS API Reference."""
    override: ContainerOverrideTypeDef = {"name": request.container}
    if request.container_command:
        override["command"] = list(request.container_command)
    if request.environment:
        override["environment"] = [{"name": name, "value": value} for name, value in request.environment.items()]
    return override


def _is_same(task: Task, request: RunTask) -> bool:
    command = {request.container: request.container_command} if request.container_command else {}
    return task.task_definition == request.task_definition and task.commands == command


def _token(request: RunTask) -> str:
    """The same for a repeated command, so that ECS starts one task for it; 64 characters, as many as ECS takes.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
    """
    identity = [request.lease, request.task_definition, request.container, *(request.container_command or ())]
    identity += [f"{name}={value}" for name, value in (request.environment or {}).items()]
    if request.network is not None:
        identity += [*request.network.subnets, *request.network.security_groups]
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()


def _described(aws: Aws, arn: str) -> Task | None:
    return next(iter(evidence.described(aws, [arn])), None)
