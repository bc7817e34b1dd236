"""Fetches what a verdict is decided from, and what explains a bad one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from functions.deploy import facts, verdict
from functions.deploy.clients import Aws
from functions.deploy.facts import Revision, Service, ServiceDeployment, Task
from functions.deploy.steady import Seen

if TYPE_CHECKING:
    from types_boto3_ecs.literals import DesiredStatusType
    from types_boto3_ecs.type_defs import ListTasksRequestPaginateTypeDef

DESCRIBE_TASKS_LIMIT = 100
DESCRIBE_DEPLOYMENTS_LIMIT = 20


def gather(aws: Aws, service: Service, question: verdict.Question) -> Seen:
    """Everything that `verdict.decide` looks at, in as few calls as the state of the rollout needs."""
    listed = service.deployment(question.deployment)
    rolling = listed is not None and listed.is_primary and listed.rollout_state == "IN_PROGRESS"
    return Seen(
        service=service,
        tasks=tasks(aws, {"serviceName": aws.service}),
        targets={
            place: state
            for group in service.load_balancing
            for place, state in facts.targets(
                group, aws.elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            ).items()
        },
        # While a rolling update goes on, `deployments[]` says the same with a call less.
        service_deployment=None
        if rolling and service.strategy == "ROLLING"
        else service_deployment(aws, service, question),
    )


def explanation(
    aws: Aws, tasks: tuple[Task, ...], task_definition: str | None, events: tuple[str, ...] = ()
) -> list[str]:
    """Why tasks failed; see `explaining.explain`. Most answers need none."""
    if not tasks and not events:
        return []
    from functions.deploy import explaining  # noqa: PLC0415 - the function's first answer waits for everything that is imported

    return explaining.explain(aws, tasks, task_definition, events)


def tasks(aws: Aws, listed_by: ListTasksRequestPaginateTypeDef) -> tuple[Task, ...]:
    """The tasks of the cluster that a filter of ListTasks finds, running and stopped within the last hour."""
    arns: list[str] = []
    states: tuple[DesiredStatusType, ...] = ("RUNNING", "STOPPED")
    for state in states:
        request: ListTasksRequestPaginateTypeDef = {**listed_by, "cluster": aws.cluster, "desiredStatus": state}
        arns += (arn for page in aws.ecs.get_paginator("list_tasks").paginate(**request) for arn in page["taskArns"])
    return described(aws, arns)


def described(aws: Aws, arns: list[str]) -> tuple[Task, ...]:
    """The tasks that ECS knows of these."""
    answers = (
        aws.ecs.describe_tasks(cluster=aws.cluster, tasks=arns[start : start + DESCRIBE_TASKS_LIMIT])
        for start in range(0, len(arns), DESCRIBE_TASKS_LIMIT)
    )
    return facts.tasks(task for answer in answers for task in answer["tasks"])


def service_deployment(aws: Aws, service: Service, question: verdict.Question) -> ServiceDeployment | None:
    """ECS's own record of the deployment in question; None where it keeps none (or is an emulator without them)."""
    listed = service.deployment(question.deployment)
    created_at = (listed.created_at if listed else None) or question.created_at
    task_definition = listed.task_definition if listed else question.task_definition
    if created_at is None or task_definition is None:
        return None
    candidates = _candidates(aws, created_at)
    revisions = service_revisions(aws, [record.target_revision for record in candidates if record.target_revision])
    definitions = {arn: revision.task_definition for arn, revision in revisions.items()}
    return verdict.matching(task_definition, created_at, candidates, definitions)


def _candidates(aws: Aws, created_at: datetime) -> tuple[ServiceDeployment, ...]:
    briefs = aws.ecs.list_service_deployments(
        cluster=aws.cluster,
        service=aws.service,
        createdAt={"after": created_at - timedelta(seconds=verdict.MATCH_TOLERANCE_S)},
        maxResults=DESCRIBE_DEPLOYMENTS_LIMIT,
    )
    arns = [brief["serviceDeploymentArn"] for brief in briefs["serviceDeployments"]]
    if not arns:
        return ()
    return facts.service_deployments(
        aws.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
    )


def service_revisions(aws: Aws, arns: Iterable[str]) -> dict[str, Revision]:
    """Those that ECS knows of these service revisions, by their ARNs."""
    unique = list(dict.fromkeys(arns))
    if not unique:
        return {}
    return facts.service_revisions(aws.ecs.describe_service_revisions(serviceRevisionArns=unique)["serviceRevisions"])
