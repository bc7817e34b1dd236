"""Which times of services belong together: to start, to be healthy, to be rehearsed, to be rolled out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from settings.names import prefix
from settings.service import Service

MIN_DEADLINE_WITH_ALARMS_S: Final = 600
"""A rollout of a minute or two, five minutes of watching, and as much again for a slow image."""


def _time_to_start(at: str, service: Service, rollout_deadline: int) -> Iterator[str]:
    health = service.health
    patience = health.grace + health.interval * health.unhealthy_threshold
    if service.paths and patience < health.start_period:
        needed = health.start_period - health.interval * health.unhealthy_threshold
        yield (
            f"{at}.health.grace is {health.grace}: with it, ECS ends a task that does not answer the "
            f"load balancer after {patience} seconds, within its startPeriod ({health.start_period}); expected "
            f"{needed} or more"
        )
    for key, seconds in (("grace", health.grace), ("startPeriod", health.start_period)):
        if seconds >= rollout_deadline:
            yield (
                f"{at}.health.{key} is {seconds}: expected less than {prefix()}rolloutDeadline "
                f"({rollout_deadline}), or no task that does not answer is found before it"
            )
    if health.timeout >= health.interval:
        yield f"{at}.health.timeout is {health.timeout}: expected less than interval ({health.interval})"


def _rehearsal(at: str, service: Service, rollout_deadline: int) -> Iterator[str]:
    if service.health.command_compares_version and not service.health.command:
        yield f"{at}.health.commandComparesVersion without health.command: nothing compares it"
    if service.rehearsal.enabled and not service.health.command and service.rehearsal.time >= rollout_deadline:
        yield (
            f"{at}.rehearsal.time is {service.rehearsal.time}: expected less than "
            f"{prefix()}rolloutDeadline ({rollout_deadline}), in which a rehearsal has to end"
        )


def _time_for_checks(at: str, service: Service) -> Iterator[str]:
    health = service.health
    needed = health.passes * health.check_interval
    if needed >= health.deadline:
        yield (
            f"{at}.health.deadline is {health.deadline}: expected more than the {needed} seconds "
            f"of passes ({health.passes}) times checkInterval ({health.check_interval})"
        )
    if health.status_code_only and health.require_live_timestamp:
        yield f"{at}.health.requireLiveTimestamp with statusCodeOnly, which reads no answer: expected one of them"


def _time_for_alarms(at: str, service: Service, rollout_deadline: int) -> Iterator[str]:
    if service.deployment_alarms and rollout_deadline < MIN_DEADLINE_WITH_ALARMS_S:
        yield (
            f"{prefix()}rolloutDeadline is {rollout_deadline}: expected {MIN_DEADLINE_WITH_ALARMS_S} or more with "
            f"{at}.deploymentAlarms, which ECS watches for minutes after the last task is up"
        )


RULES: Final[Sequence[Callable[..., Iterator[str]]]] = (_time_to_start, _rehearsal, _time_for_checks, _time_for_alarms)
