"""Gap: a task of a service counts as started one second after its process was, whatever it does then.

Here it counts when its container and load balancer checks say that it is healthy and it has run for a while. A task
that fails its checks, while starting or later, is stopped with ECS's words for it, replaced, and counted by the
circuit breaker. A task that no service has is told healthy or not, and runs on whatever it is told: "If a task is run
manually, and not as part of a service, it continues its lifecycle regardless of its health status" (HealthCheck, Amazon
ECS API Reference).
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.core.responses import new_uuid, request_scope
from ministack.services import ecs

from local.emulator.gaps import around, containers, stopping, target_health

SETTLE_S = 4.0
"""How long a task must have run before a deployment may complete with it (ministack waits for one more second)."""
_POLL_S = 0.2


@around(ecs, "_watch_task_lifecycle")
def watch_task_lifecycle(watch: Any, task: dict[str, Any], docker: Any, account: str, region: str) -> None:
    watch(task, docker, account, region)
    if not str(task.get("group", "")).startswith("service:"):
        spawn_background(_report, task, account, region, thread_name=f"health-of-task-{task['taskArn'][-8:]}")


def _report(task: dict[str, Any], account: str, region: str) -> None:
    with request_scope(account, region):
        while task.get("lastStatus") == "RUNNING" and ecs._task_is_active(task["taskArn"], task):
            _container_health(task)
            time.sleep(_POLL_S)


@around(ecs, "_schedule_service_deployment_completion")
def schedule(  # noqa: PLR0917 - the emulator passes them so
    complete: Any, cluster: str, service_key: str, account: str, region: str, healthy_task: Any = None
) -> None:
    if healthy_task is None:
        complete(cluster, service_key, account, region)
        return

    def watch() -> None:
        with request_scope(account, region):
            _watch(healthy_task, service_key, lambda: complete(cluster, service_key, account, region, healthy_task))

    spawn_background(watch, thread_name=f"health-of-task-{healthy_task['taskArn'][-8:]}")


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
    """HEALTHY, UNHEALTHY, UNKNOWN (not decided yet) or NONE (no check), written to the task as ECS reports it.

    Only essential containers that have a check count for the task ("Determine Amazon ECS task health using container
    health checks", Amazon ECS Developer Guide).
    """
    seen = containers.look()
    healths = []
    essential = task.get("_container_essentials") or []
    for index, container_id in enumerate(list(task.get("_docker_ids") or [])):
        status = seen[container_id].health if container_id in seen else "starting"  # it is new, or Docker is silent
        health = {"healthy": "HEALTHY", "unhealthy": "UNHEALTHY", "none": "NONE"}.get(status, "UNKNOWN")
        if index < len(task.get("containers", [])):
            task["containers"][index]["healthStatus"] = "UNKNOWN" if health == "NONE" else health
        if index >= len(essential) or essential[index]:
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
    task_id = task["taskArn"].rsplit("/", 1)[-1]
    if container == "UNHEALTHY":
        reason = "Task failed container health checks"
        return reason, f"(task {task_id}) failed container health checks."
    for group, verdict in targets:
        if verdict.state == "unhealthy":
            port = next(port for arn, port in _groups(service) if arn == group)
            where = f"(target-group {group})"
            why = f"(port {port}) is unhealthy in {where} due to (reason {verdict.description})."
            return f"Task failed ELB health checks in {where}", why
    return None


def add_event(service: dict[str, Any], text: str) -> None:
    """What ECS says of a service, the newest first."""
    message = f"(service {service.get('serviceName')}) {text}"
    event = {"id": new_uuid(), "createdAt": datetime.now(UTC).isoformat(), "message": message}
    service.setdefault("events", []).insert(0, event)


def _replace(service: dict[str, Any], task: dict[str, Any], reason: str, event: str) -> None:
    add_event(service, event)
    if stopping.stop(task, reason, "ServiceSchedulerInitiated"):
        ecs._record_service_task_failure(task)
