"""What the local AWS plugin looks up, against an emulator of its own; and a network's way to a service."""

from __future__ import annotations

from typing import Any

import pytest

from local.aws.provider import AwsProvider
from local.aws.session import Aws
from local.plugin.provider import PluginError

ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"
VPC = "aws:ec2/getVpc:getVpc"
REPOSITORY = "aws:ecr/getRepository:getRepository"
GROUP = "aws:ec2/getSecurityGroup:getSecurityGroup"
GATEWAY = "aws:ec2/getInternetGateway:getInternetGateway"
SUBNET = "aws:ec2/getSubnet:getSubnet"
SUBNETS = "aws:ec2/getSubnets:getSubnets"
ZONES = {"private": ("us-west-2a", "us-west-2b"), "public": ("us-west-2a",)}


pytest_plugins = ["tests.local.plugin_fixtures"]


def tags(kind: str, **named: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": named[key]} for key in named]}]


@pytest.fixture(scope="module")
def network(endpoint: str) -> dict[str, Any]:
    """Somebody's VPC, and another with a subnet of the same tags."""
    ec2 = Aws("us-west-2", endpoint).client("ec2")
    made: dict[str, Any] = {}
    for name, block in (("shared", "10.1"), ("other", "10.2")):
        vpc = ec2.create_vpc(CidrBlock=f"{block}.0.0/16", TagSpecifications=tags("vpc", Name=name))["Vpc"]["VpcId"]
        made[name] = vpc
        for tier, zones in ZONES.items():
            for number, zone in enumerate(zones):
                block_of_subnet = f"{block}.{len(made)}.0/24"
                subnet = ec2.create_subnet(
                    VpcId=vpc,
                    CidrBlock=block_of_subnet,
                    AvailabilityZone=zone,
                    TagSpecifications=tags("subnet", Tier=tier),
                )
                made[f"{name}-{tier}-{number}"] = subnet["Subnet"]["SubnetId"]
    return made


def test_a_vpc_is_found_by_its_tags(provider: AwsProvider, network: dict[str, Any]) -> None:
    found = provider.invoke(VPC, {"tags": {"Name": "shared"}})
    assert (found["id"], found["cidrBlock"], found["tags"]) == (network["shared"], "10.1.0.0/16", {"Name": "shared"})
    assert provider.invoke(VPC, {"id": network["other"]})["cidrBlock"] == "10.2.0.0/16"


def test_a_vpc_that_is_not_there_is_an_error(provider: AwsProvider, network: dict[str, Any]) -> None:
    with pytest.raises(PluginError, match=r"0 VPCs match .*nowhere.*, exactly one is needed"):
        provider.invoke(VPC, {"tags": {"Name": "nowhere"}})


def test_the_internet_gateway_of_a_network_is_found(provider: AwsProvider, network: dict[str, Any]) -> None:
    ec2 = provider.aws.client("ec2")
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network["shared"])
    for vpc, others in (("shared", ""), ("other", "0 internet gateways match")):
        asked = {"filters": [{"name": "attachment.vpc-id", "values": [network[vpc]]}]}
        if others:
            with pytest.raises(PluginError, match=others):
                provider.invoke(GATEWAY, asked)
        else:
            found = provider.invoke(GATEWAY, asked)
            assert (found["id"], found["attachments"][0]["vpcId"]) == (gateway, network["shared"])


def test_subnets_are_found_by_network_and_tags(provider: AwsProvider, network: dict[str, Any]) -> None:
    inside = {"filters": [{"name": "vpc-id", "values": [network["shared"]]}]}
    found = provider.invoke(SUBNETS, inside | {"tags": {"Tier": "private"}})
    assert sorted(found["ids"]) == sorted([network["shared-private-0"], network["shared-private-1"]])
    assert len(provider.invoke(SUBNETS, inside)["ids"]) == 3
    assert provider.invoke(SUBNETS, inside | {"tags": {"Tier": "none"}})["ids"] == []


def test_a_subnet_tells_its_zone_and_network(provider: AwsProvider, network: dict[str, Any]) -> None:
    found = provider.invoke(SUBNET, {"id": network["shared-private-1"], "vpcId": network["shared"]})
    assert (found["availabilityZone"], found["vpcId"]) == ("us-west-2b", network["shared"])
    assert found["tags"] == {"Tier": "private"}
    with pytest.raises(PluginError, match="0 subnets match"):
        provider.invoke(SUBNET, {"id": network["shared-private-1"], "vpcId": network["other"]})
    with pytest.raises(Exception, match="InvalidSubnetID"):
        provider.invoke(SUBNET, {"id": "subnet-none"})


def test_a_security_group_is_found_by_its_name_in_its_network(provider: AwsProvider, network: dict[str, Any]) -> None:
    asked = {"name": "default", "vpcId": network["shared"]}
    found = provider.invoke(GROUP, asked)
    assert (found["vpcId"], found["name"]) == (network["shared"], "default")
    assert provider.invoke(GROUP, {"id": found["id"]})["arn"].endswith(f":security-group/{found['id']}")
    assert provider.invoke(GROUP, {"name": "default", "vpcId": network["other"]})["id"] != found["id"]
    with pytest.raises(PluginError, match=r"0 security groups match .*none.*, exactly one is needed"):
        provider.invoke(GROUP, asked | {"name": "none"})


def test_docker_finds_a_repository_that_is_looked_up(provider: AwsProvider, endpoint: str) -> None:
    provider.aws.client("ecr").create_repository(repositoryName="shop/orders")
    found = provider.invoke(REPOSITORY, {"name": "shop/orders"})
    assert found["arn"] == "arn:aws:ecr:us-west-2:000000000000:repository/shop/orders"
    assert found["repositoryUrl"] == endpoint.replace("http://127.0.0.1", "localhost") + "/shop/orders"
    with pytest.raises(Exception, match="RepositoryNotFoundException"):
        provider.invoke(REPOSITORY, {"name": "nowhere"})


def test_a_way_to_a_service_from_its_beginning_to_its_end(provider: AwsProvider, network: dict[str, Any]) -> None:
    ec2 = provider.aws.client("ec2")
    first, second = (ec2.create_route_table(VpcId=network["shared"])["RouteTable"]["RouteTableId"] for _ in range(2))
    service = {"vpcId": network["shared"], "serviceName": "com.amazonaws.us-west-2.s3", "vpcEndpointType": "Gateway"}
    inputs = service | {"routeTableIds": [first], "tags": {"Name": "s3"}}
    identity, state = provider.create(ENDPOINT, inputs)
    assert state["arn"] == f"arn:aws:ec2:us-west-2:000000000000:vpc-endpoint/{identity}"
    both = inputs | {"routeTableIds": [second, first]}
    assert not provider.diff(ENDPOINT, both, both | {"routeTableIds": [first, second]}).changes

    state = provider.update(ENDPOINT, identity, state, old=inputs, new=both)
    (found,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[identity])["VpcEndpoints"]
    assert sorted(found["RouteTableIds"]) == sorted([first, second])
    provider.update(ENDPOINT, identity, state, old=both, new=both | {"routeTableIds": [second]})
    (found,) = ec2.describe_vpc_endpoints(VpcEndpointIds=[identity])["VpcEndpoints"]
    assert found["RouteTableIds"] == [second]
    assert found["Tags"] == [{"Key": "Name", "Value": "s3"}]

    provider.delete(ENDPOINT, identity, state)
    assert provider.read(ENDPOINT, identity, state, both) is None
