"""The settings of one environment: typed, strict, frozen.

The only reader of `pulumi.Config` and of the process's environment. Pulumi.yaml declares every setting with its type
and default, and the engine checks the types of scalars; what it cannot check (unknown keys, the inside of lists and
maps, what belongs together) is checked here, all at once.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import re
import typing
from collections.abc import Mapping
from pathlib import Path

import pulumi

from components import fargate, subnets

PROJECT = "easi"
VERSION_VARIABLE = "EASI_VERSION"
"""Environment variable that names the version to release: a full Git SHA. HEAD without it."""
REASON_VARIABLE = "EASI_BREAK_GLASS_REASON"
"""Environment variable with the reason to run a version that the gate would refuse. The record keeps it."""

DISTRIBUTION_PLACEHOLDER = "{distribution}"
"""In `publicUrl`, the first label of the distribution's own domain name: d111111abcdef8 of …cloudfront.net."""

_SHA = re.compile(r"[0-9a-f]{40}")
_ARN = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:\S+")
_ACCOUNT = re.compile(r"\d{12}")


class SettingsError(pulumi.RunError):
    """Every wrong setting of a stack, each with what is expected. Ends the program without a traceback."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """One field for each setting of Pulumi.yaml, which has the descriptions, units and defaults."""

    promote_from: str
    domain: str
    certificate_arn: str
    public_url: str
    connect_to: str
    web_acl_arn: str
    vpc_id: str
    private_subnet_ids: tuple[str, ...]
    vpc_cidr: str
    nat_gateways: int
    cpu: int
    memory: int
    cpu_architecture: str
    min_count: int
    max_count: int
    scale_at_cpu_percent: int
    backend_environment: Mapping[str, str]
    backend_secrets: Mapping[str, str]
    go_image: str
    backend_folder: str
    frontend_folder: str
    health_passes: int
    health_interval: int
    health_deadline: int
    require_live_timestamp: bool
    rollout_deadline: int
    keep_releases: int
    log_retention_days: int
    reader_account_ids: tuple[str, ...]
    role_path: str
    permissions_boundary: str
    protect: bool

    def url(self, distribution_domain_name: str) -> str:
        """Where people reach the site, and where its releases are proven, without a path."""
        if not self.public_url:
            return f"https://{self.domain or distribution_domain_name}"
        return self.public_url.replace(DISTRIBUTION_PLACEHOLDER, distribution_domain_name.partition(".")[0])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """What this run of the program was asked to do, from the process's environment."""

    root: Path
    """The project's folder."""
    requested_version: str | None
    """The full Git SHA in EASI_VERSION; None means HEAD."""
    break_glass_reason: str | None


def key_of(field: str) -> str:
    """The setting's key in Pulumi.yaml for a field of `Settings`: `min_count` is `minCount`."""
    head, *tail = field.split("_")
    return head + "".join(part.capitalize() for part in tail)


def load(stack: str, config: Mapping[str, str]) -> Settings:
    """The settings of `stack` from the engine's configuration: `easi:<key>` to a string, JSON for lists and maps.

    Raises SettingsError, which lists every unknown key, missing value and wrong type.
    """
    prefix = f"{PROJECT}:"
    given = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    types = typing.get_type_hints(Settings)
    fields = {key_of(field.name): field.name for field in dataclasses.fields(Settings)}
    problems = [_unknown(key, fields) for key in sorted(set(given) - set(fields))]
    values: dict[str, typing.Any] = {}
    for key, name in fields.items():
        if key not in given:
            problems.append(f"{prefix}{key} is missing: Pulumi.yaml declares it with a default; is that file complete?")
            continue
        try:
            values[name] = _parse(given[key], types[name])
        except ValueError as error:
            problems.append(f"{prefix}{key} is {given[key]!r}: {error}")
    if not problems:
        settings = Settings(**values)
        problems = _inconsistencies(stack, settings)
        if not problems:
            return settings
    raise SettingsError(
        f"the settings of stack {stack} (Pulumi.{stack}.yaml) cannot be used:\n  " + "\n  ".join(problems)
    )


def load_stack() -> Settings:
    """The settings of the stack that runs. Raises SettingsError as `load` does."""
    # The engine hands the configuration to a program in one of these two ways, depending on how it starts it.
    config = {**pulumi.runtime.get_config_env(), **pulumi.runtime.config.CONFIG.get()}
    return load(pulumi.get_stack(), config)


def load_run() -> Run:
    """What the environment variables ask for. Raises SettingsError for a version that is no full Git SHA."""
    version = os.environ.get(VERSION_VARIABLE) or None
    if version is not None and not _SHA.fullmatch(version):
        raise SettingsError(
            f"{VERSION_VARIABLE} is {version!r}: expected a full Git SHA, 40 characters 0-9a-f. "
            f"`git rev-parse {version}` prints it."
        )
    return Run(
        root=Path(__file__).resolve().parent,
        requested_version=version,
        break_glass_reason=os.environ.get(REASON_VARIABLE) or None,
    )


def aws_connection() -> Mapping[str, typing.Any]:
    """The credentials that `aws:` settings give the AWS provider, for what talks to AWS beside it."""
    config = pulumi.Config("aws")
    roles = config.get_object("assumeRoles") or ([config.get_object("assumeRole")] if config.get("assumeRole") else [])
    return {"profile": config.get("profile") or "", "assumeRoles": roles}


def _unknown(key: str, known: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    return f"{PROJECT}:{key} is no setting" + (f": did you mean {PROJECT}:{near[0]}?" if near else " of Pulumi.yaml")


def _parse(text: str, kind: typing.Any) -> typing.Any:
    """The value of a setting of type `kind`. Raises ValueError with what is expected."""
    if kind is str:
        return text
    if kind is bool:
        if text not in {"true", "false"}:
            raise ValueError("expected true or false")
        return text == "true"
    if kind is int:
        if not re.fullmatch(r"-?\d+", text):
            raise ValueError("expected a whole number")
        return int(text)
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = None
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError("expected a list of strings")
        return tuple(value)
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError("expected a map of names to strings (quote numbers)")
    return dict(sorted(value.items()))


def _inconsistencies(stack: str, settings: Settings) -> list[str]:
    """What is wrong between settings, and values that their type alone does not exclude."""
    rules = [
        (settings.promote_from != stack, f"easi:promoteFrom is {stack}, this stack: name the environment before it"),
        (
            bool(settings.domain) == bool(settings.certificate_arn),
            "easi:domain and easi:certificateArn belong together: set both or neither",
        ),
        (
            bool(settings.vpc_id) == bool(settings.private_subnet_ids),
            "easi:vpcId and easi:privateSubnetIds belong together: set both (an existing network) or neither",
        ),
        (settings.nat_gateways in {1, 2}, f"easi:natGateways is {settings.nat_gateways}: expected 1 or 2"),
        (
            settings.cpu_architecture in {"X86_64", "ARM64"},
            f"easi:cpuArchitecture is {settings.cpu_architecture!r}: expected X86_64 or ARM64",
        ),
        (
            1 <= settings.min_count <= settings.max_count,
            f"easi:minCount is {settings.min_count} and easi:maxCount {settings.max_count}: "
            "expected 1 <= minCount <= maxCount",
        ),
        (
            1 <= settings.scale_at_cpu_percent <= 100,
            f"easi:scaleAtCpuPercent is {settings.scale_at_cpu_percent}: expected 1 to 100",
        ),
        (
            re.fullmatch(r"(https?://[^/\s]+)?", settings.public_url) is not None,
            f"easi:publicUrl is {settings.public_url!r}: expected http(s)://host[:port] without a path",
        ),
        (
            re.fullmatch(r"([^\s:/]+:\d+)?", settings.connect_to) is not None,
            f"easi:connectTo is {settings.connect_to!r}: expected host:port",
        ),
        (
            re.fullmatch(r"/([\x21-\x7e]+/)?", settings.role_path) is not None,
            f"easi:rolePath is {settings.role_path!r}: expected a path that begins and ends with /",
        ),
    ]
    problems = [message for fine, message in rules if not fine]
    try:
        fargate.check_size(settings.cpu, settings.memory)
    except ValueError as error:
        problems.append(f"easi:cpu and easi:memory: {error}")
    try:
        subnets.subnet_blocks(settings.vpc_cidr)
    except ValueError as error:
        problems.append(f"easi:vpcCidr: {error}")
    for name in ("health_passes", "health_interval", "health_deadline", "rollout_deadline", "keep_releases"):
        if getattr(settings, name) < 1:
            problems.append(f"easi:{key_of(name)} is {getattr(settings, name)}: expected 1 or more")
    for key, arn in [
        ("certificateArn", settings.certificate_arn),
        ("webAclArn", settings.web_acl_arn),
        ("permissionsBoundary", settings.permissions_boundary),
        *((f"backendSecrets.{name}", arn) for name, arn in settings.backend_secrets.items()),
    ]:
        # A secret's value pasted where its ARN belongs must not come out in the message.
        if arn and not _ARN.fullmatch(arn):
            problems.append(f"easi:{key} is not an ARN: expected arn:aws:…")
    problems += [
        f"easi:readerAccountIds has {account!r}: expected 12 digits"
        for account in settings.reader_account_ids
        if not _ACCOUNT.fullmatch(account)
    ]
    return problems
