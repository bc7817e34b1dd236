"""Where tasks run: as ECS describes it, as ECS takes it, and as a command names it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SUBNET = re.compile(r"subnet-[0-9a-z]{1,32}")
SECURITY_GROUP = re.compile(r"sg-[0-9a-z]{1,32}")
MOST = 16
"""Subnets of a service: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html"""
ALLOWED = '{"subnets": ["subnet-…"], "securityGroups": ["sg-…"]} with 1 to 16 subnets'


@dataclass(frozen=True, kw_only=True)
class Network:
    """Where tasks run; both lists are sorted."""

    subnets: tuple[str, ...]
    security_groups: tuple[str, ...]
    public: bool = False
    """Tasks have public addresses."""

    @property
    def configuration(self) -> dict[str, Any]:
        """As ECS takes it."""
        return {
            "awsvpcConfiguration": {
                "subnets": list(self.subnets),
                "securityGroups": list(self.security_groups),
                "assignPublicIp": "ENABLED" if self.public else "DISABLED",
            }
        }


@dataclass(frozen=True, kw_only=True)
class Revision:
    """What a deployment, or a service revision, runs and where."""

    task_definition: str
    network: Network | None
    """None: ECS does not say."""

    def is_of(self, task_definition: str | None, network: Network | None) -> bool:
        """Whether it is this definition in this network. A network that is not known tells nothing apart."""
        if self.network is not None and network is not None and self.network != network:
            return False
        return self.task_definition == task_definition


def described(answer: Mapping[str, Any]) -> Network | None:
    """The network of a service, a deployment or a service revision; None where ECS names none."""
    configuration = answer.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if not configuration:
        return None
    return Network(
        subnets=tuple(sorted(configuration["subnets"])),
        security_groups=tuple(sorted(configuration.get("securityGroups", ()))),
        public=configuration.get("assignPublicIp") == "ENABLED",
    )


def read(value: Any) -> Network:
    """The network that a command names. Raises ValueError for what is none."""
    if not isinstance(value, Mapping) or set(value) != {"subnets", "securityGroups"}:
        raise ValueError
    return Network(
        subnets=_ids(value["subnets"], SUBNET, at_least=1),
        security_groups=_ids(value["securityGroups"], SECURITY_GROUP, at_least=0),
    )


def _ids(value: Any, pattern: re.Pattern[str], *, at_least: int) -> tuple[str, ...]:
    if not isinstance(value, list) or not at_least <= len(value) <= MOST:
        raise ValueError
    if not all(isinstance(identity, str) and pattern.fullmatch(identity) for identity in value):
        raise ValueError
    return tuple(sorted(value))
