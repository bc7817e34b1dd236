"""Gap: a task has the address of whichever of its containers is defined first.

On AWS all containers of a task share one address. Here each has its own, and a load balancer that is given a sidecar's
finds nothing at the port. So the task of a service behind a load balancer has the address of the container that the
service names. (What is not closed: containers of one task do not reach each other at localhost.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.services import ecs

from local.emulator.gaps import around

CONTAINER_LABEL = "com.amazonaws.ecs.container-name"


@around(ecs, "_record_task_ip")
def record_task_ip(record: Any, task: dict[str, Any], container: Any, network: Any) -> None:
    names = _targets(task)
    if not names or container.labels.get(CONTAINER_LABEL) in names:
        record(task, container, network)


def service_key(task: Mapping[str, Any]) -> str:
    """Under what the emulator keeps the service of a task; empty for a task that no service started."""
    kind, _, service = str(task.get("group", "")).partition(":")
    return f"{str(task.get('clusterArn', '')).rpartition('/')[2]}/{service}" if kind == "service" else ""


def _targets(task: dict[str, Any]) -> set[str]:
    """The containers that a load balancer sends requests to; none for a task that no service started."""
    service = ecs._services.get(service_key(task)) or {}
    return {str(item["containerName"]) for item in service.get("loadBalancers") or [] if item.get("containerName")}
