"""Gaps: what a container gets of a secret, and what a new secret is called."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from ministack.core.responses import json_response
from ministack.services import ecs, secretsmanager, ssm

from local.emulator.gaps import around, instead_of
from local.secret import ending

CURRENT = "AWSCURRENT"


@instead_of(ecs, "_resolve_container_secrets")
def _resolved(container: dict[str, Any]) -> dict[str, str]:
    """Gap: a SecureString arrives encrypted, and the stage and version that a secret's ARN names are not looked at.

    Here a container gets what ECS gives it: a parameter decrypted (the agent asks for it with WithDecryption), the
    value of one key of a secret (`arn:…:key:stage:version`, each of the three may be empty), written as ECS's agent
    writes it (`GetSecretFromASMWithInput` in amazon-ecs-agent, agent/asm/asm.go). What is not there ends the task
    before it starts.
    """
    return {secret["name"]: _value(secret["name"], secret["valueFrom"]) for secret in container.get("secrets") or []}


def _value(name: str, source: str) -> str:
    parts = source.split(":")
    if parts[2:3] != ["secretsmanager"]:
        value, key = ssm.resolve_parameter_value(source, decrypt=True), ""
    else:
        key, stage, version = (*parts[7:], "", "", "")[:3]
        arn = ":".join(parts[:7])
        value = secretsmanager.resolve_secret_string(arn, version_stage=stage or CURRENT, version_id=version or None)
    if value is None:
        raise ecs._SecretResolutionError(f"unable to retrieve secret {source} for environment variable {name}")
    if not key:
        return str(value)
    try:
        return as_agent_writes(json.loads(value)[key])
    except (ValueError, KeyError, TypeError):
        text = f"unable to retrieve json key '{key}' from secret {source} for environment variable {name}"
        raise ecs._SecretResolutionError(text) from None  # the cause would quote the secret


def as_agent_writes(value: object) -> str:
    """A value of JSON as Go's `%v` prints it. Raises ValueError for a list or an object, of which nobody makes use."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool):
        return {None: "<nil>", True: "true", False: "false"}[value]
    if not isinstance(value, int | float):
        raise ValueError(f"a {type(value).__name__} is no value of a variable")  # noqa: TRY004 - one way to say no
    exact = Decimal(repr(float(value))).normalize()
    exponent = exact.adjusted()
    if -4 <= exponent < 6:
        return f"{exact:f}"
    return f"{exact.scaleb(-exponent):f}e{exponent:+03d}"


@around(secretsmanager, "_create_secret")
def create_secret(create: Any, data: dict[str, Any]) -> Any:
    """Gap: CreateSecret ignores the token of its request, which AWS takes as the id of the first version.

    "ClientRequestToken … becomes the VersionId of the new version"
    (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html). The six characters that end
    the ARN are random on AWS. Here they follow from the token: a secret of `python -m local secret` has the same ARN in
    every emulator, so that a setting may name it. SDKs send a random token, so that any other ends as it would there.
    """
    answer = create(data)
    token, secret = data.get("ClientRequestToken"), secretsmanager._secrets.get(data.get("Name"))
    if not token or answer[0] != 200 or secret is None:
        return answer
    secret["Versions"] = {token: next(iter(secret["Versions"].values()))}
    secret["ARN"] = f"{secret['ARN'].rpartition('-')[0]}-{ending(token)}"
    return json_response({"ARN": secret["ARN"], "Name": secret["Name"], "VersionId": token})
