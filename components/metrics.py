"""CloudWatch metrics of what the components make, with the dimensions that AWS gives them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import pulumi

from components.deploy_lambda import DeployLambda
from components.ecs_service import EcsService
from components.static_site import StaticSite


@dataclasses.dataclass(frozen=True)
class Metric:
    """One metric and how its values in a period become one."""

    namespace: str
    name: str
    statistic: str
    """Sum, Average, Minimum, Maximum, or a percentile such as p99."""
    dimensions: Mapping[str, pulumi.Input[str]] = dataclasses.field(default_factory=dict)

    def row(self, label: str, **options: Any) -> list[Any]:
        place = [part for dimension in self.dimensions.items() for part in dimension]
        return [self.namespace, self.name, *place, {"stat": self.statistic, "label": label, **options}]


def of_targets(service: EcsService, name: str, statistic: str) -> Metric:
    """What the load balancer sees of the service's tasks. Raises ValueError for a service without route.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html
    """
    balancer = of_load_balancer(service, name, statistic)
    return dataclasses.replace(
        balancer, dimensions={**balancer.dimensions, "TargetGroup": service.target_group_arn_suffix or ""}
    )


def of_load_balancer(service: EcsService, name: str, statistic: str) -> Metric:
    """What the load balancer does itself. Raises ValueError for a service without route."""
    if service.load_balancer is None:
        raise ValueError(f"{name} is a metric of a load balancer, and the service has no route")
    return Metric("AWS/ApplicationELB", name, statistic, {"LoadBalancer": service.load_balancer.arn_suffix})


def of_service(service: EcsService, name: str, statistic: str) -> Metric:
    """What ECS measures of running tasks; without any there is no data.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/available-metrics.html
    """
    return Metric("AWS/ECS", name, statistic, _of_service(service))


def of_insights(service: EcsService, name: str, statistic: str) -> Metric:
    """What Container Insights measures, where the cluster has it.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Container-Insights-metrics-ECS.html
    """
    return Metric("ECS/ContainerInsights", name, statistic, _of_service(service))


def _of_service(service: EcsService) -> dict[str, pulumi.Input[str]]:
    return {"ClusterName": service.cluster_name, "ServiceName": service.service_name}


def of_function(deploy: DeployLambda, name: str, statistic: str) -> Metric:
    """What Lambda counts of a function.

    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    """
    return Metric("AWS/Lambda", name, statistic, {"FunctionName": deploy.function_name})


def of_failed_releases(service: str) -> Metric:
    """What a filter on the lines of a service's deploy function counts (`components.alarms`)."""
    return Metric(f"{pulumi.get_project()}/{pulumi.get_stack()}", f"{service}-failed-releases", "Sum")


def of_site(site: StaticSite, name: str, statistic: str) -> Metric:
    """What CloudFront counts of a distribution, in us-east-1 only.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/programming-cloudwatch-metrics.html
    """
    return Metric("AWS/CloudFront", name, statistic, {"DistributionId": site.distribution_id, "Region": "Global"})
