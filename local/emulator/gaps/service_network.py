"""Gap: another network of a service starts no deployment, and one that is taken back leaves the service in the new one.

On AWS `networkConfiguration` "triggers a new service deployment" (UpdateService, Amazon ECS API Reference), each
deployment has its own, and ECS goes back to the former service revision with the network of that ("Amazon ECS service
revisions", Amazon ECS Developer Guide).
"""

from __future__ import annotations

from typing import Any

from ministack.services import ecs

from local.emulator.gaps import around


@around(ecs._ACTION_MAP, "UpdateService")
def update_service(update: Any, data: dict[str, Any]) -> Any:
    primary = _primary(data)
    network = data.get("networkConfiguration")
    if primary is not None and network and _normal(network) != _normal(primary["networkConfiguration"]):
        data = data | {"forceNewDeployment": True}
    return update(data)


def _primary(data: dict[str, Any]) -> dict[str, Any] | None:
    """The primary deployment of the service in a request, with the network in which its tasks are."""
    cluster, service = ecs._resolve_cluster_name(data.get("cluster", "default")), data.get("service", "")
    reference = ecs._resolve_service_ref(service)
    stored = ecs._services.get(f"{cluster}/{reference[0]}") if reference else None
    primary: dict[str, Any] | None = ecs._primary_deployment(stored) if stored else None
    if stored and primary:
        primary.setdefault("networkConfiguration", stored.get("networkConfiguration") or {})
    return primary


def _normal(network: dict[str, Any]) -> tuple[list[str], list[str], str]:
    place = network.get("awsvpcConfiguration") or {}
    groups = sorted(place.get("securityGroups") or ())
    return sorted(place.get("subnets") or ()), groups, place.get("assignPublicIp") or "DISABLED"


@around(ecs, "_reconcile_service_tasks")
def reconcile_service_tasks(reconcile: Any, cluster: str, key: str) -> None:
    service = ecs._services.get(key)
    primary = ecs._primary_deployment(service) if service else None
    if service and primary:
        network = service.get("networkConfiguration") or {}
        service["networkConfiguration"] = primary.setdefault("networkConfiguration", network)
    reconcile(cluster, key)
