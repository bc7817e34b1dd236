"""Gap: to be reached by its tasks, the emulator would listen on every interface, for everybody in the network.

Here it listens on the loopback address and on the one that Docker's own network has on this machine.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any

import docker
import docker.errors
import hypercorn.asyncio


def close() -> None:
    hypercorn.asyncio.serve = _also_for_containers(hypercorn.asyncio.serve)


def docker_address() -> str | None:
    """The address of this machine in Docker's network; None when Docker runs elsewhere (in a virtual machine, say)."""
    try:
        networks: Any = docker.from_env(timeout=10).networks
        configurations = networks.get("bridge").attrs["IPAM"]["Config"]
    except (docker.errors.DockerException, KeyError):
        return None
    for item in configurations or []:
        address = item.get("Gateway") or str(next(ipaddress.ip_network(item["Subnet"]).hosts()))
        if _is_ours(address):
            return str(address)
    return None


def _is_ours(address: str) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def _also_for_containers(serve: Any) -> Any:
    async def serve_both(application: Any, configuration: Any, **options: Any) -> Any:
        address = docker_address()
        if address:
            configuration.bind = [*configuration.bind, f"{address}:{os.environ['GATEWAY_PORT']}"]
        return await serve(application, configuration, **options)

    return serve_both
