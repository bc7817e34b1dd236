"""Gap: a task of a service counts as started one second after its process was, whatever it does then.

Here it counts when its container and load balancer checks say that it is healthy and it has run for a while. A task
that fails its checks, while starting or later, is stopped with ECS's words for it, replaced, and counted by the
circuit breaker.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.core.responses import new_uuid, request_scope
from ministack.services import ecs

from local.emulator.gaps import containers, stopping, target_health

SETTLE_S = 4.0
"""How long a task must have run before a deployment may complete with it (ministack waits for one more second)."""
_POLL_S = 0.2


def close() -> None:
    ecs._schedule_service_deployment_completion = _gated(ecs._schedule_service_deployment_completion)


def _gated(complete: Any) -> Any:
    def schedule(cluster: str, service_key: str, account: str, region: str, healthy_task: Any = None) -> None:
        if healthy_task is None:
            complete(cluster, service_key, account, region)
            return

        def watch() -> None:
            with request_scope(account, region):
                _watch(healthy_task, service_key, lambda: complete(cluster, service_key, account, region, healthy_task))

        spawn_background(watch, thread_name=f"health-of-task-{healthy_task['taskArn'][-8:]}")

    return schedule


def _watch(task: dict[str, Any], service_key: str, announce: Any) -> None:
    started = time.monotonic()
    announced = False
    while task.get("lastStatus") == "RUNNING" and ecs._task_is_active(task["taskArn"], task):
        service = ecs._services.get(service_key) or {}
        grace = time.monotonic() - started < float(service.get("healthCheckGracePeriodSeconds") or 0)
        container = _container_health(task)
        targets = [(group, _target(task, group, port)) for group, port in _groups(service)]
        complaint = None if grace else _complaint(service, task, container, targets)
        if complaint is not None:
            _replace(service, task, *complaint)
            return
        well = container in {"NONE", "HEALTHY"} and all(item.state == "healthy" for _, item in targets)
        if well and not announced and time.monotonic() - started >= SETTLE_S:
            announced = True
            announce()
        time.sleep(_POLL_S)


def _groups(service: dict[str, Any]) -> list[tuple[str, int]]:
    balancers = service.get("loadBalancers") or []
    return [
        (item["targetGroupArn"], int(item.get("containerPort", 80))) for item in balancers if "targetGroupArn" in item
    ]


def _target(task: dict[str, Any], group: str, port: int) -> target_health.Verdict:
    address = ecs._task_ip(task)
    return target_health.verdict(group, address, port) if address else target_health.INITIAL


def _container_health(task: dict[str, Any]) -> str:
    """HEALTHY, UNHEALTHY, UNKNOWN (not decided yet) or NONE (no check), written to the task as ECS reports it."""
    seen = containers.look()
    healths = []
    for index, container_id in enumerate(list(task.get("_docker_ids") or [])):
        status = seen[container_id].health if container_id in seen else "starting"  # it is new, or Docker is silent
        health = {"healthy": "HEALTHY", "unhealthy": "UNHEALTHY", "none": "NONE"}.get(status, "UNKNOWN")
        if index < len(task.get("containers", [])):
            task["containers"][index]["healthStatus"] = "UNKNOWN" if health == "NONE" else health
        healths.append(health)
    for worst in ("UNHEALTHY", "UNKNOWN", "HEALTHY"):
        if worst in healths:
            task["healthStatus"] = worst
            return worst
    return "NONE"


def _complaint(
    service: dict[str, Any], task: dict[str, Any], container: str, targets: list[tuple[str, target_health.Verdict]]
) -> tuple[str, str] | None:
    """(stopped reason, service event) of a task that must go."""
    name, task_id = service.get("serviceName"), task["taskArn"].rsplit("/", 1)[-1]
    if container == "UNHEALTHY":
        reason = "Task failed container health checks"
        return reason, f"(service {name}) (task {task_id}) failed container health checks."
    for group, verdict in targets:
        if verdict.state == "unhealthy":
            port = next(port for arn, port in _groups(service) if arn == group)
            where = f"(target-group {group})"
            why = f"(service {name}) (port {port}) is unhealthy in {where} due to (reason {verdict.description})."
            return f"Task failed ELB health checks in {where}", why
    return None


def _replace(service: dict[str, Any], task: dict[str, Any], reason: str, event: str) -> None:
    events = service.setdefault("events", [])
    events.insert(0, {"id": new_uuid(), "createdAt": datetime.now(UTC).isoformat(), "message": event})
    if stopping.stop(task, reason, "ServiceSchedulerInitiated"):
        ecs._record_service_task_failure(task)
