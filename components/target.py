"""How requests reach a service: its rule on a load balancer's listener, its target group, its tasks' security group."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.load_balancer import LoadBalancer

MAX_CONDITION_VALUES = 5
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html"""
PRIORITIES = range(1, 50000 + 1)
"""https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html"""
DEREGISTRATION_DELAY_S = 10
"""That a target which leaves may finish its requests. AWS's own, 300, delays every release by five minutes."""
DEPLOYMENT_ALARM_PERIOD_S = 60
"""The shortest for which Elastic Load Balancing has metrics: a deployment has few minutes to lose."""
DEPLOYMENT_ALARM_5XX = 10
"""Answers 5xx in that time that are too many for a deployment."""
HEALTH_INTERVAL_S = range(5, 300 + 1)
HEALTH_TIMEOUT_S = range(2, 120 + 1)
HEALTH_THRESHOLD = range(2, 10 + 1)
"""These: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Route:
    """Which requests of a load balancer a service takes, and when a task may have some.

    The defaults make a release short for programs that start within seconds: a new task gets traffic after
    `healthy_threshold` checks, so about 10 s after it listens, where AWS's own defaults (30 s, 5 times) take 150 s.
    """

    load_balancer: LoadBalancer
    """The service's own or one that several share."""
    health_path: str
    """Answers 200 when a task can serve. The target group asks it; a release proves with the same one."""
    paths: Sequence[str] = ("/*",)
    """Paths that the service takes, 1 to 5; `*` and `?` are wildcards."""
    priority: int = 100
    """1 to 50000; the lowest that matches takes the request. Each service of a load balancer needs another."""
    health_interval_s: int = 5
    """Seconds between two checks of a target, 5 to 300. The least that AWS takes: it is what a release waits for."""
    health_timeout_s: int = 2
    """Seconds for an answer, 2 to 120, less than the interval. A health check that works for longer is no answer."""
    healthy_threshold: int = 2
    """Answers in a row until a target gets traffic, 2 to 10. Two: one could be luck."""
    unhealthy_threshold: int = 2
    """Misses in a row until a target gets none, 2 to 10, and ECS replaces the task. Two of 5 s: a dead task costs its
    share of the requests for 10 s. Raise it for a program that pauses for longer."""

    def __post_init__(self) -> None:
        if not self.health_path.startswith("/"):
            raise ValueError(f"health_path is {self.health_path!r}: expected a path that begins with /")
        if wrong := [path for path in self.paths if not path.startswith("/")]:
            raise ValueError(f"paths has {wrong[0]!r}: expected paths that begin with /")
        if not 1 <= len(self.paths) <= MAX_CONDITION_VALUES:
            raise ValueError(
                f"paths has {len(self.paths)} values: a rule takes 1 to {MAX_CONDITION_VALUES}; join some with a "
                "wildcard"
            )
        for name, value, allowed in (
            ("priority", self.priority, PRIORITIES),
            ("health_interval_s", self.health_interval_s, HEALTH_INTERVAL_S),
            ("health_timeout_s", self.health_timeout_s, HEALTH_TIMEOUT_S),
            ("healthy_threshold", self.healthy_threshold, HEALTH_THRESHOLD),
            ("unhealthy_threshold", self.unhealthy_threshold, HEALTH_THRESHOLD),
        ):
            if value not in allowed:
                raise ValueError(f"{name} is {value}: expected {allowed.start} to {allowed.stop - 1}")
        if self.health_timeout_s >= self.health_interval_s:
            raise ValueError(
                f"health_timeout_s is {self.health_timeout_s}: expected less than the interval "
                f"({self.health_interval_s})"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    group: aws.lb.TargetGroup
    rule: aws.lb.ListenerRule
    """What a service has to depend on: ECS refuses a target group that no load balancer has."""


def create_target(
    name: str, route: Route, *, port: int, vpc_id: pulumi.Input[str], opts: pulumi.ResourceOptions
) -> Target:
    """The target group and the rule of a route. Raises ValueError for a priority that another service has."""
    route.load_balancer.claim_priority(route.priority, name)
    group = aws.lb.TargetGroup(
        name,
        port=port,
        protocol="HTTP",
        target_type="ip",
        vpc_id=vpc_id,
        deregistration_delay=DEREGISTRATION_DELAY_S,
        health_check={
            "path": route.health_path,
            "matcher": "200",
            "interval": route.health_interval_s,
            "timeout": route.health_timeout_s,
            "healthy_threshold": route.healthy_threshold,
            "unhealthy_threshold": route.unhealthy_threshold,
        },
        # Formerly a child of the load balancer.
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(aliases=[pulumi.Alias(parent=route.load_balancer)])
        ),
    )
    rule = aws.lb.ListenerRule(
        name,
        listener_arn=route.load_balancer.listener.arn,
        priority=route.priority,
        actions=[{"type": "forward", "target_group_arn": group.arn}],
        conditions=[{"path_pattern": {"values": sorted(route.paths)}}],
        opts=opts,
    )
    return Target(group=group, rule=rule)


def create_task_group(
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


def create_deployment_alarm(
    name: str, route: Route, target: Target, opts: pulumi.ResourceOptions
) -> aws.cloudwatch.MetricAlarm:
    """The alarm that fails a deployment: too many answers 5xx of the service's own targets.

    What the load balancer itself answers (502, 503 while nothing runs) says nothing of the program.
    """
    return aws.cloudwatch.MetricAlarm(
        f"{name}-5xx",
        alarm_description=f"{name}: too many answers 5xx for a deployment to go on",
        namespace="AWS/ApplicationELB",
        metric_name="HTTPCode_Target_5XX_Count",
        dimensions={
            "LoadBalancer": route.load_balancer.arn_suffix,
            "TargetGroup": target.group.arn_suffix,
        },
        statistic="Sum",
        period=DEPLOYMENT_ALARM_PERIOD_S,
        evaluation_periods=1,
        threshold=DEPLOYMENT_ALARM_5XX,
        comparison_operator="GreaterThanOrEqualToThreshold",
        # No answer 5xx is no data.
        treat_missing_data="notBreaching",
        opts=opts,
    )
