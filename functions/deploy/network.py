"""Where tasks run: as a command and a record name it, as ECS describes it, and as ECS takes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from functions.strict_json import Form

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import NetworkConfigurationTypeDef

MOST = 16
"""Subnets of a service, and its security groups have no more:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_AwsVpcConfiguration.html"""
Subnet = Annotated[str, Form(re.compile(r"subnet-[0-9a-z]{1,32}").fullmatch, "subnet-…")]
SecurityGroup = Annotated[str, Form(re.compile(r"sg-[0-9a-z]{1,32}").fullmatch, "sg-…")]
Subnets = Annotated[tuple[Subnet, ...], Form(lambda ids: 1 <= len(ids) <= MOST, f"1 to {MOST} subnets")]
SecurityGroups = Annotated[tuple[SecurityGroup, ...], Form(lambda ids: len(ids) <= MOST, f"at most {MOST} groups")]


@dataclass(frozen=True, kw_only=True)
class Network:
    """Private subnets and security groups; both are sorted, however they are given."""

    subnets: Subnets
    security_groups: SecurityGroups

    def __post_init__(self) -> None:
        for name in ("subnets", "security_groups"):
            object.__setattr__(self, name, tuple(sorted(getattr(self, name))))

    @property
    def configuration(self) -> NetworkConfigurationTypeDef:
        """As ECS takes it."""
        return {
            "awsvpcConfiguration": {
                "subnets": list(self.subnets),
                "securityGroups": list(self.security_groups),
                "assignPublicIp": "DISABLED",
            }
        }


@dataclass(frozen=True, kw_only=True)
class PublicNetwork(Network):
    """One whose tasks have public addresses: only somebody else makes it. No `Network` is equal to it."""
