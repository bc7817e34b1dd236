"""The network: an existing one that is found, and a new one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import grpc
import pulumi
import pytest
from pulumi.runtime import mocks

from components.aws_limits import subnet_blocks
from components.network import ExistingVpc, Network, NetworkArgs, NewVpc
from tests.components import recorded
from tests.components.recorded import Recorded, record

SUBNET = "aws:ec2/subnet:Subnet"
NAT = "aws:ec2/natGateway:NatGateway"
ROUTE = "aws:ec2/route:Route"
FLOW_LOG = "aws:ec2/flowLog:FlowLog"
ZONES = ("us-west-2a", "us-west-2b", "us-west-2c")
ZONE_IDS = {"us-west-2a": "usw2-az2", "us-west-2b": "usw2-az1", "us-west-2c": "usw2-az3"}
IN_ZONES = {"s-3": "us-west-2a", "s-1": "us-west-2b", "s-2": "us-west-2c", "s-4": "us-west-2c"}
"""The subnets that are there, and their zones."""


class NotFoundError(grpc.RpcError):  # type: ignore[misc]  # grpc has no types
    """How the engine answers when a function of the provider fails."""

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return "no matching one found"


def made(
    zones: int = 2,
    nat_gateways: int = 1,
    cidr: str = "10.20.0.0/16",
    flow_log_days: int | None = None,
    **args: Any,
) -> Recorded:
    vpc = NewVpc(
        zones=ZONES[:zones], region="us-west-2", nat_gateways=nat_gateways, cidr=cidr, flow_log_days=flow_log_days
    )
    return record(lambda: Network("network", NetworkArgs(vpc=vpc, **args)))


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Looks a network up where AWS has one VPC and, by tags, the subnets that are named; its outputs."""

    def look_up(
        tagged: tuple[str, ...] = (),
        vpc_origin: bool = False,
        gateway: bool = True,
        zone_ids: Mapping[str, str] = ZONE_IDS,
        **vpc: Any,
    ) -> dict[str, Any]:
        asked: list[tuple[str, Mapping[Any, Any]]] = []

        def call(_: Any, args: mocks.MockCallArgs) -> Any:
            asked.append((args.token.rpartition(":")[2], args.args))
            if args.token.endswith(":getVpc"):
                if args.args.get("id") == "vpc-none":
                    raise NotFoundError
                return {"id": "vpc-1", "cidrBlock": "10.1.0.0/16"}, []
            if args.token.endswith(":getSubnets"):
                return {"ids": list(tagged)}, []
            if args.token.endswith(":getInternetGateway"):
                if not gateway:
                    raise NotFoundError
                return {"id": "igw-1"}, []
            assert args.args["vpcId"] == "vpc-1", "a subnet of another network would be taken"
            if args.args["id"] not in IN_ZONES:
                raise NotFoundError
            zone = IN_ZONES[args.args["id"]]
            return {"id": args.args["id"], "availabilityZone": zone, "availabilityZoneId": zone_ids[zone]}, []

        monkeypatch.setattr(recorded._Mocks, "call", call)
        outputs: dict[str, Any] = {"asked": asked}

        def build() -> None:
            network = Network("network", NetworkArgs(vpc=ExistingVpc(**vpc), vpc_origin=vpc_origin))
            for name in ("vpc_id", "cidr", "private_subnet_ids", "public_subnet_ids"):
                getattr(network, name).apply(lambda value, name=name: outputs.update({name: value}))

        assert [item.token for item in record(build).resources] == ["easi:network:Network"]
        return outputs

    return look_up


def test_an_existing_network_is_found_by_ids(found: Callable[..., dict[str, Any]]) -> None:
    outputs = found(vpc_id="vpc-1", private_subnet_ids=["s-1", "s-3"])
    assert (outputs["vpc_id"], outputs["cidr"]) == ("vpc-1", "10.1.0.0/16")
    assert outputs["private_subnet_ids"] == ["s-3", "s-1"], "in the order of their zones"
    assert outputs["public_subnet_ids"] == []


def test_an_existing_network_is_found_by_tags(found: Callable[..., dict[str, Any]]) -> None:
    outputs = found(("s-2", "s-1", "s-3"), vpc_tags={"Name": "shared"}, private_subnet_tags={"Tier": "private"})
    vpc, subnets = outputs["asked"][:2]
    assert vpc == ("getVpc", {"tags": {"Name": "shared"}})
    filters = [{"name": "vpc-id", "values": ["vpc-1"]}]
    assert subnets == ("getSubnets", {"filters": filters, "tags": {"Tier": "private"}})
    assert outputs["private_subnet_ids"] == ["s-3", "s-1", "s-2"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, ""),
        ({"zone_ids": {**ZONE_IDS, "us-west-2c": "use1-az3"}}, ""),
        (
            {"zone_ids": {**ZONE_IDS, "us-west-2b": "use1-az3"}},
            "the private subnet s-1 of vpc-1 is in us-west-2b, in this account the zone use1-az3, which has no VPC",
        ),
        ({"gateway": False}, "vpc-1 has no internet gateway that can be found"),
    ],
)
def test_an_existing_network_is_refused_where_no_vpc_origin_can_stand(
    found: Callable[..., dict[str, Any]], given: dict[str, Any], message: str
) -> None:
    network = {"vpc_id": "vpc-1", "private_subnet_ids": ["s-1", "s-3"], **given}
    assert found(**network)["private_subnet_ids"] == ["s-3", "s-1"], "asked for nothing, it refuses nothing"
    if message:
        with pytest.raises(pulumi.RunError, match=message):
            found(**network, vpc_origin=True)
    else:
        found(**network, vpc_origin=True)


@pytest.mark.parametrize(
    ("tagged", "args", "message"),
    [
        (
            ("s-1",),
            {"private_subnet_tags": {"Tier": "private", "App": "x"}},
            r"private subnets of vpc-1 with the tags App=x, Tier=private: found s-1\n  expected at least 2, in differ",
        ),
        ((), {"private_subnet_tags": {"Tier": "private"}}, "with the tags Tier=private: found none"),
        ((), {"private_subnet_ids": ["s-1", "s-1"]}, "private subnets of vpc-1: found s-1"),
        ((), {"private_subnet_ids": ["s-1", "s-9"]}, "private subnets of vpc-1: s-9 is not among them"),
        (
            ("s-2", "s-3", "s-4"),
            {"private_subnet_tags": {"Tier": "private"}},
            "s-2 and s-4 are both in us-west-2c\n  expected one for each zone",
        ),
        (
            (),
            {"vpc_id": "vpc-none", "private_subnet_ids": ["s-1"]},
            "the VPC vpc-none cannot be found: .*no matching one found",
        ),
    ],
)
def test_a_network_that_is_not_as_expected_is_refused(
    tagged: tuple[str, ...], args: dict[str, Any], message: str, found: Callable[..., dict[str, Any]]
) -> None:
    with pytest.raises(pulumi.RunError, match=message):
        found(tagged, **{"vpc_id": "vpc-1", **args})


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"private_subnet_ids": ["s-1"]}, "needs vpc_id or vpc_tags"),
        ({"vpc_id": "vpc-1"}, "needs private_subnet_ids or private_subnet_tags"),
        ({"vpc_id": "vpc-1", "vpc_tags": {"a": "b"}}, "has vpc_id and vpc_tags: give one of them"),
        (
            {"vpc_id": "vpc-1", "private_subnet_ids": ["s-1"], "private_subnet_tags": {"a": "b"}},
            "has private_subnet_ids and private_subnet_tags: give one",
        ),
    ],
)
def test_contradictions_are_refused(args: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        record(lambda: Network("network", NetworkArgs(vpc=ExistingVpc(**args))))


def test_a_new_network_has_private_subnets_with_a_way_out() -> None:
    network = made()
    found = {item.name: (item.inputs["availabilityZone"], item.inputs["cidrBlock"]) for item in network.all(SUBNET)}
    assert found == {
        "network-public-0": ("us-west-2a", "10.20.0.0/24"),
        "network-public-1": ("us-west-2b", "10.20.1.0/24"),
        "network-private-0": ("us-west-2a", "10.20.4.0/24"),
        "network-private-1": ("us-west-2b", "10.20.5.0/24"),
    }
    assert [item.inputs["subnetId"] for item in network.all(NAT)] == ["network-public-0-id"]
    for name in ("network-private-0", "network-private-1"):
        assert network.one(ROUTE, name)["natGatewayId"] == "network-public-0-id"
        assert network.one("aws:ec2/routeTableAssociation:RouteTableAssociation", name) == {
            "routeTableId": f"{name}-id",
            "subnetId": f"{name}-id",
        }
    assert not any(subnet.inputs.get("mapPublicIpOnLaunch") for subnet in network.all(SUBNET))


def test_a_zone_can_have_its_own_way_out() -> None:
    network = made(zones=3, nat_gateways=3)
    for zone in range(3):
        gateway = network.one(NAT, f"network-public-{zone}")
        assert gateway["subnetId"] == f"network-public-{zone}-id"
        assert network.one(ROUTE, f"network-private-{zone}")["natGatewayId"] == f"network-public-{zone}-id"
    assert len(network.all(NAT)) == 3


def test_private_subnets_reach_s3_without_nat() -> None:
    assert made(zones=3).one("aws:ec2/vpcEndpoint:VpcEndpoint") == {
        "vpcId": "network-id",
        "serviceName": "com.amazonaws.us-west-2.s3",
        "vpcEndpointType": "Gateway",
        "routeTableIds": [f"network-private-{zone}-id" for zone in range(3)],
        "tags": {"Name": "network-s3"},
    }


@pytest.mark.parametrize("gateways", ["one", "each"])
def test_a_third_zone_replaces_nothing(gateways: str) -> None:
    two, three = (made(zones=zones, nat_gateways=1 if gateways == "one" else zones) for zones in (2, 3))
    after = {(item.token, item.name): item.inputs for item in three.resources}
    changed = []
    for item in two.resources:
        if after[item.token, item.name] != item.inputs:
            changed.append(item.token)
    assert changed == ["aws:ec2/vpcEndpoint:VpcEndpoint"], "route tables are added to it in place"
    assert len(after) > len(two.resources)


def test_every_zone_has_ranges_of_its_own() -> None:
    blocks = [block for zone in subnet_blocks("10.0.0.0/21", 3) for block in zone]
    assert len(set(blocks)) == 6
    assert all(block.endswith("/24") for block in blocks)
    assert subnet_blocks("10.0.0.0/21", 2) == subnet_blocks("10.0.0.0/21", 3)[:2]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ({"zones": 1}, "2 or 3 availability zones, not 1"),
        ({"cidr": "10.0.0.0/22"}, "10.0.0.0/22 is too small for two /24 subnets in each of 3 zones: use /21 or larger"),
        ({"cidr": "10.0.0"}, "'10.0.0' is no address range"),
        ({"nat_gateways": 0}, "1 NAT gateway, or one for each of its 2 zones, not 0"),
        ({"zones": 3, "nat_gateways": 2}, "1 NAT gateway, or one for each of its 3 zones, not 2"),
    ],
)
def test_impossible_networks_are_refused(args: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        made(**args)


def test_default_group_of_a_new_network_lets_nothing_through() -> None:
    group = made().one("aws:ec2/defaultSecurityGroup:DefaultSecurityGroup")
    assert (group["vpcId"], group["ingress"], group["egress"]) == ("network-id", [], [])


def test_flow_logs_of_a_new_network_go_to_a_bucket_once_it_may_be_written_to() -> None:
    assert made().all(FLOW_LOG) == []
    recorded = made(flow_log_days=30)
    log = recorded.one(FLOW_LOG)
    assert (log["vpcId"], log["trafficType"], log["logDestinationType"]) == ("network-id", "ALL", "s3")
    assert log["logDestination"].endswith("/network-flow-logs")
    assert "BucketPolicy::network-flow-logs" in " ".join(recorded.asked(FLOW_LOG)["dependencies"])
    policy = json.loads(recorded.one("aws:s3/bucketPolicy:BucketPolicy")["policy"])
    allowed = {statement["Action"]: statement for statement in policy["Statement"] if statement["Effect"] == "Allow"}
    assert set(allowed) == {"s3:PutObject", "s3:GetBucketAcl"}
    for statement in allowed.values():
        assert statement["Principal"] == {"Service": "delivery.logs.amazonaws.com"}
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == "111111111111"
        assert statement["Condition"]["ArnLike"] == {"aws:SourceArn": "arn:aws:logs:us-west-2:111111111111:*"}
