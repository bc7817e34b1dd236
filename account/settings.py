"""The settings of one account: typed, strict, frozen."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import pulumi

from components import aws_limits
from settings import formats, reader
from settings.declared import key_of
from settings.formats import Range, Text
from settings.names import project
from settings.reader import SettingsError

FOLDER = Path(__file__).parent
"""With the Pulumi.yaml of this program; that of the environments is in the folder above."""
_STACK = Text(r"[a-z][a-z0-9-]*", "the name of a stack: a-z, 0-9 and -", may_be_empty=False)
_REPOSITORY = Text(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+", "owner/name of the GitHub repository", may_be_empty=False)
_STATE_BUCKET = Text(
    r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", "the bucket that `python -m account.state` made", may_be_empty=False
)
_PROVIDER = Text(
    aws_limits.arn("iam", r"oidc-provider/token\.actions\.githubusercontent\.com", region=""),
    "the ARN of an IAM identity provider for GitHub's tokens, or nothing",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """One field for each setting of account/Pulumi.yaml, which has the descriptions and defaults."""

    repository: Annotated[str, _REPOSITORY]
    owner_id: int
    repository_id: int
    legacy_subject: bool
    environments: Annotated[
        Mapping[str, str],
        Text(rf"{_STACK.pattern}(:{_STACK.pattern})*", "the stack that it promotes from, or nothing"),
    ]
    makes_vpc: tuple[str, ...]
    state_bucket: Annotated[str, _STATE_BUCKET]
    state_key_arn: Annotated[str, formats.KMS_KEY._replace(may_be_empty=False)]
    provider_arn: Annotated[str, _PROVIDER]
    hosted_zone_ids: Annotated[tuple[str, ...], formats.HOSTED_ZONE._replace(may_be_empty=False)]
    max_session: Annotated[int, Range(3600, 43_200)]
    role_path: Annotated[str, formats.ROLE_PATH]
    permissions_boundary: Annotated[str, formats.PERMISSIONS_BOUNDARY]

    def before(self, environment: str) -> tuple[str, ...]:
        """The stacks before an environment, the nearest first: those that are named, and those before them here."""
        stacks: list[str] = []
        names = self.environments[environment]
        while more := [name for name in names.split(":") if name and name not in (environment, *stacks)]:
            stacks += more
            names = self.environments.get(stacks[-1], "")
        return tuple(stacks)


def load(stack: str, config: Mapping[str, str], secrets: Collection[str] = ()) -> Settings:
    """The settings of `stack` from the engine's configuration: `<project>:<key>` to a string, JSON for lists, maps.

    Raises SettingsError, which lists every unknown key, missing value, wrong value, and the `secrets` of Pulumi.
    """
    values, problems = reader.read(project(FOLDER), Settings, config, secrets)
    problems += _contradictions(values)
    if problems:
        raise SettingsError(stack, f"account/Pulumi.{stack}.yaml", problems)
    return Settings(**values)


def load_stack() -> Settings:
    """The settings of the stack that runs. Raises SettingsError as `load` does."""
    config = reader.of_stack()
    return load(pulumi.get_stack(), config, reader.secret_keys(config))


def _contradictions(values: Mapping[str, Any]) -> Iterator[str]:
    environments = values.get("environments")
    if environments == {}:
        yield _expected("environments", {}, "at least one environment; `pulumi config set --path` adds one")
    for environment, upstream in (environments or {}).items():
        if not _STACK.takes(environment):
            yield _expected("environments", {environment: upstream}, _STACK.expected)
        if environment in upstream.split(":"):
            yield _expected("environments", {environment: upstream}, "another environment to promote from")
    for environment in values.get("makes_vpc", ()):
        if environments is not None and environment not in environments:
            yield _expected("makes_vpc", environment, "some of the environments")
    if values.get("legacy_subject") is False:
        for name, query in (("owner_id", ".owner.id"), ("repository_id", ".id")):
            if values.get(name) == 0:
                yield _expected(name, 0, f"what `gh api repos/OWNER/NAME --jq {query}` prints")


def _expected(field: str, value: object, expected: str) -> str:
    return f"{project(FOLDER)}:{key_of(field)} is {value!r}: expected {expected}"
