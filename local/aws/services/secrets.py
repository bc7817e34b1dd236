"""Parameters and secrets."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

import base64
from collections.abc import Collection

from ..kind import Kind, pick, words
from ..naming import Name
from ..session import Aws, GoneError
from ..shapes import Problem
from ..wire import Props


class Parameter(Kind):
    """A setting or a secret of the Parameter Store."""

    resource = "aws:ssm/parameter:Parameter"
    replaces = words("name dataType")
    name = Name(limit=2048)
    secrets = words("value valueWo")
    defaults = {"dataType": "text", "tier": "Standard"}
    volatile = words("version")
    tagged = ("ssm", "id")

    def check(self, inputs: Props) -> list[Problem]:
        if sum(inputs.get(name) is not None for name in ("value", "insecureValue", "valueWo")) != 1:
            return [Problem("value", "exactly one of value, insecureValue and valueWo must be set")]
        return []

    def create(self, aws: Aws, new: Props) -> str:
        self._put(aws, new, overwrite=bool(new.get("overwrite")))
        return str(new["name"])

    def _put(self, aws: Aws, new: Props, *, overwrite: bool) -> None:
        value = next(new[name] for name in ("value", "insecureValue", "valueWo") if new.get(name) is not None)
        wanted = pick(new, "name type description keyId allowedPattern dataType tier")
        aws.client("ssm").put_parameter(Value=value, Overwrite=overwrite, **wanted)

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("ssm").get_parameter(Name=identity, WithDecryption=True)["Parameter"]
        live = {
            "name": identity,
            "type": found["Type"],
            "arn": found.get("ARN") or aws.arn("ssm", f"parameter/{identity.lstrip('/')}"),
            "version": found["Version"],
        }
        written = next((name for name in ("insecureValue", "valueWo") if name in state), "value")
        return live | ({written: found["Value"]} if written != "valueWo" else {})

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        if set(changed) - {"overwrite"}:
            self._put(aws, new, overwrite=True)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("ssm").delete_parameter(Name=identity)


class Secret(Kind):
    """A secret's name and rules; its value is a SecretVersion."""

    resource = "aws:secretsmanager/secret:Secret"
    replaces = words("name namePrefix")
    name = Name(limit=512)
    defaults = {"recoveryWindowInDays": 30, "forceOverwriteReplicaSecret": False}
    tagged = ("secretsmanager", "id")
    finish = True

    def create(self, aws: Aws, new: Props) -> str:
        return str(aws.client("secretsmanager").create_secret(**pick(new, "name description kmsKeyId"))["ARN"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("secretsmanager").describe_secret(SecretId=identity)
        if found.get("DeletedDate"):
            raise GoneError
        return {"arn": found["ARN"], "name": found["Name"]}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        client = aws.client("secretsmanager")
        if old and {"description", "kmsKeyId"} & set(changed):
            client.update_secret(SecretId=identity, Description=new.get("description", ""), **pick(new, "kmsKeyId"))
        if "policy" in changed and new.get("policy"):
            client.put_resource_policy(SecretId=identity, ResourcePolicy=new["policy"])
        elif "policy" in changed and old.get("policy"):
            client.delete_resource_policy(SecretId=identity)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        days = state.get("recoveryWindowInDays", 30)
        how = {"RecoveryWindowInDays": days} if days else {"ForceDeleteWithoutRecovery": True}
        aws.client("secretsmanager").delete_secret(SecretId=identity, **how)


class SecretVersion(Kind):
    """A secret's value."""

    resource = "aws:secretsmanager/secretVersion:SecretVersion"
    replaces = words("secretId secretString secretBinary secretStringWoVersion")
    unordered = words("versionStages")
    secrets = words("secretString secretBinary secretStringWo")

    def create(self, aws: Aws, new: Props) -> str:
        value = pick(new, "secretString versionStages")
        if new.get("secretStringWo"):
            value["SecretString"] = new["secretStringWo"]
        if new.get("secretBinary"):
            value["SecretBinary"] = base64.b64decode(new["secretBinary"])
        made = aws.client("secretsmanager").put_secret_value(SecretId=new["secretId"], **value)
        return f"{new['secretId']}|{made['VersionId']}"

    def from_id(self, identity: str) -> Props:
        return {"secretId": identity.rsplit("|", 1)[0]}

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        secret, version = identity.rsplit("|", 1)
        if aws.client("secretsmanager").describe_secret(SecretId=secret).get("DeletedDate"):
            raise GoneError
        found = aws.client("secretsmanager").get_secret_value(SecretId=secret, VersionId=version)
        live = {"arn": found["ARN"], "secretArn": found["ARN"], "versionId": version}
        live["versionStages"] = found.get("VersionStages", [])
        return live | ({"secretString": found["SecretString"]} if "secretString" in state else {})

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        """Stages are the only thing that changes in place, and the emulator moves AWSCURRENT by itself."""

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        """A version ends with its secret; AWS has no call to delete it."""
