"""What a release of one service and one site is, by the names that they have."""

from __future__ import annotations

from typing import Any

from functions.deploy.network import Network
from release.identity import Identity, ServiceIdentity, first
from release.records import Proven


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


def proven(version: str, **more: Any) -> Proven:
    """A proof of them; the digests repeat what the version begins with."""
    one = one_of_each(
        version=version,
        image=f"repository@sha256:{version[0] * 64}",
        task_definition=f"arn:task:{version[0]}",
        static_manifest=f"sha256:{version[0] * 64}",
    )
    return Proven(**one, **{"verified_at": "2026-01-02T03:04:05+00:00", **more})


def backend(release: Identity) -> ServiceIdentity:
    return first(release.services)


def manifest(release: Identity) -> str:
    return first(release.sites)
