"""VPC networking."""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Collection
from typing import Any

from local.plugin.provider import Problem
from local.plugin.wire import UNKNOWN, Props

from ..kind import Change, Kind, capital, words
from ..session import Aws, one
from ..spelling import at

ARN = "arn:{partition}:ec2:{region}:{account}:"
OWNER = "{account}"


def network_problems(name: str, cidr: Any) -> list[Problem]:
    """What the official provider has against an IPv4 network.

    IsCIDRNetwork of terraform-plugin-sdk, and IPv4CIDRNetworkAddress of hashicorp/terraform-provider-aws.
    """
    if cidr in (None, UNKNOWN):
        return []
    try:
        network = str(ipaddress.IPv4Network(cidr, strict=False))
    except ValueError as error:
        return [Problem(name, f"must be an IPv4 network: {error}")]
    return [] if network == cidr else [Problem(name, f"must be written as {network}, not as {cidr}")]


class Vpc(Kind):
    resource = "aws:ec2/vpc:Vpc"
    service, make, identity, get, answer_path, remove = (
        "ec2",
        "create_vpc",
        "Vpc.VpcId",
        "describe_vpcs",
        "Vpcs",
        "delete_vpc",
    )
    keys = {"VpcId": "id"}
    changes = (
        Change("modify_vpc_attribute", "enableDnsSupport"),
        Change("modify_vpc_attribute", "enableDnsHostnames"),
    )
    outputs = {"arn": ARN + "vpc/{id}", "ownerId": OWNER}
    alike = words("cidrBlock dhcpOptionsId")
    replaces = words("cidrBlock instanceTenancy ipv4IpamPoolId ipv4NetmaskLength")
    defaults = {"enableDnsSupport": True, "enableDnsHostnames": False, "instanceTenancy": "default"}
    tagged = "id"
    finish = True

    def rules(self, inputs: Props) -> list[Problem]:
        return network_problems("cidrBlock", inputs.get("cidrBlock"))

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        ec2, live = aws.client("ec2"), super().read(aws, identity, state)
        only = {"Name": "vpc-id", "Values": [identity]}
        by_name, by_default = ({"Name": name, "Values": [value]} for name, value in _OF_THE_VPC)
        groups = ec2.describe_security_groups(Filters=[only, by_name])["SecurityGroups"]
        lists = ec2.describe_network_acls(Filters=[only, by_default])["NetworkAcls"]
        tables = ec2.describe_route_tables(Filters=[only])["RouteTables"]
        main = [table for table in tables if any(link.get("Main") for link in table["Associations"])]
        live["mainRouteTableId"] = live["defaultRouteTableId"] = main[0]["RouteTableId"] if main else ""
        live["defaultSecurityGroupId"] = groups[0]["GroupId"] if groups else ""
        live["defaultNetworkAclId"] = lists[0]["NetworkAclId"] if lists else ""
        for name in ("enableDnsHostnames", "enableDnsSupport"):
            answer = ec2.describe_vpc_attribute(VpcId=identity, Attribute=name)
            live[name] = answer[capital(name)]["Value"]
        return live


_OF_THE_VPC = (("group-name", "default"), ("default", "true"))
"""How a network's own security group and access list are found."""


class Subnet(Kind):
    resource = "aws:ec2/subnet:Subnet"
    service, make, identity, remove = "ec2", "create_subnet", "Subnet.SubnetId", "delete_subnet"
    get, answer_path, keys = "describe_subnets", "Subnets", {"SubnetId": "id"}
    changes = (Change("modify_subnet_attribute", "mapPublicIpOnLaunch"),)
    outputs = {"arn": ARN + "subnet/{id}", "ownerId": OWNER}
    alike = words("vpcId cidrBlock availabilityZone availabilityZoneId mapPublicIpOnLaunch")
    replaces = words("vpcId cidrBlock availabilityZone availabilityZoneId ipv6Native outpostArn ipv4IpamPoolId")
    defaults = {"mapPublicIpOnLaunch": False, "assignIpv6AddressOnCreation": False, "enableDns64": False}
    tagged = "id"
    finish = True


class InternetGateway(Kind):
    resource = "aws:ec2/internetGateway:InternetGateway"
    service, make, identity = "ec2", "create_internet_gateway", "InternetGateway.InternetGatewayId"
    get, answer_path, keys = "describe_internet_gateways", "InternetGateways", {"InternetGatewayId": "id"}
    remove = "delete_internet_gateway"
    outputs = {"arn": ARN + "internet-gateway/{id}", "ownerId": OWNER, "vpcId": "Attachments.0.VpcId"}
    handled = words("vpcId")
    tagged = "id"
    finish = True

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        if "vpcId" in changed and old.get("vpcId"):
            aws.client("ec2").detach_internet_gateway(InternetGatewayId=identity, VpcId=old["vpcId"])
        if "vpcId" in changed and new.get("vpcId"):
            aws.client("ec2").attach_internet_gateway(InternetGatewayId=identity, VpcId=new["vpcId"])

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        if state.get("vpcId"):
            aws.client("ec2").detach_internet_gateway(InternetGatewayId=identity, VpcId=state["vpcId"])
        super().delete(aws, identity, state)


class RouteTable(Kind):
    resource = "aws:ec2/routeTable:RouteTable"
    service, make, identity, remove = "ec2", "create_route_table", "RouteTable.RouteTableId", "delete_route_table"
    get, answer_path, keys = "describe_route_tables", "RouteTables", {"RouteTableId": "id"}
    outputs = {"arn": ARN + "route-table/{id}", "ownerId": OWNER}
    alike = words("vpcId")
    replaces = words("vpcId")
    unordered = words("routes propagatingVgws")
    handled = words("routes")
    tagged = "id"
    finish = True
    spelled = {"cidrBlock": "DestinationCidrBlock", "ipv6CidrBlock": "DestinationIpv6CidrBlock"}

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        before, after = old.get("routes") or [], new.get("routes") or []
        routes = [("delete_route", route) for route in before if route not in after]
        routes += [("create_route", route) for route in after if route not in before]
        for operation, route in routes:
            self.call(aws, operation, self.arguments(operation, route) | {"RouteTableId": identity})


class Route(Kind):
    resource = "aws:ec2/route:Route"
    service, make, remove = "ec2", "create_route", "delete_route"
    get, answer_path, keys = "describe_route_tables", "RouteTables.0.Routes", {"RouteTableId": "routeTableId"}
    changes = (Change("replace_route"),)
    replaces = words("routeTableId destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId")
    defaults = {"origin": "CreateRoute", "state": "active"}

    def create(self, aws: Aws, new: Props) -> str:
        self.call(aws, self.make, self.arguments(self.make, new))
        destination = next(iter(self._destination(new).values()))
        return f"r-{new['routeTableId']}{zlib.crc32(destination.encode())}"

    def _destination(self, props: Props) -> Props:
        arguments = self.arguments(self.remove, props)
        return {name: value for name, value in arguments.items() if name != "RouteTableId"}

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        routes = at(self.call(aws, self.get, self.where(self.get, identity, state)), self.answer_path) or []
        return {"state": one(routes, **self._destination(state)).get("State", "active")}

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        self.call(aws, self.remove, self.arguments(self.remove, state))


class RouteTableAssociation(Kind):
    """Which subnet uses which route table. Its id changes with the table; the one in the state stays."""

    resource = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    service, make, identity, keys = "ec2", "associate_route_table", "AssociationId", {"AssociationId": "id"}
    handled = words("routeTableId")
    replaces = words("subnetId gatewayId")
    alike = words("routeTableId")

    def find(self, aws: Aws, identity: str, state: Props) -> Props:
        target = {capital(name): state[name] for name in ("subnetId", "gatewayId") if state.get(name)}
        tables = aws.client("ec2").describe_route_tables()["RouteTables"]
        return dict(one((link for table in tables for link in table["Associations"]), **target))

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        current = self.find(aws, identity, new)["RouteTableAssociationId"]
        aws.client("ec2").replace_route_table_association(AssociationId=current, RouteTableId=new["routeTableId"])

    def delete(self, aws: Aws, identity: str, state: Props) -> None:
        current = self.find(aws, identity, state)["RouteTableAssociationId"]
        aws.client("ec2").disassociate_route_table(AssociationId=current)


class Eip(Kind):
    resource = "aws:ec2/eip:Eip"
    service, make, identity, remove = "ec2", "allocate_address", "AllocationId", "release_address"
    get, answer_path, keys = "describe_addresses", "Addresses", {"AllocationId": "id"}
    outputs = {"arn": ARN + "elastic-ip/{id}"}
    alike = words("allocationId publicIp")
    replaces = words("domain address networkBorderGroup publicIpv4Pool ipamPoolId")
    defaults = {"domain": "vpc"}
    tagged = "id"

    def prepare(self, inputs: Props) -> Props:
        return self.defaults | inputs

    def read(self, aws: Aws, identity: str, state: Props) -> Props:
        live = super().read(aws, identity, state)
        dashed = live["publicIp"].replace(".", "-")
        return live | {"publicDns": f"ec2-{dashed}.{aws.region}.compute.amazonaws.com"}


class NatGateway(Kind):
    resource = "aws:ec2/natGateway:NatGateway"
    service, make, identity, remove = "ec2", "create_nat_gateway", "NatGateway.NatGatewayId", "delete_nat_gateway"
    get, answer_path, keys = "describe_nat_gateways", "NatGateways", {"NatGatewayId": "id"}
    outputs = {
        "publicIp": "NatGatewayAddresses.0.PublicIp",
        "networkInterfaceId": "NatGatewayAddresses.0.NetworkInterfaceId",
    }
    alike = words("subnetId")
    replaces = words("allocationId subnetId connectivityType privateIp availabilityMode vpcId")
    defaults = {"connectivityType": "public"}
    tagged = "id"


class VpcEndpoint(Kind):
    resource = "aws:ec2/vpcEndpoint:VpcEndpoint"
    service, make, identity = "ec2", "create_vpc_endpoint", "VpcEndpoint.VpcEndpointId"
    get, answer_path, keys = "describe_vpc_endpoints", "VpcEndpoints", {"VpcEndpointId": "id"}
    remove = "delete_vpc_endpoints"
    outputs = {"arn": ARN + "vpc-endpoint/{id}", "ownerId": OWNER}
    alike = words("vpcId serviceName vpcEndpointType state")
    replaces = words("vpcId serviceName vpcEndpointType serviceRegion serviceNetworkArn resourceConfigurationArn")
    defaults = {"vpcEndpointType": "Gateway"}
    handled = _ATTACHED = words("routeTableIds subnetIds securityGroupIds")
    unordered = _ATTACHED
    tagged = "id"

    def update(self, aws: Aws, identity: str, new: Props, old: Props, changed: Collection[str]) -> None:
        arguments: Props = {}
        for name in self._ATTACHED & set(changed):
            before, after, many = set(old.get(name) or []), set(new.get(name) or []), capital(name)
            arguments |= {f"Add{many}": sorted(after - before), f"Remove{many}": sorted(before - after)}
        changes = {name: value for name, value in arguments.items() if value}
        if changes:
            aws.client("ec2").modify_vpc_endpoint(VpcEndpointId=identity, **changes)


class FlowLog(Kind):
    resource = "aws:ec2/flowLog:FlowLog"
    service, make, identity, remove = "ec2", "create_flow_logs", "FlowLogIds.0", "delete_flow_logs"
    get, answer_path, keys = "describe_flow_logs", "FlowLogs", {"FlowLogId": "id"}
    outputs = {"arn": ARN + "vpc-flow-log/{id}", "vpcId": "ResourceId"}
    alike = words("logDestination")
    handled = words("vpcId")
    replaces = words("vpcId trafficType logDestination logDestinationType maxAggregationInterval logFormat")
    defaults = {"maxAggregationInterval": 600}
    tagged = "id"

    def arguments(self, operation: str, props: Props) -> Props:
        return super().arguments(operation, props) | {"ResourceType": "VPC", "ResourceIds": [props["vpcId"]]}
