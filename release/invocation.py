"""What this run of the program was asked to do, and with which connection: the process's environment and `aws:`."""

from __future__ import annotations

import dataclasses
import os
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path

import boto3
import pulumi

from release import session, version
from release.request import Connection
from settings.names import REASON_VARIABLE, RESTART_VARIABLE, VERSION_VARIABLE, old_variables


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    root: Path
    """The project's folder."""
    requested_version: str | None
    """What RELEASE_VERSION names, in full; None means what the working tree is."""
    break_glass_reason: str | None
    restart_reason: str | None


def load() -> Run:
    """What the environment variables ask for. Raises pulumi.RunError for an old name, or what is no version in full."""
    if refusal := old_variables(os.environ):
        raise pulumi.RunError(refusal)
    requested = os.environ.get(VERSION_VARIABLE) or None
    if requested is not None and not version.is_full(requested):
        raise pulumi.RunError(
            f"{VERSION_VARIABLE} is {requested!r}: expected {version.FORM}. "
            f"`git rev-parse {requested}` prints that of a commit."
        )
    return Run(
        root=Path(__file__).resolve().parents[1],
        requested_version=requested,
        break_glass_reason=os.environ.get(REASON_VARIABLE) or None,
        restart_reason=os.environ.get(RESTART_VARIABLE) or None,
    )


def connection(probe_secret: str, *, before: str = "") -> Mapping[str, typing.Any]:
    """How a release reaches the environment: AWS, with what `aws:` settings give its provider, and the site.

    `before` is the probe secret of the environment before, for asking it whether it is healthy.
    An external id is a secret also where the configuration has it in clear text: the state has more readers.
    """
    return {
        "profile": pulumi.Config("aws").get("profile") or "",
        "assumeRoles": [
            {key: pulumi.Output.secret(value) if key == "externalId" else value for key, value in role.items()}
            for role in _roles()
        ],
        "probeSecret": pulumi.Output.secret(probe_secret) if probe_secret else "",
        **({"probeSecretBefore": pulumi.Output.secret(before)} if before else {}),
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
