"""What the settings have to be beyond their types: each alone, and together.

A rule is looked at whenever everything that it reads could be read, so that one run tells all that is wrong.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from components import fargate, log_retention, subnets

DEFAULT_ZONES = 2
DEFAULT_NAT_GATEWAYS = 1
"""Of Pulumi.yaml. With an existing network, zones and NAT gateways can only be these: they are not made here."""

MIN_DEADLINE_WITH_ALARMS_S = 600
"""A rollout of a minute or two, five minutes of watching, and as much again for a slow image."""

PRIVATE = frozenset({"backend_environment", "backend_secrets"})
"""Settings of which no message repeats a value: somebody may have put a secret there."""


class Form(NamedTuple):
    """What a text looks like; of a list, each item, and of a map, each value."""

    pattern: str
    expected: str
    may_be_empty: bool = True


class Range(NamedTuple):
    """A whole number between two, both included."""

    low: int
    high: int


def _arn(service: str, resource: str, region: str = "[a-z0-9-]+", account: str = r"\d{12}") -> str:
    return rf"arn:aws[a-z-]*:{service}:{region}:{account}:{resource}"


_REGION = r"[a-z]{2}-[a-z]+-\d"
_KEY = Form(_arn("kms", r"key/[\w-]+"), "the ARN of a KMS key: arn:aws:kms:<region>:<account>:key/…")
_CERTIFICATE = r"certificate/[\w-]+"
_VALUE_FROM = r"arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:\d{12}:secret:|ssm:[a-z0-9-]+:\d{12}:parameter/)\S+"
_RELATIVE = Form(r"(?!/).+", "a folder, relative to the project", may_be_empty=False)

FORMS: Mapping[str, Form] = {
    "promote_from": Form(r"[\w.-]+", "the name of a stack"),
    "domain": Form(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", "a host name in lower case"),
    "certificate_arn": Form(
        _arn("acm", _CERTIFICATE, region="us-east-1"),
        "the ARN of an ACM certificate in us-east-1, where CloudFront looks: arn:aws:acm:us-east-1:<account>:…",
    ),
    "hosted_zone_id": Form(r"Z[A-Z0-9]{1,31}", "the id of a Route 53 hosted zone: Z…"),
    "public_url": Form(r"https?://[^/\s@]+", "http(s)://host[:port] without a path"),
    "connect_to": Form(r"[^\s:/]+:\d{1,5}", "host:port"),
    "web_acl_arn": Form(
        _arn("wafv2", r"global/webacl/[^/\s]+/[^/\s]+", region="us-east-1"),
        "the ARN of a web ACL of scope CLOUDFRONT: arn:aws:wafv2:us-east-1:<account>:global/webacl/…",
    ),
    "content_security_policy": Form(r"[\x20-\x7e]+", "one line of printable ASCII"),
    "origin_shield_region": Form(_REGION, "a region"),
    "vpc_id": Form(r"vpc-[0-9a-z]+", "vpc-…"),
    "private_subnet_ids": Form(r"subnet-[0-9a-z]+", "subnet-…", may_be_empty=False),
    "go_image": Form(r"\S+", "an image", may_be_empty=False),
    "backend_folder": _RELATIVE,
    "frontend_folder": _RELATIVE,
    "backend_secrets": Form(
        _VALUE_FROM,
        "the ARN of a secret (arn:aws:secretsmanager:…:secret:…) or of a parameter (arn:aws:ssm:…:parameter/…)",
        may_be_empty=False,
    ),
    "load_balancer_certificate_arn": Form(
        _arn("acm", _CERTIFICATE), "the ARN of an ACM certificate: arn:aws:acm:<region>:<account>:certificate/…"
    ),
    "log_key_arn": _KEY,
    "secret_key_arns": _KEY._replace(may_be_empty=False),
    "alarm_emails": Form(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", "an e-mail address", may_be_empty=False),
    "reader_account_ids": Form(r"\d{12}", "12 digits", may_be_empty=False),
    "role_path": Form(r"/([\x21-\x7e]{1,510}/)?", "a path that begins and ends with /", may_be_empty=False),
    "permissions_boundary": Form(
        _arn("iam", r"policy/\S+", region="", account=r"(\d{12}|aws)"),
        "the ARN of an IAM policy: arn:aws:iam::<account>:policy/…",
    ),
}

CHOICES: Mapping[str, Sequence[str | int]] = {
    "cpu": (fargate.SMALLEST_CPU, *fargate.MEMORY_MIB),
    "cpu_architecture": ("X86_64", "ARM64"),
    "container_insights": ("enabled", "enhanced", "disabled"),
    "log_retention_days": log_retention.RETENTION_DAYS,
}

RANGES: Mapping[str, Range] = {
    "zones": Range(subnets.MIN_ZONES, subnets.MAX_ZONES),
    "nat_gateways": Range(1, subnets.MAX_ZONES),
    "access_log_days": Range(0, 3653),
    "min_count": Range(1, 1000),
    "max_count": Range(1, 1000),
    "scale_at_cpu_percent": Range(1, 100),
    "health_passes": Range(1, 100),
    "health_interval": Range(1, 60),
    "health_deadline": Range(2, 3600),
    # A new task needs most of a minute to be pulled, started and found healthy; CI ends a job after six hours.
    "rollout_deadline": Range(60, 7200),
    "keep_releases": Range(1, 100),
}


def problems(given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the settings given, by field of `Settings`; beside them `stack` and `region`."""
    found = [problem for field in given for problem in _alone(field, given[field])]
    for rule in TOGETHER:
        reads = inspect.signature(rule).parameters
        if all(name in given for name in reads):
            found += rule(**{name: given[name] for name in reads})
    return found


def key_of(field: str) -> str:
    """The setting's key in Pulumi.yaml for a field of `Settings`: `min_count` is `easi:minCount` without its prefix."""
    head, *tail = field.split("_")
    return head + "".join(part.capitalize() for part in tail)


def expectation(field: str) -> str:
    """What a setting has to be beyond its type, in words; empty where anything goes."""
    if field in FORMS:
        return FORMS[field].expected
    if field in CHOICES:
        return "one of " + ", ".join(str(choice) for choice in CHOICES[field])
    return f"{RANGES[field].low} to {RANGES[field].high}" if field in RANGES else ""


def _alone(field: str, value: Any) -> Iterator[str]:
    key = f"easi:{key_of(field)}"
    if field in RANGES and not RANGES[field].low <= value <= RANGES[field].high:
        yield f"{key} is {value}: expected {expectation(field)}"
    if field in CHOICES and value not in CHOICES[field]:
        yield f"{key} is {value}: expected {expectation(field)}"
    if field in FORMS:
        for place, text in _texts(key, value):
            if not re.fullmatch(FORMS[field].pattern, text) and (text or not FORMS[field].may_be_empty):
                yield f"{place} is {_shown(field, text)}: expected {expectation(field)}"


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text of a setting, with where it is."""
    if isinstance(value, Mapping):
        yield from ((f"{key}.{name}", item) for name, item in value.items())
    elif isinstance(value, tuple):
        yield from ((f"{key}[{number}]", item) for number, item in enumerate(value))
    else:
        yield key, value


def _shown(field: str, text: str) -> str:
    return "something else" if field in PRIVATE else repr(text)


# What belongs together. The names of a rule's arguments are the settings that it reads.


def _environment_before(stack: str, promote_from: str) -> Iterator[str]:
    if promote_from == stack:
        yield f"easi:promoteFrom is {stack}, this stack: name the environment before it, or nothing in the first one"


def _one_network(vpc_id: str, vpc_tags: Mapping[str, str], vpc_cidr: str) -> Iterator[str]:
    given = _given(vpcId=vpc_id, vpcTags=vpc_tags, vpcCidr=vpc_cidr)
    if len(given) != 1:
        yield (
            f"{' and '.join(given) or 'no network'} {'are all' if len(given) > 2 else 'are both' if given else 'is'} "
            "given: expected exactly one of\n"
            "      an existing network:  easi:vpcId or easi:vpcTags, with easi:privateSubnetIds or "
            "easi:privateSubnetTags\n"
            "      a new network:        easi:vpcCidr, for example 10.20.0.0/16"
        )


def _subnets_of_an_existing_network(
    vpc_id: str, vpc_tags: Mapping[str, str], private_subnet_ids: Sequence[str], private_subnet_tags: Mapping[str, str]
) -> Iterator[str]:
    given = _given(privateSubnetIds=private_subnet_ids, privateSubnetTags=private_subnet_tags)
    network = _given(vpcId=vpc_id, vpcTags=vpc_tags)
    if network and len(given) != 1:
        yield (
            f"{network[0]} needs exactly one of easi:privateSubnetIds and easi:privateSubnetTags: "
            f"{'both are' if given else 'none is'} given"
        )
    if given and not network:
        yield f"{' and '.join(given)} without easi:vpcId or easi:vpcTags: they choose subnets of an existing network"


def _enough_subnets(private_subnet_ids: Sequence[str]) -> Iterator[str]:
    if 0 < len(set(private_subnet_ids)) < subnets.MIN_ZONES:
        yield f"easi:privateSubnetIds has one subnet: expected {subnets.MIN_ZONES} or more, each in a zone of its own"


def _only_of_a_new_network(vpc_id: str, vpc_tags: Mapping[str, str], zones: int, nat_gateways: int) -> Iterator[str]:
    if network := _given(vpcId=vpc_id, vpcTags=vpc_tags):
        if zones != DEFAULT_ZONES:
            yield f"easi:zones is for a new network: {network[0]} names an existing one, whose subnets say its zones"
        if nat_gateways != DEFAULT_NAT_GATEWAYS:
            yield f"easi:natGateways is for a new network: {network[0]} names an existing one, which has its own"


def _address_range(vpc_cidr: str) -> Iterator[str]:
    if vpc_cidr:
        yield from _said("easi:vpcCidr", lambda: subnets.subnet_blocks(vpc_cidr))


def _gateways(zones: int, nat_gateways: int) -> Iterator[str]:
    if nat_gateways not in {1, zones} and nat_gateways <= subnets.MAX_ZONES:
        yield f"easi:natGateways is {nat_gateways}: expected 1, or {zones} as easi:zones, one in each"


def _certificate_of_the_domain(domain: str, certificate_arn: str, hosted_zone_id: str) -> Iterator[str]:
    given = _given(certificateArn=certificate_arn, hostedZoneId=hosted_zone_id)
    if domain and not given:
        yield (
            "easi:domain needs easi:certificateArn (a certificate that exists) or easi:hostedZoneId (the zone in which "
            "this program makes and validates one), or both"
        )
    if given and not domain:
        yield f"{' and '.join(given)} without easi:domain: they are for the host name of the site"


def _certificate_of_the_load_balancer(load_balancer_certificate_arn: str, domain: str) -> Iterator[str]:
    if load_balancer_certificate_arn and not domain:
        yield "easi:loadBalancerCertificateArn without easi:domain: CloudFront expects that name in it"


def _keys_of_secrets(secret_key_arns: Sequence[str], backend_secrets: Mapping[str, str]) -> Iterator[str]:
    if secret_key_arns and not backend_secrets:
        yield "easi:secretKeyArns without easi:backendSecrets: they are the keys that those are encrypted with"


def _regions(region: str, load_balancer_certificate_arn: str, log_key_arn: str) -> Iterator[str]:
    for key, arn in (("loadBalancerCertificateArn", load_balancer_certificate_arn), ("logKeyArn", log_key_arn)):
        parts = arn.split(":")
        if len(parts) > 3 and parts[3] != region:
            yield f"easi:{key} is of {parts[3]}: expected one of {region}, the region of this stack (aws:region)"


def _size(cpu: int, memory: int) -> Iterator[str]:
    if cpu in CHOICES["cpu"]:
        yield from _said("easi:memory", lambda: fargate.check_size(cpu, memory))


def _counts(min_count: int, max_count: int) -> Iterator[str]:
    if min_count > max_count:
        yield f"easi:minCount is {min_count} and easi:maxCount {max_count}: expected minCount <= maxCount"


def _names_of_variables(backend_environment: Mapping[str, str], backend_secrets: Mapping[str, str]) -> Iterator[str]:
    for key, names in (("backendEnvironment", backend_environment), ("backendSecrets", backend_secrets)):
        for name in names:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                yield f"easi:{key} has {name!r}: expected the name of an environment variable, A-Z, 0-9 and _"
            if name == "EASI_ENVIRONMENT":
                yield f"easi:{key} has {name}: the program itself sets it, to the name of the environment"
    for name in sorted(set(backend_environment) & set(backend_secrets)):
        yield f"{name} is in easi:backendEnvironment and in easi:backendSecrets: expected one of them"


def _time_for_alarms(deployment_alarms: bool, rollout_deadline: int) -> Iterator[str]:
    if deployment_alarms and rollout_deadline < MIN_DEADLINE_WITH_ALARMS_S:
        yield (
            f"easi:rolloutDeadline is {rollout_deadline}: expected {MIN_DEADLINE_WITH_ALARMS_S} or more with "
            "easi:deploymentAlarms, which ECS watches for minutes after the last task is up"
        )


def _time_for_checks(health_passes: int, health_interval: int, health_deadline: int) -> Iterator[str]:
    needed = health_passes * health_interval
    if needed >= health_deadline:
        yield (
            f"easi:healthDeadline is {health_deadline}: expected more than the {needed} seconds "
            f"of easi:healthPasses ({health_passes}) times easi:healthInterval ({health_interval})"
        )


TOGETHER: Sequence[Callable[..., Iterator[str]]] = (
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
    _regions,
    _size,
    _counts,
    _names_of_variables,
    _time_for_alarms,
    _time_for_checks,
)


def _given(**settings: Any) -> list[str]:
    return [f"easi:{key}" for key, value in settings.items() if value]


def _said(key: str, check: Callable[[], Any]) -> Iterator[str]:
    """What a component's own check says."""
    try:
        check()
    except ValueError as error:
        yield f"{key}: {error}"
