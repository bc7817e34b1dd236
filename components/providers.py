"""AWS providers beside the stack's own: the same account and settings in another region."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from release import strict_json
from release.strict_json import DamagedError

US_EAST_1 = "us-east-1"
"""Where AWS wants what belongs to a CloudFront distribution: certificates, log deliveries, metrics and their alarms."""
_PREFIX = "aws:"
_NUMBERS = frozenset({"max_retries", "token_bucket_rate_limiter_capacity"})
_HAS_SECRET = re.compile(r'"(externalId|webIdentityToken)"')
"""Settings that are secret in the state also where the configuration has them in clear text."""


def us_east_1(config: Mapping[str, str], secrets: Collection[str] = ()) -> aws.Provider:
    """A provider for us-east-1 with the other `aws:` settings of a stack: profile, roles, default tags, endpoints.

    `config` is the engine's configuration: `aws:<key>` to a string, JSON for lists, objects, numbers and booleans;
    `secrets` are the keys that hold a secret of Pulumi. A key that the provider does not have is left out: the stack's
    own provider refuses it.
    """
    known = inspect.signature(aws.ProviderArgs).parameters
    given: dict[str, Any] = {}
    for key in sorted(config):
        name = _snake(key.removeprefix(_PREFIX))
        if key.startswith(_PREFIX) and name in known and name != "region":
            value = _value(name, config[key])
            given[name] = pulumi.Output.secret(value) if key in secrets or _HAS_SECRET.search(config[key]) else value
    return aws.Provider(US_EAST_1, aws.ProviderArgs(region=US_EAST_1, **given))


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _value(name: str, text: str) -> Any:
    if name not in _NUMBERS and text[:1] not in {"[", "{"} and text not in {"true", "false"}:
        return text
    try:
        return strict_json.decode(text)
    except DamagedError as error:
        raise pulumi.RunError(f"the setting of the AWS provider {name} cannot be read: {error}") from error
