"""Which settings belong together.

A rule is looked at whenever everything that it reads could be read, so that one run tells all that is wrong. The names
of its arguments are the settings that it reads, and `stack`, `region` and `default_tags`. One that reads `service` or
`site` is asked of each; `at` is its path.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from components import aws_limits
from settings import service_rules, sidecar_rules, site_rules, time_rules
from settings.declared import step
from settings.names import prefix
from settings.service import Service
from settings.site import Site

DEFAULT_ZONES = 2
DEFAULT_NAT_GATEWAYS = 1
"""Of Pulumi.yaml. With an existing network, zones and NAT gateways can only be these: they are not made here."""


_EACH = {"service": "services", "site": "sites"}


def problems(values: Mapping[str, Any]) -> Iterator[str]:
    """What does not belong together in the values: by field of `Settings`, and `stack`, `region`, `default_tags`."""
    for rule in RULES:
        yield from problems_of(rule, values)


def problems_of(rule: Callable[..., Iterator[str]], values: Mapping[str, Any]) -> Iterator[str]:
    """What one rule says, as far as the values have what it reads."""
    reads = inspect.signature(rule).parameters
    kind = next((kind for kind in _EACH if kind in reads), None)
    parts: list[dict[str, Any]] = [{}]
    if kind:
        key = _EACH[kind]
        parts = [{"at": f"{prefix()}{key}{step(name)}", kind: part} for name, part in values.get(key, {}).items()]
    for part in parts:
        arguments = {**values, **part}
        if all(name in arguments for name in reads):
            yield from rule(**{name: arguments[name] for name in reads})


def _environment_before(stack: str, promote_from: str) -> Iterator[str]:
    if promote_from == stack:
        yield (
            f"{prefix()}promoteFrom is {stack}, this stack: name the environment before it, or nothing in the first one"
        )


def _branch_to_promote(promote_from: str, promote_branch: str) -> Iterator[str]:
    if promote_branch and not promote_from:
        yield (
            f"{prefix()}promoteBranch is {promote_branch}, and nothing is promoted here: {prefix()}promoteFrom is "
            "missing"
        )


def _environment_to_soak_in(promote_from: str, soak_minutes: int) -> Iterator[str]:
    if soak_minutes and not promote_from:
        yield (
            f"{prefix()}soakMinutes is {soak_minutes}, and nothing is promoted here: {prefix()}promoteFrom is missing"
        )


def _something_to_release(services: Mapping[str, Service], sites: Mapping[str, Site]) -> Iterator[str]:
    if not services and not sites:
        yield (
            f"{prefix()}services and {prefix()}sites are both empty: expected at least one service or one site in "
            "Pulumi.yaml (docs/adopt.md)"
        )


def _one_network(
    vpc_id: str, vpc_tags: Mapping[str, str], vpc_cidr: str, services: Mapping[str, Service]
) -> Iterator[str]:
    """Sites alone need none."""
    named = _set(vpcId=vpc_id, vpcTags=vpc_tags, vpcCidr=vpc_cidr)
    if len(named) != 1 and (named or services):
        yield (
            f"{' and '.join(named) or 'no network'} {'are all' if len(named) > 2 else 'are both' if named else 'is'} "
            "given: expected exactly one of\n"
            f"      an existing network:  {prefix()}vpcId or {prefix()}vpcTags, with {prefix()}privateSubnetIds or "
            f"{prefix()}privateSubnetTags\n"
            f"      a new network:        {prefix()}vpcCidr, for example 10.20.0.0/16"
        )


def _subnets_of_an_existing_network(
    vpc_id: str, vpc_tags: Mapping[str, str], private_subnet_ids: Sequence[str], private_subnet_tags: Mapping[str, str]
) -> Iterator[str]:
    named = _set(privateSubnetIds=private_subnet_ids, privateSubnetTags=private_subnet_tags)
    network = _set(vpcId=vpc_id, vpcTags=vpc_tags)
    if network and len(named) != 1:
        yield (
            f"{network[0]} needs exactly one of {prefix()}privateSubnetIds and {prefix()}privateSubnetTags: "
            f"{'both are' if named else 'none is'} given"
        )
    if named and not network:
        yield (
            f"{' and '.join(named)} without {prefix()}vpcId or {prefix()}vpcTags: they choose subnets of an existing "
            "network"
        )


def _enough_subnets(private_subnet_ids: Sequence[str]) -> Iterator[str]:
    if 0 < len(set(private_subnet_ids)) < aws_limits.MIN_ZONES:
        least = aws_limits.MIN_ZONES
        yield f"{prefix()}privateSubnetIds has one subnet: expected {least} or more, each in a zone of its own"


def _only_of_a_new_network(
    vpc_id: str, vpc_tags: Mapping[str, str], zones: int, nat_gateways: int, flow_log_days: int
) -> Iterator[str]:
    if network := _set(vpcId=vpc_id, vpcTags=vpc_tags):
        if zones != DEFAULT_ZONES:
            yield (
                f"{prefix()}zones is for a new network: {network[0]} names an existing one, whose subnets say its zones"
            )
        if nat_gateways != DEFAULT_NAT_GATEWAYS:
            yield f"{prefix()}natGateways is for a new network: {network[0]} names an existing one, which has its own"
        if flow_log_days:
            yield (
                f"{prefix()}flowLogDays is for a new network: {network[0]} names an existing one, which logs by itself"
            )


def _address_range(vpc_cidr: str) -> Iterator[str]:
    if vpc_cidr:
        yield from _said(f"{prefix()}vpcCidr", lambda: aws_limits.subnet_blocks(vpc_cidr))


def _gateways(zones: int, nat_gateways: int) -> Iterator[str]:
    if nat_gateways not in {1, zones} and nat_gateways <= aws_limits.MAX_ZONES:
        yield f"{prefix()}natGateways is {nat_gateways}: expected 1, or {zones} as {prefix()}zones, one in each"


def _region_of_the_vpc_origin(region: str, services: Mapping[str, Service]) -> Iterator[str]:
    if any(service.paths for service in services.values()) and region not in aws_limits.VPC_ORIGIN_REGIONS:
        yield (
            f"aws:region: {region} has no VPC origins of CloudFront, which reach services with paths: expected one "
            f"of {', '.join(sorted(aws_limits.VPC_ORIGIN_REGIONS))}"
        )


def _regions(region: str, load_balancer_certificate_arn: str, log_key_arn: str, data_key_arn: str) -> Iterator[str]:
    arns = {
        "loadBalancerCertificateArn": load_balancer_certificate_arn,
        "logKeyArn": log_key_arn,
        "dataKeyArn": data_key_arn,
    }
    for key, arn in arns.items():
        parts = arn.split(":")
        if len(parts) > 3 and parts[3] != region:
            yield f"{prefix()}{key} is of {parts[3]}: expected one of {region}, the region of this stack (aws:region)"


def _default_tags(default_tags: Mapping[str, Any]) -> Iterator[str]:
    # "Misbehavior in `terraform plan` when using empty string values for provider-level default tags", issue 42247,
    # hashicorp/terraform-provider-aws.
    for name, value in default_tags.items():
        if value == "":
            yield (
                f"aws:defaultTags has {name} without a value: expected one, or not to name it; the AWS provider drops "
                "it now and then, and updates would not end"
            )


RULES: Sequence[Callable[..., Iterator[str]]] = (
    service_rules.name_of_the_stack,
    _something_to_release,
    _environment_before,
    _branch_to_promote,
    _environment_to_soak_in,
    _one_network,
    _subnets_of_an_existing_network,
    _enough_subnets,
    _only_of_a_new_network,
    _address_range,
    _gateways,
    _region_of_the_vpc_origin,
    _regions,
    _default_tags,
    *site_rules.RULES,
    *service_rules.RULES,
    *time_rules.RULES,
    *sidecar_rules.RULES,
)


def _set(**settings: Any) -> list[str]:
    return [f"{prefix()}{key}" for key, value in settings.items() if value]


def _said(key: str, check: Callable[[], Any]) -> Iterator[str]:
    """What a component's own check says."""
    try:
        check()
    except ValueError as error:
        yield f"{key}: {error}"
