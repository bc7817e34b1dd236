"""What is alarming: metrics, the number that is too much, and what to look at first."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import pulumi

from components import metrics
from components.deploy_lambda import DeployLambda
from components.ecs_service import EcsService
from components.metrics import Metric
from components.static_site import StaticSite


@dataclasses.dataclass(frozen=True, kw_only=True)
class Thresholds:
    """When someone is woken. The defaults suit a service with a handful of tasks that people wait for.

    Raises ValueError for a percentage outside 0 to 100, and for a count or a time below 1.
    """

    target_5xx_percent: float = 5
    """Answers 5xx of the tasks, as a share of all their answers in five minutes. One user in twenty sees an error: far
    more than the odd failed request, far less than an outage."""
    minimum_5xx: int = 5
    """Answers 5xx in five minutes without which the share says nothing: at night, one failed request is all of them."""
    load_balancer_5xx: int = 10
    """Answers 5xx in five minutes that the load balancer gave itself (502, 503, 504), because no task answered. A
    request that a killed task took with it costs one or two."""
    unhealthy_minutes: int = 5
    """Minutes in a row with a task that fails its health checks. ECS replaces such a task in two to three."""
    no_healthy_minutes: int = 2
    """Minutes in a row without a task that takes requests. One would be a single sample; every further one is an
    outage that nobody was told of."""
    latency_p99_s: float | None = None
    """Seconds that the slowest hundredth of the answers takes, for ten minutes. None, no alarm: what is slow, only
    those know who wrote the program."""
    missing_task_minutes: int = 10
    """Minutes in a row with fewer tasks than wanted. A task that ECS replaces is missing for one to three; a rollout
    starts new ones before it stops old ones."""
    cpu_percent: float = 90
    """CPU that the tasks use on average, for 15 minutes: autoscaling would have added tasks within 5, so that it is
    at its maximum, or absent."""
    memory_percent: float = 90
    """Memory that the largest task uses, for 15 minutes: at 100 it is killed."""
    deploy_errors: int = 3
    """Commands of the deploy function that raise in five minutes. One can be a throttled call that is repeated, or a
    typing error by hand; with three, nothing is released or rolled back."""
    site_5xx_percent: float = 5
    """Answers 5xx of the distribution as a share of all in five minutes, with `minimum_5xx`; as for the tasks."""

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            percent = field.name.endswith("_percent")
            low = 0 if percent or field.name.endswith("_s") else 1
            if value is None or (low < value <= 100 if percent else (value > 0 if low == 0 else value >= 1)):
                continue
            expected = "more than 0 and at most 100" if percent else "more than 0" if low == 0 else "1 or more"
            raise ValueError(f"{field.name} is {value}: expected {expected}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """One alarm. It goes off when every one of `periods` is over, or under, the threshold."""

    name: str
    description: pulumi.Input[str]
    """What it means and what to look at first, in one line."""
    metrics: Mapping[str, Metric]
    """By the name that the expression has for it."""
    expression: str = ""
    """What is compared, where that is not the one metric."""
    comparison: Literal[">=", "<"] = ">="
    threshold: float
    period_s: int = 60
    periods: int = 1
    missing: Literal["notBreaching", "breaching"] = "notBreaching"
    """What a period without data counts as. Not breaching, where no data is no traffic."""
    ends: bool = True
    """Whether the end is worth a message: that of a single event says nothing."""


def of_service(service: EcsService, limits: Thresholds, *, container_insights: bool) -> list[Rule]:
    """Alarms of any service."""
    log = pulumi.Output.concat("the log group ", service.log_group_name)
    found = [
        Rule(
            name="cpu",
            description=_line(
                f"The tasks have used {limits.cpu_percent:g} % of their CPU or more for 15 minutes; answers get slow. "
                "First: requests on the dashboard; more traffic than usual needs a higher maximum of tasks, else ",
                log,
            ),
            metrics={"used": metrics.of_service(service, "CPUUtilization", "Average")},
            threshold=limits.cpu_percent,
            periods=15,
        ),
        Rule(
            name="memory",
            description=_line(
                f"A task has used {limits.memory_percent:g} % of its memory or more for 15 minutes; at 100 % it is "
                "killed. First: did it begin with a release (a leak: roll back) or with traffic (more memory)? Then ",
                log,
            ),
            metrics={"used": metrics.of_service(service, "MemoryUtilization", "Maximum")},
            threshold=limits.memory_percent,
            periods=15,
        ),
    ]
    if container_insights:
        found.append(_missing_tasks(service, limits))
    return found


def _missing_tasks(service: EcsService, limits: Thresholds) -> Rule:
    # Container Insights has no data of a service that runs nothing. Behind a load balancer, another alarm tells sooner.
    silent = service.load_balancer is None and service.desired_count != 0
    return Rule(
        name="missing-tasks",
        description=_line(
            f"For {limits.missing_task_minutes} minutes, fewer tasks run than are wanted: ECS cannot start them or "
            "they die. First: the events of ECS service ",
            service.service_name,
            ", then the reasons of its stopped tasks",
        ),
        metrics={
            "wanted": metrics.of_insights(service, "DesiredTaskCount", "Average"),
            "running": metrics.of_insights(service, "RunningTaskCount", "Average"),
        },
        expression="wanted - running",
        threshold=1,
        periods=limits.missing_task_minutes,
        missing="breaching" if silent else "notBreaching",
    )


def of_targets(service: EcsService, limits: Thresholds) -> list[Rule]:
    """Alarms of a service behind a load balancer."""
    log = pulumi.Output.concat("the log group ", service.log_group_name)
    found = [
        Rule(
            name="target-5xx",
            description=_line(
                f"{limits.target_5xx_percent:g} % or more of the tasks' answers are 5xx. First: was there a release "
                "just before (roll back)? Then ",
                log,
            ),
            metrics={
                "requests": metrics.of_targets(service, "RequestCount", "Sum"),
                "errors": metrics.of_targets(service, "HTTPCode_Target_5XX_Count", "Sum"),
            },
            # Errors have no data while there are none, and neither have requests: no traffic is no alarm.
            expression=_share("100 * FILL(errors, 0) / requests", "FILL(errors, 0)", limits),
            threshold=limits.target_5xx_percent,
            period_s=300,
        ),
        Rule(
            name="unhealthy-hosts",
            description=_line(
                f"For {limits.unhealthy_minutes} minutes, a task fails its health checks and ECS gets no healthy one "
                "in its place. First: the reasons of the stopped tasks, then ",
                log,
            ),
            metrics={"unhealthy": metrics.of_targets(service, "UnHealthyHostCount", "Maximum")},
            threshold=1,
            periods=limits.unhealthy_minutes,
        ),
        Rule(
            name="no-healthy-host",
            description=_line(
                "No task takes requests: the service is down (or nothing was ever released). First: the events and "
                "stopped tasks of ECS service ",
                service.service_name,
                ", then ",
                log,
            ),
            metrics={"healthy": metrics.of_targets(service, "HealthyHostCount", "Maximum")},
            comparison="<",
            threshold=1,
            periods=limits.no_healthy_minutes,
            # A target group without targets has no data, and that is an outage, too.
            missing="breaching",
        ),
    ]
    if limits.latency_p99_s is not None:
        found.append(
            Rule(
                name="latency",
                description=_line(
                    f"For 10 minutes, one answer in a hundred takes {limits.latency_p99_s:g} s or more. First: CPU on "
                    "the dashboard and what the program waits for, its database foremost; then ",
                    log,
                ),
                metrics={"latency": metrics.of_targets(service, "TargetResponseTime", "p99")},
                threshold=limits.latency_p99_s,
                periods=10,
            )
        )
    return found


def of_load_balancer(service: EcsService, limits: Thresholds) -> list[Rule]:
    """Alarms of the load balancer itself, whichever services it has."""
    return [
        Rule(
            name="load-balancer-5xx",
            description=_line(
                f"{limits.load_balancer_5xx} requests or more in five minutes got no answer from any task (502, 503, "
                "504). First: healthy hosts on the dashboard; then the events of ECS service ",
                service.service_name,
            ),
            metrics={"errors": metrics.of_load_balancer(service, "HTTPCode_ELB_5XX_Count", "Sum")},
            threshold=limits.load_balancer_5xx,
            period_s=300,
        )
    ]


def of_deploy(deploy: DeployLambda, failed_releases: Metric, limits: Thresholds) -> list[Rule]:
    """Alarms of the deploy function and of what it reports."""
    log = pulumi.Output.concat("the log group ", deploy.log_group_name)
    return [
        Rule(
            name="deploy-errors",
            description=_line(
                f"The deploy function raised {limits.deploy_errors} times or more in five minutes: nothing can be "
                "released or rolled back. First: lines with level ERROR in ",
                log,
            ),
            metrics={"errors": metrics.of_function(deploy, "Errors", "Sum")},
            threshold=limits.deploy_errors,
            period_s=300,
        ),
        Rule(
            name="failed-release",
            description=_line(
                "A release failed: its tasks did not come up, and ECS went back where it could. First: what the "
                "release said in CI; then `outcome` in ",
                log,
            ),
            metrics={"failed": failed_releases},
            threshold=1,
            period_s=300,
            ends=False,
        ),
    ]


def of_site(site: StaticSite, limits: Thresholds) -> list[Rule]:
    """Alarms of the distribution; they must be in us-east-1."""
    return [
        Rule(
            name="site-5xx",
            description=_line(
                f"{limits.site_5xx_percent:g} % or more of the answers of distribution ",
                site.distribution_id,
                " are 5xx. First: is an alarm of the service on, too (it is the API, look there)? Else the bucket's "
                "policy, and https://health.aws.amazon.com",
            ),
            metrics={
                "rate": metrics.of_site(site, "5xxErrorRate", "Average"),
                "requests": metrics.of_site(site, "Requests", "Sum"),
            },
            expression=_share("rate", "rate * requests / 100", limits),
            threshold=limits.site_5xx_percent,
            period_s=300,
        )
    ]


def _share(percent: str, errors: str, limits: Thresholds) -> str:
    """The share of errors; 0 while there are too few of them to say anything."""
    return f"IF({errors} >= {limits.minimum_5xx}, {percent}, 0)"


def _line(*parts: Any) -> pulumi.Output[str]:
    return pulumi.Output.concat(*parts, ".")
