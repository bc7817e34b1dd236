"""An internal load balancer in front of one service's tasks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

MAX_DEREGISTRATION_DELAY_S = 3600
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html"""
LISTENER_PORT = 80


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """Where the load balancer stands and when a target is healthy."""

    vpc_id: pulumi.Input[str]
    vpc_cidr: pulumi.Input[str]
    """Who may connect: a CDN's VPC origin connects from inside the network."""
    subnet_ids: pulumi.Input[Sequence[str]]
    """Subnets in at least two zones."""
    container_port: int = 8080
    health_path: str = "/"
    """Answers 200 when a task can serve."""
    health_interval_s: int = 5
    """Seconds between two checks of a target, 5 to 300."""
    health_timeout_s: int = 2
    """Seconds for an answer; less than the interval."""
    deregistration_delay_s: int = 10
    """Seconds that a target which leaves may finish its requests, 0 to 3600. The default of AWS, 300, delays every
    release by five minutes."""


class LoadBalancer(pulumi.ComponentResource):
    """An Application Load Balancer without a public address, one target group and one listener.

    Raises ValueError for numbers that Elastic Load Balancing does not accept.
    """

    arn: pulumi.Output[str]
    dns_name: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    target_group_arn: pulumi.Output[str]
    listener: aws.lb.Listener
    """What a service has to depend on: ECS refuses a target group without a listener."""

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        _check(args)
        super().__init__("easi:service:LoadBalancer", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            name, vpc_id=args.vpc_id, description="Load balancer: HTTP from inside the network", opts=child
        )
        aws.vpc.SecurityGroupIngressRule(
            name,
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=LISTENER_PORT,
            to_port=LISTENER_PORT,
            cidr_ipv4=args.vpc_cidr,
            description="HTTP from inside the network",
            opts=child,
        )
        aws.vpc.SecurityGroupEgressRule(
            name,
            security_group_id=group.id,
            ip_protocol="tcp",
            from_port=args.container_port,
            to_port=args.container_port,
            cidr_ipv4=args.vpc_cidr,
            description="To the tasks",
            opts=child,
        )
        balancer = aws.lb.LoadBalancer(
            name,
            internal=True,
            load_balancer_type="application",
            subnets=args.subnet_ids,
            security_groups=[group.id],
            drop_invalid_header_fields=True,
            opts=child,
        )
        targets = aws.lb.TargetGroup(
            name,
            port=args.container_port,
            protocol="HTTP",
            target_type="ip",
            vpc_id=args.vpc_id,
            deregistration_delay=args.deregistration_delay_s,
            health_check={
                "path": args.health_path,
                "matcher": "200",
                "interval": args.health_interval_s,
                "timeout": args.health_timeout_s,
                "healthy_threshold": 2,
                "unhealthy_threshold": 2,
            },
            opts=child,
        )
        self.listener = aws.lb.Listener(
            name,
            load_balancer_arn=balancer.arn,
            port=LISTENER_PORT,
            protocol="HTTP",
            default_actions=[{"type": "forward", "target_group_arn": targets.arn}],
            opts=child,
        )
        self.arn, self.dns_name = balancer.arn, balancer.dns_name
        self.security_group_id, self.target_group_arn = group.id, targets.arn
        self.register_outputs({"arn": self.arn, "dnsName": self.dns_name, "targetGroupArn": self.target_group_arn})


def _check(args: LoadBalancerArgs) -> None:
    if not 0 <= args.deregistration_delay_s <= MAX_DEREGISTRATION_DELAY_S:
        raise ValueError(
            f"deregistration_delay_s is {args.deregistration_delay_s}: expected 0 to {MAX_DEREGISTRATION_DELAY_S}"
        )
    if not 5 <= args.health_interval_s <= 300:
        raise ValueError(f"health_interval_s is {args.health_interval_s}: expected 5 to 300")
    if not 2 <= args.health_timeout_s < args.health_interval_s:
        raise ValueError(
            f"health_timeout_s is {args.health_timeout_s}: expected 2 or more, less than the interval "
            f"({args.health_interval_s})"
        )
    if not args.health_path.startswith("/"):
        raise ValueError(f"health_path is {args.health_path!r}: expected a path that begins with /")
