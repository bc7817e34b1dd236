"""Moves the service through the deploy function: starts a deployment, watches it, and believes only its verdict."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from functions.deploy.requests import Deploy, Moving, Rollback, Status
from functions.names import revision
from release import progress
from release.deploy_function import (
    Began,
    Current,
    DeployFunction,
    FunctionFailed,
    GoesBack,
    Judged,
    LambdaClient,
    Runs,
)

LAST_QUESTION_S = 10.0
"""Seconds for finding out what a deploy without an answer has started, after the deadline."""


class RolloutFailed(FunctionFailed):
    """The revision does not run as it was asked to.

    `outcome` is the function's verdict (rolled_back, superseded, no_tasks, failed), or `timed_out`, `refused` (the
    function would not carry out the command: nothing was changed) or `error` (it could not, or could not be called).
    """

    def __init__(
        self, outcome: str, message: str, details: tuple[str, ...] = (), deployment: str | None = None
    ) -> None:
        super().__init__(outcome, message, details)
        self.deployment = deployment
        """The deployment that was started or found; None where there is none, or none is known."""


@dataclass(frozen=True, kw_only=True)
class RolledOut:
    """The revision runs: all tasks, all targets."""

    deployment: str
    task_definition: str
    replaced: str | None
    """The revision that ran before; None where there was none, or where this one ran already."""
    started: bool
    """False: the revision ran already and nothing was changed."""
    desired_count: int
    tasks: frozenset[str] = frozenset()
    """Ids of the tasks that run; empty where the function is of an earlier program and does not say."""


def roll_out(function: DeployFunction, request: Deploy) -> RolledOut:
    """Move the service to the revision and wait for the verdict; raise RolloutFailed unless it succeeded."""
    with _as_rollout():
        try:
            began = function.call(request, Began)
        except FunctionFailed as error:
            started = _started_unheard(function, request)
            raise RolloutFailed(error.outcome, error.message, error.details, started) from error.__cause__
    progress.passing(function.say, _beginning(began))
    with _as_rollout(began.deployment):
        return _watch(function, began, request)


def roll_back(function: DeployFunction, request: Rollback) -> RolledOut | None:
    """Bring the service back to a revision that ran before, and wait until it runs; raise RolloutFailed unless it does.

    Without a revision, end all tasks: then None. ECS itself goes back where it still rolls `deployment` out and can.
    """
    with _as_rollout(request.deployment):
        news, by_ecs = progress.Changes(function.say), False
        while (began := function.call(request, GoesBack)).outcome == "stopping":
            by_ecs = True
            news("ECS stops the rollout and goes back")
            if function.left_s <= function.interval_s:
                text = f"{began.service}: ECS was still going back after {function.deadline_s:g} s"
                raise FunctionFailed("timed_out", text)
            time.sleep(function.interval_s)
        if began.outcome == "stopped":
            _wait_for_no_task(function, began.service)
            return None
        progress.passing(function.say, _beginning(began))
    with _as_rollout(began.deployment):
        back = _watch(function, began, request)
        return replace(back, started=back.started or by_ecs)


def current(client: LambdaClient, function: str, deadline_s: float = 30.0) -> Current:
    """What the service is on now; raise RolloutFailed if the function does not say within `deadline_s`."""
    with _as_rollout():
        return DeployFunction(client, function, _silent, deadline_s).call(Status(), Runs).current


def replaced(before: Current) -> str:
    """The deployment that a rollout is to replace; raise RolloutFailed where ECS lists none."""
    if before.deployment is None:
        text = "ECS lists no deployment of the service, and a service has one from the beginning: run again"
        raise RolloutFailed("error", text)
    return before.deployment


def running_tasks(
    client: LambdaClient, function: str, task_definition: str, deadline_s: float
) -> frozenset[str] | None:
    """Ids of the tasks that run of a revision: none where the service is on another one.

    None where the function is of an earlier program and does not say. Raises RolloutFailed if it does not answer.
    """
    with _as_rollout():
        lambda_function = DeployFunction(client, function, _silent, deadline_s)
        now = lambda_function.call(Status(), Runs).current
        if now.task_definition != task_definition or now.deployment is None:
            return frozenset()
        judged = lambda_function.call(Status(deployment=now.deployment, task_definition=task_definition), Judged)
        return None if judged.tasks is None else frozenset(judged.tasks)


def _started_unheard(function: DeployFunction, request: Deploy) -> str | None:
    """The deployment that a deploy without an answer has started all the same, as far as that can be known.

    Under the lease nobody else deploys through the function: a new primary on this revision is ours.
    """
    if Deploy not in function.unheard:
        return None
    try:
        now = current(function.client, function.name, LAST_QUESTION_S)
    except RolloutFailed:
        return None
    is_new = now.task_definition == request.task_definition and now.deployment != request.expected_deployment
    return now.deployment if is_new else None


def _watch(function: DeployFunction, began: Began, request: Moving) -> RolledOut:
    """Ask how the deployment stands until it is decided."""
    name = revision(began.task_definition)
    question = Status(
        deployment=began.deployment,
        task_definition=began.task_definition,
        created_at=began.created_at,
        network=request.network,
    )
    news = progress.Changes(function.say)
    while True:
        last_call = function.left_s <= function.interval_s
        judged = function.call(replace(question, explain=last_call), Judged)
        if judged.outcome == "succeeded":
            progress.passing(function.say, f"{_progress(judged)}: done ({function.elapsed_s:.0f} s)")
            return RolledOut(
                deployment=began.deployment,
                task_definition=began.task_definition,
                replaced=began.replaces,
                # An answer may have been lost: what its repetition found running was started by us all the same.
                started=began.started or not function.unheard.isdisjoint({Deploy, Rollback}),
                desired_count=judged.desired_count,
                tasks=frozenset(judged.tasks or ()),
            )
        nowhere = judged.taken_back and began.started and began.replaces is None
        if judged.outcome != "in_progress" or nowhere:
            raise _failed("failed" if judged.outcome == "in_progress" else judged.outcome, judged, name)
        news(_progress(judged))
        if last_call:
            raise _timed_out(judged, name, function.deadline_s)
        time.sleep(function.interval_s)


def _wait_for_no_task(function: DeployFunction, service: str) -> None:
    """The desired count is 0: wait until nothing runs."""
    news = progress.Changes(function.say)
    while True:
        now = function.call(Status(), Runs).current
        if now.running_count == 0:
            progress.passing(function.say, f"no task runs any more ({function.elapsed_s:.0f} s)")
            return
        news(f"{now.running_count} of 0 tasks running")
        if function.left_s <= function.interval_s:
            text = f"{service}: {now.running_count} tasks of 0 wanted still ran after {function.deadline_s:g} s"
            raise FunctionFailed("timed_out", text)
        time.sleep(function.interval_s)


@contextmanager
def _as_rollout(deployment: str | None = None) -> Iterator[None]:
    """What fails in here is a failed rollout of `deployment`."""
    try:
        yield
    except RolloutFailed:
        raise
    except FunctionFailed as error:
        raise RolloutFailed(error.outcome, error.message, error.details, deployment) from error.__cause__


def _beginning(began: Began) -> str:
    name = revision(began.task_definition)
    if not began.started:
        return f"{name} is there already ({began.deployment})"
    before = f" after {revision(began.replaces)}" if began.replaces else ""
    return f"{name} begins{before}, desired count {began.desired_count} ({began.deployment})"


def _progress(judged: Judged) -> str:
    """How a rollout stands: tasks and targets of the new revision, then whatever else is missing."""
    tasks = f"{judged.running_count} of {judged.desired_count} tasks on {revision(judged.task_definition)}"
    missing = [line for line in judged.missing if "tasks running on" not in line]
    if judged.healthy_targets and not any("targets healthy" in line for line in missing):
        missing.insert(0, f"{judged.healthy_targets} of {judged.healthy_targets} targets healthy")
    return ", ".join((tasks, *missing))


def _failed(outcome: str, judged: Judged, name: str) -> FunctionFailed:
    story = {
        "rolled_back": f"ECS took {name} back",
        "superseded": f"{name} was replaced before it was complete",
        "no_tasks": f"no task of {name} ever ran",
        "failed": f"{name} failed, and there is nothing to return to",
    }.get(outcome, f"{name}: {outcome}")
    why = f": {judged.reason.rstrip('.')}" if judged.reason else ""
    return FunctionFailed(outcome, f"{judged.service}: {story}{why}. {_what_runs(judged)}", judged.details)


def _timed_out(judged: Judged, name: str, deadline_s: float) -> FunctionFailed:
    text = f"{judged.service}: {name} was not complete after {deadline_s:g} s"
    missing = "; ".join(judged.missing)
    return FunctionFailed("timed_out", f"{text}, missing: {missing}. {_what_runs(judged)}", judged.details)


def _what_runs(judged: Judged) -> str:
    now = judged.current
    on = revision(now.task_definition) if now.task_definition else "nothing"
    return f"The service is on {on}, {now.running_count} of {now.desired_count} tasks running"


def _silent(_: str) -> None:
    """Nobody wants to hear how a single question goes."""
