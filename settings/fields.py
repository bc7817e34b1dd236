"""The settings of one environment: typed, strict, frozen.

Pulumi.yaml declares every setting with its type and default, and the engine checks the types of scalars; what it cannot
check (unknown keys, the inside of lists and maps, the formats of the fields, in `rules` what belongs together) is
checked here, all at once.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import pulumi
import yaml

from components import aws_limits
from functions import strict_json
from functions.strict_json import DamagedError
from settings import clear_text, description, formats, reader, rules, yaml_text
from settings.formats import ANY_CASE, ONCE, PRIVATE, Choice, Range, Text
from settings.names import ProjectError, own_settings, prefix, project, whole_keys
from settings.reader import SettingsError
from settings.service import Service
from settings.site import Site

REGION = "aws:region"
"""The only setting of the AWS provider that has to be there; the others are the provider's business."""
PROBE_SECRET = "probeSecret"  # noqa: S105 - the name of a setting
"""The only setting of the project that is a secret."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """One field for each setting of Pulumi.yaml, in its order; descriptions, units and defaults are there."""

    services: Mapping[str, Service]
    sites: Mapping[str, Site]
    promote_from: Annotated[str, Text(r"[\w.-]+", "the name of a stack")]
    promote_branch: Annotated[str, Text(r"(?![-/])[\w./-]+(?<![./])", "the name of a branch")]
    # GitHub's reviews are given up after 30 days.
    soak_minutes: Annotated[int, Range(0, 43200)]
    probe_secret: Annotated[str, formats.PROBE_SECRET, PRIVATE] = dataclasses.field(repr=False)
    vpc_id: Annotated[str, Text(r"vpc-[0-9a-z]+", "vpc-…")]
    vpc_tags: Mapping[str, str]
    private_subnet_ids: Annotated[tuple[str, ...], Text(r"subnet-[0-9a-z]+", "subnet-…", may_be_empty=False), ONCE]
    private_subnet_tags: Mapping[str, str]
    vpc_cidr: str
    zones: Annotated[int, Range(aws_limits.MIN_ZONES, aws_limits.MAX_ZONES)]
    nat_gateways: Annotated[int, Range(1, aws_limits.MAX_ZONES)]
    flow_log_days: Annotated[int, formats.DAYS_OF_LOGS]
    load_balancer_certificate_arn: Annotated[str, formats.CERTIFICATE]
    load_balancer_log_days: Annotated[int, formats.DAYS_OF_LOGS]
    container_insights: Annotated[str, Choice(("enabled", "enhanced", "disabled"))]
    deploy_in_vpc: bool
    # A new task needs most of a minute to be pulled, started and found healthy; CI ends a job after six hours.
    rollout_deadline: Annotated[int, Range(60, 7200)]
    keep_releases: Annotated[int, Range(1, 100)]
    require_snapshot: bool
    refuse_findings: Annotated[str, Choice(("", "critical", "high", "medium"))]
    alarm_emails: Annotated[tuple[str, ...], formats.EMAIL, ONCE, ANY_CASE]
    log_retention_days: Annotated[int, Choice(aws_limits.RETENTION_DAYS)]
    log_key_arn: Annotated[str, formats.KMS_KEY]
    data_key_arn: Annotated[str, formats.KMS_KEY]
    us_east1_key_arn: Annotated[str, formats.US_EAST_1_KMS_KEY]
    reader_account_ids: Annotated[tuple[str, ...], Text(r"\d{12}", "12 digits", may_be_empty=False), ONCE]
    role_path: Annotated[str, formats.ROLE_PATH]
    permissions_boundary: Annotated[str, formats.PERMISSIONS_BOUNDARY]
    protect: bool


def load(stack: str, config: Mapping[str, str], secrets: Collection[str] = (), file: Path | None = None) -> Settings:
    """The settings of `stack` from the engine's configuration: `<project>:<key>` to a string, JSON for lists and maps.

    `secrets` are the keys that hold a secret of Pulumi, and `file` is the stack's, by default Pulumi.<stack>.yaml here.
    Raises SettingsError, which lists everything that is wrong: unknown keys, missing values, wrong types and formats,
    secrets, and what `rules` says of the settings that could be read. No value of a private setting is repeated.
    """
    file = file or Path(f"Pulumi.{stack}.yaml")
    # The project may be in another folder than the program, as that of `make up` is.
    shown = os.path.relpath(file)
    try:
        own_settings(config)
        _sound(file, shown)
    except ProjectError as error:
        # Everything else that is wrong would be of settings that nobody has written.
        raise SettingsError(stack, shown, [str(error)]) from error
    probe_secret = f"{prefix()}{PROBE_SECRET}"
    secrets_elsewhere = [key for key in secrets if key != probe_secret]
    config = _with_defaults(config)
    values, problems = reader.read(project(), Settings, config, secrets_elsewhere)
    if config.get(probe_secret) and probe_secret not in secrets:
        problems.append(
            f"{probe_secret} is in clear text in {shown}: expected a secret of Pulumi\n"
            f"      to set another one:  pulumi config set -s {stack} {probe_secret} --secret"
        )
    readable = {**values, "stack": stack, "default_tags": _default_tags(config)}
    region = config.get(REGION, "")
    if re.fullmatch(aws_limits.REGION, region):
        readable["region"] = region
    elif near := [] if region else difflib.get_close_matches(REGION, [key for key in config if key.startswith("aws:")]):
        problems.append(f"{near[0]} is no setting of the AWS provider: did you mean {REGION}?")
    else:
        problems.append(
            f"{REGION} is {repr(region) if region else 'missing'}: expected the AWS region of this environment, for "
            f"example us-west-2\n      to set it:  pulumi config set -s {stack} {REGION} <region>"
        )
    own = [key for key in secrets_elsewhere if key.startswith(prefix())]
    problems += clear_text.encrypted(stack, region, own, file)
    problems += rules.problems(readable)
    problems += _without_settings(stack, values.get("promote_from", ""), file)
    if problems:
        raise SettingsError(stack, shown, problems)
    return Settings(**values)


def _sound(file: Path, shown: str) -> None:
    """Raises ProjectError for a setting that the stack's file has twice, and for one without its `config`.

    The engine hands over one of the two, and none of what is below another key.
    """
    with contextlib.suppress(OSError, ValueError, AttributeError, TypeError, RecursionError, yaml.YAMLError):
        content = yaml_text.load(file.read_text(encoding="utf-8")) or {}
        whole_keys(content.get("config") or {}, shown, project())
        near = difflib.get_close_matches("config", [key for key in content if isinstance(key, str)], n=1)
        if near and "config" not in content:
            raise ProjectError(f"{shown} has {near[0]}, which is nothing of a stack's file: did you mean config?")


def _without_settings(stack: str, promote_from: str, file: Path) -> Iterator[str]:
    """An environment before that has no settings beside those in `file`, which is one of Pulumi's by its name."""
    if not promote_from or promote_from == stack or not file.is_file():
        return
    before = file.with_name(f"Pulumi.{promote_from}.yaml")
    if not before.exists():
        names = (path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in file.parent.glob("Pulumi.*.yaml"))
        others = sorted(name for name in names if name != stack)
        near = difflib.get_close_matches(promote_from, others, n=1, cutoff=0.5)
        expected = f": expected one of {', '.join(others)}" if others else ", nor of another stack"
        yield (
            f"{prefix()}promoteFrom is {promote_from}, and there is no {before.name}"
            + (f"; did you mean {near[0]}?" if near else expected)
        )


def _with_defaults(config: Mapping[str, str]) -> Mapping[str, str]:
    """The settings, with the description that Pulumi.yaml has by default below that of the stack."""
    whole = dict(config)
    for key, default in description.declared_defaults().items():
        if f"{prefix()}{key}" in config:
            try:
                stacks = strict_json.decode(config[f"{prefix()}{key}"])
            except DamagedError:
                continue  # told where it is read
            whole[f"{prefix()}{key}"] = json.dumps(description.merged(default, stacks))
    return whole


def _default_tags(config: Mapping[str, str]) -> Mapping[str, Any]:
    """The tags that the AWS provider gives to everything; what cannot be read is refused by the provider."""
    try:
        tags = strict_json.decode(config.get("aws:defaultTags") or "{}").get("tags")
    except (DamagedError, AttributeError):
        return {}
    return tags if isinstance(tags, dict) else {}


def load_stack() -> Settings:
    """The settings of the stack that runs. Raises SettingsError as `load` does."""
    stack, config = pulumi.get_stack(), reader.of_stack()
    file = Path(pulumi.runtime.get_root_directory() or ".") / f"Pulumi.{stack}.yaml"
    return load(stack, config, reader.secret_keys(config), file)
