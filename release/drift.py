"""What really runs, compared with what the last release left: how a change by hand is seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from functions.names import revision
from release import records
from release.records import Release
from release.request import ReleaseRequest
from release.session import Clients, is_denied
from release.static import drift as site_drift

if TYPE_CHECKING:
    from types_boto3_ecs.client import ECSClient
    from types_boto3_ecs.type_defs import ServiceTypeDef

_KINDS: Final = ("subnets", "securityGroups", "assignPublicIp")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What runs: by the record, and by ECS and the site themselves."""

    release: Release | None
    task_definition: str | None
    """The revision that the service is to run, with a remark if it is to run no task of it; None without a service."""
    static_manifest: str | None
    """What the site serves, with what differs from it by name; None while it is empty."""
    network: Mapping[str, Any] | None = None
    """Where the service runs, as the release has it in its inputs; None without a service."""
    execute_command: bool | None = None
    """Whether ECS Exec is on; None without a service."""
    denied: str | None = None
    """Why the record and the site are not known: the role may not read them. None where it may."""


def look(request: ReleaseRequest, clients: Clients) -> Found:
    """What runs now. Reads only; a role that may read ECS but no object still sees the service.

    Raises ClientError, StaticReleaseError where AWS does not answer.
    """
    service = _service(request, clients.ecs)
    running = Found(
        release=None,
        task_definition=_running(request, service) if service else None,
        static_manifest=None,
        network=network_of(service) if service else None,
        execute_command=bool(service.get("enableExecuteCommand")) if service else None,
    )
    try:
        return dataclasses.replace(
            running,
            release=records.read_release(clients.s3, request.site.records_bucket),
            static_manifest=site_drift.look(s3=clients.s3, site=request.site),
        )
    except Exception as error:
        if not is_denied(error):
            raise
        return dataclasses.replace(running, denied=str(error))


def differences(
    task_definition: str,
    static_manifest: str,
    running: Found,
    *,
    network: Mapping[str, Any] | None = None,
    execute_command: bool | None = None,
) -> tuple[str, ...]:
    """What is another than was known, a line each: for people who read no diff. None was not known."""
    lines = []
    if (running.task_definition or "") != task_definition:
        now = revision(running.task_definition or "nothing: it is gone")
        lines.append(f"the service is to run {now}, and ran {revision(task_definition)}")
    if network is not None and running.network is not None and running.network != network:
        lines.append(f"the service is to run in {place(running.network)}, and ran in {place(network)}")
    if None not in (execute_command, running.execute_command) and running.execute_command != execute_command:
        lines.append(f"ECS Exec of the service is {'on' if running.execute_command else 'off'}")
    if running.denied is None and (running.static_manifest or "") != static_manifest:
        lines.append(f"the site is {running.static_manifest or 'empty'}, and was {static_manifest}")
    return tuple(lines)


def place(network: Mapping[str, Any]) -> str:
    """The ids of a network for people."""
    return ", ".join(identity for kind in _KINDS for identity in network.get(kind) or ())


def _service(request: ReleaseRequest, ecs: ECSClient) -> ServiceTypeDef | None:
    cluster = request.service.split("/")[-2]
    services = ecs.describe_services(cluster=cluster, services=[request.service])["services"]
    return services[0] if services and services[0]["status"] == "ACTIVE" else None


def network_of(service: ServiceTypeDef) -> Mapping[str, Any] | None:
    """Where a service runs, as the release has it in its inputs; None for one without a network of its own."""
    configuration = (service.get("networkConfiguration") or {}).get("awsvpcConfiguration")
    if not configuration:
        return None
    network = {
        "subnets": sorted(configuration["subnets"]),
        "securityGroups": sorted(configuration.get("securityGroups") or ()),
    }
    if configuration.get("assignPublicIp") == "ENABLED":
        # No input has it: it is seen as a difference.
        network["assignPublicIp"] = ["public addresses"]
    return network


def _running(request: ReleaseRequest, service: ServiceTypeDef) -> str:
    revision: str = service["taskDefinition"]
    stopped = service["desiredCount"] == 0 and request.minimum_count > 0
    return f"{revision} scaled to 0 tasks" if stopped else revision
