"""A release that failed for want of time names the setting that gives it more."""

from __future__ import annotations

import pytest

from release import slow_start

ELB = "task 3c stopped: Task failed ELB health checks in (target-group arn:aws:a)"
CONTAINER = "event: (service easi-dev) (task 3c) failed container health checks."


@pytest.mark.parametrize(
    ("outcome", "details", "settings"),
    [
        ("rolled_back", [ELB], ["services.api.health.grace"]),
        ("rolled_back", [CONTAINER], ["services.api.health.command", "services.api.health.startPeriod"]),
        ("timed_out", [ELB, CONTAINER], ["services.api.health.grace", "services.api.health.startPeriod"]),
        ("timed_out", ["task 3c stopped: Scaling activity"], ["rolloutDeadline (900 s)"]),
    ],
)
def test_the_setting_is_named(outcome: str, details: list[str], settings: list[str]) -> None:
    advice = " ".join(slow_start.of_rollout("api", outcome, details, 900.0))
    assert all(setting in advice for setting in settings)
    assert ("rolloutDeadline" in advice) == ("rolloutDeadline (900 s)" in settings)


@pytest.mark.parametrize("line", ["task 3c container backend: exit code 2", f"task 3c backend | {CONTAINER}"])
def test_a_task_that_ended_by_itself_needs_no_more_time(line: str) -> None:
    assert slow_start.of_rollout("api", "rolled_back", [line], 900.0) == []
