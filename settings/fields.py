"""The settings of one environment: typed, strict, frozen.

Pulumi.yaml declares every setting with its type
and default, and the engine checks the types of scalars; what it cannot check (unknown keys, the inside of lists and
maps, in `formats` what a value has to be, in `rules` what belongs together) is checked here, all at once.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pulumi

from components import aws_limits
from release import strict_json
from release.strict_json import DamagedError
from settings import clear_text, formats, reader, rules
from settings.reader import SettingsError

PROJECT = "easi"
REGION = "aws:region"
"""The only setting of the AWS provider that has to be there; the others are the provider's business."""

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


def _filled(text: str, distribution_domain_name: str) -> str:
    return text.replace(DISTRIBUTION_PLACEHOLDER, distribution_domain_name.partition(".")[0])


def load(stack: str, config: Mapping[str, str], secrets: Collection[str] = (), file: Path | None = None) -> Settings:
    """The settings of `stack` from the engine's configuration: `easi:<key>` to a string, JSON for lists and maps.

    `secrets` are the keys that hold a secret of Pulumi, and `file` is the stack's, by default Pulumi.<stack>.yaml here.
    Raises SettingsError, which lists everything that is wrong: unknown keys, missing values, wrong types, secrets, and
    what `rules` says of the settings that could be read. No value of a variable of the backend is repeated.
    """
    file = file or Path(f"Pulumi.{stack}.yaml")
    others = [key for key in secrets if key != PROBE_SECRET]
    values, problems = reader.read(PROJECT, Settings, config, formats.PRIVATE, others)
    if config.get(PROBE_SECRET) and PROBE_SECRET not in secrets:
        problems.append(
            f"{PROBE_SECRET} is in clear text in {file.name}: expected a secret of Pulumi\n"
            f"      to set another one:  pulumi config set -s {stack} {PROBE_SECRET} --secret"
        )
    place: dict[str, Any] = {"stack": stack, "default_tags": _default_tags(config)}
    region = config.get(REGION, "")
    if re.fullmatch(aws_limits.REGION, region):
        place["region"] = region
    else:
        problems.append(
            f"{REGION} is {repr(region) if region else 'missing'}: expected the AWS region of this environment, for "
            f"example us-west-2\n      to set it:  pulumi config set -s {stack} {REGION} <region>"
        )
    ours = [key for key in others if key.startswith(f"{PROJECT}:")]
    problems += clear_text.told(stack, region, ours, file)
    problems += rules.problems(values | place)
    if problems:
        raise SettingsError(stack, file.name, problems)
    return Settings(**values)


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
