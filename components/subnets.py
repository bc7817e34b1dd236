"""How the address range of a new network is divided."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

MIN_ZONES = 2
"""An Application Load Balancer needs two availability zones."""
MAX_ZONES = 3
SUBNET_PREFIX = 24
NETWORK_PREFIX = SUBNET_PREFIX - 3
LARGEST_PREFIX = 16
"""https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html"""


class ZoneBlocks(NamedTuple):
    """The ranges of one zone's subnets."""

    public: str
    private: str


def subnet_blocks(cidr: str, zones: int = MAX_ZONES) -> list[ZoneBlocks]:
    """The ranges of a new network's subnets in each of 2 or 3 zones.

    Raises ValueError for what is no range, or one with too few addresses, and for another number of zones.
    """
    if not MIN_ZONES <= zones <= MAX_ZONES:
        raise ValueError(f"a new network has {MIN_ZONES} or {MAX_ZONES} availability zones, not {zones}")
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise ValueError(f"{cidr!r} is no address range of a network: {error}") from error
    if str(network) != cidr:
        raise ValueError(f"{cidr!r} is not how AWS writes an address range: expected {network}")
    if network.prefixlen < LARGEST_PREFIX:
        raise ValueError(f"{cidr} is too large for a VPC: use /{LARGEST_PREFIX} or smaller")
    if network.prefixlen > NETWORK_PREFIX:
        raise ValueError(
            f"{cidr} is too small for two /{SUBNET_PREFIX} subnets in each of {MAX_ZONES} zones: "
            f"use /{NETWORK_PREFIX} or larger"
        )
    # Room for all zones from the beginning, whatever their number is: a zone that is added later takes ranges that are
    # free, and those of the others stay. The public subnets are in the first half of eight ranges, the private ones in
    # the second.
    subnets = network.subnets(new_prefix=SUBNET_PREFIX)
    first = [str(next(subnets)) for _ in range(2 ** (SUBNET_PREFIX - NETWORK_PREFIX))]
    half = len(first) // 2
    return [ZoneBlocks(public=first[zone], private=first[half + zone]) for zone in range(zones)]
