"""The commands that start and judge deployments: each reads what is there, decides, makes at most one change."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from functions.deploy import evidence, facts, lease, one_off_verdict, verdict
from functions.deploy.clients import Aws
from functions.deploy.errors import RefusedError, UnavailableError
from functions.deploy.facts import Deployment, Service, Task
from functions.deploy.redaction import hide
from functions.deploy.requests import Deploy, Moving, Status
from functions.names import family, revision

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import TaskDefinitionTypeDef

Answer = dict[str, Any]
NOT_WATCHED = "release: a rehearsal that nobody watches any more"


def deploy(aws: Aws, request: Deploy) -> Answer:
    """Start the deployment of a revision, or find it already there."""
    lease.check(aws, request.lease)
    service = aws.describe_service()
    check_deployable(aws, request.task_definition, service)
    # A failure keeps no service from being moved.
    with contextlib.suppress(BotoCoreError, ClientError):
        tasks = evidence.tasks(aws, {"family": family(request.task_definition)})
        stop_rehearsals(aws, one_off_verdict.still_running(tasks))
    primary = service.primary
    if primary is not None and primary.id != request.expected_deployment:
        if is_there(service, request.task_definition, request):
            return deployed(service, primary, started=False)
        raise RefusedError(
            f"{service.name} was to be replaced in deployment {request.expected_deployment}, but its primary is "
            f"{described(primary)}: somebody else deploys it. Nothing was changed; see what runs, then release again"
        )
    return move(aws, service, request.task_definition, request, force=request.force)


def stop_rehearsals(aws: Aws, running: Sequence[Task]) -> None:
    """Stop those of the one-off tasks that a release has left: they have no command, and do not end by themselves."""
    for task in running:
        if not task.commands:
            aws.ecs_changing.stop_task(cluster=aws.cluster, task=task.arn, reason=NOT_WATCHED)


def is_there(service: Service, task_definition: str, request: Moving) -> bool:
    """Whether the service is on the revision, or on its way to it, with this network and ECS Exec."""
    primary = service.primary
    if primary is None or not primary.is_of(task_definition, request.network):
        return False
    # What the service itself has is what its next deployment would get.
    if None not in (request.network, service.network) and service.network != request.network:
        return False
    return request.execute_command in (None, service.execute_command)


def move(aws: Aws, service: Service, task_definition: str, request: Moving, *, force: bool = False) -> Answer:
    """Bring the service to a revision and a count with one UpdateService, or none if it is there."""
    primary = service.primary
    desired = min(max(service.desired, request.minimum_count), request.maximum_count)
    usable = (
        primary is not None
        and is_there(service, task_definition, request)
        and primary.rollout_state != "FAILED"
        and service.desired > 0
    )
    if usable and primary is not None and not force and desired == service.desired:
        return deployed(service, primary, started=False)
    # A changed count alone starts no deployment, and neither does a revision that is there already, nor ECS Exec. The
    # first tasks of a service are a deployment of their own all the same, so that ECS's circuit breaker watches them.
    change: dict[str, Any] = {"desiredCount": desired}
    if force or not usable:
        again = primary is not None and primary.task_definition == task_definition
        change |= {"taskDefinition": task_definition, "forceNewDeployment": again}
        if request.network is not None:
            change["networkConfiguration"] = request.network.configuration
        if request.execute_command is not None:
            change["enableExecuteCommand"] = request.execute_command
    answer = aws.ecs_changing.update_service(cluster=aws.cluster, service=aws.service, **change)
    updated = facts.service(answer["service"])
    made = updated.primary
    if made is None or made.task_definition != task_definition:
        raise UnavailableError(f"ECS accepted {revision(task_definition)} but does not list its deployment yet")
    return deployed(updated, made, started=True, before=service)


def status(aws: Aws, request: Status) -> Answer:
    """Judge the deployment that was asked about; without one, say what runs."""
    service = aws.describe_service()
    current = _current(service)
    if request.deployment is None:
        return {"service": service.name, "outcome": verdict.current_outcome(service), "current": current}
    question = verdict.Question(
        deployment=request.deployment,
        task_definition=request.task_definition,
        network=request.network,
        created_at=request.created_at,
    )
    judged = verdict.decide(question, evidence.gather(aws, service, question))
    final_failure = judged.outcome in (verdict.ROLLED_BACK, verdict.NO_TASKS, verdict.FAILED)
    return {
        "service": service.name,
        "outcome": judged.outcome,
        "deployment": request.deployment,
        "taskDefinition": judged.task_definition,
        "desiredCount": judged.desired,
        "runningCount": judged.running,
        "healthyTargets": judged.healthy,
        "tasks": list(judged.tasks),
        "missing": list(judged.missing),
        "reason": hide(judged.reason),
        "takenBack": judged.taken_back,
        "details": evidence.explanation(
            aws,
            judged.failed_tasks,
            judged.task_definition if final_failure or request.explain else None,
            judged.events,
        ),
        "current": current,
    }


def check_deployable(aws: Aws, task_definition: str, service: Service) -> TaskDefinitionTypeDef:
    """The task definition; RefusedError if the service cannot be moved to it.

    ECS keeps running an INACTIVE revision but cannot return to it; another family is another service's.
    """
    if service.controller != "ECS":
        raise RefusedError(
            f"{service.name} is deployed by {service.controller}; this function needs the ECS controller"
        )
    expected = family(service.task_definition)
    if family(task_definition) != expected:
        raise RefusedError(
            f"taskDefinition {revision(task_definition)} is of family {family(task_definition)}; "
            f"{service.name} runs {expected}"
        )
    definition = aws.ecs.describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
    if definition["status"] != "ACTIVE":
        raise RefusedError(
            f"taskDefinition {revision(task_definition)} is {definition['status']}: it was deregistered. "
            "Deploy an ACTIVE revision, or register this one again"
        )
    return definition


def described(primary: Deployment) -> str:
    """A deployment in a message: which, of what, since when."""
    since = f" since {primary.created_at:%Y-%m-%d %H:%M:%S %Z}" if primary.created_at else ""
    return f"{primary.id} on {revision(primary.task_definition)}{since}"


def deployed(service: Service, made: Deployment, *, started: bool, before: Service | None = None) -> Answer:
    """The answer that names a deployment."""
    replaces = _completed(before or service, made)
    return {
        "service": service.name,
        "deployment": made.id,
        "taskDefinition": made.task_definition,
        "createdAt": made.created_at.isoformat() if made.created_at else None,
        "started": started,
        "replaces": replaces.task_definition if replaces else None,
        "desiredCount": service.desired,
    }


def _completed(service: Service, made: Deployment) -> Deployment | None:
    """What ran before `made`: the last deployment that was completed, with tasks."""
    if service.desired < 1:
        return None
    others = (other for other in service.deployments if other.id != made.id and other.rollout_state == "COMPLETED")
    return next((other for other in others if other.desired > 0 or other.running > 0), None)


def _current(service: Service) -> Answer:
    """What the service is on. A service without tasks was created and never deployed: no revision counts as current."""
    primary = service.primary
    deployed = primary is not None and service.desired > 0
    network = primary.network if primary and primary.network else service.network
    return {
        "deployment": primary.id if primary else None,
        "taskDefinition": primary.task_definition if primary and deployed else None,
        "rolloutState": primary.rollout_state if primary else None,
        "desiredCount": service.desired,
        "runningCount": service.running,
        "network": {"subnets": list(network.subnets), "securityGroups": list(network.security_groups)}
        if network
        else None,
        "executeCommand": service.execute_command,
    }
