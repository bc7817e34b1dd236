"""Functions (invokes) that programs call to look things up."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from local.plugin.provider import PluginError
from local.plugin.wire import Props

from .kind import camel
from .session import Aws

SECRETS: dict[str, frozenset[str]] = {
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": frozenset({"authorizationToken", "password"}),
}
"""Answers that are secret."""


def call(aws: Aws, token: str, arguments: Props) -> Props:
    """Answer one function; its arguments are part of the answer, as the official plugin has it."""
    if token not in _FUNCTIONS:
        names = ", ".join(sorted(_FUNCTIONS))
        raise PluginError(f"no such function in the local AWS plugin (local/aws/functions.py); it has {names}")
    return arguments | _FUNCTIONS[token](aws, arguments)


def _zones(aws: Aws, arguments: Props) -> Props:
    zones = aws.client("ec2").describe_availability_zones(Filters=_filters(arguments))["AvailabilityZones"]
    state = arguments.get("state")
    hidden = {*(arguments.get("excludeNames") or []), *(arguments.get("excludeZoneIds") or [])}
    shown = [
        zone
        for zone in sorted(zones, key=lambda zone: str(zone["ZoneName"]))
        if not ({zone["ZoneName"], zone["ZoneId"]} & hidden) and (not state or zone["State"] == state)
    ]
    names, numbers = [zone["ZoneName"] for zone in shown], [zone["ZoneId"] for zone in shown]
    return {"id": aws.region, "region": aws.region, "names": names, "zoneIds": numbers, "groupNames": [aws.region]}


def _identity(aws: Aws, arguments: Props) -> Props:
    found = aws.client("sts").get_caller_identity()
    return {"id": found["Account"], "accountId": found["Account"], "arn": found["Arn"], "userId": found["UserId"]}


def _region(aws: Aws, arguments: Props) -> Props:
    region = arguments.get("region") or arguments.get("name") or aws.region
    endpoint = f"ec2.{region}.amazonaws.com"
    return {"id": region, "name": region, "region": region, "endpoint": endpoint, "description": region}


def _partition(aws: Aws, arguments: Props) -> Props:
    suffix = "amazonaws.com.cn" if aws.partition == "aws-cn" else "amazonaws.com"
    reverse = ".".join(reversed(suffix.split(".")))
    return {"id": aws.partition, "partition": aws.partition, "dnsSuffix": suffix, "reverseDnsPrefix": reverse}


def _filters(arguments: Props) -> list[dict[str, Any]]:
    filters = [{"Name": item["name"], "Values": item["values"]} for item in arguments.get("filters") or []]
    tags = arguments.get("tags") or {}
    return filters + [{"Name": f"tag:{name}", "Values": [tags[name]]} for name in sorted(tags)]


def _vpc(aws: Aws, arguments: Props) -> Props:
    filters = _filters(arguments)
    for name, key in (("cidrBlock", "cidr"), ("default", "is-default"), ("state", "state")):
        if arguments.get(name) is not None:
            filters.append({"Name": key, "Values": [str(arguments[name]).lower()]})
    ids = {"VpcIds": [arguments["id"]]} if arguments.get("id") else {}
    vpcs = aws.client("ec2").describe_vpcs(Filters=filters, **ids)["Vpcs"]
    if len(vpcs) != 1:
        raise PluginError(f"{len(vpcs)} VPCs match {arguments}, exactly one is needed")
    vpc, identity = camel(vpcs[0]), vpcs[0]["VpcId"]
    found = {"id": identity, "arn": aws.arn("ec2", f"vpc/{identity}"), "default": vpc.get("isDefault", False)}
    found |= {name: vpc.get(name) for name in ("cidrBlock", "instanceTenancy", "state", "dhcpOptionsId", "ownerId")}
    tags = {tag["key"]: tag["value"] for tag in vpc.get("tags") or []}
    return found | {"region": aws.region, "tags": tags}


def _subnets(aws: Aws, arguments: Props) -> Props:
    found = aws.client("ec2").describe_subnets(Filters=_filters(arguments))["Subnets"]
    return {"id": aws.region, "region": aws.region, "ids": [subnet["SubnetId"] for subnet in found]}


def _subnet(aws: Aws, arguments: Props) -> Props:
    filters = _filters(arguments)
    for name, key in (("vpcId", "vpc-id"), ("availabilityZone", "availability-zone"), ("cidrBlock", "cidr-block")):
        if arguments.get(name) is not None:
            filters.append({"Name": key, "Values": [arguments[name]]})
    ids = {"SubnetIds": [arguments["id"]]} if arguments.get("id") else {}
    subnets = aws.client("ec2").describe_subnets(Filters=filters, **ids)["Subnets"]
    if len(subnets) != 1:
        raise PluginError(f"{len(subnets)} subnets match {arguments}, exactly one is needed")
    subnet, identity = camel(subnets[0]), subnets[0]["SubnetId"]
    found = {"id": identity, "arn": aws.arn("ec2", f"subnet/{identity}"), "region": aws.region}
    names = "vpcId availabilityZone availabilityZoneId cidrBlock state mapPublicIpOnLaunch defaultForAz ownerId"
    found |= {name: subnet.get(name) for name in names.split()}
    return found | {"tags": {tag["key"]: tag["value"] for tag in subnet.get("tags") or []}}


def _internet_gateway(aws: Aws, arguments: Props) -> Props:
    ids = {"InternetGatewayIds": [arguments["internetGatewayId"]]} if arguments.get("internetGatewayId") else {}
    found = aws.client("ec2").describe_internet_gateways(Filters=_filters(arguments), **ids)["InternetGateways"]
    if len(found) != 1:
        raise PluginError(f"{len(found)} internet gateways match {arguments}, exactly one is needed")
    gateway, identity = camel(found[0]), found[0]["InternetGatewayId"]
    given = {"id": identity, "internetGatewayId": identity, "arn": aws.arn("ec2", f"internet-gateway/{identity}")}
    given |= {"region": aws.region, "ownerId": gateway.get("ownerId"), "attachments": gateway.get("attachments")}
    return given | {"tags": {tag["key"]: tag["value"] for tag in gateway.get("tags") or []}}


def _security_group(aws: Aws, arguments: Props) -> Props:
    filters = _filters(arguments)
    for name, key in (("name", "group-name"), ("vpcId", "vpc-id")):
        if arguments.get(name) is not None:
            filters.append({"Name": key, "Values": [arguments[name]]})
    ids = {"GroupIds": [arguments["id"]]} if arguments.get("id") else {}
    groups = aws.client("ec2").describe_security_groups(Filters=filters, **ids)["SecurityGroups"]
    if len(groups) != 1:
        raise PluginError(f"{len(groups)} security groups match {arguments}, exactly one is needed")
    group, identity = groups[0], groups[0]["GroupId"]
    found = {"id": identity, "arn": aws.arn("ec2", f"security-group/{identity}"), "region": aws.region}
    found |= {"name": group["GroupName"], "description": group["Description"], "vpcId": group["VpcId"]}
    return found | {"tags": {tag["Key"]: tag["Value"] for tag in group.get("Tags") or []}}


def _repository(aws: Aws, arguments: Props) -> Props:
    found = aws.client("ecr").describe_repositories(repositoryNames=[arguments["name"]])["repositories"][0]
    names = {"arn": "repositoryArn", "registryId": "registryId", "repositoryUrl": "repositoryUri"}
    outputs = {name: found[key] for name, key in names.items()}
    return outputs | {"id": arguments["name"], "region": aws.region}


def _authorization(aws: Aws, arguments: Props) -> Props:
    found = aws.client("ecr").get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(found["authorizationToken"]).decode().partition(":")
    return {
        "id": aws.region,
        "region": aws.region,
        "authorizationToken": found["authorizationToken"],
        "expiresAt": found["expiresAt"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "proxyEndpoint": found["proxyEndpoint"],
        "userName": user,
        "password": password,
    }


_FUNCTIONS: dict[str, Callable[[Aws, Props], Props]] = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": _zones,
    "aws:index/getCallerIdentity:getCallerIdentity": _identity,
    "aws:index/getPartition:getPartition": _partition,
    "aws:index/getRegion:getRegion": _region,
    "aws:ec2/getSecurityGroup:getSecurityGroup": _security_group,
    "aws:ec2/getInternetGateway:getInternetGateway": _internet_gateway,
    "aws:ec2/getSubnet:getSubnet": _subnet,
    "aws:ec2/getSubnets:getSubnets": _subnets,
    "aws:ec2/getVpc:getVpc": _vpc,
    "aws:ecr/getRepository:getRepository": _repository,
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": _authorization,
}
