"""A dashboard for the one who was woken: what is on, what users see, what runs, what was released."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pulumi

from components import metrics
from components.alarm_rules import Watched
from components.deploy_lambda import DeployLambda
from components.ecs_service import EcsService
from components.static_site import StaticSite

COLUMNS, WIDTH, HEIGHT = 2, 12, 6
"""CloudWatch's grid has 24 units across."""
ALARMS_HEIGHT = 3
PERIOD_S = 60

Row = list[Any]


def body(
    services: Mapping[str, Watched], sites: Mapping[str, StaticSite], alarm_arns: Sequence[pulumi.Input[str]]
) -> pulumi.Output[str]:
    """The dashboard as JSON; the same arguments always give the same text.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
    """
    regions = {name: one.service.service_arn.apply(lambda arn: arn.split(":")[3]) for name, one in services.items()}
    shown = [
        graph
        for name, one in services.items()
        for graph in _titled(
            name, services, [*_traffic(one.service, regions[name]), *_tasks(one.service, regions[name])]
        )
    ]
    shown += [graph for name, site in sites.items() for graph in _titled(name, sites, _site(site))]
    shown += [
        graph
        for name, one in services.items()
        if one.deploy
        for graph in _titled(name, services, _releases(name, one.deploy, regions[name]))
    ]
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
    return pulumi.Output.json_dumps({"widgets": [alarms, *placed] if alarm_arns else placed})


def _titled(name: str, among: Collection[object], graphs: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The graphs of a service or a site, with its name where there are several."""
    if len(among) == 1:
        return graphs
    return [(kind, {**properties, "title": f"{name}: {properties['title']}"}) for kind, properties in graphs]


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


def _releases(name: str, deploy: DeployLambda, region: pulumi.Input[str]) -> list[tuple[str, Any]]:
    calls = [
        metrics.of_function(deploy, "Invocations", "Sum").row("commands"),
        metrics.of_function(deploy, "Errors", "Sum").row("raised"),
        metrics.of_failed_releases(name).row("failed releases"),
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
