"""VPC networking."""

# The methods are those of Kind, which documents them; the tables are constants.
# ruff: noqa: D102, RUF012

from __future__ import annotations

from collections.abc import Collection

from ..kind import Kind, pick, words
from ..session import Aws, GoneError
from ..wire import Props

_ROUTE_TARGETS = "gatewayId natGatewayId transitGatewayId vpcPeeringConnectionId networkInterfaceId vpcEndpointId"


def _only(found: list[Props]) -> Props:
    if not found:
        raise GoneError
    return found[0]


class Vpc(Kind):
    """A network."""

    resource = "aws:ec2/vpc:Vpc"
    replaces = words("cidrBlock instanceTenancy ipv4IpamPoolId ipv4NetmaskLength")
    defaults = {"enableDnsSupport": True, "enableDnsHostnames": False, "instanceTenancy": "default"}
    tagged = ("ec2", "id")
    finish = True

    def create(self, aws: Aws, new: Props) -> str:
        return str(aws.client("ec2").create_vpc(**pick(new, "cidrBlock instanceTenancy"))["Vpc"]["VpcId"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        ec2, only = aws.client("ec2"), [{"Name": "vpc-id", "Values": [identity]}]
        vpc = _only(ec2.describe_vpcs(VpcIds=[identity])["Vpcs"])
        groups = ec2.describe_security_groups(Filters=[*only, {"Name": "group-name", "Values": ["default"]}])[
            "SecurityGroups"
        ]
        tables = ec2.describe_route_tables(Filters=only)["RouteTables"]
        main = next((table for table in tables if any(link.get("Main") for link in table["Associations"])), None)
        lists = ec2.describe_network_acls(Filters=[*only, {"Name": "default", "Values": ["true"]}])["NetworkAcls"]
        attributes = {
            name: ec2.describe_vpc_attribute(VpcId=identity, Attribute=name)[name[:1].upper() + name[1:]]["Value"]
            for name in ("enableDnsHostnames", "enableDnsSupport")
        }
        return attributes | {
            "arn": aws.arn("ec2", f"vpc/{identity}"),
            "cidrBlock": vpc["CidrBlock"],
            "ownerId": vpc.get("OwnerId") or aws.account,
            "defaultSecurityGroupId": groups[0]["GroupId"] if groups else "",
            "mainRouteTableId": main["RouteTableId"] if main else "",
            "defaultRouteTableId": main["RouteTableId"] if main else "",
            "defaultNetworkAclId": lists[0]["NetworkAclId"] if lists else "",
            "dhcpOptionsId": vpc.get("DhcpOptionsId", "default"),
        }

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        for name in ("enableDnsSupport", "enableDnsHostnames"):
            if name in changed:
                value = new.get(name, self.defaults[name])
                aws.client("ec2").modify_vpc_attribute(
                    VpcId=identity, **{name[:1].upper() + name[1:]: {"Value": value}}
                )

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("ec2").delete_vpc(VpcId=identity)


class Subnet(Kind):
    """A part of a network in one zone."""

    resource = "aws:ec2/subnet:Subnet"
    replaces = words("vpcId cidrBlock availabilityZone availabilityZoneId ipv6Native outpostArn ipv4IpamPoolId")
    defaults = {"mapPublicIpOnLaunch": False, "assignIpv6AddressOnCreation": False, "enableDns64": False}
    tagged = ("ec2", "id")
    finish = True

    def create(self, aws: Aws, new: Props) -> str:
        wanted = pick(new, "vpcId cidrBlock availabilityZone availabilityZoneId")
        return str(aws.client("ec2").create_subnet(**wanted)["Subnet"]["SubnetId"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        subnet = _only(aws.client("ec2").describe_subnets(SubnetIds=[identity])["Subnets"])
        return {
            "arn": aws.arn("ec2", f"subnet/{identity}"),
            "ownerId": aws.account,
            "vpcId": subnet["VpcId"],
            "cidrBlock": subnet["CidrBlock"],
            "availabilityZone": subnet["AvailabilityZone"],
            "availabilityZoneId": subnet.get("AvailabilityZoneId", ""),
            "mapPublicIpOnLaunch": subnet["MapPublicIpOnLaunch"],
        }

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        if "mapPublicIpOnLaunch" in changed:
            value = {"Value": new.get("mapPublicIpOnLaunch", False)}
            aws.client("ec2").modify_subnet_attribute(SubnetId=identity, MapPublicIpOnLaunch=value)

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("ec2").delete_subnet(SubnetId=identity)


class InternetGateway(Kind):
    """A network's way to the internet."""

    resource = "aws:ec2/internetGateway:InternetGateway"
    tagged = ("ec2", "id")
    finish = True

    def create(self, aws: Aws, new: Props) -> str:
        return str(aws.client("ec2").create_internet_gateway()["InternetGateway"]["InternetGatewayId"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        gateway = _only(aws.client("ec2").describe_internet_gateways(InternetGatewayIds=[identity])["InternetGateways"])
        attached = [link["VpcId"] for link in gateway.get("Attachments", [])]
        found = {"arn": aws.arn("ec2", f"internet-gateway/{identity}"), "ownerId": aws.account}
        return found | ({"vpcId": attached[0]} if attached else {})

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        if "vpcId" in changed and old.get("vpcId"):
            aws.client("ec2").detach_internet_gateway(InternetGatewayId=identity, VpcId=old["vpcId"])
        if "vpcId" in changed and new.get("vpcId"):
            aws.client("ec2").attach_internet_gateway(InternetGatewayId=identity, VpcId=new["vpcId"])

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        if state.get("vpcId"):
            aws.client("ec2").detach_internet_gateway(InternetGatewayId=identity, VpcId=state["vpcId"])
        aws.client("ec2").delete_internet_gateway(InternetGatewayId=identity)


class RouteTable(Kind):
    """Where a subnet's traffic goes."""

    resource = "aws:ec2/routeTable:RouteTable"
    replaces = words("vpcId")
    unordered = words("routes propagatingVgws")
    tagged = ("ec2", "id")
    finish = True

    def create(self, aws: Aws, new: Props) -> str:
        return str(aws.client("ec2").create_route_table(VpcId=new["vpcId"])["RouteTable"]["RouteTableId"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        table = _only(aws.client("ec2").describe_route_tables(RouteTableIds=[identity])["RouteTables"])
        return {"arn": aws.arn("ec2", f"route-table/{identity}"), "ownerId": aws.account, "vpcId": table["VpcId"]}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        ec2, before, after = aws.client("ec2"), old.get("routes") or [], new.get("routes") or []
        for route in before:
            if route not in after:
                ec2.delete_route(RouteTableId=identity, **_destination(route))
        for route in after:
            if route not in before:
                ec2.create_route(RouteTableId=identity, **_destination(route), **pick(route, _ROUTE_TARGETS))

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("ec2").delete_route_table(RouteTableId=identity)


def _destination(route: Props) -> Props:
    return pick(
        route,
        "destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId",
        cidrBlock="DestinationCidrBlock",
        ipv6CidrBlock="DestinationIpv6CidrBlock",
    )


class Route(Kind):
    """One entry of a route table."""

    resource = "aws:ec2/route:Route"
    replaces = words("routeTableId destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId")
    defaults = {"origin": "CreateRoute", "state": "active"}

    def create(self, aws: Aws, new: Props) -> str:
        target = _destination(new)
        aws.client("ec2").create_route(RouteTableId=new["routeTableId"], **target, **pick(new, _ROUTE_TARGETS))
        return f"r-{new['routeTableId']}{hash_of(next(iter(target.values())))}"

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        table = _only(aws.client("ec2").describe_route_tables(RouteTableIds=[state["routeTableId"]])["RouteTables"])
        wanted = _destination(state)
        return {
            "state": _only([route for route in table["Routes"] if wanted.items() <= route.items()]).get(
                "State", "active"
            )
        }

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        aws.client("ec2").replace_route(
            RouteTableId=new["routeTableId"], **_destination(new), **pick(new, _ROUTE_TARGETS)
        )

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("ec2").delete_route(RouteTableId=state["routeTableId"], **_destination(state))


def hash_of(text: str) -> int:
    """A number that a text always has (Python's own hash changes with every process)."""
    number = 0
    for character in text:
        number = (number * 31 + ord(character)) % 2**32
    return number


class RouteTableAssociation(Kind):
    """Which subnet uses which route table. Its id changes with the table; the one in the state stays."""

    resource = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    replaces = words("subnetId gatewayId")

    def create(self, aws: Aws, new: Props) -> str:
        return str(
            aws.client("ec2").associate_route_table(**pick(new, "routeTableId subnetId gatewayId"))["AssociationId"]
        )

    def _association(self, aws: Aws, state: Props) -> Props:
        target = pick(state, "subnetId gatewayId")
        tables = aws.client("ec2").describe_route_tables()["RouteTables"]
        return _only([link for table in tables for link in table["Associations"] if target.items() <= link.items()])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        return {"routeTableId": self._association(aws, state)["RouteTableId"]}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        current = self._association(aws, new)["RouteTableAssociationId"]
        aws.client("ec2").replace_route_table_association(AssociationId=current, RouteTableId=new["routeTableId"])

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        current = self._association(aws, state)["RouteTableAssociationId"]
        aws.client("ec2").disassociate_route_table(AssociationId=current)


class Eip(Kind):
    """A public address."""

    resource = "aws:ec2/eip:Eip"
    replaces = words("domain address networkBorderGroup publicIpv4Pool ipamPoolId")
    defaults = {"domain": "vpc"}
    tagged = ("ec2", "id")

    def create(self, aws: Aws, new: Props) -> str:
        return str(aws.client("ec2").allocate_address(Domain=new.get("domain", "vpc"))["AllocationId"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        address = _only(aws.client("ec2").describe_addresses(AllocationIds=[identity])["Addresses"])
        return {
            "allocationId": identity,
            "arn": aws.arn("ec2", f"elastic-ip/{identity}"),
            "publicIp": address["PublicIp"],
            "publicDns": f"ec2-{address['PublicIp'].replace('.', '-')}.{aws.region}.compute.amazonaws.com",
        }

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("ec2").release_address(AllocationId=identity)


class NatGateway(Kind):
    """A way to the internet for private subnets."""

    resource = "aws:ec2/natGateway:NatGateway"
    replaces = words("allocationId subnetId connectivityType privateIp availabilityMode vpcId")
    defaults = {"connectivityType": "public"}
    tagged = ("ec2", "id")

    def create(self, aws: Aws, new: Props) -> str:
        wanted = pick(new, "subnetId allocationId connectivityType")
        return str(aws.client("ec2").create_nat_gateway(**wanted)["NatGateway"]["NatGatewayId"])

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        gateway = _only(aws.client("ec2").describe_nat_gateways(NatGatewayIds=[identity])["NatGateways"])
        if gateway.get("State") in ("deleted", "deleting"):
            raise GoneError
        address = (gateway.get("NatGatewayAddresses") or [{}])[0]
        return {"publicIp": address.get("PublicIp", ""), "networkInterfaceId": address.get("NetworkInterfaceId", "")}

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        aws.client("ec2").delete_nat_gateway(NatGatewayId=identity)
