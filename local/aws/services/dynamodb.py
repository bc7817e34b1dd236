"""Tables."""

from __future__ import annotations

from collections.abc import Collection

from local.plugin.provider import PluginError, Problem
from local.plugin.wire import Props

from ..kind import Kind, Name, words
from ..session import Aws, tries

WAIT_S = 60


class Table(Kind):
    """A table of one region. Replicas, imports and restores are refused."""

    resource = "aws:dynamodb/table:Table"
    service, make, identity, remove = "dynamodb", "create_table", "{name}", "delete_table"
    get, answer_path, keys = "describe_table", "Table", {"TableName": "id"}
    outputs = {
        "arn": "TableArn",
        "name": "TableName",
        "streamArn": "LatestStreamArn",
        "streamLabel": "LatestStreamLabel",
    }
    alike = words("deletionProtectionEnabled")
    handled = words(
        "attributes hashKey rangeKey billingMode readCapacity writeCapacity globalSecondaryIndexes "
        "localSecondaryIndexes streamEnabled streamViewType serverSideEncryption tableClass "
        "deletionProtectionEnabled ttl pointInTimeRecovery"
    )
    replaces = words("name hashKey rangeKey localSecondaryIndexes")
    unordered = words("attributes globalSecondaryIndexes localSecondaryIndexes globalSecondaryIndexes.nonKeyAttributes")
    name = Name(limit=255)
    defaults = {
        "billingMode": "PROVISIONED",
        "deletionProtectionEnabled": False,
        "streamEnabled": False,
        "tableClass": "STANDARD",
    }
    volatile = words("streamArn streamLabel")
    tagged = "arn"
    finish = True

    def rules(self, inputs: Props) -> list[Problem]:
        indexes = [*(inputs.get("globalSecondaryIndexes") or []), *(inputs.get("localSecondaryIndexes") or [])]
        used = {holder.get(key) for holder in (inputs, *indexes) for key in ("hashKey", "rangeKey")} - {None}
        declared = {attribute.get("name") for attribute in inputs.get("attributes") or []}
        if used != declared:
            keys, names = (", ".join(sorted(map(str, names))) or "none" for names in (used, declared))
            return [Problem("attributes", f"must be the keys of the table and its indexes ({keys}), not {names}")]
        if inputs.get("billingMode") == "PAY_PER_REQUEST":
            set_anyway = [name for name in ("readCapacity", "writeCapacity") if inputs.get(name)]
            if set_anyway:
                return [Problem(name, "not with billingMode PAY_PER_REQUEST") for name in set_anyway]
        else:
            missing = [name for name in ("readCapacity", "writeCapacity") if not inputs.get(name)]
            if missing:
                return [Problem(name, "required, unless billingMode is PAY_PER_REQUEST") for name in missing]
        if inputs.get("streamEnabled") and not inputs.get("streamViewType"):
            return [Problem("streamViewType", "required where streamEnabled is true")]
        return []

    def create(self, aws: Aws, new: Props) -> str:
        arguments = (
            self._attributes(new)
            | self._settings(self.defaults | new)
            | {"TableName": new["name"], "KeySchema": _keys(new)}
        )
        arguments |= self._stream(new) if new.get("streamEnabled") else {}
        for reach in ("global", "local"):
            indexes = new.get(f"{reach}SecondaryIndexes") or []
            hash_key = {"hashKey": new["hashKey"]} if reach == "local" else {}
            made = [self._index(hash_key | index, new, reach == "global") for index in indexes]
            arguments |= {f"{reach.title()}SecondaryIndexes": made} if made else {}
        self.call(aws, self.make, arguments)
        self._await(aws, new["name"])
        return str(new["name"])

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        if old:
            self._update_table(aws, identity, new, old, set(changed))
        ttl = new.get("ttl")
        if "ttl" in changed and (old or ttl):
            rule = ttl or {"attributeName": old["ttl"]["attributeName"], "enabled": False}
            specification = {"AttributeName": rule["attributeName"], "Enabled": rule.get("enabled", False)}
            self.call(aws, "update_time_to_live", {"TableName": identity, "TimeToLiveSpecification": specification})
        if "pointInTimeRecovery" in changed:
            recovery = new.get("pointInTimeRecovery") or {"enabled": False}
            days = recovery.get("recoveryPeriodInDays")
            point = {"PointInTimeRecoveryEnabled": recovery["enabled"]}
            point |= {"RecoveryPeriodInDays": days} if days else {}
            backups = {"TableName": identity, "PointInTimeRecoverySpecification": point}
            self.call(aws, "update_continuous_backups", backups)

    def _update_table(self, aws: Aws, identity: str, new: Props, old: Props, changed: set[str]) -> None:
        """One call for each kind of change: AWS takes no two of them in one (UpdateTable, DynamoDB API Reference)."""
        calls: list[Props] = []
        capacity = "billingMode readCapacity writeCapacity"
        for part in (capacity, "serverSideEncryption", "tableClass", "deletionProtectionEnabled"):
            if words(part) & changed:
                calls.append(self._settings({name: (self.defaults | new).get(name) for name in words(part)}))
        if {"streamEnabled", "streamViewType"} & changed:
            if old.get("streamEnabled") and new.get("streamEnabled"):
                calls.append({"StreamSpecification": {"StreamEnabled": False}})
            calls.append(self._stream(new))
        before, after = (
            {index["name"]: index for index in props.get("globalSecondaryIndexes") or []} for props in (old, new)
        )
        gone = [name for name, index in before.items() if after.get(name) != index]
        fresh = [index for name, index in after.items() if before.get(name) != index]
        calls += [{"GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": name}}]} for name in gone]
        for index in fresh:
            made = {"GlobalSecondaryIndexUpdates": [{"Create": self._index(index, new, True)}]}
            calls.append(made | self._attributes(new))
        for arguments in calls:
            self.call(aws, "update_table", {"TableName": identity} | arguments)
            self._await(aws, identity)

    def _settings(self, props: Props) -> Props:
        settings: Props = {}
        if "billingMode" in props:
            settings["BillingMode"] = props["billingMode"]
            settings |= _throughput(props, props) if settings["BillingMode"] == "PROVISIONED" else {}
        if "serverSideEncryption" in props:
            encryption = props["serverSideEncryption"] or {"enabled": False}
            key = encryption.get("kmsKeyArn")
            kms = {"SSEType": "KMS", "KMSMasterKeyId": key} if key else {}
            settings["SSESpecification"] = {"Enabled": encryption["enabled"]} | kms
        for name, argument in (
            ("tableClass", "TableClass"),
            ("deletionProtectionEnabled", "DeletionProtectionEnabled"),
        ):
            if props.get(name) is not None:
                settings[argument] = props[name]
        return settings

    def _attributes(self, props: Props) -> Props:
        pairs = [{"AttributeName": item["name"], "AttributeType": item["type"]} for item in props["attributes"]]
        return {"AttributeDefinitions": pairs}

    def _stream(self, props: Props) -> Props:
        if not props.get("streamEnabled"):
            return {"StreamSpecification": {"StreamEnabled": False}}
        return {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": props.get("streamViewType")}}

    def _index(self, index: Props, table: Props, is_global: bool) -> Props:
        projection = {"ProjectionType": index["projectionType"]}
        if index.get("nonKeyAttributes"):
            projection["NonKeyAttributes"] = index["nonKeyAttributes"]
        made = {"IndexName": index["name"], "KeySchema": _keys(index), "Projection": projection}
        provisioned = (table.get("billingMode") or "PROVISIONED") == "PROVISIONED"
        return made | (_throughput(index, table) if is_global and provisioned else {})

    def _await(self, aws: Aws, identity: str) -> None:
        for _ in tries(WAIT_S):
            table = aws.client("dynamodb").describe_table(TableName=identity)["Table"]
            states = {part.get("IndexStatus", "ACTIVE") for part in table.get("GlobalSecondaryIndexes") or []}
            if states | {table["TableStatus"]} <= {"ACTIVE"}:
                return
        raise PluginError(f"table {identity} is {table['TableStatus']} after {WAIT_S} s")


def _keys(holder: Props) -> list[dict[str, str]]:
    kinds = (("hashKey", "HASH"), ("rangeKey", "RANGE"))
    return [{"AttributeName": holder[name], "KeyType": kind} for name, kind in kinds if holder.get(name)]


def _throughput(holder: Props, table: Props) -> Props:
    capacity = {
        argument: holder.get(name) or table.get(name)
        for name, argument in (("readCapacity", "ReadCapacityUnits"), ("writeCapacity", "WriteCapacityUnits"))
    }
    return {"ProvisionedThroughput": {name: value for name, value in capacity.items() if value}}
