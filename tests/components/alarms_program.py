"""Records the alarms of a service with a load balancer, a deploy function and a site, or without some of them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi_aws as aws

from components.alarms import Alarms, AlarmsArgs
from components.cluster import Cluster
from components.deploy_lambda import DeployLambda, DeployLambdaArgs
from components.static_site import StaticSite, StaticSiteArgs
from components.target import Route
from tests.components import recorded as recorded_module
from tests.components.recorded import Recorded
from tests.components.service_program import ALARM, load_balancer, program, service

TOPIC = "aws:sns/topic:Topic"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
FUNCTION = Path(__file__).parents[2] / "functions" / "deploy"
SUFFIXES = {"aws:lb/loadBalancer:LoadBalancer": "app", "aws:lb/targetGroup:TargetGroup": "targetgroup"}


def anew(
    *, routed: bool = True, deployed: bool = True, site: bool = True, desired_count: int | None = None, **changes: Any
) -> Recorded:
    def build(cluster: Cluster) -> None:
        route = Route(load_balancer=load_balancer("web"), health_path="/health") if routed else None
        args: dict[str, Any] = {"service": service("web", cluster, route=route, desired_count=desired_count)}
        if deployed and desired_count is None:
            given = DeployLambdaArgs(function_name="shop-deploy", source=FUNCTION, service=args["service"])
            args["deploy"] = DeployLambda("deploy", given)
        if site:
            args["site"] = StaticSite("site", StaticSiteArgs())
            args["us_east_1"] = aws.Provider("us-east-1", region="us-east-1")
        Alarms("shop", AlarmsArgs(**{**args, **changes}))

    made = recorded_module._Mocks.new_resource

    def with_suffix(self: Any, args: Any) -> tuple[str | None, dict[Any, Any]]:
        """What CloudWatch calls the load balancer and the target group."""
        identity, outputs = made(self, args)
        suffix = {"arnSuffix": f"{SUFFIXES[args.typ]}/{args.name}"} if args.typ in SUFFIXES else {}
        return identity, {**outputs, **suffix}

    with mock.patch.object(recorded_module._Mocks, "new_resource", with_suffix):
        return program(build)


@functools.cache
def usual() -> Recorded:
    """With everything and its defaults, recorded once."""
    return anew()


def watched(**changes: Any) -> Recorded:
    """What is made; without changes, always the same."""
    return anew(**changes) if changes else usual()


def alarm(recorded: Recorded, name: str) -> dict[str, Any]:
    return recorded.one(ALARM, f"shop-{name}")


def names(recorded: Recorded) -> list[str]:
    return sorted(each.name.removeprefix("shop-") for each in recorded.all(ALARM))
