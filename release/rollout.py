"""Moves the service through the deploy function: starts a deployment, watches it, and believes only its verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

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
    Runs,
)

T = TypeVar("T")

LAST_QUESTION_S = 10.0
"""Seconds for finding out what a deploy without an answer has started, after the deadline."""


@dataclass(frozen=True, kw_only=True)
class RolledOut:
    """The revision runs: all tasks, all targets."""

    deployment: str
    task_definition: str
    started: bool
    """False: the revision ran already and nothing was changed."""
    tasks: frozenset[str] = frozenset()
    """Ids of those that run."""


class Rollout:
    """A deployment that has begun, and how it is asked about until it is decided."""

    def __init__(self, function: DeployFunction, began: Began, request: Moving) -> None:
        self.function, self.began = function, began
        self._question = Status(
            deployment=began.deployment,
            task_definition=began.task_definition,
            created_at=began.created_at,
            network=request.network,
        )
        self._news = progress.Changes(function.say)

    def until_decided(
        self, meanwhile: Callable[[frozenset[str]], None] = lambda _: None
    ) -> Generator[float, None, RolledOut]:
        """Ask until it is decided; yields seconds to wait. Raises FunctionFailed unless it succeeded, or can in time.

        Calls `meanwhile` with the ids of the revision's tasks after each question that finds some. It may raise.
        """
        while isinstance(answer := self._ask(), Judged):
            if answer.tasks:
                meanwhile(frozenset(answer.tasks))
            yield self.function.interval_s
        return answer

    def _ask(self) -> RolledOut | Judged:
        """What the rollout came to, or how it stands."""
        function, began = self.function, self.began
        name = revision(began.task_definition)
        last_call = function.left_s <= function.interval_s
        judged = function.call(replace(self._question, explain=last_call), Judged)
        if judged.outcome == "succeeded":
            progress.passing(function.say, f"{_progress(judged)}: done ({function.elapsed_s:.0f} s)")
            return RolledOut(
                deployment=began.deployment,
                task_definition=began.task_definition,
                # An answer may have been lost: what its repetition found running was started by us all the same.
                started=began.started or not function.unheard.isdisjoint({Deploy, Rollback}),
                tasks=frozenset(judged.tasks),
            )
        nowhere = judged.taken_back and began.started and began.replaces is None
        if judged.outcome != "in_progress" or nowhere:
            raise _failed("failed" if judged.outcome == "in_progress" else judged.outcome, judged, name)
        self._news(_progress(judged))
        if last_call:
            raise _timed_out(judged, name, function.deadline_s)
        return judged


def start(function: DeployFunction, request: Deploy) -> Rollout:
    """Begin to move the service to the revision. Raises FunctionFailed where that is refused, or not known."""
    try:
        began = function.call(request, Began)
    except FunctionFailed as error:
        error.deployment = _started_unheard(function, request)
        raise
    progress.passing(function.say, _beginning(began))
    return Rollout(function, began, request)


def roll_back(function: DeployFunction, request: Rollback) -> Generator[float, None, RolledOut | None]:
    """Bring the service back to a revision that ran before, until it runs; raise FunctionFailed unless it does.

    Without a revision, end all tasks: then None. ECS itself goes back where it still rolls `deployment` out and can.
    Yields seconds to wait: see `side_by_side`.
    """
    news, by_ecs = progress.Changes(function.say), False
    while (began := function.call(request, GoesBack)).outcome == "stopping":
        by_ecs = True
        news("ECS stops the rollout and goes back")
        if function.left_s <= function.interval_s:
            text = f"{began.service}: ECS was still going back after {function.deadline_s:g} s"
            raise FunctionFailed("timed_out", text)
        yield function.interval_s
    if began.outcome == "stopped":
        yield from _until_no_task(function, began.service)
        return None
    progress.passing(function.say, _beginning(began))
    back = yield from Rollout(function, began, request).until_decided()
    return replace(back, started=back.started or by_ecs)


def side_by_side(works: Sequence[Generator[float, None, T]]) -> list[T]:
    """What each of the works comes to. All begin, in order, before the first goes on; each yields seconds to wait.

    Where one fails, the others are closed.
    """
    results: dict[int, T] = {}
    try:
        while len(results) < len(works):
            waits = []
            for number, work in enumerate(works):
                if number in results:
                    continue
                try:
                    waits.append(next(work))
                except StopIteration as end:
                    results[number] = end.value
            if waits:
                time.sleep(min(waits))
    except Exception:
        for work in works:
            work.close()
        raise
    return [results[number] for number in range(len(works))]


def current(client: Any, function: str, deadline_s: float = 30.0) -> Current:
    """What the service is on now; raise FunctionFailed if the function does not say within `deadline_s`."""
    return DeployFunction(client, function, _silent, deadline_s).call(Status(), Runs).current


def replaced(before: Current) -> str:
    """The deployment that a rollout is to replace; raise FunctionFailed where ECS lists none."""
    if before.deployment is None:
        text = "ECS lists no deployment of the service, and a service has one from the beginning: run again"
        raise FunctionFailed("error", text)
    return before.deployment


def running_tasks(client: Any, function: str, task_definition: str, deadline_s: float) -> frozenset[str]:
    """Ids of the tasks that run of a revision: none where the service is on another one. Raises FunctionFailed."""
    lambda_function = DeployFunction(client, function, _silent, deadline_s)
    now = lambda_function.call(Status(), Runs).current
    if now.task_definition != task_definition or now.deployment is None:
        return frozenset()
    request = Status(deployment=now.deployment, task_definition=task_definition)
    return frozenset(lambda_function.call(request, Judged).tasks)


def _started_unheard(function: DeployFunction, request: Deploy) -> str | None:
    """The deployment that a deploy without an answer has started all the same, as far as that can be known.

    Under the lease nobody else deploys through the function: a new primary on this revision is ours.
    """
    if Deploy not in function.unheard:
        return None
    try:
        now = current(function.client, function.name, LAST_QUESTION_S)
    except FunctionFailed:
        return None
    is_new = now.task_definition == request.task_definition and now.deployment != request.expected_deployment
    return now.deployment if is_new else None


def _until_no_task(function: DeployFunction, service: str) -> Iterator[float]:
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
        yield function.interval_s


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
