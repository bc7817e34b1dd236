"""A dashboard for the one who was woken: what is on, what users see, what runs, what was released."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi

from components import metrics
from components.deploy_lambda import DeployLambda
from components.ecs_service import EcsService
from components.metrics import Metric
from components.static_site import StaticSite

COLUMNS, WIDTH, HEIGHT = 2, 12, 6
"""CloudWatch's grid has 24 units across."""
ALARMS_HEIGHT = 3
PERIOD_S = 60

Row = list[Any]


def body(
    service: EcsService,
    alarm_arns: Sequence[pulumi.Input[str]],
    *,
    deploy: DeployLambda | None,
    failed_releases: Metric | None,
    site: StaticSite | None,
) -> pulumi.Output[str]:
    """The dashboard as JSON; the same arguments always give the same text.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    region = service.service_arn.apply(lambda arn: arn.split(":")[3])
    shown = [*_traffic(service, region), *_tasks(service, region)]
    if site:
        shown += _site(site)
    if deploy:
        shown += _releases(deploy, failed_releases, region)
    alarms = {
        "type": "alarm",
        "x": 0,
        "y": 0,
        "width": COLUMNS * WIDTH,
        "height": ALARMS_HEIGHT,
        "properties": {"title": "Alarms", "alarms": list(alarm_arns)},
    }
    placed = [
        {
            "type": kind,
            "x": number % COLUMNS * WIDTH,
            "y": ALARMS_HEIGHT + number // COLUMNS * HEIGHT,
            "width": WIDTH,
            "height": HEIGHT,
            "properties": properties,
        }
        for number, (kind, properties) in enumerate(shown)
    ]
    return pulumi.Output.json_dumps({"widgets": [alarms, *placed]})


def _traffic(service: EcsService, region: pulumi.Input[str]) -> list[tuple[str, Any]]:
    if service.load_balancer is None:
        return []
    requests = [
        metrics.of_targets(service, "RequestCount", "Sum").row("requests"),
        metrics.of_targets(service, "HTTPCode_Target_5XX_Count", "Sum").row("5xx of tasks", yAxis="right"),
        metrics.of_load_balancer(service, "HTTPCode_ELB_5XX_Count", "Sum").row("5xx of load balancer", yAxis="right"),
    ]
    latency = [
        metrics.of_targets(service, "TargetResponseTime", statistic).row(statistic)
        for statistic in ("p50", "p90", "p99")
    ]
    hosts = [
        metrics.of_targets(service, "HealthyHostCount", "Minimum").row("healthy"),
        metrics.of_targets(service, "UnHealthyHostCount", "Maximum").row("unhealthy"),
    ]
    return [
        _graph("Requests and errors", region, requests),
        _graph("Seconds to an answer", region, latency),
        _graph("Hosts", region, hosts),
    ]


def _tasks(service: EcsService, region: pulumi.Input[str]) -> list[tuple[str, Any]]:
    counts = [
        metrics.of_insights(service, "DesiredTaskCount", "Average").row("wanted"),
        metrics.of_insights(service, "RunningTaskCount", "Average").row("running"),
        metrics.of_insights(service, "PendingTaskCount", "Average").row("pending"),
    ]
    used = [
        metrics.of_service(service, name, statistic).row(f"{label}, {statistic.lower()}")
        for name, label in (("CPUUtilization", "CPU"), ("MemoryUtilization", "memory"))
        for statistic in ("Average", "Maximum")
    ]
    return [_graph("Tasks", region, counts), _graph("Percent of CPU and memory", region, used)]


def _site(site: StaticSite) -> list[tuple[str, Any]]:
    requests = [metrics.of_site(site, "Requests", "Sum").row("requests")]
    errors = [
        metrics.of_site(site, "4xxErrorRate", "Average").row("4xx"),
        metrics.of_site(site, "5xxErrorRate", "Average").row("5xx"),
    ]
    where = "us-east-1"
    return [_graph("CDN: requests", where, requests), _graph("CDN: percent of errors", where, errors)]


def _releases(deploy: DeployLambda, failed_releases: Metric | None, region: pulumi.Input[str]) -> list[tuple[str, Any]]:
    calls = [
        metrics.of_function(deploy, "Invocations", "Sum").row("commands"),
        metrics.of_function(deploy, "Errors", "Sum").row("raised"),
        *([failed_releases.row("failed releases")] if failed_releases else []),
    ]
    query = pulumi.Output.concat(
        "SOURCE '",
        deploy.log_group_name,
        "' | fields @timestamp, command, outcome, taskDefinition, error, message"
        " | filter ispresent(command) | sort @timestamp desc | limit 20",
    )
    last = {"title": "Deploy function: last commands", "region": region, "view": "table", "query": query}
    return [_graph("Deploy function", region, calls), ("log", last)]


def _graph(title: str, region: pulumi.Input[str], rows: list[Row]) -> tuple[str, Any]:
    return "metric", {"title": title, "region": region, "view": "timeSeries", "period": PERIOD_S, "metrics": rows}
