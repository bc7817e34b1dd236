"""What became of a one-off task. Pure: everything it knows is in its arguments."""

from __future__ import annotations

from dataclasses import dataclass

from functions.deploy.facts import Task

IN_PROGRESS = "in_progress"
SUCCEEDED = "succeeded"
FAILED = "failed"
NO_TASK = "no_task"

STARTED_BY = "release"
"""What `startedBy` of a one-off task begins with; the id of the lease that it was started under follows."""
TOLD_TO_STOP = {"UserInitiated", "ServiceSchedulerInitiated", "SpotInterruption", "TerminationNotice"}
"""Stop codes of tasks that did not end by themselves:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Task.html"""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The outcome, and what it was read from."""

    outcome: str
    last_status: str
    exit_code: int | None = None
    reason: str = ""
    health: str = "UNKNOWN"
    """Of a task that runs: HEALTHY, UNHEALTHY or UNKNOWN."""


def decide(task: Task | None, container: str) -> Verdict:
    """By the exit code of the one container that counts; None where ECS does not know the task."""
    if task is None:
        return Verdict(outcome=NO_TASK, last_status="UNKNOWN", reason="ECS does not know the task")
    ended = next((one for one in task.containers if one["name"] == container), None)
    code = ended.get("exitCode") if ended else None
    if code is None and task.last_status != "STOPPED":
        return Verdict(outcome=IN_PROGRESS, last_status=task.last_status, health=_health(task, container))
    reason = (ended and ended.get("reason")) or task.stopped_reason
    if code == 0 and task.stop_code in TOLD_TO_STOP:
        # A program that ends in good order when it is told to has not done its work.
        return Verdict(outcome=FAILED, last_status=task.last_status, exit_code=code, reason=f"stopped: {reason}")
    if code == 0:
        return Verdict(outcome=SUCCEEDED, last_status=task.last_status, exit_code=code)
    return Verdict(outcome=FAILED, last_status=task.last_status, exit_code=code, reason=reason or "ECS gives no reason")


def _health(task: Task, container: str) -> str:
    """The container's own, as a task is UNKNOWN while any essential container is; but no task is well with a sick one.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html
    """
    if task.health == "UNHEALTHY":
        return task.health
    return next((one.get("healthStatus", "UNKNOWN") for one in task.containers if one["name"] == container), "UNKNOWN")


def is_one_off(task: Task) -> bool:
    """Whether a release started it. Earlier functions, whose tasks outlive them, wrote the project's name before it."""
    return f"-{task.started_by}".partition("/")[0].endswith(f"-{STARTED_BY}")


def still_running(tasks: tuple[Task, ...]) -> tuple[Task, ...]:
    """The one-off tasks that run, the oldest first."""
    running = [task for task in tasks if is_one_off(task) and task.desired_status == "RUNNING"]
    return tuple(sorted(running, key=lambda task: task.created_at.timestamp() if task.created_at else 0))
