"""The second program: another team's services and site in a network that is there already, from `up` to `destroy`."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import docker
import pytest

from local.project import machine_architecture
from tests.local.clone import Clone

PROGRAM = "docs/examples/orders"
STACK = "local"
REGION = "us-west-2"
SETTLED_S = 90.0


@dataclass(frozen=True)
class Orders:
    """The program in a clone whose local environments are up."""

    easi: Clone
    vpc: str

    def pulumi(self, arguments: str) -> str:
        done = self.easi.shell(f"pulumi -C {PROGRAM} {arguments}")
        assert done.returncode == 0, f"pulumi {arguments} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def up(self) -> str:
        """What an update did: the end of what it says."""
        return self.pulumi(f"up -s {STACK} --yes --skip-preview --suppress-outputs").partition("\nResources:")[2]

    def destroy(self) -> None:
        self.pulumi(f"destroy -s {STACK} --yes --skip-preview")

    @cached_property
    def outputs(self) -> Mapping[str, str]:
        """What the first update gave out."""
        found: dict[str, str] = json.loads(self.pulumi(f"stack output -s {STACK} --json"))
        return found

    def set(self, **settings: str) -> None:
        given = " ".join(f"--plaintext {key}={value}" for key, value in settings.items())
        self.pulumi(f"config set-all -s {STACK} --path {given}")

    def get(self, path: str) -> tuple[int, str]:
        """Through the CDN, which is this machine."""
        distribution = self.outputs["url"].removeprefix("https://").partition(".")[0]
        status, body = self.easi.get(f"http://{distribution}.cloudfront.localhost:{self.easi.port}{path}")
        return status, body.decode()

    def image(self, version: str) -> str:
        """A service's image in the emulator's registry: its repository and digest."""
        folder = self.easi.root / PROGRAM / "service"
        environment = {**os.environ, "GOOS": "linux", "CGO_ENABLED": "0"}
        subprocess.run(["go", "build", "-o", "service", "."], cwd=folder, env=environment, check=True)
        engine, name = docker.from_env(), f"localhost:{self.easi.port}/orders"
        engine.images.build(path=str(folder), tag=f"{name}:{version}", labels={"version": version}, rm=True)
        (folder / "service").unlink()  # it is in the image, and no other test has to find it
        for line in engine.images.push(name, tag=version, stream=True, decode=True):
            assert "error" not in line, line
        found = self.easi.aws("ecr").describe_images(repositoryName="orders", imageIds=[{"imageTag": version}])
        return f"orders@{found['imageDetails'][0]['imageDigest']}"

    def inventory(self) -> dict[str, list[str]]:
        """What there is in the account that a stack could leave behind."""
        ec2, elb, iam = self.easi.aws("ec2"), self.easi.aws("elbv2"), self.easi.aws("iam")
        inside = [{"Name": "vpc-id", "Values": [self.vpc]}]
        found = {
            "vpcs": [item["VpcId"] for item in ec2.describe_vpcs()["Vpcs"]],
            "subnets": [item["SubnetId"] for item in ec2.describe_subnets(Filters=inside)["Subnets"]],
            "groups": [item["GroupId"] for item in ec2.describe_security_groups(Filters=inside)["SecurityGroups"]],
            "balancers": [item["LoadBalancerArn"] for item in elb.describe_load_balancers()["LoadBalancers"]],
            "targets": [item["TargetGroupArn"] for item in elb.describe_target_groups()["TargetGroups"]],
            "clusters": self.easi.aws("ecs").list_clusters()["clusterArns"],
            "roles": [item["RoleName"] for item in iam.list_roles()["Roles"]],
            "buckets": [item["Name"] for item in self.easi.aws("s3").list_buckets()["Buckets"]],
            "logs": [item["logGroupName"] for item in self.easi.aws("logs").describe_log_groups()["logGroups"]],
            "alarms": [item["AlarmName"] for item in self.easi.aws("cloudwatch").describe_alarms()["MetricAlarms"]],
        }
        return {name: sorted(items) for name, items in found.items()}

    def digests(self, role: str) -> list[str]:
        """The images that run as one of the services."""
        engine = docker.from_env()
        listed = engine.containers.list(filters={"name": f"orders-{STACK}-{role}$"})
        return [str(item.attrs["Config"]["Image"]).partition("@")[2] for item in listed]


def settles(what: Callable[[], Any], expected: Any) -> None:
    deadline = time.monotonic() + SETTLED_S
    while (found := what()) != expected:
        assert time.monotonic() < deadline, f"still {found!r}, expected {expected!r}"
        time.sleep(0.5)


def tags(kind: str, **named: str) -> list[dict[str, Any]]:
    return [{"ResourceType": kind, "Tags": [{"Key": key, "Value": value} for key, value in named.items()]}]


def existing_network(ec2: Any) -> str:
    vpc = str(ec2.create_vpc(CidrBlock="10.60.0.0/16", TagSpecifications=tags("vpc", Name="shared"))["Vpc"]["VpcId"])
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnets = [
        ec2.create_subnet(
            VpcId=vpc,
            CidrBlock=f"10.60.{number}.0/24",
            AvailabilityZone=f"{REGION}{zone}",
            TagSpecifications=tags("subnet", Tier=tier),
        )["Subnet"]["SubnetId"]
        for number, (tier, zone) in enumerate([("private", "a"), ("private", "b"), ("public", "a"), ("public", "b")])
    ]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnets[2], AllocationId=address)["NatGateway"]["NatGatewayId"]
    for tier, way in ((subnets[:2], {"NatGatewayId": nat}), (subnets[2:], {"GatewayId": gateway})):
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **way)
        for subnet in tier:
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    return vpc


@pytest.fixture(scope="module")
def orders(easi: Clone) -> Iterator[Orders]:
    made = Orders(easi, existing_network(easi.aws("ec2")))
    easi.aws("ecr").create_repository(repositoryName="orders")
    image = made.image("1")
    made.pulumi(f"stack init {STACK} --no-select")
    settings = {f"images.{role}": image for role in ("orders", "stock", "telemetry")}
    settings |= {"aws:region": REGION, "cpuArchitecture": machine_architecture(), "tasks": "1", "protect": "false"}
    made.set(**settings)
    yield made
    made.destroy()
    made.pulumi(f"stack rm -s {STACK} --yes")


def test_the_program_from_its_beginning_to_its_end(orders: Orders) -> None:
    before = orders.inventory()
    assert "created" in orders.up()

    settles(lambda: orders.get("/api/orders/17"), (200, '{"path":"/api/orders/17","service":"orders"}\n'))
    settles(lambda: orders.get("/api/stock/a/b"), (200, '{"path":"/api/stock/a/b","service":"stock"}\n'))
    assert orders.get("/api/nobody/1")[0] == 404
    orders.easi.aws("s3").put_object(Bucket=orders.outputs["bucket"], Key="index.html", Body=b"<h1>Orders</h1>")
    assert orders.get("/") == (200, "<h1>Orders</h1>")

    changes = orders.up()
    assert "unchanged" in changes
    assert not any(word in changes for word in ("created", "updated", "replaced", "deleted")), changes

    after = orders.image("2")
    orders.set(**{"images.stock": after})
    assert "2 changes" in orders.up(), "the task definition, and the service that runs it"
    settles(lambda: orders.digests("stock"), [after.partition("@")[2]])
    assert orders.get("/api/stock/1")[0] == 200

    orders.destroy()
    assert orders.inventory() == before
    assert orders.vpc in before["vpcs"]
    settles(lambda: orders.digests("stock"), [])
