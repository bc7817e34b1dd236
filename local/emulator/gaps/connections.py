"""Gaps: who reaches the emulator, and how that counts for a policy."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import Any

import docker
import docker.errors
import hypercorn.asyncio
from ministack.core import iam_evaluator

from local.emulator.gaps import around


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


@around(hypercorn.asyncio, "serve")
async def serve_both(serve: Any, application: Any, configuration: Any, **options: Any) -> Any:
    """Gap: to be reached by its tasks, the emulator would listen on every interface, for everybody in the network.

    Here it listens on the loopback address and on the one that Docker's own network has on this machine.
    """
    address = docker_address()
    if address:
        configuration.bind = [*configuration.bind, f"{address}:{os.environ['GATEWAY_PORT']}"]
    return await serve(application, configuration, **options)


@around(iam_evaluator, "_resolve_condition_key")
def resolve_condition_key(resolve: Any, key: str, context: Any) -> Any:
    """Gap: every connection on this machine is plain HTTP, and a policy that demands TLS would deny all of them.

    A request counts as made over TLS: what is plain here is plain because the emulator is the other end.
    """
    return "true" if key.lower() == "aws:securetransport" else resolve(key, context)
