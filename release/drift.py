"""What really runs, compared with what the last release left: how a change by hand is seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from functions.names import revision
from release import records
from release.identity import site_words
from release.inputs import Inputs
from release.records import Release
from release.request import ReleaseRequest, ServiceRequest
from release.session import Clients, is_denied
from release.static import drift as site_drift

if TYPE_CHECKING:
    from types_boto3_ecs.client import ECSClient
    from types_boto3_ecs.type_defs import ServiceTypeDef

_KINDS: Final = ("subnets", "securityGroups", "assignPublicIp")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunningService:
    """What ECS runs of one service; None is "no such service"."""

    task_definition: str | None = None
    """The revision that it is to run, with a remark if it is to run no task of it."""
    network: Mapping[str, Any] | None = None
    """Where it runs, as the release has it in its inputs."""
    execute_command: bool | None = None
    """Whether ECS Exec is on."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Running:
    """What runs: by the record, and by ECS and the sites themselves."""

    release: Release | None = None
    services: Mapping[str, RunningService]
    sites: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    """What each site serves, with what differs from it by name; None while it is empty."""
    denied: str | None = None
    """Why the record and the sites are not known: the role may not read them. None where it may."""


def look(request: ReleaseRequest, clients: Clients) -> Running:
    """What runs now. Reads only; a role that may read ECS but no object still sees the services.

    Raises ClientError, StaticReleaseError where AWS does not answer.
    """
    running = Running(services={name: _look(service, clients.ecs) for name, service in request.services.items()})
    try:
        return dataclasses.replace(
            running,
            release=records.read_release(clients.s3, request.records_bucket),
            sites={name: site_drift.look(s3=clients.s3, site=site.site) for name, site in request.sites.items()},
        )
    except Exception as error:
        if not is_denied(error):
            raise
        return dataclasses.replace(running, denied=str(error))


def differences(olds: Inputs, running: Running) -> tuple[str, ...]:
    """What is another than `olds` say, the outputs of the last release, a line each: for people who read no diff."""
    lines: list[str] = []
    for name, service in olds["services"].items():
        words = "the service" if len(olds["services"]) == 1 else f"service {name}"
        lines += _service_differences(words, service, running.services[name])
    for name, site in olds["sites"].items():
        if running.denied is None and (running.sites.get(name) or "") != site["manifest"]:
            words = site_words(name, olds["sites"])
            lines.append(f"{words} is {running.sites.get(name) or 'empty'}, and was {site['manifest']}")
    return tuple(lines)


def _service_differences(words: str, before: Inputs, running: RunningService) -> Iterator[str]:
    """Of one service. A state from before the release had network and ECS Exec knows neither."""
    if (running.task_definition or "") != before["taskDefinition"]:
        now = revision(running.task_definition or "nothing: it is gone")
        yield f"{words} is to run {now}, and ran {revision(before['taskDefinition'])}"
    network, execute_command = before.get("network"), before.get("executeCommand")
    if network is not None and running.network is not None and running.network != network:
        yield f"{words} is to run in {place(running.network)}, and ran in {place(network)}"
    if None not in (execute_command, running.execute_command) and running.execute_command != execute_command:
        yield f"ECS Exec of {words} is {'on' if running.execute_command else 'off'}"


def place(network: Mapping[str, Any]) -> str:
    """The ids of a network for people."""
    return ", ".join(identity for kind in _KINDS for identity in network.get(kind) or ())


def service_of(request: ServiceRequest, ecs: ECSClient) -> ServiceTypeDef | None:
    """The service as ECS describes it; None where there is none that takes tasks."""
    cluster = request.arn.split("/")[-2]
    services = ecs.describe_services(cluster=cluster, services=[request.arn])["services"]
    return services[0] if services and services[0]["status"] == "ACTIVE" else None


def _look(request: ServiceRequest, ecs: ECSClient) -> RunningService:
    service = service_of(request, ecs)
    if service is None:
        return RunningService()
    stopped = service["desiredCount"] == 0 and request.minimum_count > 0
    return RunningService(
        task_definition=service["taskDefinition"] + (" scaled to 0 tasks" if stopped else ""),
        network=network_of(service),
        execute_command=bool(service.get("enableExecuteCommand")),
    )


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
