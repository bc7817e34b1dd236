"""Runs the migration of a release: one task of the new image, before anything is switched."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass
from typing import Any

from functions.names import name_in
from release import progress, strict_json
from release.deploy_function import Answer, DeployFunction, FunctionFailed, LambdaClient
from release.progress import Say
from release.records import Network

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
class MigrationRequest:
    function: str
    """Name or ARN of the deploy function."""
    task_definition: str
    """The new revision."""
    container: str
    """The container that runs the command and whose exit code counts."""
    command: tuple[str, ...]
    timeout_s: float
    """Seconds from the first call of the function until the task must have ended."""
    lease: str
    """The id of the lease that the caller holds: the function refuses any other."""
    network: Network | None = None
    """None: the one that the service has."""
    interval_s: float = 1.0
    """Seconds between two questions how it stands."""


@dataclass(frozen=True, kw_only=True)
class Migrated:
    """The command ended with exit code 0."""

    task: str
    """The ARN of the task."""
    seconds: float


def migrate(client: LambdaClient, request: MigrationRequest, say: Say) -> Migrated:
    """Run the command in a task of its own and wait for its end; raise MigrationFailed unless its exit code is 0.

    A task of the same revision and command that still runs, because nobody watches it any more, is adopted. One that
    does not end in time, or cannot be asked about, is stopped.
    """
    function = DeployFunction(client, request.function, say, request.timeout_s)
    task = ""
    try:
        task = _start(function, request, say)
        answer = _watch(client, function, request, task, say)
    except FunctionFailed:
        raise
    except BaseException:
        state = f"goes on in task {name_in(task)}" if task else "may have been started"
        progress.kept(
            say, f"the migration is not watched any more and {state}: the next run of this release waits for its end"
        )
        raise
    if answer["outcome"] != "succeeded":
        raise MigrationFailed(answer["outcome"], _failure(request, answer, task), tuple(answer["details"]), task)
    progress.passing(say, f"ended with exit code 0 ({function.elapsed_s:.0f} s)")
    return Migrated(task=task, seconds=function.elapsed_s)


def _start(function: DeployFunction, request: MigrationRequest, say: Say) -> str:
    """The ARN of the task. A repeated command finds the task that an earlier one started."""
    command: dict[str, Any] = {
        "command": "run_task",
        "lease": request.lease,
        "taskDefinition": request.task_definition,
        "container": request.container,
        "containerCommand": list(request.command),
    }
    if request.network is not None:
        command["network"] = strict_json.fields(request.network)
    try:
        began = function.call(command)
    except FunctionFailed as error:
        text = f"the migration was not started: {error.message}"
        raise MigrationFailed(error.outcome, text, error.details) from error.__cause__
    task = str(began["task"])
    how = "begins" if began["started"] or "run_task" in function.unheard else "runs already"
    limit = f"for {request.timeout_s:g} s at most"
    # Kept: where Pulumi is interrupted twice, this process ends without another word.
    progress.kept(say, f"the migration {shlex.join(request.command)} {how} in task {name_in(task)}, {limit}")
    return task


def _watch(client: LambdaClient, function: DeployFunction, request: MigrationRequest, task: str, say: Say) -> Answer:
    """The answer that says how the task ended. A task that does not end in time is stopped, and that is a failure.

    Also when it ends with exit code 0 then: a program that ends in good order when it is told to has not finished.
    """
    try:
        answer = _wait(function, request, task, say)
    except FunctionFailed as error:
        said, details = _stop(client, request, task, "cannot be asked how it stands", say)
        text = f"how the migration ended is not known: {error.message}; {said}"
        raise MigrationFailed(error.outcome, text, details or error.details, task) from error.__cause__
    if answer["outcome"] == "in_progress":
        said, details = _stop(client, request, task, f"did not end within {request.timeout_s:g} s", say)
        text = f"the migration did not end within {request.timeout_s:g} s: {said}"
        raise MigrationFailed("timed_out", text, details or tuple(answer["details"]), task)
    return answer


def _wait(function: DeployFunction, request: MigrationRequest, task: str, say: Say) -> Answer:
    """The answer that says how the task ended, or, when the time is over, how it stands."""
    news, seen = progress.Changes(say), False
    while True:
        last_call = function.left_s <= request.interval_s
        answer = _ask(function, request, task, explain=last_call)
        seen = seen or answer["outcome"] != "no_task"
        appearing = not seen and function.elapsed_s < APPEARS_S
        if last_call or not (answer["outcome"] == "in_progress" or appearing):
            return answer
        if seen:
            news(f"task is {answer['lastStatus']}")
        time.sleep(request.interval_s)


def _ask(function: DeployFunction, request: MigrationRequest, task: str, *, explain: bool) -> Answer:
    command = {"command": "task_status", "task": task, "container": request.container, "explain": explain}
    return function.call(command)


def _stop(
    client: LambdaClient, request: MigrationRequest, task: str, reason: str, say: Say
) -> tuple[str, tuple[str, ...]]:
    """End the task; says what became of it, and what is known of its end."""
    function = DeployFunction(client, request.function, say, STOP_DEADLINE_S)
    progress.passing(say, f"task is being stopped: it {reason}")
    command = {"command": "stop_task", "lease": request.lease, "task": task, "reason": f"easi-release: it {reason}"}
    try:
        function.call(command)
        while True:
            last_call = function.left_s <= request.interval_s
            answer = _ask(function, request, task, explain=True)
            if answer["outcome"] != "in_progress":
                return f"it was stopped{_exit(answer)}", tuple(answer["details"])
            if last_call:
                return f"it was told to stop, and task {name_in(task)} still ran {STOP_DEADLINE_S:g} s later", ()
            time.sleep(request.interval_s)
    except FunctionFailed as error:
        return f"whether task {name_in(task)} still runs is not known: {error.message}", error.details


def _failure(request: MigrationRequest, answer: Answer, task: str) -> str:
    if answer["outcome"] == "no_task":
        return f"ECS does not know the migration's task {name_in(task)} any more: whether it succeeded cannot be said"
    why = f": {answer['reason'].rstrip('.')}" if answer["reason"] else ""
    if answer["exitCode"] is None:
        return f"the migration never ran: container {request.container} has no exit code{why}"
    return f"the migration failed{_exit(answer)}{why}"


def _exit(answer: Answer) -> str:
    return "" if answer.get("exitCode") is None else f" with exit code {answer['exitCode']}"
