"""The network of an engine that we start: a bridge, a subnet and firewall rules of this clone's own.

Engines that are started without it all use `docker0`: they hand out the same addresses, and a request to a container
of this clone reaches one of another. `--bridge` takes a bridge that is there and has an address; `--bip` only names the
address of `docker0`, and excludes `--bridge` (dockerd(8)). The engine is told to leave the firewall alone, since each
one that starts empties the chains that all of them share; what its containers need of it is set here.
"""

from __future__ import annotations

import json
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from ipaddress import IPv4Network
from pathlib import Path

from local.layout import Layout, LocalError
from local.lock import alone_in

PREFIX = "aws-"
"""Bridges of all clones begin with it, of whatever project. With the clone's identity they have 14 characters; Linux
allows 15."""
POOLS = ("10.213.0.0/16", "172.30.0.0/16", "192.168.0.0/16")
LONGEST_DEFAULT = 7
"""A route to more than a private network's addresses (a VPN's 0.0.0.0/1) is a default route: no subnet avoids it."""
CHAINS = (("filter", "FORWARD"), ("nat", "POSTROUTING"))
INTERFACES = Path("/sys/class/net")
LOCKED = "/run"
"""Held while a subnet is chosen. A folder that is there in any case: nothing is left behind."""


def bridge(layout: Layout) -> str:
    return f"{PREFIX}{layout.identity}"


def make(layout: Layout) -> str:
    """Make the clone's bridge anew, and return its name. Its engine must not run. Raises LocalError."""
    name = bridge(layout)
    # Two clones that choose at the same moment would choose before either has its route.
    with alone_in(LOCKED):
        remove(layout)
        routes = _routes()
        subnet = choose(layout.identity, routes)
        if subnet is None:
            taken = ", ".join(sorted({str(route) for route in routes}))
            raise LocalError(
                f"Docker: no subnet is free for {name}: a /24 of {', '.join(POOLS)} is needed, and this machine has "
                f"routes to {taken}. Start an engine yourself, or set DOCKER_HOST."
            )
        _run("ip", "link", "add", "name", name, "type", "bridge")
        _run("ip", "link", "set", "dev", name, "alias", _owner(layout))
        _run("ip", "address", "add", f"{subnet.network_address + 1}/{subnet.prefixlen}", "dev", name)
        _run("ip", "link", "set", "dev", name, "up")
    for table, chain, rule in reversed(_rules(name, subnet)):  # each is put before what is there
        _run("iptables", "--wait", "--table", table, "--insert", chain, *rule)
    return name


def remove(layout: Layout) -> bool:
    """Remove the clone's bridge and its rules; False when there is none. Raises LocalError for somebody else's."""
    name = bridge(layout)
    if not (INTERFACES / name).exists():
        return False
    link = json.loads(_run("ip", "-json", "-details", "link", "show", "dev", name))[0]
    kind = (link.get("linkinfo") or {}).get("info_kind")
    if kind != "bridge" or link.get("ifalias") != _owner(layout):
        raise LocalError(
            f"Docker: the network interface {name} is not one that this clone made (`ip -d link show {name}`). "
            f"If nobody needs it: ip link delete {name}. Else start an engine yourself, or set DOCKER_HOST."
        )
    for table, chain in CHAINS:
        for line in _run("iptables", "--wait", "--table", table, "--list-rules", chain).splitlines():
            append, *rule = shlex.split(line)
            if append == "-A" and name in rule:
                _run("iptables", "--wait", "--table", table, "--delete", *rule)
    _run("ip", "link", "delete", "dev", name)
    return True


def choose(identity: str, routes: Iterable[IPv4Network]) -> IPv4Network | None:
    """The first subnet that no route of the machine leads to; clones begin at different ones. Pure."""
    taken = [route for route in routes if route.prefixlen > LONGEST_DEFAULT]
    for pool in POOLS:
        subnets = list(IPv4Network(pool).subnets(new_prefix=24))
        first = int(identity, 16) % len(subnets)
        for subnet in subnets[first:] + subnets[:first]:
            if not any(subnet.overlaps(route) for route in taken):
                return subnet
    return None


def _rules(name: str, subnet: IPv4Network) -> Sequence[tuple[str, str, tuple[str, ...]]]:
    """Containers reach each other and the world, and no container of another engine; only answers come in."""
    return (
        ("filter", "FORWARD", ("-i", name, "-o", name, "-j", "ACCEPT")),
        ("filter", "FORWARD", ("-i", name, "-o", f"{PREFIX}+", "-j", "DROP")),
        ("filter", "FORWARD", ("-i", name, "-o", "docker0", "-j", "DROP")),
        ("filter", "FORWARD", ("-i", name, "-j", "ACCEPT")),
        ("filter", "FORWARD", ("-o", name, "-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED", "-j", "ACCEPT")),
        ("nat", "POSTROUTING", ("-s", str(subnet), "!", "-o", name, "-j", "MASQUERADE")),
    )


def _routes() -> list[IPv4Network]:
    """Where this machine has a way to, in every table; its own addresses are among them."""
    shown = json.loads(_run("ip", "-json", "-4", "route", "show", "table", "all") or "[]")
    return [IPv4Network(route["dst"], strict=False) for route in shown if route["dst"] != "default"]


def _owner(layout: Layout) -> str:
    """What the bridge's alias says of whose it is; Linux keeps 255 characters."""
    return f"clone {layout.root}"[:255]


def _run(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        why = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else error.strerror
        raise LocalError(
            f"Docker: the network of this clone's engine could not be changed: `{shlex.join(command)}`: {why}. "
            "Start an engine yourself, or set DOCKER_HOST."
        ) from error
