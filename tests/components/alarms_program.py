"""Records the alarms of a service with a load balancer, a deploy function and a site, or without some of them."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pulumi_aws as aws

from components.alarms import Alarms, AlarmsArgs, Watched
from components.cluster import Cluster
from components.deploy_lambda import DeployLambda, DeployLambdaArgs
from components.static_site import StaticSite, StaticSiteArgs
from components.target import Route
from tests.components.recorded import Recorded
from tests.components.service_program import ALARM, load_balancer, program, service

TOPIC = "aws:sns/topic:Topic"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
FUNCTION = Path(__file__).parents[2] / "functions"


def anew(
    *,
    routed: bool = True,
    deployed: bool = True,
    site: bool = True,
    desired_count: int | None = None,
    **changes: Any,
) -> Recorded:
    def build(cluster: Cluster) -> None:
        route = Route(load_balancer=load_balancer("web"), health_path="/health") if routed else None
        web = service("web", cluster, route=route, desired_count=desired_count)
        deploy = None
        if deployed and desired_count is None:
            given = DeployLambdaArgs(
                function_name="shop-deploy", source=FUNCTION, service=web, records_bucket="shop-records"
            )
            deploy = DeployLambda("deploy", given)
        args: dict[str, Any] = {"services": {"shop": Watched(service=web, deploy=deploy)}}
        if site:
            args["sites"] = {"site": StaticSite("site", StaticSiteArgs())}
            args["us_east_1"] = aws.Provider("us-east-1", region="us-east-1")
        Alarms("shop", AlarmsArgs(**{**args, **changes}))

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
