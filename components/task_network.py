"""Who may connect to a service's tasks."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from components.load_balancer import LoadBalancer


def make(
    name: str,
    *,
    vpc_id: pulumi.Input[str],
    load_balancer: LoadBalancer | None,
    port: int,
    opts: pulumi.ResourceOptions,
) -> aws.ec2.SecurityGroup:
    """The tasks' security group: its load balancer alone gets in, and is let out to it."""
    # The description is never changed: another one would be another group.
    group = aws.ec2.SecurityGroup(name, vpc_id=vpc_id, description="Tasks: HTTP from the load balancer", opts=opts)
    if load_balancer:
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            referenced_security_group_id=load_balancer.security_group_id,
            description="From the load balancer",
            opts=opts,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{name}-from-load-balancer",
            security_group_id=load_balancer.security_group_id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            referenced_security_group_id=group.id,
            description=f"To the tasks of {name}",
            opts=opts,
        )
    aws.vpc.SecurityGroupEgressRule(
        name,
        security_group_id=group.id,
        ip_protocol="-1",
        cidr_ipv4="0.0.0.0/0",
        description="Images, logs, secrets and what the application calls",
        opts=opts,
    )
    return group
