"""Security groups and their rules."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from local.plugin.provider import Problem
from local.plugin.wire import Props

from ..kind import Kind, Name, words
from ..session import Aws
from .ec2 import ARN, OWNER, network_problems


class SecurityGroup(Kind):
    resource = "aws:ec2/securityGroup:SecurityGroup"
    service, make, identity, remove = "ec2", "create_security_group", "GroupId", "delete_security_group"
    get, answer_path, keys = "describe_security_groups", "SecurityGroups", {"GroupId": "id"}
    outputs = {"arn": ARN + "security-group/{id}", "ownerId": OWNER, "name": "GroupName"}
    alike = words("vpcId")
    replaces = words("name namePrefix description vpcId")
    name: ClassVar[Name | None] = Name(limit=255)
    defaults = {"revokeRulesOnDelete": False}
    spelled = {"name": "GroupName"}
    unordered = words(
        "ingress egress ingress.cidrBlocks egress.cidrBlocks ingress.securityGroups egress.securityGroups "
        "ingress.ipv6CidrBlocks egress.ipv6CidrBlocks ingress.prefixListIds egress.prefixListIds"
    )
    handled = words("ingress egress")
    tagged = "id"
    finish = True

    def prepare(self, inputs: Props) -> Props:
        return {"description": "Managed by Pulumi"} | inputs

    def create(self, aws: Aws, new: Props) -> str:
        identity = super().create(aws, new)
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        # AWS opens every new group outwards; the official provider takes that away.
        aws.client("ec2").revoke_security_group_egress(GroupId=identity, IpPermissions=everything)
        return identity

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        for way in {"ingress", "egress"} & set(changed):
            before, after = old.get(way) or [], new.get(way) or []
            gone = [_permission(rule, identity) for rule in before if rule not in after]
            fresh = [_permission(rule, identity) for rule in after if rule not in before]
            for verb, permissions in (("revoke", gone), ("authorize", fresh)):
                if permissions:
                    arguments = {"GroupId": identity, "IpPermissions": permissions}
                    self.call(aws, f"{verb}_security_group_{way}", arguments)


class DefaultSecurityGroup(SecurityGroup):
    """The group that AWS makes with a network. Taken over, it has no rules but those given; given up, it stays."""

    resource = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
    make, remove = "", ""
    honoured = words("vpcId revokeRulesOnDelete")
    replaces, name = words("vpcId"), None

    def prepare(self, inputs: Props) -> Props:
        return inputs

    def create(self, aws: Aws, new: Props) -> str:
        ec2 = aws.client("ec2")
        default = {"vpc-id": new["vpcId"], "group-name": "default"}
        filters = [{"Name": name, "Values": [value]} for name, value in default.items()]
        group = ec2.describe_security_groups(Filters=filters)["SecurityGroups"][0]
        for way, rules in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
            if group[rules]:
                arguments = {"GroupId": group["GroupId"], "IpPermissions": list(group[rules])}
                self.call(aws, f"revoke_security_group_{way}", arguments)
        return str(group["GroupId"])


def _permission(rule: Props, group: str) -> Props:
    note = {"Description": rule["description"]} if rule.get("description") else {}
    groups = [*(rule.get("securityGroups") or []), *([group] if rule.get("self") else [])]
    permission: Props = {"IpProtocol": rule["protocol"]}
    if rule["protocol"] != "-1":
        permission |= {"FromPort": rule["fromPort"], "ToPort": rule["toPort"]}
    ranges = {
        "IpRanges": [{"CidrIp": block} | note for block in rule.get("cidrBlocks") or []],
        "Ipv6Ranges": [{"CidrIpv6": block} | note for block in rule.get("ipv6CidrBlocks") or []],
        "PrefixListIds": [{"PrefixListId": name} | note for name in rule.get("prefixListIds") or []],
        "UserIdGroupPairs": [{"GroupId": name} | note for name in groups],
    }
    return permission | {key: value for key, value in ranges.items() if value}


_SOURCES = {
    "cidrIpv4": "cidrBlocks",
    "cidrIpv6": "ipv6CidrBlocks",
    "prefixListId": "prefixListIds",
    "referencedSecurityGroupId": "securityGroups",
}
"""Where a rule's traffic comes from or goes to; and the list for it in a group's own rules."""


class _Rule(Kind):
    service, identity = "ec2", "SecurityGroupRules.0.SecurityGroupRuleId"
    get, answer_path = "describe_security_group_rules", "SecurityGroupRules"
    keys = {"SecurityGroupRuleId": "id", "GroupId": "securityGroupId"}
    outputs = {"arn": ARN + "security-group-rule/{id}", "securityGroupId": "GroupId"}
    alike = words("securityGroupRuleId ipProtocol cidrIpv4 cidrIpv6 description")
    replaces = words("securityGroupId")
    tagged = "id"
    handled = words("ipProtocol fromPort toPort description") | set(_SOURCES)
    spelled = {"referencedSecurityGroupId": "ReferencedGroupId"}

    def rules(self, inputs: Props) -> list[Problem]:
        return network_problems("cidrIpv4", inputs.get("cidrIpv4"))

    def replaced_by(self, old: Props, new: Props) -> frozenset[str]:
        """A rule keeps the kind of its source: an address range does not become a group."""
        before, after = (next((name for name in _SOURCES if props.get(name)), "") for props in (old, new))
        return self.replaces if before == after else self.replaces | {before, after}

    def create(self, aws: Aws, new: Props) -> str:
        rule: Props = {many: [new[one]] for one, many in _SOURCES.items() if new.get(one)}
        rule |= {"fromPort": -1, "toPort": -1} | new | {"protocol": new["ipProtocol"]}
        arguments = {"GroupId": new["securityGroupId"], "IpPermissions": [_permission(rule, "")]}
        return str(self.call(aws, self.make, arguments)["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        rule = {name: new[name] for name in self.handled if new.get(name) is not None}
        change = {"securityGroupRules": {"securityGroupRuleId": identity, "securityGroupRule": rule}}
        operation = "modify_security_group_rules"
        self.call(aws, operation, self.arguments(operation, change) | {"GroupId": new["securityGroupId"]})


class SecurityGroupIngressRule(_Rule):
    resource = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    make, remove = "authorize_security_group_ingress", "revoke_security_group_ingress"


class SecurityGroupEgressRule(_Rule):
    resource = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    make, remove = "authorize_security_group_egress", "revoke_security_group_egress"
