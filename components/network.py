"""The network that tasks and load balancer live in: an existing one, or a new one."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.subnets import ZONES, subnet_blocks


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExistingVpc:
    """A network that something else manages. A CloudFront VPC origin needs an internet gateway in it."""

    vpc_id: str
    private_subnet_ids: Sequence[str]
    """Subnets in at least two zones, with a way out (NAT, or endpoints for ECR, S3, logs and secrets)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NewVpc:
    """A network of two zones, each with a public subnet for NAT and a private one for everything else."""

    zones: Sequence[str]
    """Names of two availability zones."""
    cidr: str = "10.20.0.0/16"
    """Address range; /22 or larger."""
    nat_gateways: int = 1
    """1, or 2 so that a zone that fails takes only its own way out along."""


class Network(pulumi.ComponentResource):
    """A VPC with private subnets that reach the internet and cannot be reached from it.

    Raises ValueError for a range that is too small or another number of zones or gateways.
    """

    vpc_id: pulumi.Output[str]
    cidr: pulumi.Output[str]
    private_subnet_ids: pulumi.Output[Sequence[str]]

    def __init__(self, name: str, args: ExistingVpc | NewVpc, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("easi:network:Network", name, {}, opts)
        if isinstance(args, ExistingVpc):
            vpc = aws.ec2.get_vpc_output(id=args.vpc_id, opts=pulumi.InvokeOptions(parent=self))
            self.vpc_id, self.cidr = vpc.id, vpc.cidr_block
            self.private_subnet_ids = pulumi.Output.from_input(list(args.private_subnet_ids))
        else:
            self._create(name, args)
        self.register_outputs(
            {"vpcId": self.vpc_id, "cidr": self.cidr, "privateSubnetIds": self.private_subnet_ids},
        )

    def _create(self, name: str, args: NewVpc) -> None:
        blocks = subnet_blocks(args.cidr)
        if len(args.zones) != ZONES:
            raise ValueError(f"a new network has {ZONES} availability zones, not {len(args.zones)}")
        if args.nat_gateways not in range(1, ZONES + 1):
            raise ValueError(f"a new network has 1 to {ZONES} NAT gateways, not {args.nat_gateways}")
        child = pulumi.ResourceOptions(parent=self)
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=args.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": name},
            opts=child,
        )
        gateway = aws.ec2.InternetGateway(name, vpc_id=vpc.id, tags={"Name": name}, opts=child)
        public_routes = aws.ec2.RouteTable(f"{name}-public", vpc_id=vpc.id, tags={"Name": f"{name}-public"}, opts=child)
        aws.ec2.Route(
            f"{name}-public",
            route_table_id=public_routes.id,
            destination_cidr_block="0.0.0.0/0",
            gateway_id=gateway.id,
            opts=child,
        )
        nats: list[aws.ec2.NatGateway] = []
        private: list[pulumi.Output[str]] = []
        for number, zone in enumerate(args.zones):
            label = f"{name}-public-{number}"
            subnet = aws.ec2.Subnet(
                label,
                vpc_id=vpc.id,
                availability_zone=zone,
                cidr_block=blocks[number],
                tags={"Name": label},
                opts=child,
            )
            aws.ec2.RouteTableAssociation(label, subnet_id=subnet.id, route_table_id=public_routes.id, opts=child)
            if number < args.nat_gateways:
                address = aws.ec2.Eip(label, domain="vpc", tags={"Name": label}, opts=child)
                nats.append(
                    aws.ec2.NatGateway(
                        label,
                        subnet_id=subnet.id,
                        allocation_id=address.allocation_id,
                        tags={"Name": label},
                        opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway]),
                    )
                )
        for number, zone in enumerate(args.zones):
            label = f"{name}-private-{number}"
            subnet = aws.ec2.Subnet(
                label,
                vpc_id=vpc.id,
                availability_zone=zone,
                cidr_block=blocks[ZONES + number],
                tags={"Name": label},
                opts=child,
            )
            routes = aws.ec2.RouteTable(label, vpc_id=vpc.id, tags={"Name": label}, opts=child)
            aws.ec2.Route(
                label,
                route_table_id=routes.id,
                destination_cidr_block="0.0.0.0/0",
                nat_gateway_id=nats[number % len(nats)].id,
                opts=child,
            )
            aws.ec2.RouteTableAssociation(label, subnet_id=subnet.id, route_table_id=routes.id, opts=child)
            private.append(subnet.id)
        self.vpc_id, self.cidr = vpc.id, vpc.cidr_block
        self.private_subnet_ids = pulumi.Output.all(*private).apply(list)
