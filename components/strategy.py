"""How ECS moves a service from one revision to the next.

Rolling is the default, and the one that releases here are proven with. The others shift traffic between two target
groups behind the same listener rule, and ECS keeps both revisions running meanwhile: a task of each for every task
that is wanted. What they require of the load balancer is made only when one of them is asked for.

Choose one of them when a service is made. From then on ECS owns the actions of the listener rule, and Pulumi leaves
them alone; so the rule of a service that was made with Rolling never gets the second group. Such a service is changed
by another one beside it, with a priority before its own. Between the three, a service changes in place.
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DeploymentConfiguration.html
"""

from __future__ import annotations

import dataclasses
from typing import Any

MAX_BAKE_TIME_MINUTES = 1440
LEAST_STEP_PERCENT = 3.0
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinearConfiguration.html"""
LEAST_CANARY_PERCENT = 0.1
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CanaryConfiguration.html"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rolling:
    """Start new tasks, and stop old ones as the new become healthy. Old and new serve side by side meanwhile."""

    minimum_percent: int = 100
    """Of the wanted tasks, how many stay healthy, 0 to 100. 100: a release takes no capacity away."""
    maximum_percent: int = 200
    """Of the wanted tasks, how many may run at once, 101 to 200. 200: all new ones start together, the shortest
    release. It must be more than 100, or ECS could not move tasks between zones."""

    def __post_init__(self) -> None:
        if not 0 <= self.minimum_percent <= 100:
            raise ValueError(f"minimum_percent is {self.minimum_percent}: expected 0 to 100")
        if not 100 < self.maximum_percent <= 200:
            raise ValueError(f"maximum_percent is {self.maximum_percent}: expected 101 to 200")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlueGreen:
    """Move all traffic at once, and keep the old tasks until the bake time has passed."""

    bake_time_minutes: int = 5
    """Minutes, 0 to 1440, in which an alarm or a person can still take all traffic back at once. A release is not
    complete before."""

    def __post_init__(self) -> None:
        _check_minutes("bake_time_minutes", self.bake_time_minutes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Linear:
    """Move traffic in equal steps."""

    step_percent: float = 10.0
    """Of the traffic, 3.0 to 100.0, in tenths."""
    step_bake_time_minutes: int = 6
    """Minutes between two steps, 0 to 1440. With both defaults, a release takes 54 minutes and the bake time."""
    bake_time_minutes: int = 5
    """Minutes, 0 to 1440, that the old tasks stay after the last step."""

    def __post_init__(self) -> None:
        _check_percent("step_percent", self.step_percent, LEAST_STEP_PERCENT)
        _check_minutes("step_bake_time_minutes", self.step_bake_time_minutes)
        _check_minutes("bake_time_minutes", self.bake_time_minutes)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Canary:
    """Move a little traffic, wait, and move the rest."""

    canary_percent: float = 5.0
    """Of the traffic, 0.1 to 100.0, in tenths."""
    canary_bake_time_minutes: int = 10
    """Minutes, 0 to 1440, before the rest follows."""
    bake_time_minutes: int = 5
    """Minutes, 0 to 1440, that the old tasks stay after that."""

    def __post_init__(self) -> None:
        _check_percent("canary_percent", self.canary_percent, LEAST_CANARY_PERCENT)
        _check_minutes("canary_bake_time_minutes", self.canary_bake_time_minutes)
        _check_minutes("bake_time_minutes", self.bake_time_minutes)


Strategy = Rolling | BlueGreen | Linear | Canary


def shifts_traffic(strategy: Strategy) -> bool:
    """Whether ECS moves traffic between two target groups."""
    return not isinstance(strategy, Rolling)


def deployment_configuration(strategy: Strategy) -> dict[str, Any] | None:
    """The service's `deployment_configuration`; None for a rolling update, which needs none."""
    if isinstance(strategy, Rolling):
        return None
    # The AWS provider wants minutes as text.
    bake = {"bake_time_in_minutes": str(strategy.bake_time_minutes)}
    if isinstance(strategy, BlueGreen):
        return {"strategy": "BLUE_GREEN", **bake}
    if isinstance(strategy, Linear):
        linear = {
            "step_percent": strategy.step_percent,
            "step_bake_time_in_minutes": str(strategy.step_bake_time_minutes),
        }
        return {"strategy": "LINEAR", **bake, "linear_configuration": linear}
    canary = {
        "canary_percent": strategy.canary_percent,
        "canary_bake_time_in_minutes": str(strategy.canary_bake_time_minutes),
    }
    return {"strategy": "CANARY", **bake, "canary_configuration": canary}


def _check_minutes(name: str, minutes: int) -> None:
    if not 0 <= minutes <= MAX_BAKE_TIME_MINUTES:
        raise ValueError(f"{name} is {minutes}: expected 0 to {MAX_BAKE_TIME_MINUTES} (a day)")


def _check_percent(name: str, percent: float, least: float) -> None:
    if not least <= percent <= 100 or round(percent, 1) != percent:
        raise ValueError(f"{name} is {percent}: expected {least} to 100.0 in tenths")
