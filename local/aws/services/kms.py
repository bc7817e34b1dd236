"""Keys and their names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from local.plugin.provider import Problem
from local.plugin.wire import Props

from ..kind import Kind, Name, words
from ..session import Aws, one

ALIAS = "alias/"


class Key(Kind):
    resource = "aws:kms/key:Key"
    service, make, identity, get, answer_path = "kms", "create_key", "KeyMetadata.KeyId", "describe_key", "KeyMetadata"
    keys = {"KeyId": "id"}
    spelled = {"customerMasterKeySpec": "KeySpec"}
    outputs = {"isEnabled": "Enabled", "customerMasterKeySpec": "KeySpec"}
    alike = words("arn keyId description keyUsage multiRegion")
    defaults = {
        "isEnabled": True,
        "enableKeyRotation": False,
        "keyUsage": "ENCRYPT_DECRYPT",
        "customerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "bypassPolicyLockoutSafetyCheck": False,
    }
    handled = words(
        "description policy isEnabled enableKeyRotation rotationPeriodInDays bypassPolicyLockoutSafetyCheck"
    )
    honoured = words("deletionWindowInDays")
    replaces = words("customKeyStoreId customerMasterKeySpec keyUsage multiRegion xksKeyId")
    tagged = "id"
    finish = True

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        properties, key = self.defaults | new, {"KeyId": identity}
        if old and "description" in changed:
            description = {"Description": properties.get("description") or ""}
            self.call(aws, "update_key_description", key | description)
        if old and properties.get("policy") and {"policy", "bypassPolicyLockoutSafetyCheck"} & set(changed):
            lockout = {"BypassPolicyLockoutSafetyCheck": properties["bypassPolicyLockoutSafetyCheck"]}
            self.call(aws, "put_key_policy", key | {"PolicyName": "default", "Policy": properties["policy"]} | lockout)
        if "isEnabled" in changed and (old or not properties["isEnabled"]):
            self.call(aws, "enable_key" if properties["isEnabled"] else "disable_key", key)
        if {"enableKeyRotation", "rotationPeriodInDays"} & set(changed):
            days = properties.get("rotationPeriodInDays")
            if properties["enableKeyRotation"]:
                self.call(aws, "enable_key_rotation", key | ({"RotationPeriodInDays": days} if days else {}))
            elif old:
                self.call(aws, "disable_key_rotation", key)

    def rules(self, inputs: Props) -> list[Problem]:
        if inputs.get("rotationPeriodInDays") and not inputs.get("enableKeyRotation"):
            return [Problem("rotationPeriodInDays", "needs enableKeyRotation")]
        return []

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        days = state.get("deletionWindowInDays") or 30
        self.call(aws, "schedule_key_deletion", {"KeyId": identity, "PendingWindowInDays": days})


class Alias(Kind):
    """A name for a key."""

    resource = "aws:kms/alias:Alias"
    service, make, identity, remove = "kms", "create_alias", "{name}", "delete_alias"
    keys = {"AliasName": "name"}
    handled = words("targetKeyId")
    replaces = words("name namePrefix")
    name = Name(limit=250)

    def prepare(self, inputs: Props) -> Props:
        prefix = inputs.get("namePrefix")
        return inputs | ({"namePrefix": ALIAS + prefix.removeprefix(ALIAS)} if prefix else {})

    def rules(self, inputs: Props) -> list[Problem]:
        name = inputs.get("name")
        if name and not str(name).startswith(ALIAS):
            return [Problem("name", f"begins with {ALIAS}: {name!r}")]
        return []

    def find(self, aws: Aws, identity: str, state: Props) -> Any:
        pages = aws.client("kms").get_paginator("list_aliases").paginate()
        return one((alias for page in pages for alias in page["Aliases"]), AliasName=identity)

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        alias = self.find(aws, identity, state)
        key = aws.client("kms").describe_key(KeyId=alias["TargetKeyId"])["KeyMetadata"]
        live = {"name": identity, "arn": alias["AliasArn"], "targetKeyArn": key["Arn"]}
        # The program may name the key by its id or by its ARN.
        same = state.get("targetKeyId") in (key["KeyId"], key["Arn"])
        return live | ({} if same else {"targetKeyId": key["KeyId"]})

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        self.call(aws, "update_alias", {"AliasName": identity, "TargetKeyId": new["targetKeyId"]})
