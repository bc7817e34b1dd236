"""Which settings of the containers beside a service's own belong together: what ECS would refuse, by its setting."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from components.container import LEAST_MEMORY_MIB, NAME
from settings.declared import step
from settings.names import project
from settings.own_names import own_name
from settings.service import Service, Sidecar
from settings.service_rules import of_variables, path


def _every(at: str, service: Service) -> Iterator[tuple[str, Sidecar]]:
    """Each sidecar, with its path."""
    for name, sidecar in service.sidecars.items():
        yield f"{at}.sidecars{step(name)}", sidecar


def _names(stack: str, services: Mapping[str, Service]) -> Iterator[str]:
    for service_name, service in services.items():
        own = own_name(f"{project()}-{stack}", service_name)
        for name in service.sidecars:
            if not NAME.fullmatch(name) or name == own:
                yield (
                    f"{path(service_name, 'sidecars')} has {name!r}: expected a name of up to 255 letters, digits, "
                    f"hyphens and underscores, and not {own}, which is the service's own container"
                )


def _ports(at: str, service: Service) -> Iterator[str]:
    owners = {service.port: f"{at}.port"}
    for place, sidecar in _every(at, service):
        if sidecar.port and sidecar.port in owners:
            yield (
                f"{place}.port is {sidecar.port}, as is {owners[sidecar.port]}: expected another one, as the "
                "containers of a task share one network"
            )
        owners.setdefault(sidecar.port, f"{place}.port")


def _sizes(at: str, service: Service) -> Iterator[str]:
    sidecars = service.sidecars.values()
    reserved = {"cpu": sum(one.cpu for one in sidecars), "memory": sum(one.memory for one in sidecars)}
    for key, whole in (("cpu", service.cpu), ("memory", service.memory)):
        if reserved[key] >= whole:
            yield (
                f"{at}.{key} is {whole}, and its sidecars reserve {reserved[key]}: expected more, or less for them, as "
                "nothing is left for the service's own container"
            )
    for place, sidecar in _every(at, service):
        if 0 < sidecar.memory < LEAST_MEMORY_MIB:
            yield f"{place}.memory is {sidecar.memory}: expected 0, or {LEAST_MEMORY_MIB} or more"


def _waits(at: str, service: Service) -> Iterator[str]:
    for place, sidecar in _every(at, service):
        waits = sidecar.main_waits_for
        if waits == "HEALTHY" and not sidecar.health_command:
            yield f"{place}.mainWaitsFor is HEALTHY without healthCommand: expected the command that tells it"
        if waits in ("COMPLETE", "SUCCESS") and sidecar.essential:
            yield f"{place}.mainWaitsFor is {waits}, and the task ends with this container: expected essential: false"


def _variables(at: str, service: Service) -> Iterator[str]:
    for place, sidecar in _every(at, service):
        yield from of_variables(place, sidecar.environment, sidecar.secrets)


RULES: Final[Sequence[Callable[..., Iterator[str]]]] = (_names, _ports, _sizes, _waits, _variables)
