"""Records in DNS."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from local.plugin.wire import Props

from ..kind import Kind, words
from ..session import Aws, one
from ..spelling import members, spell_members


class Record(Kind):
    """A record, or an alias of something in AWS. Routing policies are refused. The emulator does not answer DNS."""

    resource = "aws:route53/record:Record"
    service, keys = "route53", {"HostedZoneId": "zoneId"}
    identity = "{zoneId}_{name}_{type}"
    spelled = {"zoneId": "HostedZoneId", "name": "DNSName"}
    handled = words("aliases allowOverwrite name records ttl type zoneId")
    replaces = words("name zoneId")
    unordered = words("records")

    def create(self, aws: Aws, new: Props) -> str:
        self._change(aws, "UPSERT" if new.get("allowOverwrite") else "CREATE", new)
        return self.identity.format_map(new)

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        name = state["name"].rstrip(".") + "."
        records = aws.client("route53").list_resource_record_sets(
            HostedZoneId=state["zoneId"], StartRecordName=name, StartRecordType=state["type"], MaxItems="1"
        )["ResourceRecordSets"]
        one(records, Name=name, Type=state["type"])
        return {"fqdn": name.rstrip(".")}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        if "type" in changed:
            self._change(aws, "DELETE", old)
        self._change(aws, "UPSERT", new)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        self._change(aws, "DELETE", state)

    def _change(self, aws: Aws, action: str, props: Props) -> None:
        batch = members("route53", "change_resource_record_sets")["ChangeBatch"]
        shape = batch.members["Changes"].member.members["ResourceRecordSet"]
        record: Any = {"Name": props["name"], "Type": props["type"]}
        if props.get("records"):
            record |= {"TTL": int(props["ttl"]), "ResourceRecords": [{"Value": value} for value in props["records"]]}
        for alias in props.get("aliases") or []:
            target = shape.members["AliasTarget"].members
            record["AliasTarget"] = {"EvaluateTargetHealth": False} | spell_members(target, alias, self.spelled)
        aws.client("route53").change_resource_record_sets(
            HostedZoneId=props["zoneId"], ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        )
