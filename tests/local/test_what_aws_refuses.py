"""The local AWS refuses what AWS refuses where something is used, or cannot be made; no containers run here."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.provider import AwsProvider
from local.aws.session import Aws
from local.plugin.provider import PluginError

pytest_plugins = ["tests.local.plugin_fixtures"]

VPC_ORIGIN = "aws:cloudfront/vpcOrigin:VpcOrigin"


class Network:
    """A network with an internal load balancer, by default one in which a VPC origin can stand."""

    def __init__(self, aws: Aws, cidr: str, zones: str = "ab", *, gateway: bool = True) -> None:
        self.ec2, self.elb = aws.client("ec2"), aws.client("elbv2")
        self.vpc = self.ec2.create_vpc(CidrBlock=f"{cidr}.0.0/16")["Vpc"]["VpcId"]
        self.subnets = [
            self.ec2.create_subnet(
                VpcId=self.vpc, CidrBlock=f"{cidr}.{number}.0/24", AvailabilityZone=f"{aws.region}{zone}"
            )["Subnet"]["SubnetId"]
            for number, zone in enumerate(zones)
        ]
        self.gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        if gateway:
            self.ec2.attach_internet_gateway(InternetGatewayId=self.gateway, VpcId=self.vpc)
        self.group = self.ec2.create_security_group(GroupName="own", Description="own", VpcId=self.vpc)["GroupId"]
        self.balancer = self.elb.create_load_balancer(
            Name=f"b{cidr.replace('.', '-')}", Subnets=self.subnets, SecurityGroups=[self.group], Scheme="internal"
        )["LoadBalancers"][0]

    def origin(self) -> dict[str, Any]:
        """Inputs of a VPC origin."""
        endpoint = {"name": self.vpc, "arn": self.balancer["LoadBalancerArn"], "httpPort": 80, "httpsPort": 443}
        protocols = {"items": ["TLSv1.2"], "quantity": 1}
        return {
            "vpcOriginEndpointConfig": endpoint | {"originProtocolPolicy": "http-only", "originSslProtocols": protocols}
        }


def refused(code: str, call: Callable[..., Any], **arguments: Any) -> None:
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    assert raised.value.response["Error"]["Code"] == code


def test_a_network_goes_in_the_order_that_ec2_demands(aws: Aws) -> None:
    network = Network(aws, "10.80")
    ec2, first = network.ec2, network.subnets[0]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=first, AllocationId=address)["NatGateway"]["NatGatewayId"]
    attachment = {"InternetGatewayId": network.gateway, "VpcId": network.vpc}

    refused("DependencyViolation", ec2.delete_security_group, GroupId=network.group)
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=network.subnets[1])
    network.elb.delete_load_balancer(LoadBalancerArn=network.balancer["LoadBalancerArn"])
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=first)
    refused("DependencyViolation", ec2.detach_internet_gateway, **attachment)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    refused("DependencyViolation", ec2.delete_internet_gateway, InternetGatewayId=network.gateway)
    ec2.detach_internet_gateway(**attachment)
    ec2.delete_internet_gateway(InternetGatewayId=network.gateway)
    refused("DependencyViolation", ec2.delete_vpc, VpcId=network.vpc)
    for subnet in network.subnets:
        ec2.delete_subnet(SubnetId=subnet)
    refused("DependencyViolation", ec2.delete_vpc, VpcId=network.vpc)
    ec2.delete_security_group(GroupId=network.group)
    ec2.delete_vpc(VpcId=network.vpc)


@pytest.mark.usefixtures("provider")
def test_a_vpc_origin_stands_where_cloudfront_has_some(endpoint: str) -> None:
    for number, (region, zones, gateway, why) in enumerate(
        (
            ("us-east-1", "ab", True, ""),
            ("us-east-1", "bc", True, "not supported in the Availability Zone use1-az3"),
            ("us-gov-west-1", "ab", True, "Arn Invalid Format"),
            ("us-west-2", "ab", False, "has no internet gateway"),
        )
    ):
        network = Network(Aws(region, endpoint), f"10.{100 + number}", zones, gateway=gateway)
        provider = AwsProvider()
        provider.configure({"region": region})
        if why:
            with pytest.raises(PluginError, match=why):
                provider.create(VPC_ORIGIN, network.origin())
        else:
            provider.create(VPC_ORIGIN, network.origin())


def test_a_refused_delete_of_a_network_is_repeated(provider: AwsProvider, aws: Aws) -> None:
    """As the group of CloudFront may stay after its last VPC origin."""
    network = Network(aws, "10.90")
    identity, state = provider.create(VPC_ORIGIN, network.origin())
    (group,) = aws.client("ec2").describe_security_groups(
        Filters=[
            {"Name": "vpc-id", "Values": [network.vpc]},
            {"Name": "group-name", "Values": ["CloudFront-VPCOrigins-Service-SG"]},
        ]
    )["SecurityGroups"]
    rule = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": group["GroupId"]}]}
    network.ec2.authorize_security_group_ingress(GroupId=network.group, IpPermissions=[rule])
    provider.delete(VPC_ORIGIN, identity, state)
    for _ in range(2):
        with pytest.raises(PluginError, match="DependencyViolation"):
            provider.delete("aws:ec2/vpc:Vpc", network.vpc, {"id": network.vpc})
    network.ec2.revoke_security_group_ingress(GroupId=network.group, IpPermissions=[rule])


def test_a_vpc_origin_is_deploying_for_a_while(provider: AwsProvider, aws: Aws) -> None:
    began = time.monotonic()
    identity, state = provider.create(VPC_ORIGIN, Network(aws, "10.91").origin())
    assert time.monotonic() - began > 1
    answer = aws.client("cloudfront").get_vpc_origin(Id=identity)
    assert (answer["VpcOrigin"]["Status"], answer["ETag"]) == ("Deployed", state["etag"])
