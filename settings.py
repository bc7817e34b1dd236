"""The settings of one environment: typed, strict, frozen.

The only reader of `pulumi.Config` and of the process's environment. Pulumi.yaml declares every setting with its type
and default, and the engine checks the types of scalars; what it cannot check (unknown keys, the inside of lists and
maps, in `setting_forms` what a value has to be, in `setting_rules` what belongs together) is checked here, all at once.
"""

from __future__ import annotations

import dataclasses
import os
import re
import typing
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import boto3
import pulumi

import configuration
import setting_forms
import setting_rules
import setting_secrets
from components import regions
from configuration import SettingsError
from release import session, version
from release.request import Connection

PROJECT = "easi"
REGION = "aws:region"
"""The only setting of the AWS provider that has to be there; the others are the provider's business."""
VERSION_VARIABLE = "EASI_VERSION"
"""Environment variable that names the version to release, in full. The working tree's without it."""
REASON_VARIABLE = "EASI_BREAK_GLASS_REASON"
"""Environment variable with the reason to run a version that the gate would refuse. The record keeps it."""
RESTART_VARIABLE = "EASI_RESTART"
"""Environment variable with the reason to start every task anew although nothing changed, as after the rotation of a
secret. The record of the attempt keeps it."""

PROBE_SECRET = "easi:probeSecret"  # noqa: S105 - the name of the setting
"""The only setting of ours that is a secret."""
DISTRIBUTION_PLACEHOLDER = "{distribution}"
"""In `publicUrl`, the first label of the distribution's own domain name: d111111abcdef8 of …cloudfront.net. In
`connectTo` that too, and alone it is the whole name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """One field for each setting of Pulumi.yaml, in its order; descriptions, units and defaults are there."""

    promote_from: str
    domain: str
    certificate_arn: str
    hosted_zone_id: str
    public_url: str
    connect_to: str
    probe_secret: str = dataclasses.field(repr=False)
    web_acl_arn: str
    content_security_policy: str
    permissions_policy: str
    hsts_subdomains: bool
    origin_shield_region: str
    access_log_days: int
    vpc_id: str
    vpc_tags: Mapping[str, str]
    private_subnet_ids: tuple[str, ...]
    private_subnet_tags: Mapping[str, str]
    vpc_cidr: str
    zones: int
    nat_gateways: int
    flow_log_days: int
    cpu: int
    memory: int
    cpu_architecture: str
    min_count: int
    max_count: int
    scale_at_cpu_percent: int
    backend_environment: Mapping[str, str]
    public_variables: tuple[str, ...]
    backend_secrets: Mapping[str, str]
    secret_key_arns: tuple[str, ...]
    load_balancer_certificate_arn: str
    load_balancer_log_days: int
    health_check_grace: int
    execute_command: bool
    container_insights: str
    deployment_alarms: bool
    go_image: str
    backend_folder: str
    frontend_folder: str
    deploy_in_vpc: bool
    migration_command: tuple[str, ...]
    migration_timeout: int
    health_passes: int
    health_interval: int
    health_deadline: int
    require_live_timestamp: bool
    rollout_deadline: int
    keep_releases: int
    alarm_emails: tuple[str, ...]
    log_retention_days: int
    log_key_arn: str
    data_key_arn: str
    us_east1_key_arn: str
    reader_account_ids: tuple[str, ...]
    role_path: str
    permissions_boundary: str
    protect: bool

    def url(self, distribution_domain_name: str) -> str:
        """Where people reach the site, and where its releases are proven, without a path."""
        if not self.public_url:
            return f"https://{self.domain or distribution_domain_name}"
        return _filled(self.public_url, distribution_domain_name)

    def address(self, distribution_domain_name: str) -> str:
        """`host:port` to connect to in place of the URL's own; empty for that one."""
        host, _, port = self.connect_to.partition(":")
        if host == DISTRIBUTION_PLACEHOLDER:
            return f"{distribution_domain_name}:{port or 443}"
        return _filled(self.connect_to, distribution_domain_name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """What this run of the program was asked to do, from the process's environment."""

    root: Path
    """The project's folder."""
    requested_version: str | None
    """What EASI_VERSION names, in full; None means what the working tree is."""
    break_glass_reason: str | None
    restart_reason: str | None


def _filled(text: str, distribution_domain_name: str) -> str:
    return text.replace(DISTRIBUTION_PLACEHOLDER, distribution_domain_name.partition(".")[0])


def load(stack: str, config: Mapping[str, str], secrets: Collection[str] = (), file: Path | None = None) -> Settings:
    """The settings of `stack` from the engine's configuration: `easi:<key>` to a string, JSON for lists and maps.

    `secrets` are the keys that hold a secret of Pulumi, and `file` is the stack's, by default Pulumi.<stack>.yaml here.
    Raises SettingsError, which lists everything that is wrong: unknown keys, missing values, wrong types, secrets, and
    what `setting_rules` says of the settings that could be read. No value of a variable of the backend is repeated.
    """
    file = file or Path(f"Pulumi.{stack}.yaml")
    others = [key for key in secrets if key != PROBE_SECRET]
    values, problems = configuration.read(PROJECT, Settings, config, setting_forms.PRIVATE, others)
    if config.get(PROBE_SECRET) and PROBE_SECRET not in secrets:
        problems.append(
            f"{PROBE_SECRET} is in clear text in {file.name}: expected a secret of Pulumi\n"
            f"      to set another one:  pulumi config set -s {stack} {PROBE_SECRET} --secret"
        )
    place = {"stack": stack}
    region = config.get(REGION, "")
    if re.fullmatch(regions.REGION, region):
        place["region"] = region
    else:
        problems.append(
            f"{REGION} is {repr(region) if region else 'missing'}: expected the AWS region of this environment, for "
            f"example us-west-2\n      to set it:  pulumi config set -s {stack} {REGION} <region>"
        )
    ours = [key for key in others if key.startswith(f"{PROJECT}:")]
    problems += setting_secrets.told(stack, region, ours, file)
    problems += setting_rules.problems(values | place)
    if problems:
        raise SettingsError(stack, file.name, problems)
    return Settings(**values)


def load_stack() -> Settings:
    """The settings of the stack that runs. Raises SettingsError as `load` does."""
    stack, config = pulumi.get_stack(), configuration.of_stack()
    file = Path(pulumi.runtime.get_root_directory() or ".") / f"Pulumi.{stack}.yaml"
    return load(stack, config, configuration.secret_keys(config), file)


def load_run() -> Run:
    """What the environment variables ask for. Raises pulumi.RunError for what is no version in full."""
    requested = os.environ.get(VERSION_VARIABLE) or None
    if requested is not None and not version.is_full(requested):
        raise pulumi.RunError(
            f"{VERSION_VARIABLE} is {requested!r}: expected {version.FORM}. "
            f"`git rev-parse {requested}` prints that of a commit."
        )
    return Run(
        root=Path(__file__).resolve().parent,
        requested_version=requested,
        break_glass_reason=os.environ.get(REASON_VARIABLE) or None,
        restart_reason=os.environ.get(RESTART_VARIABLE) or None,
    )


def connection(probe_secret: str) -> Mapping[str, typing.Any]:
    """How a release reaches the environment: AWS, with what `aws:` settings give its provider, and the site.

    An external id is a secret also where the configuration has it in clear text: the state has more readers.
    """
    return {
        "profile": pulumi.Config("aws").get("profile") or "",
        "assumeRoles": [
            {key: pulumi.Output.secret(value) if key == "externalId" else value for key, value in role.items()}
            for role in _roles()
        ],
        "probeSecret": pulumi.Output.secret(probe_secret) if probe_secret else "",
    }


def sign_in() -> boto3.Session:
    """A session with the credentials of the AWS provider, for what it has no function for.

    Raises BotoCoreError or ClientError.
    """
    connection = Connection(profile=pulumi.Config("aws").get("profile"), assume_roles=tuple(_roles()))
    return session.sign_in(connection, pulumi.Config("aws").require("region"))


def _roles() -> Sequence[Mapping[str, str]]:
    config = pulumi.Config("aws")
    return config.get_object("assumeRoles") or ([config.get_object("assumeRole")] if config.get("assumeRole") else [])
