"""Another network and ECS Exec go through the release: Pulumi starts no deployment; real engine, real tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from release import records
from tests.local.clone import Clone

REGION = "us-west-2"
KEYS = ("zones", "vpcId", "privateSubnetIds", "services.backend.executeCommand")


@dataclass(frozen=True)
class Dev:
    """The environment `dev` of a clone."""

    easi: Clone
    cidr: str

    def changes(self, *types: str) -> dict[str, str]:
        """What an update would do to resources of these types."""
        steps = json.loads(self.easi.run("pulumi preview -s dev --json"))["steps"]
        named = {step["urn"].rpartition("::")[0].rpartition("$")[2].rpartition("::")[2]: step["op"] for step in steps}
        return {kind: named.get(kind, "same") for kind in types}

    def service(self) -> dict[str, Any]:
        outputs = self.easi.outputs("dev")
        found = self.easi.aws("ecs").describe_services(
            cluster=outputs["cluster"], services=[outputs["services"]["backend"]["service"]]
        )
        described: dict[str, Any] = found["services"][0]
        return described

    def subnets(self) -> list[str]:
        return sorted(self.service()["networkConfiguration"]["awsvpcConfiguration"]["subnets"])

    def proven(self) -> tuple[list[str], bool | None]:
        """Subnets and ECS Exec in the record; the stack's output is shorter."""
        release = records.read_release(self.easi.aws("s3"), self.easi.outputs("dev")["recordsBucket"])
        assert release is not None
        service = release.services["backend"]
        assert service.network is not None
        return list(service.network.subnets), service.execute_command

    def deployment(self) -> str:
        return next(str(each["id"]) for each in self.service()["deployments"] if each["status"] == "PRIMARY")

    @property
    def vpc(self) -> str:
        (group,) = self.service()["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"]
        return str(self.easi.aws("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"])

    def make_subnets(self, first: int, *, nat: bool) -> list[str]:
        """Two subnets without an exit; with `nat`, to a NAT gateway that has none itself."""
        ec2, vpc = self.easi.aws("ec2"), self.vpc
        network = self.cidr.rsplit(".", 2)[0]
        made = [
            str(
                ec2.create_subnet(
                    VpcId=vpc, CidrBlock=f"{network}.{first + number}.0/24", AvailabilityZone=f"{REGION}{zone}"
                )["Subnet"]["SubnetId"]
            )
            for number, zone in enumerate("ab")
        ]
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        for subnet in made:
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
        if nat:
            address = ec2.allocate_address(Domain="vpc")["AllocationId"]
            gateway = ec2.create_nat_gateway(SubnetId=made[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
            ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=gateway)
        return made

    def use(self, subnets: Sequence[str]) -> None:
        """Give the service, and the load balancer, these subnets of its network."""
        self.easi.run(
            f"pulumi config set -s dev easi:vpcCidr ''\npulumi config set -s dev easi:vpcId {self.vpc}\n"
            "for key in zones privateSubnetIds; do pulumi config rm -s dev easi:$key 2>/dev/null || true; done"
        )
        self.easi.run(
            "\n".join(
                f"pulumi config set -s dev --path 'easi:privateSubnetIds[{number}]' {subnet}"
                for number, subnet in enumerate(subnets)
            )
        )

    def use_own(self) -> None:
        """Back to the network that the stack makes, with three zones."""
        self.easi.run(
            f"pulumi config set -s dev easi:vpcCidr {self.cidr}\npulumi config set -s dev easi:zones 3\n"
            "pulumi config rm -s dev easi:vpcId\npulumi config rm -s dev easi:privateSubnetIds"
        )


@pytest.fixture
def dev(easi: Clone) -> Iterator[Dev]:
    cidr = easi.run("pulumi config get -s dev easi:vpcCidr").strip()
    easi.run("make frontend")  # a test before may have left another commit than the one that was built
    yield Dev(easi, cidr)
    easi.shell(
        f"pulumi config set -s dev easi:vpcCidr {cidr}\n"
        f"for key in {' '.join(KEYS)}; do pulumi config rm --path -s dev easi:$key || true; done"
    )


@pytest.mark.moves_on
def test_a_network_is_released_refused_and_gone_back_from_and_exec_is_released_too(dev: Dev) -> None:
    release, service = "release:index:Release", "aws:ecs/service:Service"
    first = dev.deployment()

    dev.easi.run("pulumi config set -s dev easi:zones 3")
    assert dev.changes(release, service) == {release: "update", service: "same"}
    assert "`pulumi up` moves the tasks from subnet-" in dev.easi.run("pulumi preview -s dev 2>&1")
    code, said = dev.easi.update("dev")
    assert code == 0, said
    deployment, version = dev.deployment(), dev.easi.health("dev")["version"]
    assert len(dev.subnets()) == 3
    assert dev.proven() == (dev.subnets(), False)
    assert deployment != first
    assert dev.changes(release, service) == {release: "same", service: "same"}
    three = dev.subnets()

    dev.use(dev.make_subnets(200, nat=False))
    code, said = dev.easi.update("dev")
    assert code != 0
    assert "has no route out of the network" in said, said
    assert (dev.subnets(), dev.deployment()) == (three, deployment)

    dev.use(dev.make_subnets(210, nat=True))
    code, said = dev.easi.update("dev")
    assert code != 0
    assert "unable to retrieve ecr registry auth" in said, said
    assert "nothing that serves was changed" in said, said
    assert (dev.subnets(), dev.deployment()) == (three, deployment)
    assert dev.easi.health("dev")["version"] == version

    dev.use_own()
    dev.easi.run("pulumi config set --path -s dev easi:services.backend.executeCommand true")
    code, said = dev.easi.update("dev")
    assert code == 0, said
    assert dev.proven() == (three, True)
    assert dev.service()["enableExecuteCommand"] is True
    assert dev.changes(release, service) == {release: "same", service: "same"}
