"""Which setting gives a service longer to start, where a release of it may have failed for want of time. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def of_rollout(service: str, outcome: str, details: Iterable[str], rollout_deadline_s: float) -> list[str]:
    """A line for each check that ended tasks, in ECS's words for it, and for the deadline. Without one: nothing.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html
    """
    said = [line.lower() for line in details if line.startswith(("task ", "event: ")) and " | " not in line]
    health = f"services.{service}.health"
    lines = []
    if any("failed container health checks" in line for line in said):
        lines.append(
            f"the setting: {health}.command failed in the container. ECS does not say whether it could not be started "
            f"(is it in the image?) or ended with another code than 0; for a slow start, raise {health}.startPeriod"
        )
    if any("failed elb health checks" in line for line in said):
        lines.append(f"the setting: {health}.path did not answer 200 in time; for a slow start, raise {health}.grace")
    if outcome == "timed_out" and not lines:
        lines.append(f"the setting: for a slow start, raise rolloutDeadline ({rollout_deadline_s:g} s)")
    return lines


def of_rehearsal(service: str) -> str:
    return f"the setting: for a slow start, raise services.{service}.health.startPeriod"


def of_proof(service: str, deadline_s: float) -> str:
    return f"for a slow start, raise services.{service}.health.deadline ({deadline_s:g} s)"
