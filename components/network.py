"""The network that tasks and load balancer live in: an existing one, or a new one."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from components import aws_limits, log_buckets
from components.component import Component

ANYWHERE = "0.0.0.0/0"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExistingVpc:
    """A network that something else manages: found by ids, or by tags that all have to match."""

    vpc_id: str | None = None
    vpc_tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Instead of `vpc_id`: tags that one VPC of the region has."""
    private_subnet_ids: Sequence[str] = ()
    """Subnets, each in a zone of its own and at least two, with a way out (NAT, or endpoints for ECR, S3, logs and
    secrets)."""
    private_subnet_tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Instead of `private_subnet_ids`: tags that these subnets have, and no others of the VPC."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NewVpc:
    """A network with a public subnet (for NAT) and a private one (for everything else) in each zone."""

    zones: Sequence[str]
    """Names of two or three availability zones. A third can be added later at the end: nothing is replaced."""
    region: str
    """The region of these zones."""
    cidr: str = "10.20.0.0/16"
    """Address range; /21 or larger."""
    nat_gateways: int = 1
    """1, or as many as there are zones, so that a zone that fails takes only its own way out along."""
    flow_log_days: int | None = None
    """Days to keep a log of all connections, 1 or more, in a bucket of its own. None writes none."""
    keep: bool = True
    """Leave that bucket in AWS when logging ends. Its objects expire as before."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    vpc: ExistingVpc | NewVpc
    vpc_origin: bool = False
    """A load balancer in the private subnets is to be a VPC origin of CloudFront: an existing network is refused if it
    has no internet gateway, or a subnet in a zone without VPC origins."""


class Network(Component):
    """A VPC with private subnets that reach the internet and cannot be reached from it.

    Traffic to S3, which has every layer of an image, takes a gateway endpoint in a new VPC: it costs nothing, and NAT
    is paid by volume. The default security group of a new VPC, which every member may use, lets nothing through.

    Raises ValueError for arguments that contradict each other, a range that is too small, or another number of zones
    or gateways; pulumi.RunError for an existing VPC, or subnets in two zones of it, that cannot be found.
    """

    vpc_id: pulumi.Output[str]
    cidr: pulumi.Output[str]
    """The VPC's (first) range."""
    private_subnet_ids: pulumi.Output[Sequence[str]]
    """In the order of the zones' names."""
    public_subnet_ids: pulumi.Output[Sequence[str]]
    """Of a new VPC; empty for an existing one."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        if isinstance(args.vpc, ExistingVpc):
            _check(args.vpc)
        super().__init__("easi:network:Network", name, opts)
        if isinstance(args.vpc, ExistingVpc):
            self._find(args.vpc, vpc_origin=args.vpc_origin)
        else:
            self._create(name, args.vpc)
        self.register_outputs(
            {
                "vpcId": self.vpc_id,
                "cidr": self.cidr,
                "privateSubnetIds": self.private_subnet_ids,
                "publicSubnetIds": self.public_subnet_ids,
            },
        )

    def _find(self, args: ExistingVpc, *, vpc_origin: bool) -> None:
        vpc = self._vpc(args)
        private = self._private_subnets(vpc.id, args)
        if vpc_origin:
            self._check_vpc_origin(vpc.id, private)
        self.vpc_id, self.cidr = pulumi.Output.from_input(vpc.id), pulumi.Output.from_input(vpc.cidr_block)
        self.private_subnet_ids = pulumi.Output.from_input(private)
        self.public_subnet_ids = pulumi.Output.from_input(list[str]())

    def _vpc(self, args: ExistingVpc) -> aws.ec2.GetVpcResult:
        which = args.vpc_id or f"with the tags {_written(args.vpc_tags)}"
        try:
            return aws.ec2.get_vpc(id=args.vpc_id, tags=args.vpc_tags or None, opts=pulumi.InvokeOptions(parent=self))
        except Exception as error:  # the SDK raises nothing more specific for a function that fails
            raise pulumi.RunError(
                f"the VPC {which} cannot be found: {error}\n  expected exactly one in this account and region"
            ) from error

    def _private_subnets(self, vpc: str, args: ExistingVpc) -> list[str]:
        """In the order of their zones, which differ."""
        options = pulumi.InvokeOptions(parent=self)
        ids, tags, which = args.private_subnet_ids, args.private_subnet_tags, f"private subnets of {vpc}"
        if tags:
            which = f"{which} with the tags {_written(tags)}"
            ids = aws.ec2.get_subnets(filters=[{"name": "vpc-id", "values": [vpc]}], tags=tags, opts=options).ids
        zones: dict[str, str] = {}
        for subnet in sorted(set(ids)):
            try:
                zone = aws.ec2.get_subnet(id=subnet, vpc_id=vpc, opts=options).availability_zone
            except Exception as error:  # as above
                raise pulumi.RunError(f"{which}: {subnet} is not among them: {error}") from error
            if zone in zones:
                raise pulumi.RunError(
                    f"{which}: {zones[zone]} and {subnet} are both in {zone}\n"
                    "  expected one for each zone: a load balancer takes no more\n"
                    f"  to choose:  name one subnet of each zone by its id instead of by tags"
                )
            zones[zone] = subnet
        if len(zones) < aws_limits.MIN_ZONES:
            raise pulumi.RunError(
                f"{which}: found {', '.join(zones.values()) or 'none'}\n"
                f"  expected at least {aws_limits.MIN_ZONES}, in different zones: a load balancer needs them"
            )
        return [zones[zone] for zone in sorted(zones)]

    def _check_vpc_origin(self, vpc: str, subnets: Sequence[str]) -> None:
        """Raises pulumi.RunError for what "Restrict access with VPC origins" (CloudFront Developer Guide) rules out."""
        options = pulumi.InvokeOptions(parent=self)
        for subnet in subnets:
            zone = aws.ec2.get_subnet(id=subnet, vpc_id=vpc, opts=options)
            if zone.availability_zone_id in aws_limits.ZONES_WITHOUT_VPC_ORIGINS:
                raise pulumi.RunError(
                    f"the private subnet {subnet} of {vpc} is in {zone.availability_zone}, in this account the zone "
                    f"{zone.availability_zone_id}, which has no VPC origins of CloudFront\n"
                    f"  expected subnets in other zones than {', '.join(aws_limits.ZONES_WITHOUT_VPC_ORIGINS)}\n"
                    "  to see which zones have them:  aws ec2 describe-subnets "
                    f"--filters Name=vpc-id,Values={vpc} --output text "
                    "--query 'Subnets[].[SubnetId,AvailabilityZoneId]'"
                )
        try:
            aws.ec2.get_internet_gateway(filters=[{"name": "attachment.vpc-id", "values": [vpc]}], opts=options)
        except Exception as error:  # the SDK raises nothing more specific for a function that fails
            raise pulumi.RunError(
                f"{vpc} has no internet gateway that can be found: {error}\n"
                "  expected one that is attached: CloudFront demands it of a network with a VPC origin, and sends "
                "nothing through it"
            ) from error

    def _create(self, name: str, args: NewVpc) -> None:
        blocks = aws_limits.subnet_blocks(args.cidr, len(args.zones))
        if args.nat_gateways not in {1, len(args.zones)}:
            raise ValueError(
                f"a new network has 1 NAT gateway, or one for each of its {len(args.zones)} zones, "
                f"not {args.nat_gateways}"
            )
        vpc = aws.ec2.Vpc(
            name,
            cidr_block=args.cidr,
            enable_dns_hostnames=True,
            enable_dns_support=True,
            tags={"Name": name},
            opts=self.child,
        )
        aws.ec2.DefaultSecurityGroup(
            name, vpc_id=vpc.id, ingress=[], egress=[], tags={"Name": f"{name}-default"}, opts=self.child
        )
        self._flow_logs(name, args, vpc)
        gateway = aws.ec2.InternetGateway(name, vpc_id=vpc.id, tags={"Name": name}, opts=self.child)
        public_routes = self._routes(f"{name}-public", vpc)
        self._way_out(f"{name}-public", public_routes, gateway_id=gateway.id)
        public = [
            self._subnet(f"{name}-public-{number}", vpc, zone, blocks[number].public, public_routes)
            for number, zone in enumerate(args.zones)
        ]
        nats = [
            self._nat(f"{name}-public-{number}", subnet, gateway)
            for number, subnet in enumerate(public[: args.nat_gateways])
        ]
        private, tables = [], []
        for number, zone in enumerate(args.zones):
            label = f"{name}-private-{number}"
            routes = self._routes(label, vpc)
            self._way_out(label, routes, nat_gateway_id=nats[number % len(nats)].id)
            private.append(self._subnet(label, vpc, zone, blocks[number].private, routes))
            tables.append(routes.id)
        aws.ec2.VpcEndpoint(
            f"{name}-s3",
            vpc_id=vpc.id,
            service_name=f"com.amazonaws.{args.region}.s3",
            vpc_endpoint_type="Gateway",
            route_table_ids=tables,
            tags={"Name": f"{name}-s3"},
            opts=self.child,
        )
        self.vpc_id, self.cidr = vpc.id, vpc.cidr_block
        self.private_subnet_ids = pulumi.Output.all(*[subnet.id for subnet in private]).apply(list)
        self.public_subnet_ids = pulumi.Output.all(*[subnet.id for subnet in public]).apply(list)

    def _flow_logs(self, name: str, args: NewVpc, vpc: aws.ec2.Vpc) -> None:
        if args.flow_log_days is None:
            return
        bucket, policy = log_buckets.of_network(
            f"{name}-flow-logs", vpc.arn, days=args.flow_log_days, keep=args.keep, opts=self.child
        )
        aws.ec2.FlowLog(
            name,
            vpc_id=vpc.id,
            traffic_type="ALL",
            log_destination_type="s3",
            log_destination=bucket.arn,
            tags={"Name": name},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _routes(self, label: str, vpc: aws.ec2.Vpc) -> aws.ec2.RouteTable:
        return aws.ec2.RouteTable(label, vpc_id=vpc.id, tags={"Name": label}, opts=self.child)

    def _way_out(
        self,
        label: str,
        routes: aws.ec2.RouteTable,
        gateway_id: pulumi.Input[str] | None = None,
        nat_gateway_id: pulumi.Input[str] | None = None,
    ) -> None:
        aws.ec2.Route(
            label,
            route_table_id=routes.id,
            destination_cidr_block=ANYWHERE,
            gateway_id=gateway_id,
            nat_gateway_id=nat_gateway_id,
            opts=self.child,
        )

    def _subnet(
        self, label: str, vpc: aws.ec2.Vpc, zone: str, block: str, routes: aws.ec2.RouteTable
    ) -> aws.ec2.Subnet:
        subnet = aws.ec2.Subnet(
            label, vpc_id=vpc.id, availability_zone=zone, cidr_block=block, tags={"Name": label}, opts=self.child
        )
        aws.ec2.RouteTableAssociation(label, subnet_id=subnet.id, route_table_id=routes.id, opts=self.child)
        return subnet

    def _nat(self, label: str, subnet: aws.ec2.Subnet, gateway: aws.ec2.InternetGateway) -> aws.ec2.NatGateway:
        address = aws.ec2.Eip(label, domain="vpc", tags={"Name": label}, opts=self.child)
        return aws.ec2.NatGateway(
            label,
            subnet_id=subnet.id,
            allocation_id=address.allocation_id,
            tags={"Name": label},
            # AWS refuses a NAT gateway, and may refuse its address, in a network without an internet gateway.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[gateway]),
        )


def _written(tags: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={tags[key]}" for key in sorted(tags))


def _check(args: ExistingVpc) -> None:
    for by_id, by_tags in (("vpc_id", "vpc_tags"), ("private_subnet_ids", "private_subnet_tags")):
        named = [key for key in (by_id, by_tags) if getattr(args, key)]
        if len(named) > 1:
            raise ValueError(f"an existing network has {by_id} and {by_tags}: give one of them")
        if not named:
            raise ValueError(f"an existing network needs {by_id} or {by_tags}")
