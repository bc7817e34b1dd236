"""Runs the migration of a release: one task of the new image, before anything is switched."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass

from functions.deploy.requests import RunTask, StopTask, TaskStatus
from functions.names import name_in
from release import progress
from release.deploy_function import DeployFunction, FunctionFailed, Heard, TaskBegan, TaskJudged

APPEARS_S = 60.0
"""Seconds in which ECS may not know a task that it has just started: eventually consistent (RunTask, remarks)."""
STOP_DEADLINE_S = 150.0
"""Seconds for stopping a task: a container has up to 120 s to end after SIGTERM (stopTimeout on Fargate)."""


class MigrationFailed(FunctionFailed):
    """The migration did not succeed; nothing was switched.

    `outcome` is `failed` (by its exit code, or it never ran), `timed_out` (and was told to stop), `no_task` (ECS does
    not know the task any more), `refused` (nothing was started) or `error`. `details`: why it stopped, exit codes and
    the last lines of its log.
    """

    def __init__(self, outcome: str, message: str, details: tuple[str, ...] = (), task: str | None = None) -> None:
        super().__init__(outcome, message, details)
        self.task = task
        """The ARN of the task; None where none is known to have been started."""


@dataclass(frozen=True, kw_only=True)
class Migrated:
    """The command ended with exit code 0."""

    task: str
    """The ARN of the task."""
    seconds: float


def migrate(function: DeployFunction, request: RunTask) -> Migrated:
    """Run the command in a task of its own and wait for its end; raise MigrationFailed unless its exit code is 0.

    A task of the same revision and command that still runs, because nobody watches it any more, is adopted. One that
    does not end before the function's deadline, or cannot be asked about, is stopped.
    """
    task = ""
    try:
        task = _start(function, request)
        judged = _watch(function, request, task)
    except FunctionFailed:
        raise
    except BaseException:
        state = f"goes on in task {name_in(task)}" if task else "may have been started"
        progress.kept(
            function.say,
            f"the migration is not watched any more and {state}: the next run of this release waits for its end",
        )
        raise
    if judged.outcome != "succeeded":
        raise MigrationFailed(judged.outcome, _failure(request, judged, task), judged.details, task)
    progress.passing(function.say, f"ended with exit code 0 ({function.elapsed_s:.0f} s)")
    return Migrated(task=task, seconds=function.elapsed_s)


def _start(function: DeployFunction, request: RunTask) -> str:
    """The ARN of the task. A repeated command finds the task that an earlier one started."""
    try:
        began = function.call(request, TaskBegan)
    except FunctionFailed as error:
        text = f"the migration was not started: {error.message}"
        raise MigrationFailed(error.outcome, text, error.details) from error.__cause__
    how = "begins" if began.started or RunTask in function.unheard else "runs already"
    where = f"in task {name_in(began.task)}, for {function.deadline_s:g} s at most"
    # Kept: where Pulumi is interrupted twice, this process ends without another word.
    progress.kept(function.say, f"the migration {shlex.join(request.container_command)} {how} {where}")
    return began.task


def _watch(function: DeployFunction, request: RunTask, task: str) -> TaskJudged:
    """The answer that says how the task ended. A task that does not end in time is stopped, and that is a failure.

    Also when it ends with exit code 0 then: a program that ends in good order when it is told to has not finished.
    """
    try:
        judged = _wait(function, request, task)
    except FunctionFailed as error:
        end, details = _stop(function, request, task, "cannot be asked how it stands")
        text = f"how the migration ended is not known: {error.message}; {end}"
        raise MigrationFailed(error.outcome, text, details or error.details, task) from error.__cause__
    if judged.outcome == "in_progress":
        late = f"did not end within {function.deadline_s:g} s"
        end, details = _stop(function, request, task, late)
        raise MigrationFailed("timed_out", f"the migration {late}: {end}", details or judged.details, task)
    return judged


def _wait(function: DeployFunction, request: RunTask, task: str) -> TaskJudged:
    """The answer that says how the task ended, or, when the time is over, how it stands."""
    news, seen = progress.Changes(function.say), False
    while True:
        last_call = function.left_s <= function.interval_s
        judged = _judge(function, request, task, explain=last_call)
        seen = seen or judged.outcome != "no_task"
        appearing = not seen and function.elapsed_s < APPEARS_S
        if last_call or not (judged.outcome == "in_progress" or appearing):
            return judged
        if seen:
            news(f"task is {judged.last_status}")
        time.sleep(function.interval_s)


def _judge(function: DeployFunction, request: RunTask, task: str, *, explain: bool) -> TaskJudged:
    return function.call(TaskStatus(task=task, container=request.container, explain=explain), TaskJudged)


def _stop(watched: DeployFunction, request: RunTask, task: str, reason: str) -> tuple[str, tuple[str, ...]]:
    """End the task; says what became of it, and what is known of its end."""
    function = DeployFunction(watched.client, watched.name, watched.say, STOP_DEADLINE_S, interval_s=watched.interval_s)
    progress.passing(function.say, f"task is being stopped: it {reason}")
    try:
        function.call(StopTask(lease=request.lease, task=task, reason=f"easi-release: it {reason}"), Heard)
        while True:
            last_call = function.left_s <= function.interval_s
            judged = _judge(function, request, task, explain=True)
            if judged.outcome != "in_progress":
                return f"it was stopped{_exit(judged)}", judged.details
            if last_call:
                return f"it was told to stop, and task {name_in(task)} still ran {STOP_DEADLINE_S:g} s later", ()
            time.sleep(function.interval_s)
    except FunctionFailed as error:
        return f"whether task {name_in(task)} still runs is not known: {error.message}", error.details


def _failure(request: RunTask, judged: TaskJudged, task: str) -> str:
    if judged.outcome == "no_task":
        return f"ECS does not know the migration's task {name_in(task)} any more: whether it succeeded cannot be said"
    why = f": {judged.reason.rstrip('.')}" if judged.reason else ""
    if judged.exit_code is None:
        return f"the migration never ran: container {request.container} has no exit code{why}"
    return f"the migration failed{_exit(judged)}{why}"


def _exit(judged: TaskJudged) -> str:
    return "" if judged.exit_code is None else f" with exit code {judged.exit_code}"
