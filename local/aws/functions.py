"""Functions (invokes) that programs call to look things up."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from local.plugin.provider import PluginError
from local.plugin.wire import Props

from .kind import camel
from .session import Aws
from .spelling import as_text

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
    caller = aws.client("sts").get_caller_identity()
    return {"id": caller["Account"], "accountId": caller["Account"], "arn": caller["Arn"], "userId": caller["UserId"]}


def _region(aws: Aws, arguments: Props) -> Props:
    region = arguments.get("region") or arguments.get("name") or aws.region
    endpoint = f"ec2.{region}.amazonaws.com"
    return {"id": region, "name": region, "region": region, "endpoint": endpoint, "description": region}


def _partition(aws: Aws, arguments: Props) -> Props:
    suffix = "amazonaws.com.cn" if aws.partition == "aws-cn" else "amazonaws.com"
    reverse = ".".join(reversed(suffix.split(".")))
    return {"id": aws.partition, "partition": aws.partition, "dnsSuffix": suffix, "reverseDnsPrefix": reverse}


def _filters(arguments: Props, **named: str) -> list[dict[str, Any]]:
    """What is to be asked for, with the filters that arguments stand for."""
    filters = [{"Name": item["name"], "Values": item["values"]} for item in arguments.get("filters") or []]
    tags = arguments.get("tags") or {}
    filters += [{"Name": f"tag:{name}", "Values": [tags[name]]} for name in sorted(tags)]
    values = {key: arguments[name] for name, key in named.items() if arguments.get(name) is not None}
    return filters + [{"Name": key, "Values": [as_text(value)]} for key, value in values.items()]


def _ids(argument: str, identity: str | None) -> Props:
    return {argument: [identity]} if identity else {}


def _only(noun: str, answers: list[Any], arguments: Props) -> Props:
    """The one answer, with its keys as Pulumi has them."""
    if len(answers) != 1:
        raise PluginError(f"{len(answers)} {noun} match {arguments}, exactly one is needed")
    answer: Props = camel(answers[0])
    return answer | {"tags": {tag["key"]: tag["value"] for tag in answer.get("tags") or []}}


def _outputs(aws: Aws, kind: str, identity: str, answer: Props, names: str) -> Props:
    arn = aws.arn("ec2", f"{kind}/{identity}")
    return {"id": identity, "arn": arn, "region": aws.region} | {name: answer.get(name) for name in names.split()}


def _vpc(aws: Aws, arguments: Props) -> Props:
    filters = _filters(arguments, cidrBlock="cidr", default="is-default", state="state")
    answers = aws.client("ec2").describe_vpcs(Filters=filters, **_ids("VpcIds", arguments.get("id")))["Vpcs"]
    vpc = _only("VPCs", answers, arguments)
    names = "cidrBlock instanceTenancy state dhcpOptionsId ownerId tags"
    return _outputs(aws, "vpc", vpc["vpcId"], vpc, names) | {"default": vpc.get("isDefault", False)}


def _subnets(aws: Aws, arguments: Props) -> Props:
    subnets = aws.client("ec2").describe_subnets(Filters=_filters(arguments))["Subnets"]
    return {"id": aws.region, "region": aws.region, "ids": [subnet["SubnetId"] for subnet in subnets]}


def _subnet(aws: Aws, arguments: Props) -> Props:
    filters = _filters(arguments, vpcId="vpc-id", availabilityZone="availability-zone", cidrBlock="cidr-block")
    answers = aws.client("ec2").describe_subnets(Filters=filters, **_ids("SubnetIds", arguments.get("id")))["Subnets"]
    subnet = _only("subnets", answers, arguments)
    names = "vpcId availabilityZone availabilityZoneId cidrBlock state mapPublicIpOnLaunch defaultForAz ownerId tags"
    return _outputs(aws, "subnet", subnet["subnetId"], subnet, names)


def _internet_gateway(aws: Aws, arguments: Props) -> Props:
    ids = _ids("InternetGatewayIds", arguments.get("internetGatewayId"))
    answer = aws.client("ec2").describe_internet_gateways(Filters=_filters(arguments), **ids)
    gateway = _only("internet gateways", answer["InternetGateways"], arguments)
    names = "internetGatewayId ownerId attachments tags"
    return _outputs(aws, "internet-gateway", gateway["internetGatewayId"], gateway, names)


def _security_group(aws: Aws, arguments: Props) -> Props:
    filters, ids = _filters(arguments, name="group-name", vpcId="vpc-id"), _ids("GroupIds", arguments.get("id"))
    answers = aws.client("ec2").describe_security_groups(Filters=filters, **ids)["SecurityGroups"]
    group = _only("security groups", answers, arguments)
    outputs = _outputs(aws, "security-group", group["groupId"], group, "description vpcId tags")
    return outputs | {"name": group["groupName"]}


def _repository(aws: Aws, arguments: Props) -> Props:
    repository = aws.client("ecr").describe_repositories(repositoryNames=[arguments["name"]])["repositories"][0]
    names = {"arn": "repositoryArn", "registryId": "registryId", "repositoryUrl": "repositoryUri"}
    outputs = {name: repository[key] for name, key in names.items()}
    return outputs | {"id": arguments["name"], "region": aws.region}


def _authorization(aws: Aws, arguments: Props) -> Props:
    authorization = aws.client("ecr").get_authorization_token()["authorizationData"][0]
    user, _, password = base64.b64decode(authorization["authorizationToken"]).decode().partition(":")
    return {
        "id": aws.region,
        "region": aws.region,
        "authorizationToken": authorization["authorizationToken"],
        "expiresAt": authorization["expiresAt"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "proxyEndpoint": authorization["proxyEndpoint"],
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
