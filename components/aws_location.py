"""Where this run takes place: the partition, region and zones of the credentials, and a provider for us-east-1."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Collection, Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components import aws_limits
from functions import strict_json
from functions.strict_json import DamagedError

US_EAST_1 = "us-east-1"
"""Where AWS wants what belongs to a CloudFront distribution: certificates, log deliveries, metrics and their alarms."""
_PREFIX = "aws:"
_NUMBERS = frozenset({"max_retries", "token_bucket_rate_limiter_capacity"})
_HAS_SECRET = re.compile(r'"(externalId|webIdentityToken)"')
"""Settings that are secret in the state also where the configuration has them in clear text."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Location:
    partition: str
    """`aws`, `aws-us-gov`, `aws-cn`."""
    region: str
    zones: tuple[str, ...]
    """Names of availability zones, in their order."""


def find(zones: int) -> Location:
    """The location of the stack's `aws:region` and credentials, with that many of its zones; 0 asks for none.

    Raises pulumi.RunError where AWS does not answer, or the region has fewer zones.
    """
    try:
        partition, region = aws.get_partition().partition, aws.get_region().region
        names = _zones() if zones else []
    except Exception as error:  # the SDK raises nothing more specific for a function that fails
        raise pulumi.RunError(
            f"AWS does not answer: {error}\n"
            "  expected credentials for the account of this stack, which may use its aws:region\n"
            "  to check:  aws sts get-caller-identity"
        ) from error
    if len(names) < zones:
        raise pulumi.RunError(
            f"{region} has, of zones with VPC origins of CloudFront, {', '.join(names) or 'none'}, and the setting "
            f"zones is {zones}\n"
            "  expected as many or more: choose another aws:region, or fewer zones"
        )
    return Location(partition=partition, region=region, zones=tuple(names[:zones]))


def us_east_1(config: Mapping[str, str], secrets: Collection[str] = ()) -> aws.Provider:
    """A provider for us-east-1 with the other `aws:` settings of a stack: profile, roles, default tags, endpoints.

    `config` is the engine's configuration: `aws:<key>` to a string, JSON for lists, objects, numbers and booleans;
    `secrets` are the keys that hold a secret of Pulumi. A key that the provider does not have is left out: the stack's
    own provider refuses it.
    """
    parameters = inspect.signature(aws.ProviderArgs).parameters
    arguments: dict[str, Any] = {}
    for key in sorted(config):
        name = _snake(key.removeprefix(_PREFIX))
        if key.startswith(_PREFIX) and name in parameters and name != "region":
            value = _value(name, config[key])
            secret = key in secrets or _HAS_SECRET.search(config[key])
            arguments[name] = pulumi.Output.secret(value) if secret else value
    return aws.Provider(US_EAST_1, aws.ProviderArgs(region=US_EAST_1, **arguments))


def _zones() -> list[str]:
    # Not the local and wavelength zones that an account may have joined: no load balancer and few services there.
    kind = aws.GetAvailabilityZonesFilterArgs(name="zone-type", values=["availability-zone"])
    available = aws.get_availability_zones(
        state="available", filters=[kind], exclude_zone_ids=aws_limits.ZONES_WITHOUT_VPC_ORIGINS
    )
    return sorted(available.names)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _value(name: str, text: str) -> Any:
    if name not in _NUMBERS and text[:1] not in {"[", "{"} and text not in {"true", "false"}:
        return text
    try:
        return strict_json.decode(text)
    except DamagedError as error:
        raise pulumi.RunError(f"the setting of the AWS provider {name} cannot be read: {error}") from error
