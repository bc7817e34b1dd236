"""What a setting has to be beyond its type."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from components import aws_limits
from settings.reader import key_of

PRIVATE = frozenset({"backend_environment", "backend_secrets", "probe_secret"})
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


_KEY = Form(aws_limits.KEY_ARN, "the ARN of a KMS key: arn:aws:kms:<region>:<account>:key/…")
_VALUE_FROM = "|".join((aws_limits.SECRET_ARN, aws_limits.PARAMETER_ARN))
_HEADER = Form(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", "one line of printable ASCII, without a space at either end")
_RELATIVE = Form(r"(?!/).+", "a folder, relative to the project", may_be_empty=False)

FORMS: Mapping[str, Form] = {
    "promote_from": Form(r"[\w.-]+", "the name of a stack"),
    "domain": Form(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", "a host name in lower case"),
    "certificate_arn": Form(
        aws_limits.certificate_arn("us-east-1"),
        "the ARN of an ACM certificate in us-east-1, where CloudFront looks: arn:aws:acm:us-east-1:<account>:…",
    ),
    "hosted_zone_id": Form(r"Z[A-Z0-9]{1,31}", "the id of a Route 53 hosted zone: Z…"),
    "public_url": Form(r"https?://[^/\s@]+", "http(s)://host[:port] without a path"),
    "connect_to": Form(
        r"\{distribution\}(:\d{1,5})?|(\{distribution\}\.)?[^\s:/{}]+:\d{1,5}", "host:port, or {distribution}"
    ),
    "probe_secret": Form(r"[\x21-\x7e]{16,512}", "16 to 512 characters of printable ASCII without spaces"),
    "web_acl_arn": Form(
        aws_limits.WEB_ACL_ARN,
        "the ARN of a web ACL of scope CLOUDFRONT: arn:aws:wafv2:us-east-1:<account>:global/webacl/…",
    ),
    "content_security_policy": _HEADER,
    "permissions_policy": _HEADER,
    "origin_shield_region": Form(aws_limits.REGION, "a region"),
    "vpc_id": Form(r"vpc-[0-9a-z]+", "vpc-…"),
    "private_subnet_ids": Form(r"subnet-[0-9a-z]+", "subnet-…", may_be_empty=False),
    "go_image": Form(r"\S+", "an image", may_be_empty=False),
    "backend_folder": _RELATIVE,
    "migration_command": Form(r"[^\0]+", "a text that is not empty", may_be_empty=False),
    "frontend_folder": _RELATIVE,
    "backend_secrets": Form(
        _VALUE_FROM,
        "the ARN of a secret (arn:aws:secretsmanager:…:secret:…) or of a parameter (arn:aws:ssm:…:parameter/…)",
        may_be_empty=False,
    ),
    "load_balancer_certificate_arn": Form(
        aws_limits.certificate_arn(), "the ARN of an ACM certificate: arn:aws:acm:<region>:<account>:certificate/…"
    ),
    "log_key_arn": _KEY,
    "data_key_arn": _KEY,
    "us_east1_key_arn": Form(
        aws_limits.arn("kms", r"key/[\w-]+", region="us-east-1"),
        "the ARN of a KMS key in us-east-1: arn:aws:kms:us-east-1:…",
    ),
    "secret_key_arns": _KEY._replace(may_be_empty=False),
    "alarm_emails": Form(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+", "an e-mail address", may_be_empty=False),
    "reader_account_ids": Form(r"\d{12}", "12 digits", may_be_empty=False),
    "role_path": Form(r"/([\x21-\x7e]{1,510}/)?", "a path that begins and ends with /", may_be_empty=False),
    "permissions_boundary": Form(
        aws_limits.POLICY_ARN,
        "the ARN of an IAM policy: arn:aws:iam::<account>:policy/…",
    ),
}

ONCE = frozenset({"private_subnet_ids", "public_variables", "secret_key_arns", "alarm_emails", "reader_account_ids"})
"""Lists of which AWS or its provider keeps each item once: one that is there twice would be a change in every update.
Upper and lower case make no other item: of addresses, both are the same mailbox; the others have none."""

CHOICES: Mapping[str, Sequence[str | int]] = {
    "cpu": (aws_limits.SMALLEST_CPU, *aws_limits.MEMORY_MIB),
    "cpu_architecture": ("X86_64", "ARM64"),
    "container_insights": ("enabled", "enhanced", "disabled"),
    "log_retention_days": aws_limits.RETENTION_DAYS,
}

RANGES: Mapping[str, Range] = {
    "zones": Range(aws_limits.MIN_ZONES, aws_limits.MAX_ZONES),
    "nat_gateways": Range(1, aws_limits.MAX_ZONES),
    "access_log_days": Range(0, 3653),
    "flow_log_days": Range(0, 3653),
    "load_balancer_log_days": Range(0, 3653),
    "health_check_grace": Range(0, 3600),
    "min_count": Range(1, 1000),
    "max_count": Range(1, 1000),
    "scale_at_cpu_percent": Range(1, 100),
    "migration_timeout": Range(10, 7200),
    "health_passes": Range(1, 100),
    "health_interval": Range(1, 60),
    "health_deadline": Range(2, 3600),
    # A new task needs most of a minute to be pulled, started and found healthy; CI ends a job after six hours.
    "rollout_deadline": Range(60, 7200),
    "keep_releases": Range(1, 100),
}


def expectation(field: str) -> str:
    """What a setting has to be beyond its type, in words; empty where anything goes."""
    if field in FORMS:
        return FORMS[field].expected
    if field in CHOICES:
        return "one of " + ", ".join(str(choice) for choice in CHOICES[field])
    return f"{RANGES[field].low} to {RANGES[field].high}" if field in RANGES else ""


def alone(field: str, value: Any) -> Iterator[str]:
    """What is wrong with one setting, by its field, whatever the others are."""
    key = f"easi:{key_of(field)}"
    if field in RANGES and not RANGES[field].low <= value <= RANGES[field].high:
        yield f"{key} is {value}: expected {expectation(field)}"
    if field in CHOICES and value not in CHOICES[field]:
        yield f"{key} is {value}: expected {expectation(field)}"
    if field in FORMS:
        for place, text in _texts(key, value):
            if not re.fullmatch(FORMS[field].pattern, text) and (text or not FORMS[field].may_be_empty):
                yield f"{place} is {_shown(field, text)}: expected {expectation(field)}"
    if field in ONCE:
        items = [str(item).casefold() for item in value]
        for number, item in enumerate(items):
            if item in items[:number]:
                yield f"{key}[{number}] is {value[number]!r}, as is {key}[{items.index(item)}]: expected each once"


def _texts(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text of a setting, with where it is."""
    if isinstance(value, Mapping):
        yield from ((key + _step(name), item) for name, item in value.items())
    elif isinstance(value, tuple):
        yield from ((f"{key}[{number}]", item) for number, item in enumerate(value))
    else:
        yield key, value


def _step(name: str) -> str:
    """A name in a property path of Pulumi, as `--path` takes it: a dot in it would lead one level down."""
    return f".{name}" if re.fullmatch(r"\w+", name) else f"[{json.dumps(name)}]"


def _shown(field: str, text: str) -> str:
    return "something else" if field in PRIVATE else repr(text)
