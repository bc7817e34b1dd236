"""Gap: a task has the address of whichever of its containers is defined first.

On AWS all containers of a task share one address. Here each has its own, and a load balancer that is given a sidecar's
finds nothing at the port. So the task of a service behind a load balancer has the address of the container that the
service names. (What is not closed: containers of one task do not reach each other at localhost.)
"""

from __future__ import annotations

from typing import Any

from ministack.services import ecs

CONTAINER_LABEL = "com.amazonaws.ecs.container-name"


def close() -> None:
    ecs._record_task_ip = _of_the_target(ecs._record_task_ip)


def _of_the_target(record: Any) -> Any:
    def record_task_ip(task: dict[str, Any], container: Any, network: Any) -> None:
        names = _targets(task)
        if not names or container.labels.get(CONTAINER_LABEL) in names:
            record(task, container, network)

    return record_task_ip


def _targets(task: dict[str, Any]) -> set[str]:
    """The containers that a load balancer sends requests to; none for a task that no service started."""
    group, cluster = str(task.get("group", "")), str(task.get("clusterArn", "")).rpartition("/")[2]
    if not group.startswith("service:"):
        return set()
    service = ecs._services.get(f"{cluster}/{group.removeprefix('service:')}") or {}
    return {str(item["containerName"]) for item in service.get("loadBalancers") or [] if item.get("containerName")}
