"""How the address range of a new network is divided."""

from __future__ import annotations

import ipaddress

ZONES = 2
"""Availability zones of a new network: an Application Load Balancer needs two."""
SUBNET_PREFIX = 24


def subnet_blocks(cidr: str) -> list[str]:
    """The ranges of a new network's subnets: the public ones, then the private ones.

    Raises ValueError for what is no range, or one with too few addresses.
    """
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise ValueError(f"{cidr!r} is no address range of a network: {error}") from error
    if network.prefixlen > SUBNET_PREFIX - 2:
        raise ValueError(f"{cidr} is too small for {2 * ZONES} subnets of /{SUBNET_PREFIX}: use /22 or larger")
    subnets = network.subnets(new_prefix=SUBNET_PREFIX)
    return [str(next(subnets)) for _ in range(2 * ZONES)]
