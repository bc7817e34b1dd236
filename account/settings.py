"""The settings of one account: typed, strict, all problems told at once."""

from __future__ import annotations

import dataclasses
import re
import typing
from collections.abc import Collection, Iterator, Mapping

import pulumi

from components import aws_limits
from settings import reader
from settings.reader import SettingsError, key_of

PROJECT = "easi-account"

_NAME = re.compile(r"[a-z][a-z0-9-]*")
_REPOSITORY = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+")
_KEY_ARN = re.compile(aws_limits.KEY_ARN)
_PROVIDER_ARN = re.compile(aws_limits.arn("iam", r"oidc-provider/token\.actions\.githubusercontent\.com", region=""))
_POLICY_ARN = re.compile(aws_limits.POLICY_ARN)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PATH = re.compile(r"/([!-.0-~]+/)*")
_ZONE = re.compile(r"Z[A-Z0-9]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """One field for each setting of account/Pulumi.yaml, which has the descriptions and defaults."""

    project: str
    repository: str
    owner_id: int
    repository_id: int
    legacy_subject: bool
    environments: Mapping[str, str]
    makes_vpc: tuple[str, ...]
    state_bucket: str
    state_key_arn: str
    provider_arn: str
    hosted_zone_ids: tuple[str, ...]
    max_session: int
    role_path: str
    permissions_boundary: str


def load(stack: str, config: Mapping[str, str], secrets: Collection[str] = ()) -> Settings:
    """The settings of `stack` from the engine's configuration: `easi-account:<key>` to a string, JSON for lists, maps.

    Raises SettingsError, which lists every unknown key, missing value, wrong value, and the `secrets` of Pulumi.
    """
    values, problems = reader.read(PROJECT, Settings, config, secrets=secrets)
    problems += _wrong(values)
    if problems:
        raise SettingsError(stack, f"account/Pulumi.{stack}.yaml", problems)
    return Settings(**values)


def load_stack() -> Settings:
    """The settings of the stack that runs. Raises SettingsError as `load` does."""
    config = reader.of_stack()
    return load(pulumi.get_stack(), config, reader.secret_keys(config))


_SHAPES = {
    "project": (_NAME, "the name of the Pulumi project whose stacks are the environments"),
    "repository": (_REPOSITORY, "owner/name of the GitHub repository"),
    "state_bucket": (_BUCKET, "the bucket that `python -m account.state` made"),
    "state_key_arn": (_KEY_ARN, "the key's ARN that `python -m account.state` printed, not an alias"),
    "provider_arn": (_PROVIDER_ARN, "the ARN of an IAM identity provider for GitHub's tokens, or nothing"),
    "hosted_zone_ids": (_ZONE, "ids of Route 53 zones, as Z0123456789ABC is one"),
    "role_path": (_PATH, "a path that begins and ends with a slash"),
    "permissions_boundary": (_POLICY_ARN, "the ARN of an IAM policy, or nothing"),
}
_OPTIONAL = {"provider_arn", "permissions_boundary"}


def _wrong(values: Mapping[str, typing.Any]) -> Iterator[str]:
    """What is wrong with the values that could be read."""
    for name, (pattern, expected) in _SHAPES.items():
        value = values.get(name, ())
        for text in [value] if isinstance(value, str) else value:
            if not pattern.fullmatch(text) and (text or name not in _OPTIONAL):
                yield _expected(name, text, expected)
    yield from _wrong_environments(values.get("environments"))
    for environment in values.get("makes_vpc", ()):
        if environment not in values.get("environments", {environment: ""}):
            yield _expected("makes_vpc", environment, "some of the environments")
    if not 3600 <= values.get("max_session", 3600) <= 43_200:
        yield _expected("max_session", values["max_session"], "3600 to 43200 seconds")
    if values.get("legacy_subject") is False:
        for name, query in (("owner_id", ".owner.id"), ("repository_id", ".id")):
            if values.get(name) == 0:
                yield _expected(name, 0, f"what `gh api repos/OWNER/NAME --jq {query}` prints")


def _wrong_environments(environments: Mapping[str, str] | None) -> Iterator[str]:
    if environments == {}:
        yield _expected("environments", {}, "at least one environment; `pulumi config set --path` adds one")
    for environment, upstream in (environments or {}).items():
        if not _NAME.fullmatch(environment) or (upstream and not _NAME.fullmatch(upstream)):
            yield _expected("environments", {environment: upstream}, "names of stacks: a-z, 0-9 and -")
        if environment == upstream:
            yield _expected("environments", {environment: upstream}, "another environment to promote from")


def _expected(field: str, value: object, expected: str) -> str:
    return f"{PROJECT}:{key_of(field)} is {value!r}: expected {expected}"
