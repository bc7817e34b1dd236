"""Security groups let through what their rules say, from CloudFront, from outside and from a load balancer to tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.local.emulator_world import Service, World, make_service, wait_for

pytest_plugins = ["tests.local.emulator_fixtures"]

CLOUDFRONT = "CloudFront-VPCOrigins-Service-SG"
EVERYBODY = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """A network with an internal load balancer, whose group lets nobody in, and a service behind it."""

    world: World
    vpc: str
    subnets: list[str]
    service: Service
    own: str
    """The load balancer's group."""
    tasks: str

    def client(self, name: str) -> Any:
        return self.world.client(name)

    def allow(self, group: str, port: int, **source: Any) -> str:
        """A way in; its id."""
        rule = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, **source}
        made = self.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[rule])
        return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def revoke(self, group: str, rule: str) -> None:
        self.client("ec2").revoke_security_group_ingress(GroupId=group, SecurityGroupRuleIds=[rule])

    def of_cloudfront(self) -> list[dict[str, Any]]:
        filters = [{"Name": "vpc-id", "Values": [self.vpc]}, {"Name": "group-name", "Values": [CLOUDFRONT]}]
        found: list[dict[str, Any]] = self.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]
        return found

    def origin(self, name: str) -> dict[str, Any]:
        made: dict[str, Any] = self.client("cloudfront").create_vpc_origin(
            VpcOriginEndpointConfig={
                "Name": name,
                "Arn": self.world.balancer["LoadBalancerArn"],
                "HTTPPort": self.service.port,
                "HTTPSPort": 443,
                "OriginProtocolPolicy": "http-only",
            }
        )["VpcOrigin"]
        return made

    def delete_origin(self, origin: dict[str, Any]) -> None:
        cloudfront, identity = self.client("cloudfront"), origin["Id"]
        assert wait_for(lambda: cloudfront.get_vpc_origin(Id=identity)["VpcOrigin"]["Status"] == "Deployed")
        cloudfront.delete_vpc_origin(Id=identity, IfMatch=cloudfront.get_vpc_origin(Id=identity)["ETag"])


@pytest.fixture(scope="module")
def network(world: World) -> Iterator[Network]:
    ec2 = world.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.70.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.70.{number}.0/24")["Subnet"]["SubnetId"] for number in range(2)
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    own, tasks = (
        ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in ("own", "tasks")
    )
    balancer = world.client("elbv2").create_load_balancer(
        Name="guarded", Subnets=subnets, SecurityGroups=[own], Scheme="internal"
    )["LoadBalancers"][0]
    there = dataclasses.replace(world, balancer=balancer, group=tasks)
    service = make_service(there, "guarded")
    made = Network(world=there, vpc=vpc, subnets=subnets, service=service, own=own, tasks=tasks)
    service.create(service.revision("healthy", "behind"), count=1)
    yield made
    service.delete()


@pytest.fixture(scope="module")
def ask(network: Network) -> Callable[[], int]:
    """Ask through a distribution with a VPC origin; the status."""
    origin = network.origin("to-guarded")
    cloudfront = network.client("cloudfront")
    distribution = cloudfront.create_distribution(
        DistributionConfig={
            "CallerReference": "guarded",
            "Comment": "",
            "Enabled": True,
            "Origins": {
                "Quantity": 1,
                "Items": [
                    {
                        "Id": "api",
                        "DomainName": network.world.balancer["DNSName"],
                        "VpcOriginConfig": {"VpcOriginId": origin["Id"]},
                    }
                ],
            },
            "DefaultCacheBehavior": {
                "TargetOriginId": "api",
                "ViewerProtocolPolicy": "redirect-to-https",
                "CachePolicyId": "4135ea2d-6df8-44a3-9df3-4b5a84be39ad",
            },
            # Or a refusal would be cached for ten seconds.
            "CustomErrorResponses": {"Quantity": 1, "Items": [{"ErrorCode": 504, "ErrorCachingMinTTL": 0}]},
        }
    )["Distribution"]
    host = f"{distribution['Id']}.cloudfront.localhost:{network.world.emulator.port}"
    assert network.world.get("/", host, **{"X-Forwarded-Proto": "http"})[0] == 301
    return lambda: network.world.get("/", host)[0]


def test_tasks_get_requests_and_checks_only_if_their_group_lets_the_load_balancer_in(
    network: Network, ask: Callable[[], int]
) -> None:
    ec2 = network.client("ec2")
    (cloudfront,) = network.of_cloudfront()
    way_in = network.allow(network.own, network.service.port, UserIdGroupPairs=[{"GroupId": cloudfront["GroupId"]}])
    to_tasks = network.allow(network.tasks, 8080, UserIdGroupPairs=[{"GroupId": network.own}])
    assert wait_for(lambda: ask() == 200)

    network.revoke(network.tasks, to_tasks)
    assert ask() == 504
    assert wait_for(lambda: any("(reason Request timed out)" in one["message"] for one in events(network)))
    to_tasks = network.allow(network.tasks, 8080, IpRanges=[{"CidrIp": "10.70.0.0/16"}])
    assert wait_for(lambda: ask() == 200)

    ec2.revoke_security_group_egress(GroupId=network.own, IpPermissions=[{"IpProtocol": "-1", **EVERYBODY}])
    assert ask() == 504
    only = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080, "UserIdGroupPairs": [{"GroupId": network.tasks}]}
    ec2.authorize_security_group_egress(GroupId=network.own, IpPermissions=[only])
    assert wait_for(lambda: ask() == 200)
    network.revoke(network.own, way_in)


def events(network: Network) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = network.service.describe()["events"]
    return found


def test_cloudfront_gets_in_by_its_group_alone(network: Network, ask: Callable[[], int]) -> None:
    (group,) = network.of_cloudfront()
    by_group = {"UserIdGroupPairs": [{"GroupId": group["GroupId"]}]}
    assert ask() == 504
    port = network.service.port
    cases: list[tuple[int, dict[str, Any], int]] = [
        (port, {"IpRanges": [{"CidrIp": "10.70.0.0/16"}]}, 504),
        (port + 1, by_group, 504),
        (port, by_group, 200),
        (port, EVERYBODY, 200),
    ]
    for where, source, status in cases:
        rule = network.allow(network.own, where, **source)
        assert ask() == status, (where, source)
        network.revoke(network.own, rule)


def test_nobody_outside_reaches_an_internal_load_balancer(network: Network) -> None:
    rule = network.allow(network.own, network.service.port, **EVERYBODY)
    for host, path in ((f"guarded.alb.localhost:{network.service.port}", "/"), ("localhost", "/_alb/guarded/")):
        status, body = network.world.get(path, host)
        assert status == 504
        assert "is internal, and this request comes from outside its network" in body
    network.revoke(network.own, rule)


def test_others_reach_a_public_load_balancer_if_a_rule_lets_them_in(world: World) -> None:
    ec2 = world.client("ec2")
    group = ec2.create_security_group(GroupName="public", Description="d", VpcId="vpc-1")["GroupId"]
    balancing = world.client("elbv2")
    balancer = balancing.create_load_balancer(Name="public", Subnets=["subnet-1"], SecurityGroups=[group])
    nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "none"}}
    balancing.create_listener(
        LoadBalancerArn=balancer["LoadBalancers"][0]["LoadBalancerArn"],
        Protocol="HTTP",
        Port=80,
        DefaultActions=[nothing],
    )
    status, body = world.get("/", "public.alb.localhost")
    assert (status, f"by no rule of its security groups ({group})" in body) == (504, True)
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, **EVERYBODY}]
    )
    assert world.get("/", "public.alb.localhost") == (404, "none")


def test_cloudfronts_group_comes_with_the_first_origin_and_goes_with_the_last(
    network: Network, ask: Callable[[], int]
) -> None:
    (group,) = network.of_cloudfront()
    assert group["OwnerId"] == "000000000000"
    assert group["Tags"] == [{"Key": "aws.cloudfront.vpcorigin", "Value": "enabled"}]
    second = network.origin("second")
    assert [one["GroupId"] for one in network.of_cloudfront()] == [group["GroupId"]]
    network.delete_origin(second)
    assert [one["GroupId"] for one in network.of_cloudfront()] == [group["GroupId"]]


def test_cloudfronts_group_stays_while_a_rule_names_it(world: World) -> None:
    ec2 = world.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.71.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.71.1.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    own = ec2.create_security_group(GroupName="own", Description="own", VpcId=vpc)["GroupId"]
    balancer = world.client("elbv2").create_load_balancer(
        Name="other", Subnets=[subnet], SecurityGroups=[own], Scheme="internal"
    )["LoadBalancers"][0]
    network = Network(
        world=dataclasses.replace(world, balancer=balancer),
        vpc=vpc,
        subnets=[subnet],
        service=Service(world=world, name="other", group="", port=80),
        own=own,
        tasks="",
    )
    origin = network.origin("other")
    (group,) = network.of_cloudfront()
    rule = network.allow(own, 80, UserIdGroupPairs=[{"GroupId": group["GroupId"]}])
    with pytest.raises(ClientError, match=f"resource {group['GroupId']} has a dependent object"):
        ec2.delete_security_group(GroupId=group["GroupId"])
    with pytest.raises(ClientError, match=f"resource {own} has a dependent object"):
        ec2.delete_security_group(GroupId=own)

    network.delete_origin(origin)
    assert network.of_cloudfront() != []
    network.revoke(own, rule)
    network.delete_origin(network.origin("other"))
    assert network.of_cloudfront() == []
