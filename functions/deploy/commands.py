"""The commands of the deploy function: each reads what is there, decides, and makes at most one change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import boto3
import evidence
import facts
import verdict
from botocore.config import Config
from errors import RefusedError, UnavailableError
from facts import Deployment, Service, family, revision

Answer = dict[str, Any]

# The function is stopped after 60 s: no single call may use that up.
TIMEOUTS = {"connect_timeout": 3, "read_timeout": 10}


@dataclass(frozen=True, kw_only=True)
class Deploy:
    """Move the service to a revision of its task definition."""

    task_definition: str
    minimum_count: int
    maximum_count: int
    force: bool = False
    expected_deployment: str | None = None
    """Start nothing unless this is still the primary deployment: what makes a repeated `force` harmless."""


@dataclass(frozen=True, kw_only=True)
class Status:
    """Judge a deployment; without one, say what runs."""

    deployment: str | None = None
    task_definition: str | None = None
    created_at: datetime | None = None
    explain: bool = False
    """Fetch the log lines of failed tasks even while the rollout is still going on."""


class Aws:
    """The service that this function may change, and the clients to do it with, each made when first needed."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        """Raise RefusedError where the function was created without knowing its service."""
        for name in ("CLUSTER", "SERVICE"):
            if not environment.get(name):
                raise RefusedError(f"the function's environment has no {name}: set CLUSTER and SERVICE to their names")
        self.cluster = environment["CLUSTER"]
        self.service = environment["SERVICE"]

    @cached_property
    def ecs(self) -> Any:
        """For what only reads."""
        return boto3.client("ecs", config=_reading())

    @cached_property
    def ecs_changing(self) -> Any:
        """One attempt only: a repeated UpdateService would start a second deployment."""
        return boto3.client("ecs", config=Config(**TIMEOUTS, retries={"total_max_attempts": 1, "mode": "standard"}))

    @cached_property
    def elbv2(self) -> Any:
        """For the health of targets."""
        return boto3.client("elbv2", config=_reading())

    def logs(self, region: str | None) -> Any:
        """For what containers wrote; a task definition names the region."""
        return boto3.client("logs", region_name=region, config=_reading())

    def describe_service(self) -> Service:
        """The service as ECS describes it; RefusedError where there is none."""
        found = facts.service(self.ecs.describe_services(cluster=self.cluster, services=[self.service]))
        if found is None or found.status != "ACTIVE":
            state = "does not exist" if found is None else f"is {found.status}"
            raise RefusedError(f"service {self.service} in cluster {self.cluster} {state}; expected an ACTIVE one")
        return found


def deploy(aws: Aws, wanted: Deploy) -> Answer:
    """Start the deployment of a revision, or find it already there."""
    service = aws.describe_service()
    primary = service.primary
    _check_deployable(aws, wanted, service)
    there = primary is not None and primary.task_definition == wanted.task_definition
    if wanted.expected_deployment is not None and primary is not None and primary.id != wanted.expected_deployment:
        if there:
            return _deployed(service, primary, started=False)
        raise RefusedError(
            f"{service.name} was to be replaced in deployment {wanted.expected_deployment}, but its primary is "
            f"{primary.id} on {revision(primary.task_definition)}: another release came first"
        )
    desired = min(max(service.desired, wanted.minimum_count), wanted.maximum_count)
    usable = there and primary is not None and primary.rollout_state != "FAILED" and service.desired > 0
    if usable and primary is not None and not wanted.force and desired == service.desired:
        return _deployed(service, primary, started=False)
    # A changed count alone starts no deployment, and neither does a revision that is there already. The first tasks
    # of a service are a deployment of their own all the same, so that ECS's circuit breaker watches them.
    change: dict[str, Any] = {"desiredCount": desired}
    if wanted.force or not usable:
        change |= {"taskDefinition": wanted.task_definition, "forceNewDeployment": there}
    answer = aws.ecs_changing.update_service(cluster=aws.cluster, service=aws.service, **change)
    updated = facts.service({"services": [answer["service"]]})
    made = updated.primary if updated else None
    if updated is None or made is None or made.task_definition != wanted.task_definition:
        raise UnavailableError(f"ECS accepted {revision(wanted.task_definition)} but does not list its deployment yet")
    return _deployed(updated, made, started=True, before=service)


def status(aws: Aws, asked: Status) -> Answer:
    """Judge the deployment that was asked about; without one, say what runs."""
    service = aws.describe_service()
    current = _current(service)
    if asked.deployment is None:
        return {"service": service.name, "outcome": verdict.current_outcome(service), "current": current}
    question = verdict.Asked(
        deployment=asked.deployment, task_definition=asked.task_definition, created_at=asked.created_at
    )
    found = verdict.decide(question, evidence.gather(aws, service, question))
    final_failure = found.outcome in (verdict.ROLLED_BACK, verdict.NO_TASKS, verdict.FAILED)
    return {
        "service": service.name,
        "outcome": found.outcome,
        "deployment": asked.deployment,
        "taskDefinition": found.task_definition,
        "desiredCount": found.desired,
        "runningCount": found.running,
        "healthyTargets": found.healthy,
        "missing": list(found.missing),
        "reason": found.reason,
        "takenBack": found.taken_back,
        "details": evidence.details(aws, found, with_logs=final_failure or asked.explain),
        "current": current,
    }


def _check_deployable(aws: Aws, wanted: Deploy, service: Service) -> None:
    """ECS keeps running an INACTIVE revision but cannot return to it; another family is another service's."""
    if service.controller != "ECS":
        raise RefusedError(
            f"{service.name} is deployed by {service.controller}; this function needs the ECS controller"
        )
    theirs, ours = family(wanted.task_definition), family(service.task_definition)
    if theirs != ours:
        raise RefusedError(
            f"taskDefinition {revision(wanted.task_definition)} is of family {theirs}; {service.name} runs {ours}"
        )
    found = aws.ecs.describe_task_definition(taskDefinition=wanted.task_definition)["taskDefinition"]
    if found["status"] != "ACTIVE":
        raise RefusedError(
            f"taskDefinition {revision(wanted.task_definition)} is {found['status']}: it was deregistered. "
            "Deploy an ACTIVE revision, or register this one again"
        )


def _deployed(service: Service, made: Deployment, *, started: bool, before: Service | None = None) -> Answer:
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
    others = (each for each in service.deployments if each.id != made.id and each.rollout_state == "COMPLETED")
    return next((each for each in others if each.desired > 0 or each.running > 0), None)


def _current(service: Service) -> Answer:
    """What the service is on. A service without tasks was created and never deployed: no revision counts as current."""
    primary = service.primary
    deployed = primary is not None and service.desired > 0
    return {
        "deployment": primary.id if primary else None,
        "taskDefinition": primary.task_definition if primary and deployed else None,
        "rolloutState": primary.rollout_state if primary else None,
        "desiredCount": service.desired,
        "runningCount": service.running,
    }


def _reading() -> Config:
    return Config(**TIMEOUTS, retries={"total_max_attempts": 3, "mode": "standard"})
