"""Which subnets of the local AWS let a task get its image from ECR."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import ec2

from local.emulator.gaps import way_out

SUBNET = {"SubnetId": "subnet-1", "VpcId": "vpc-1"}
INTERNET = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}
TRANSIT = {"DestinationCidrBlock": "0.0.0.0/0", "TransitGatewayId": "tgw-1", "State": "active"}
LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}


@pytest.fixture(autouse=True)
def network() -> Iterator[None]:
    """A NAT gateway in a subnet of its own."""
    stores = (ec2._subnets, ec2._route_tables, ec2._nat_gateways, ec2._vpc_endpoints)
    with request_scope("000000000000", "us-west-2"):
        ec2._subnets["subnet-nat"] = {"SubnetId": "subnet-nat", "VpcId": "vpc-1"}
        ec2._nat_gateways["nat-1"] = {"SubnetId": "subnet-nat", "State": "available", "ConnectivityType": "public"}
        yield
        for store in stores:
            store.clear()


def table(name: str, *routes: dict[str, Any], **association: Any) -> None:
    ec2._route_tables[name] = {
        "RouteTableId": name,
        "VpcId": "vpc-1",
        "Associations": [association],
        "Routes": [LOCAL, *routes],
    }


def endpoint(name: str, kind: str = "Interface", *tables: str) -> None:
    ec2._vpc_endpoints[name] = {
        "VpcId": "vpc-1",
        "ServiceName": f"com.amazonaws.us-west-2.{name}",
        "VpcEndpointType": kind,
        "RouteTableIds": list(tables),
    }


@pytest.mark.parametrize(
    ("routes", "of_nat", "out"),
    [
        ([], [INTERNET], False),
        ([INTERNET], [INTERNET], False),
        ([NAT | {"State": "blackhole"}], [INTERNET], False),
        ([NAT | {"NatGatewayId": "nat-gone"}], [INTERNET], False),
        ([NAT], [], False),
        ([NAT], [INTERNET], True),
        ([TRANSIT], [], True),
    ],
)
def test_a_subnet_has_a_way_out(routes: list[dict[str, Any]], of_nat: list[dict[str, Any]], out: bool) -> None:
    table("rtb-own", *routes, SubnetId="subnet-1", Main=False)
    table("rtb-nat", *of_nat, SubnetId="subnet-nat", Main=False)
    assert way_out.reaches_ecr(SUBNET) is out


def test_a_subnet_without_a_table_has_the_main_one_and_one_that_is_not_known_passes() -> None:
    assert way_out.reaches_ecr(SUBNET) is True
    table("rtb-main", Main=True)
    assert way_out.reaches_ecr(SUBNET) is False


@pytest.mark.parametrize(
    ("image", "of_ecr"),
    [
        ("000000000000.dkr.ecr.us-west-2.amazonaws.com/easi@sha256:0", True),
        ("localhost:4566/easi@sha256:0", True),
        ("localhost:5000/easi@sha256:0", False),
        ("test:latest", False),
    ],
)
def test_an_image_is_of_ecr(image: str, of_ecr: bool) -> None:
    assert way_out.is_of_ecr(image, 4566) is of_ecr


def test_endpoints_stand_for_a_route() -> None:
    table("rtb-own", SubnetId="subnet-1", Main=False)
    for name in ("ecr.api", "ecr.dkr"):
        endpoint(name)
    assert way_out.reaches_ecr(SUBNET) is False
    endpoint("s3", "Gateway", "rtb-another")
    assert way_out.reaches_ecr(SUBNET) is False
    endpoint("s3", "Gateway", "rtb-own")
    assert way_out.reaches_ecr(SUBNET) is True
