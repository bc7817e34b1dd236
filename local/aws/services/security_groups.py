"""Security groups and their rules."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

from collections.abc import Collection

from ..kind import Kind, camel, pick, words
from ..naming import Name
from ..session import Aws, GoneError
from ..wire import Props


class SecurityGroup(Kind):
    """Who may talk to what."""

    resource = "aws:ec2/securityGroup:SecurityGroup"
    replaces = words("name namePrefix description vpcId")
    name = Name(limit=255)
    defaults = {"revokeRulesOnDelete": False}
    unordered = words(
        "ingress egress ingress.cidrBlocks egress.cidrBlocks ingress.securityGroups egress.securityGroups "
        "ingress.ipv6CidrBlocks egress.ipv6CidrBlocks ingress.prefixListIds egress.prefixListIds"
    )
    tagged = ("ec2", "id")
    finish = True

    def prepare(self, inputs: Props) -> Props:
        return {"description": "Managed by Pulumi"} | inputs

    def create(self, aws: Aws, new: Props) -> str:
        wanted = pick(new, "description vpcId", name="GroupName")
        identity = str(aws.client("ec2").create_security_group(**wanted)["GroupId"])
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        # AWS opens every new group outwards; the official provider takes that away.
        aws.client("ec2").revoke_security_group_egress(GroupId=identity, IpPermissions=everything)
        return identity

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("ec2").describe_security_groups(GroupIds=[identity])["SecurityGroups"]
        if not found:
            raise GoneError
        return {
            "arn": aws.arn("ec2", f"security-group/{identity}"),
            "ownerId": aws.account,
            "name": found[0]["GroupName"],
            "vpcId": found[0].get("VpcId", ""),
        }

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        ec2 = aws.client("ec2")
        for way in {"ingress", "egress"} & set(changed):
            before, after = old.get(way) or [], new.get(way) or []
            gone = [_permission(rule, identity) for rule in before if rule not in after]
            fresh = [_permission(rule, identity) for rule in after if rule not in before]
            if gone:
                getattr(ec2, f"revoke_security_group_{way}")(GroupId=identity, IpPermissions=gone)
            if fresh:
                getattr(ec2, f"authorize_security_group_{way}")(GroupId=identity, IpPermissions=fresh)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("ec2").delete_security_group(GroupId=identity)


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


class _Rule(Kind):
    replaces = words("securityGroupId")
    tagged = ("ec2", "id")
    way: str
    _sources = ("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId")

    def replaced_by(self, old: Props, new: Props) -> frozenset[str]:
        """A rule keeps the kind of its source: an address range does not become a group."""
        before, after = (next((name for name in self._sources if props.get(name)), "") for props in (old, new))
        return self.replaces if before == after else self.replaces | {before, after}

    def _permission(self, props: Props) -> Props:
        targets = {"cidrIpv4": "cidrBlocks", "cidrIpv6": "ipv6CidrBlocks"}
        targets |= {"prefixListId": "prefixListIds", "referencedSecurityGroupId": "securityGroups"}
        rule = {many: [props[one]] for one, many in targets.items() if props.get(one)}
        ports = {"fromPort": props.get("fromPort", -1), "toPort": props.get("toPort", -1)}
        return _permission(
            rule | ports | {"protocol": props["ipProtocol"], "description": props.get("description")}, ""
        )

    def create(self, aws: Aws, new: Props) -> str:
        authorize = getattr(aws.client("ec2"), f"authorize_security_group_{self.way}")
        made = authorize(GroupId=new["securityGroupId"], IpPermissions=[self._permission(new)])
        return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        found = aws.client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[identity])["SecurityGroupRules"]
        if not found:
            raise GoneError
        return {
            "arn": aws.arn("ec2", f"security-group-rule/{identity}"),
            "securityGroupRuleId": identity,
            "securityGroupId": found[0]["GroupId"],
            "ipProtocol": found[0]["IpProtocol"],
        } | {name: value for name, value in camel(found[0]).items() if name in ("cidrIpv4", "cidrIpv6", "description")}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        rule = pick(
            new,
            "ipProtocol fromPort toPort cidrIpv4 cidrIpv6 prefixListId description",
            referencedSecurityGroupId="ReferencedGroupId",
        )
        change = [{"SecurityGroupRuleId": identity, "SecurityGroupRule": rule}]
        aws.client("ec2").modify_security_group_rules(GroupId=new["securityGroupId"], SecurityGroupRules=change)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        revoke = getattr(aws.client("ec2"), f"revoke_security_group_{self.way}")
        revoke(GroupId=state["securityGroupId"], SecurityGroupRuleIds=[identity])


class SecurityGroupIngressRule(_Rule):
    """One way in."""

    resource = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    way = "ingress"


class SecurityGroupEgressRule(_Rule):
    """One way out."""

    resource = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    way = "egress"
