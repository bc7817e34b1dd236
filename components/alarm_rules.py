"""Alarm definitions: metrics, thresholds, and what to look at first.

The thresholds suit a service with a handful of tasks that people wait for.
"""

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

TARGET_5XX_PERCENT = 5
"""Answers 5xx of the tasks, as a share of all their answers in five minutes. One user in twenty sees an error: far more
than the odd failed request, far less than an outage."""
SITE_5XX_PERCENT = 5
"""The same of the distribution."""
MINIMUM_5XX = 5
"""Answers 5xx in five minutes without which the share says nothing: at night, one failed request is all of them."""
LOAD_BALANCER_5XX = 10
"""Answers 5xx in five minutes that the load balancer gave itself (502, 503, 504), because no task answered. A request
that a killed task took with it costs one or two."""
UNHEALTHY_MINUTES = 5
"""Minutes in a row with a task that fails its health checks. ECS replaces such a task in two to three."""
NO_HEALTHY_MINUTES = 2
"""Minutes in a row without a task that takes requests. One would be a single sample; every further one is an outage
that nobody was told of."""
MISSING_TASK_MINUTES = 10
"""Minutes in a row with fewer tasks than desired. A task that ECS replaces is missing for one to three; a rollout
starts new ones before it stops old ones."""
CPU_PERCENT = 90
"""CPU that the tasks use on average, for 15 minutes: autoscaling would have added tasks within 5, so that it is at its
maximum, or absent."""
MEMORY_PERCENT = 90
"""Memory that the largest task uses, for 15 minutes: at 100 it is killed."""
FIRST_SITE = "site"
"""Its alarm has the name from before there were several."""
DEPLOY_ERRORS = 3
"""Commands of the deploy function that raise in five minutes. One can be a throttled call that is repeated, or a typing
error by hand; with three, nothing is released or rolled back."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watched:
    service: EcsService
    """Without a route, it has no alarms of a load balancer."""
    deploy: DeployLambda | None = None
    """The function that releases the service, if one does."""


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


def of_service(service: EcsService, *, container_insights: bool) -> list[Rule]:
    log = pulumi.Output.concat("the log group ", service.log_group_name)
    rules = [
        Rule(
            name="cpu",
            description=_line(
                f"The tasks have used {CPU_PERCENT} % of their CPU or more for 15 minutes; answers get slow. "
                "First: requests on the dashboard; more traffic than usual needs a higher maximum of tasks, else ",
                log,
            ),
            metrics={"used": metrics.of_service(service, "CPUUtilization", "Average")},
            threshold=CPU_PERCENT,
            periods=15,
        ),
        Rule(
            name="memory",
            description=_line(
                f"A task has used {MEMORY_PERCENT} % of its memory or more for 15 minutes; at 100 % it is "
                "killed. First: did it begin with a release (a leak: roll back) or with traffic (more memory)? Then ",
                log,
            ),
            metrics={"used": metrics.of_service(service, "MemoryUtilization", "Maximum")},
            threshold=MEMORY_PERCENT,
            periods=15,
        ),
    ]
    if container_insights:
        rules.append(_missing_tasks(service))
    return rules


def _missing_tasks(service: EcsService) -> Rule:
    # Container Insights has no data of a service that runs nothing. Behind a load balancer, another alarm tells sooner.
    silent = service.load_balancer is None and service.desired_count != 0
    return Rule(
        name="missing-tasks",
        description=_line(
            f"For {MISSING_TASK_MINUTES} minutes, fewer tasks run than are wanted: ECS cannot start them or "
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
        periods=MISSING_TASK_MINUTES,
        missing="breaching" if silent else "notBreaching",
    )


def of_targets(service: EcsService) -> list[Rule]:
    log = pulumi.Output.concat("the log group ", service.log_group_name)
    return [
        Rule(
            name="target-5xx",
            description=_line(
                f"{TARGET_5XX_PERCENT} % or more of the tasks' answers are 5xx. First: was there a release "
                "just before (roll back)? Then ",
                log,
            ),
            metrics={
                "requests": metrics.of_targets(service, "RequestCount", "Sum"),
                "errors": metrics.of_targets(service, "HTTPCode_Target_5XX_Count", "Sum"),
            },
            # Errors have no data while there are none, and neither have requests: no traffic is no alarm.
            expression=_share("100 * FILL(errors, 0) / requests", "FILL(errors, 0)"),
            threshold=TARGET_5XX_PERCENT,
            period_s=300,
        ),
        Rule(
            name="unhealthy-hosts",
            description=_line(
                f"For {UNHEALTHY_MINUTES} minutes, a task fails its health checks and ECS gets no healthy one "
                "in its place. First: the reasons of the stopped tasks, then ",
                log,
            ),
            metrics={"unhealthy": metrics.of_targets(service, "UnHealthyHostCount", "Maximum")},
            threshold=1,
            periods=UNHEALTHY_MINUTES,
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
            periods=NO_HEALTHY_MINUTES,
            # A target group without targets has no data, and that is an outage, too.
            missing="breaching",
        ),
    ]


def of_load_balancer(service: EcsService) -> list[Rule]:
    """Alarms of the load balancer itself, whichever services it has."""
    return [
        Rule(
            name="load-balancer-5xx",
            description=_line(
                f"{LOAD_BALANCER_5XX} requests or more in five minutes got no answer from any task (502, 503, "
                "504). First: healthy hosts on the dashboard; then the events of ECS service ",
                service.service_name,
            ),
            metrics={"errors": metrics.of_load_balancer(service, "HTTPCode_ELB_5XX_Count", "Sum")},
            threshold=LOAD_BALANCER_5XX,
            period_s=300,
        )
    ]


def of_deploy(name: str, deploy: DeployLambda) -> list[Rule]:
    """Alarms of the function that releases the service of this name."""
    log = pulumi.Output.concat("the log group ", deploy.log_group_name)
    return [
        Rule(
            name="deploy-errors",
            description=_line(
                f"The deploy function raised {DEPLOY_ERRORS} times or more in five minutes: nothing can be "
                "released or rolled back. First: lines with level ERROR in ",
                log,
            ),
            metrics={"errors": metrics.of_function(deploy, "Errors", "Sum")},
            threshold=DEPLOY_ERRORS,
            period_s=300,
        ),
        Rule(
            name="failed-release",
            description=_line(
                "A release failed: its tasks did not come up, and ECS went back where it could. First: what the "
                "release said in CI; then `outcome` in ",
                log,
            ),
            metrics={"failed": metrics.of_failed_releases(name)},
            threshold=1,
            period_s=300,
            ends=False,
        ),
    ]


def of_site(site: StaticSite, name: str) -> list[Rule]:
    """Alarms of the distribution; they must be in us-east-1."""
    return [
        Rule(
            name="site-5xx" if name == FIRST_SITE else f"site-{name}-5xx",
            description=_line(
                f"{SITE_5XX_PERCENT} % or more of the answers of distribution ",
                site.distribution_id,
                " are 5xx. First: is an alarm of the service on, too (it is the API, look there)? Else the bucket's "
                "policy, and https://health.aws.amazon.com",
            ),
            metrics={
                "rate": metrics.of_site(site, "5xxErrorRate", "Average"),
                "requests": metrics.of_site(site, "Requests", "Sum"),
            },
            expression=_share("rate", "rate * requests / 100"),
            threshold=SITE_5XX_PERCENT,
            period_s=300,
        )
    ]


def _share(percent: str, errors: str) -> str:
    """The share of errors; 0 while there are too few of them to say anything."""
    return f"IF({errors} >= {MINIMUM_5XX}, {percent}, 0)"


def _line(*parts: Any) -> pulumi.Output[str]:
    return pulumi.Output.concat(*parts, ".")
