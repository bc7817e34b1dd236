"""What a release of one service and one site is, by the names that they have."""

from __future__ import annotations

from typing import Any

from functions.deploy.network import Network
from release.identity import Identity, ServiceIdentity, first


def one_of_each(
    *,
    version: str,
    image: str,
    task_definition: str,
    static_manifest: str,
    network: Network | None = None,
    execute_command: bool | None = None,
) -> dict[str, Any]:
    """The arguments of an `Identity`."""
    service = ServiceIdentity(
        image=image, task_definition=task_definition, network=network, execute_command=execute_command
    )
    return {"version": version, "services": {"backend": service}, "sites": {"site": static_manifest}}


def backend(release: Identity) -> ServiceIdentity:
    return first(release.services)


def manifest(release: Identity) -> str:
    return first(release.sites)
