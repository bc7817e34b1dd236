"""The settings of one environment: typed, strict, frozen.

Pulumi.yaml declares every setting with its type and default, and the engine checks the types of scalars; what it cannot
check (unknown keys, the inside of lists and maps, the formats of the fields, in `rules` what belongs together) is
checked here, all at once.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

import pulumi

from components import aws_limits
from functions import strict_json
from functions.strict_json import DamagedError
from settings import clear_text, formats, reader, rules
from settings.formats import ANY_CASE, ONCE, PRIVATE, Choice, Range, Text
from settings.names import PREFIX, PROJECT
from settings.reader import SettingsError

REGION = "aws:region"
"""The only setting of the AWS provider that has to be there; the others are the provider's business."""
PROBE_SECRET = f"{PREFIX}probeSecret"
"""The only setting of the project that is a secret."""
DISTRIBUTION_PLACEHOLDER = "{distribution}"
"""In `publicUrl`, the first label of the distribution's own domain name: d111111abcdef8 of …cloudfront.net. In
`connectTo` that too, and alone it is the whole name."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """One field for each setting of Pulumi.yaml, in its order; descriptions, units and defaults are there."""

    promote_from: Annotated[str, Text(r"[\w.-]+", "the name of a stack")]
    domain: Annotated[str, formats.DOMAIN]
    certificate_arn: Annotated[str, formats.US_EAST_1_CERTIFICATE]
    hosted_zone_id: Annotated[str, formats.HOSTED_ZONE]
    public_url: Annotated[str, formats.PUBLIC_URL]
    connect_to: Annotated[str, formats.CONNECT_TO]
    probe_secret: Annotated[str, formats.PROBE_SECRET, PRIVATE] = dataclasses.field(repr=False)
    web_acl_arn: Annotated[str, formats.WEB_ACL]
    content_security_policy: Annotated[str, formats.HEADER]
    permissions_policy: Annotated[str, formats.HEADER]
    hsts_subdomains: bool
    origin_shield_region: Annotated[str, Text(aws_limits.REGION, "a region")]
    access_log_days: Annotated[int, formats.DAYS_OF_LOGS]
    vpc_id: Annotated[str, Text(r"vpc-[0-9a-z]+", "vpc-…")]
    vpc_tags: Mapping[str, str]
    private_subnet_ids: Annotated[tuple[str, ...], Text(r"subnet-[0-9a-z]+", "subnet-…", may_be_empty=False), ONCE]
    private_subnet_tags: Mapping[str, str]
    vpc_cidr: str
    zones: Annotated[int, Range(aws_limits.MIN_ZONES, aws_limits.MAX_ZONES)]
    nat_gateways: Annotated[int, Range(1, aws_limits.MAX_ZONES)]
    flow_log_days: Annotated[int, formats.DAYS_OF_LOGS]
    cpu: Annotated[int, Choice((aws_limits.SMALLEST_CPU, *aws_limits.MEMORY_MIB))]
    memory: int
    cpu_architecture: Annotated[str, Choice(aws_limits.ARCHITECTURES)]
    min_count: Annotated[int, Range(1, 1000)]
    max_count: Annotated[int, Range(1, 1000)]
    scale_at_cpu_percent: Annotated[int, Range(1, 100)]
    backend_environment: Annotated[Mapping[str, str], PRIVATE]
    public_variables: Annotated[tuple[str, ...], ONCE]
    backend_secrets: Annotated[Mapping[str, str], formats.SECRET_ARN, PRIVATE]
    secret_key_arns: Annotated[tuple[str, ...], formats.KMS_KEY._replace(may_be_empty=False), ONCE]
    load_balancer_certificate_arn: Annotated[str, formats.CERTIFICATE]
    load_balancer_log_days: Annotated[int, formats.DAYS_OF_LOGS]
    health_check_grace: Annotated[int, Range(0, 3600)]
    execute_command: bool
    container_insights: Annotated[str, Choice(("enabled", "enhanced", "disabled"))]
    deployment_alarms: bool
    go_image: Annotated[str, Text(r"\S+", "an image", may_be_empty=False)]
    backend_folder: Annotated[str, formats.FOLDER]
    frontend_folder: Annotated[str, formats.FOLDER]
    publish: Annotated[tuple[str, ...], Text(r"(?!/).+", "a path in the frontend folder", may_be_empty=False), ONCE]
    deploy_in_vpc: bool
    migration_command: Annotated[tuple[str, ...], Text(r"[^\0]+", "a text that is not empty", may_be_empty=False)]
    migration_timeout: Annotated[int, Range(10, 7200)]
    health_passes: Annotated[int, Range(1, 100)]
    health_interval: Annotated[int, Range(1, 60)]
    health_deadline: Annotated[int, Range(2, 3600)]
    require_live_timestamp: bool
    # A new task needs most of a minute to be pulled, started and found healthy; CI ends a job after six hours.
    rollout_deadline: Annotated[int, Range(60, 7200)]
    keep_releases: Annotated[int, Range(1, 100)]
    alarm_emails: Annotated[tuple[str, ...], formats.EMAIL, ONCE, ANY_CASE]
    log_retention_days: Annotated[int, Choice(aws_limits.RETENTION_DAYS)]
    log_key_arn: Annotated[str, formats.KMS_KEY]
    data_key_arn: Annotated[str, formats.KMS_KEY]
    us_east1_key_arn: Annotated[str, formats.US_EAST_1_KMS_KEY]
    reader_account_ids: Annotated[tuple[str, ...], Text(r"\d{12}", "12 digits", may_be_empty=False), ONCE]
    role_path: Annotated[str, formats.ROLE_PATH]
    permissions_boundary: Annotated[str, formats.PERMISSIONS_BOUNDARY]
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
    """The settings of `stack` from the engine's configuration: `<project>:<key>` to a string, JSON for lists and maps.

    `secrets` are the keys that hold a secret of Pulumi, and `file` is the stack's, by default Pulumi.<stack>.yaml here.
    Raises SettingsError, which lists everything that is wrong: unknown keys, missing values, wrong types and formats,
    secrets, and what `rules` says of the settings that could be read. No value of a private setting is repeated.
    """
    file = file or Path(f"Pulumi.{stack}.yaml")
    # The project may be in another folder than the program, as that of `make up` is.
    shown = os.path.relpath(file)
    secrets_elsewhere = [key for key in secrets if key != PROBE_SECRET]
    values, problems = reader.read(PROJECT, Settings, config, secrets_elsewhere)
    if config.get(PROBE_SECRET) and PROBE_SECRET not in secrets:
        problems.append(
            f"{PROBE_SECRET} is in clear text in {shown}: expected a secret of Pulumi\n"
            f"      to set another one:  pulumi config set -s {stack} {PROBE_SECRET} --secret"
        )
    readable = {**values, "stack": stack, "default_tags": _default_tags(config)}
    region = config.get(REGION, "")
    if re.fullmatch(aws_limits.REGION, region):
        readable["region"] = region
    else:
        problems.append(
            f"{REGION} is {repr(region) if region else 'missing'}: expected the AWS region of this environment, for "
            f"example us-west-2\n      to set it:  pulumi config set -s {stack} {REGION} <region>"
        )
    own = [key for key in secrets_elsewhere if key.startswith(PREFIX)]
    problems += clear_text.encrypted(stack, region, own, file)
    problems += rules.problems(readable)
    if problems:
        raise SettingsError(stack, shown, problems)
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
