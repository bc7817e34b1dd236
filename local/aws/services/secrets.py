"""Parameters and secrets."""

from __future__ import annotations

import base64
from collections.abc import Collection
from typing import Any

from local.plugin.provider import Problem
from local.plugin.wire import Props

from ..kind import Change, Kind, Name, words
from ..session import Aws, GoneError

_VALUES = ("value", "insecureValue", "valueWo")


class Parameter(Kind):
    resource = "aws:ssm/parameter:Parameter"
    service, make, identity, get, answer_path = "ssm", "put_parameter", "{name}", "get_parameter", "Parameter"
    remove, keys = "delete_parameter", {"Name": "id"}
    put = True
    outputs = {"name": "Name", "type": "Type", "version": "Version", "arn": "ARN"}
    replaces = words("name dataType")
    name = Name(limit=2048)
    secrets = words("value valueWo")
    defaults = {"dataType": "text", "tier": "Standard"}
    volatile = words("version")
    handled = words("insecureValue valueWo")
    recorded = words("valueWoVersion")
    tagged = "id"

    def rules(self, inputs: Props) -> list[Problem]:
        if sum(inputs.get(name) is not None for name in _VALUES) != 1:
            return [Problem("value", "exactly one of value, insecureValue and valueWo must be set")]
        return []

    def arguments(self, operation: str, props: Props) -> Props:
        value = next(props[name] for name in _VALUES if props.get(name) is not None)
        return super().arguments(operation, props | {"value": value})

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        answer = aws.client("ssm").get_parameter(Name=identity, WithDecryption=True)["Parameter"]
        live = {name: answer[member] for name, member in self.outputs.items()}
        written = next((name for name in ("insecureValue", "valueWo") if name in state), "value")
        return live | ({written: answer["Value"]} if written != "valueWo" else {})

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        if set(changed) - {"overwrite"}:
            self.call(aws, self.make, self.arguments(self.make, new | {"overwrite": True}))


class Secret(Kind):
    """A secret's name and rules; its value is a SecretVersion."""

    resource = "aws:secretsmanager/secret:Secret"
    service, make, identity, get = "secretsmanager", "create_secret", "ARN", "describe_secret"
    remove, keys = "delete_secret", {"SecretId": "id"}
    spelled = {"policy": "ResourcePolicy"}
    changes = (
        Change("update_secret", "description kmsKeyId"),
        Change("put_resource_policy", "policy", without="delete_resource_policy"),
    )
    outputs = {"arn": "ARN"}
    alike = words("name")
    replaces = words("name namePrefix")
    name = Name(limit=512)
    defaults = {"recoveryWindowInDays": 30, "forceOverwriteReplicaSecret": False, "description": ""}
    honoured = words("recoveryWindowInDays")
    tagged = "id"
    finish = True

    def find(self, aws: Aws, identity: str, state: Props) -> Any:
        return found_secret(aws, identity)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        days = state.get("recoveryWindowInDays", 30)
        how = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
        aws.client("secretsmanager").delete_secret(SecretId=identity, **how)


def found_secret(aws: Aws, identity: str) -> Props:
    """A secret, unless it waits to be deleted."""
    answer: Props = aws.client("secretsmanager").describe_secret(SecretId=identity)
    if answer.get("DeletedDate"):
        raise GoneError
    return answer


class SecretVersion(Kind):
    """A secret's value. It ends with its secret; AWS has no call to delete it."""

    resource = "aws:secretsmanager/secretVersion:SecretVersion"
    service, make, identity, keys = "secretsmanager", "put_secret_value", "{secretId}|{versionId}", {}
    handled = words("versionStages secretStringWo")
    spelled = {"secretStringWo": "SecretString"}
    replaces = words("secretId secretString secretBinary secretStringWoVersion")
    unordered = words("versionStages")
    secrets = words("secretString secretBinary secretStringWo")
    recorded = words("secretStringWoVersion")

    def create(self, aws: Aws, new: Props) -> str:
        arguments = self.arguments(self.make, new)
        if new.get("secretBinary"):
            arguments["SecretBinary"] = base64.b64decode(new["secretBinary"])
        return f"{new['secretId']}|{self.call(aws, self.make, arguments)['VersionId']}"

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        secret, version = identity.rsplit("|", 1)
        found_secret(aws, secret)
        answer = aws.client("secretsmanager").get_secret_value(SecretId=secret, VersionId=version)
        live = {"arn": answer["ARN"], "secretArn": answer["ARN"], "versionId": version}
        live["versionStages"] = answer.get("VersionStages", [])
        return live | ({"secretString": answer["SecretString"]} if "secretString" in state else {})
