"""Which settings belong together.

A rule is looked at whenever everything that it reads could be read, so that one run tells all that is wrong. The names
of its arguments are the settings that it reads, and `stack`, `region` and `default_tags`.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from components import aws_limits
from settings import clear_text
from settings.names import ENVIRONMENT_VARIABLE, HEALTH_PATH_VARIABLE, PREFIX, PROJECT

DEFAULT_ZONES = 2
DEFAULT_NAT_GATEWAYS = 1
"""Of Pulumi.yaml. With an existing network, zones and NAT gateways can only be these: they are not made here."""
MAX_STACK_NAME = 11
"""What 32 characters leave of easi-<stack>-backend-1a2b3c4, the name of load balancer and target group.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
"""
_VARIABLE = r"[!-<>-~]+"
"""ECS gives no pattern for a name (KeyValuePair and Secret, Amazon ECS API Reference), so `spring.datasource.url` and
`log-level` are names. It sets NAME=value in the container: there is no = in a name. Other than printable ASCII nobody
documents."""
MIN_DEADLINE_WITH_ALARMS_S = 600
"""A rollout of a minute or two, five minutes of watching, and as much again for a slow image."""


def problems(values: Mapping[str, Any]) -> Iterator[str]:
    """What does not belong together in the values: by field of `Settings`, and `stack`, `region`, `default_tags`."""
    for rule in RULES:
        reads = inspect.signature(rule).parameters
        if all(name in values for name in reads):
            yield from rule(**{name: values[name] for name in reads})


def _name_of_the_stack(stack: str) -> Iterator[str]:
    # "repositoryName": CreateRepository, Amazon ECR API Reference.
    if len(stack) > MAX_STACK_NAME or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", stack):
        yield (
            f"the stack is called {stack}: expected {MAX_STACK_NAME} characters at most (the names of load balancers "
            f"have 32, and begin with {PROJECT}-<stack>-), and a-z and 0-9 with single - between them (the names of "
            "ECR's repositories)"
        )


def _environment_before(stack: str, promote_from: str) -> Iterator[str]:
    if promote_from == stack:
        yield f"{PREFIX}promoteFrom is {stack}, this stack: name the environment before it, or nothing in the first one"


def _one_network(vpc_id: str, vpc_tags: Mapping[str, str], vpc_cidr: str) -> Iterator[str]:
    named = _set(vpcId=vpc_id, vpcTags=vpc_tags, vpcCidr=vpc_cidr)
    if len(named) != 1:
        yield (
            f"{' and '.join(named) or 'no network'} {'are all' if len(named) > 2 else 'are both' if named else 'is'} "
            "given: expected exactly one of\n"
            f"      an existing network:  {PREFIX}vpcId or {PREFIX}vpcTags, with {PREFIX}privateSubnetIds or "
            f"{PREFIX}privateSubnetTags\n"
            f"      a new network:        {PREFIX}vpcCidr, for example 10.20.0.0/16"
        )


def _subnets_of_an_existing_network(
    vpc_id: str, vpc_tags: Mapping[str, str], private_subnet_ids: Sequence[str], private_subnet_tags: Mapping[str, str]
) -> Iterator[str]:
    named = _set(privateSubnetIds=private_subnet_ids, privateSubnetTags=private_subnet_tags)
    network = _set(vpcId=vpc_id, vpcTags=vpc_tags)
    if network and len(named) != 1:
        yield (
            f"{network[0]} needs exactly one of {PREFIX}privateSubnetIds and {PREFIX}privateSubnetTags: "
            f"{'both are' if named else 'none is'} given"
        )
    if named and not network:
        yield (
            f"{' and '.join(named)} without {PREFIX}vpcId or {PREFIX}vpcTags: they choose subnets of an existing "
            "network"
        )


def _enough_subnets(private_subnet_ids: Sequence[str]) -> Iterator[str]:
    if 0 < len(set(private_subnet_ids)) < aws_limits.MIN_ZONES:
        least = aws_limits.MIN_ZONES
        yield f"{PREFIX}privateSubnetIds has one subnet: expected {least} or more, each in a zone of its own"


def _only_of_a_new_network(
    vpc_id: str, vpc_tags: Mapping[str, str], zones: int, nat_gateways: int, flow_log_days: int
) -> Iterator[str]:
    if network := _set(vpcId=vpc_id, vpcTags=vpc_tags):
        if zones != DEFAULT_ZONES:
            yield f"{PREFIX}zones is for a new network: {network[0]} names an existing one, whose subnets say its zones"
        if nat_gateways != DEFAULT_NAT_GATEWAYS:
            yield f"{PREFIX}natGateways is for a new network: {network[0]} names an existing one, which has its own"
        if flow_log_days:
            yield f"{PREFIX}flowLogDays is for a new network: {network[0]} names an existing one, which logs by itself"


def _address_range(vpc_cidr: str) -> Iterator[str]:
    if vpc_cidr:
        yield from _said(f"{PREFIX}vpcCidr", lambda: aws_limits.subnet_blocks(vpc_cidr))


def _gateways(zones: int, nat_gateways: int) -> Iterator[str]:
    if nat_gateways not in {1, zones} and nat_gateways <= aws_limits.MAX_ZONES:
        yield f"{PREFIX}natGateways is {nat_gateways}: expected 1, or {zones} as {PREFIX}zones, one in each"


def _certificate_of_the_domain(domain: str, certificate_arn: str, hosted_zone_id: str) -> Iterator[str]:
    named = _set(certificateArn=certificate_arn, hostedZoneId=hosted_zone_id)
    if domain and not named:
        yield (
            f"{PREFIX}domain needs {PREFIX}certificateArn (a certificate that exists) or {PREFIX}hostedZoneId (the "
            "zone in which this program makes and validates one), or both"
        )
    if named and not domain:
        yield f"{' and '.join(named)} without {PREFIX}domain: they are for the host name of the site"


def _certificate_of_the_load_balancer(load_balancer_certificate_arn: str, domain: str) -> Iterator[str]:
    if load_balancer_certificate_arn and not domain:
        yield f"{PREFIX}loadBalancerCertificateArn without {PREFIX}domain: CloudFront expects that name in it"


def _keys_of_secrets(secret_key_arns: Sequence[str], backend_secrets: Mapping[str, str]) -> Iterator[str]:
    if secret_key_arns and not backend_secrets:
        yield f"{PREFIX}secretKeyArns without {PREFIX}backendSecrets: they are the keys that those are encrypted with"


def _region_of_the_vpc_origin(region: str) -> Iterator[str]:
    if region not in aws_limits.VPC_ORIGIN_REGIONS:
        yield (
            f"aws:region: {region} has no VPC origins of CloudFront, which reach the backend: expected one "
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
            yield f"{PREFIX}{key} is of {parts[3]}: expected one of {region}, the region of this stack (aws:region)"


def _size(cpu: int, memory: int) -> Iterator[str]:
    if cpu in (aws_limits.SMALLEST_CPU, *aws_limits.MEMORY_MIB):
        yield from _said(f"{PREFIX}memory", lambda: aws_limits.check_size(cpu, memory))


def _counts(min_count: int, max_count: int) -> Iterator[str]:
    if min_count > max_count:
        yield f"{PREFIX}minCount is {min_count} and {PREFIX}maxCount {max_count}: expected minCount <= maxCount"


def _default_tags(default_tags: Mapping[str, Any]) -> Iterator[str]:
    # "Misbehavior in `terraform plan` when using empty string values for provider-level default tags", issue 42247,
    # hashicorp/terraform-provider-aws.
    for name, value in default_tags.items():
        if value == "":
            yield (
                f"aws:defaultTags has {name} without a value: expected one, or not to name it; the AWS provider drops "
                "it now and then, and updates would not end"
            )


def _names_of_variables(backend_environment: Mapping[str, str], backend_secrets: Mapping[str, str]) -> Iterator[str]:
    for key, names in (("backendEnvironment", backend_environment), ("backendSecrets", backend_secrets)):
        for name in names:
            if not re.fullmatch(_VARIABLE, name):
                yield (
                    f"{PREFIX}{key} has {name!r}: expected the name of an environment variable, printable ASCII "
                    "without spaces and ="
                )
            if key == "backendEnvironment" and not names[name]:
                yield (
                    f"{PREFIX}{key} has {name} without a value: expected one, or not to name it; ECS keeps no empty "
                    "variable, and every update would replace the task definition"
                )
            if name in (ENVIRONMENT_VARIABLE, HEALTH_PATH_VARIABLE):
                yield f"{PREFIX}{key} has {name}: the program itself sets it"
    for name in sorted(set(backend_environment) & set(backend_secrets)):
        yield f"{name} is in {PREFIX}backendEnvironment and in {PREFIX}backendSecrets: expected one of them"


def _time_for_alarms(deployment_alarms: bool, rollout_deadline: int) -> Iterator[str]:
    if deployment_alarms and rollout_deadline < MIN_DEADLINE_WITH_ALARMS_S:
        yield (
            f"{PREFIX}rolloutDeadline is {rollout_deadline}: expected {MIN_DEADLINE_WITH_ALARMS_S} or more with "
            f"{PREFIX}deploymentAlarms, which ECS watches for minutes after the last task is up"
        )


def _time_after_the_start(health_check_grace: int, rollout_deadline: int) -> Iterator[str]:
    if health_check_grace >= rollout_deadline:
        yield (
            f"{PREFIX}healthCheckGrace is {health_check_grace}: expected less than {PREFIX}rolloutDeadline "
            f"({rollout_deadline}), or no task that does not answer is found before it"
        )


def _time_for_checks(health_passes: int, health_interval: int, health_deadline: int) -> Iterator[str]:
    needed = health_passes * health_interval
    if needed >= health_deadline:
        yield (
            f"{PREFIX}healthDeadline is {health_deadline}: expected more than the {needed} seconds "
            f"of {PREFIX}healthPasses ({health_passes}) times {PREFIX}healthInterval ({health_interval})"
        )


RULES: Sequence[Callable[..., Iterator[str]]] = (
    _name_of_the_stack,
    _environment_before,
    _one_network,
    _subnets_of_an_existing_network,
    _enough_subnets,
    _only_of_a_new_network,
    _address_range,
    _gateways,
    _certificate_of_the_domain,
    _certificate_of_the_load_balancer,
    _keys_of_secrets,
    _region_of_the_vpc_origin,
    _regions,
    _size,
    _counts,
    _default_tags,
    _names_of_variables,
    clear_text.looks_secret,
    _time_for_alarms,
    _time_after_the_start,
    _time_for_checks,
)


def _set(**settings: Any) -> list[str]:
    return [f"{PREFIX}{key}" for key, value in settings.items() if value]


def _said(key: str, check: Callable[[], Any]) -> Iterator[str]:
    """What a component's own check says."""
    try:
        check()
    except ValueError as error:
        yield f"{key}: {error}"
