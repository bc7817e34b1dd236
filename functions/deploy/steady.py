"""Whether a primary deployment has really arrived: what its tasks and its targets say, not only ECS. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from functions.deploy.facts import Deployment, Service, ServiceDeployment, Task
from functions.names import revision


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What AWS answers now."""

    service: Service
    tasks: tuple[Task, ...] = ()
    targets: Mapping[tuple[str, str, int], str] = field(default_factory=dict)
    """The state of each address and port by its target group."""
    service_deployment: ServiceDeployment | None = None
    """ECS's own record of the deployment in question; None where ECS keeps none or it was not needed."""


@dataclass(frozen=True, kw_only=True)
class Deployed:
    """Tasks and targets of the revision in question."""

    running: tuple[Task, ...]
    elsewhere: tuple[Task, ...]
    healthy: int
    expected: int
    unhealthy: tuple[str, ...]


def deployed(seen: Seen, task_definition: str | None) -> Deployed:
    """The tasks of a revision that run, and the health of the targets that are these tasks."""
    live = [task for task in seen.tasks if task.is_running]
    running = tuple(task for task in live if task.task_definition == task_definition)
    healthy, unhealthy = 0, []
    for task in running:
        for group, port in seen.service.load_balancing.items():
            state = seen.targets.get((group, task.address or "", port), "not registered")
            if state == "healthy":
                healthy += 1
            else:
                unhealthy.append(f"{task.address or task.id}:{port} is {state}")
    return Deployed(
        running=running,
        elsewhere=tuple(task for task in live if task.task_definition != task_definition),
        healthy=healthy,
        expected=seen.service.desired * len(seen.service.load_balancing),
        unhealthy=tuple(unhealthy),
    )


def missing(primary: Deployment, arrived: Deployed, seen: Seen) -> tuple[str, ...]:
    """Everything that keeps a primary deployment from having succeeded, in the order in which it comes about."""
    desired, name = seen.service.desired, revision(primary.task_definition)
    lacks: list[str] = []
    if desired < 1:
        lacks.append("the service's desired count is 0: no task can prove the revision")
    if len(arrived.running) != desired:
        lacks.append(f"{len(arrived.running)} of {desired} tasks running on {name}")
    elif primary.running != desired:
        lacks.append(f"{primary.running} of {desired} tasks belong to the deployment")
    sick = sum(1 for task in arrived.running if task.health == "UNHEALTHY")
    if sick:
        lacks.append(f"{sick} of {desired} tasks unhealthy by their container's health check")
    if arrived.healthy != arrived.expected:
        why = f" ({'; '.join(arrived.unhealthy)})" if arrived.unhealthy else ""
        lacks.append(f"{arrived.healthy} of {arrived.expected} targets healthy{why}")
    if arrived.elsewhere:
        others = ", ".join(sorted({revision(task.task_definition) for task in arrived.elsewhere}))
        lacks.append(f"{_tasks(len(arrived.elsewhere))} still running on {others}")
    leftover = sum(other.running for other in seen.service.deployments if other.id != primary.id)
    if leftover and not arrived.elsewhere:
        lacks.append(f"{_tasks(leftover)} of an earlier deployment still running")
    # What ECS itself waits for is the above, mostly: its own word is only news when nothing else is missing.
    record = seen.service_deployment
    if lacks:
        return tuple(lacks)
    if primary.rollout_state != "COMPLETED":
        lacks.append(f"ECS still calls the rollout {primary.rollout_state or 'unknown'}")
    elif record is not None and record.status != "SUCCESSFUL":
        lacks.append(f"ECS still calls the service deployment {record.status} {record.stage}".rstrip())
    elif record is None and seen.service.strategy != "ROLLING":
        lacks.append(f"ECS has no record of the {seen.service.strategy} deployment yet")
    return tuple(lacks)


def _tasks(count: int) -> str:
    return f"{count} task" if count == 1 else f"{count} tasks"
