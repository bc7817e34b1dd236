"""What CI's deploy role may do in EC2: the environment's security groups, and its VPC if the stack makes one.

AWS makes all of their ids, so tags limit it: those that a request gives to what it makes, and those of what is there.
"""

from __future__ import annotations

from components.ci_scope import Scope, Statement, actions, statement

SECURITY_GROUPS = (
    "AuthorizeSecurityGroupEgress AuthorizeSecurityGroupIngress CreateSecurityGroup DeleteSecurityGroup "
    "ModifySecurityGroupRules RevokeSecurityGroupEgress RevokeSecurityGroupIngress"
)
NEW_IN_VPC = ("security-group", "security-group-rule")
NETWORK = (
    "AllocateAddress AssociateRouteTable AttachInternetGateway CreateFlowLogs CreateInternetGateway "
    "CreateNatGateway CreateRoute CreateRouteTable CreateSubnet CreateVpc CreateVpcEndpoint DeleteFlowLogs "
    "DeleteInternetGateway DeleteNatGateway DeleteRoute DeleteRouteTable DeleteSubnet DeleteVpc "
    "DeleteVpcEndpoints DetachInternetGateway DisassociateAddress DisassociateRouteTable ModifySubnetAttribute "
    "ModifyVpcAttribute ModifyVpcEndpoint ReleaseAddress ReplaceRoute ReplaceRouteTableAssociation"
)
"""What a stack needs that makes its VPC."""
NEW_NETWORK = (
    "elastic-ip",
    "internet-gateway",
    "natgateway",
    "route-table",
    "subnet",
    "vpc",
    "vpc-endpoint",
    "vpc-flow-log",
)


def network(scope: Scope) -> list[Statement]:
    """What `pulumi up` and `pulumi destroy` need in EC2 beside reading."""
    names = f"{SECURITY_GROUPS} {NETWORK}" if scope.makes_vpc else SECURITY_GROUPS
    kinds = (*NEW_IN_VPC, *NEW_NETWORK) if scope.makes_vpc else NEW_IN_VPC
    # Actions that make something, or a part of it, which is tagged at once.
    creating = " ".join(name for name in names.split() if name.startswith(("Allocate", "Authorize", "Create")))
    made = [scope.arn("ec2", f"{kind}/*") for kind in kinds]
    return [
        # For a load balancer ("Elastic Load Balancing API permissions"), and the handler of a VPC origin
        # (AWS::CloudFront::VpcOrigin).
        statement("Ec2Lists", actions("ec2", "DescribeAccountAttributes DescribeInstances"), "*"),
        statement("Ec2Create", actions("ec2", creating), made, scope.tagged("Request")),
        # Only with what makes it: with a tag on what is there already, that of another environment could be had.
        statement(
            "Ec2TagNew",
            ["ec2:CreateTags"],
            made,
            {**scope.tagged("Request"), "Null": {"ec2:CreateAction": "false"}},
        ),
        statement(
            "Ec2Tagged",
            actions("ec2", f"{names} CreateTags DeleteTags"),
            scope.arn("ec2", "*/*"),
            scope.tagged("Resource"),
        ),
        # The VPC of a new security group may be another team's, and a prefix list AWS's.
        statement("Ec2InVpc", ["ec2:CreateSecurityGroup"], scope.arn("ec2", "vpc/*")),
        statement("Ec2PrefixLists", ["ec2:ModifySecurityGroupRules"], f"arn:{scope.partition}:ec2:*:*:prefix-list/*"),
        *_of_vpc(scope),
    ]


def _of_vpc(scope: Scope) -> list[Statement]:
    """What a VPC brings along, and where its flow log goes ("Publish flow logs to Amazon S3" in the guide of VPC)."""
    if not scope.makes_vpc:
        return []
    return [
        # AWS makes the default security group, without tags: its rules go before it gets some.
        statement(
            "Ec2Adopt",
            actions("ec2", "CreateTags RevokeSecurityGroupEgress RevokeSecurityGroupIngress"),
            scope.arn("ec2", "security-group/*"),
            scope.tagged("Resource", "Request", operator="StringEqualsIfExists"),
        ),
        statement("FlowLogs", actions("logs", "CreateLogDelivery DeleteLogDelivery"), "*"),
    ]
