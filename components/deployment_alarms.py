"""Alarms that take a deployment back while it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pulumi
import pulumi_aws as aws

from components.target import Route, Target

PERIOD_S = 60
"""The shortest for which Elastic Load Balancing has metrics."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeploymentAlarms:
    """What fails a deployment beside tasks that do not start: an alarm that goes off while it runs.

    With alarms a release takes minutes longer. When all new tasks serve and the old ones are gone, ECS watches on for a
    bake time before it says COMPLETED. It computes that time from the alarms' settings, and it cannot be set: give a
    release's deadline room for it.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html
    """

    target_5xx: int | None = 10
    """Answers 5xx of the service's own targets in a minute that are too many; for a service with a route. None: no such
    alarm. Targets only: what the load balancer itself answers (502, 503 while nothing runs) says nothing of the
    program."""
    periods: int = 1
    """Minutes in a row that have too many, before the alarm goes off. One: a deployment has few minutes to lose."""
    other_alarm_names: Sequence[pulumi.Input[str]] = ()
    """CloudWatch alarms of this account and region that exist already."""
    rollback: bool = True
    """Back to the last revision that was deployed successfully. Without, the deployment stays where it failed."""

    enabled: bool = True
    """False leaves the alarms and tells ECS not to look at them. Without arguments at all, ECS would keep those that it
    was told of before: the AWS provider does not send a block that is left out, and ECS leaves what it is not sent."""

    def __post_init__(self) -> None:
        if self.target_5xx is None and not self.other_alarm_names:
            raise ValueError("deployment alarms without an alarm: set target_5xx or other_alarm_names, or leave it out")
        if self.target_5xx is not None and self.target_5xx < 1:
            raise ValueError(f"target_5xx is {self.target_5xx}: expected 1 or more, or None")
        if self.periods < 1:
            raise ValueError(f"periods is {self.periods}: expected 1 or more")


def make(
    name: str,
    alarms: DeploymentAlarms,
    route: Route | None,
    target: Target | None,
    opts: pulumi.ResourceOptions,
) -> list[pulumi.Input[str]]:
    """The names of the alarms that a deployment is watched with; the one on 5xx is made here."""
    names = list(alarms.other_alarm_names)
    if alarms.target_5xx is None:
        return names
    if route is None or target is None:
        raise ValueError("target_5xx counts answers of targets, and the service has no route: set it to None")
    alarm = aws.cloudwatch.MetricAlarm(
        f"{name}-5xx",
        alarm_description=f"{name}: too many answers 5xx for a deployment to go on",
        namespace="AWS/ApplicationELB",
        metric_name="HTTPCode_Target_5XX_Count",
        dimensions={
            "LoadBalancer": route.load_balancer.arn_suffix,
            "TargetGroup": target.group.arn_suffix,
        },
        statistic="Sum",
        period=PERIOD_S,
        evaluation_periods=alarms.periods,
        threshold=alarms.target_5xx,
        comparison_operator="GreaterThanOrEqualToThreshold",
        # No answer 5xx is no data.
        treat_missing_data="notBreaching",
        opts=opts,
    )
    return [alarm.name, *names]
