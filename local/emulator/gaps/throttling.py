"""Gap: a service replaces a task that ends as fast as Docker can start the next one, for ever.

Where no circuit breaker ends it (the deployment had completed, or there is none), ECS waits longer and longer between
tasks that do not last. So does this, in seconds instead of minutes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ministack.core.concurrency import spawn_background
from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import ecs

from local.emulator.gaps import around, task_address, task_health

LASTING_S = 60.0
"""A task that ran for so long is no sign of trouble."""
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 30.0
FREE = 2
"""How many short-lived tasks in a row are replaced at once."""


@dataclass(kw_only=True)
class Streak:
    """How often in a row the tasks of one deployment did not last."""

    failures: int = 0
    last: float = 0.0

    def wait_s(self, now: float) -> float:
        """Count one more, and say how long to wait before the next task."""
        self.failures = self.failures + 1 if now - self.last < LASTING_S + LONGEST_WAIT_S else 1
        self.last = now
        if self.failures <= FREE:
            return 0.0
        return float(min(FIRST_WAIT_S * 2 ** (self.failures - FREE - 1), LONGEST_WAIT_S))


_streaks: dict[str, Streak] = {}


@around(ecs, "_record_service_task_failure")
def record_failure(record: Any, task: dict[str, Any], digest_resolution_failed: bool = False) -> None:
    wait = 0.0 if digest_resolution_failed else _wait(task)
    if not wait:
        record(task, digest_resolution_failed)
        return
    account, region = get_account_id(), get_region()

    def later() -> None:
        time.sleep(wait)
        with request_scope(account, region):
            record(task, digest_resolution_failed)

    spawn_background(later, thread_name="throttled-service")


def _wait(task: dict[str, Any]) -> float:
    service = ecs._services.get(task_address.service_key(task))
    deployment = ecs._deployment_for_task(service, task) if service else None
    if not deployment or _breaker_decides(service, deployment):
        return 0.0
    streak = _streaks.setdefault(deployment["id"], Streak())
    wait = streak.wait_s(time.monotonic())
    if streak.failures == FREE + 1:
        task_health.add_event(service, "is unable to consistently start tasks successfully.")
    return wait


def _breaker_decides(service: dict[str, Any], deployment: dict[str, Any]) -> bool:
    breaker = (service.get("deploymentConfiguration") or {}).get("deploymentCircuitBreaker") or {}
    return bool(breaker.get("enable")) and deployment.get("rolloutState") == "IN_PROGRESS"
