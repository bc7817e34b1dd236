"""Moves the service through the deploy function: starts a deployment, watches it, and believes only its verdict."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from functions.names import revision
from release import progress, strict_json
from release.deploy_function import Answer, Current, DeployFunction, FunctionFailed, LambdaClient
from release.progress import Say
from release.records import Network

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
class _Request:
    """What both ways have in common."""

    function: str
    """Name or ARN of the deploy function."""
    minimum_count: int
    maximum_count: int
    deadline_s: float
    """Seconds for everything, from the first call of the function."""
    lease: str
    """The id of the lease that the caller holds: the function refuses any other."""
    network: Network | None = None
    """None: the one that the service has."""
    execute_command: bool | None = None
    """Whether ECS Exec is on; None: as the service has it."""
    interval_s: float = 1.0
    """Seconds between two questions how it stands."""


@dataclass(frozen=True, kw_only=True)
class RolloutRequest(_Request):
    task_definition: str
    expected_deployment: str | None = None
    """The primary deployment that is to be replaced; None: whichever is when this begins."""
    force: bool = False
    """Start a new deployment of a revision that runs already, for example because a secret was rotated."""


@dataclass(frozen=True, kw_only=True)
class RollbackRequest(_Request):
    task_definition: str | None
    """The revision to go back to; None: nothing was proven before, so no task is to run."""
    deployment: str | None
    """The deployment that is to be undone; None where none is known to have been started."""


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


def roll_out(client: LambdaClient, request: RolloutRequest, say: Say) -> RolledOut:
    """Move the service to the revision and wait for the verdict; raise RolloutFailed unless it succeeded."""
    function = DeployFunction(client, request.function, say, request.deadline_s)
    with _as_rollout():
        expected = request.expected_deployment or _primary(function)
        command: dict[str, Any] = {
            "command": "deploy",
            "taskDefinition": request.task_definition,
            "minimumCount": request.minimum_count,
            "maximumCount": request.maximum_count,
            "lease": request.lease,
            "expectedDeployment": expected,
            **_settings(request),
        }
        if request.force:
            command |= {"force": True}
        try:
            began = function.call(command)
        except FunctionFailed as error:
            ours = _started_unheard(function, request, expected)
            raise RolloutFailed(error.outcome, error.message, error.details, ours) from error.__cause__
    progress.passing(say, _beginning(began))
    with _as_rollout(began["deployment"]):
        return _watch(function, began, request, say)


def roll_back(client: LambdaClient, request: RollbackRequest, say: Say) -> RolledOut | None:
    """Bring the service back to a revision that ran before, and wait until it runs; raise RolloutFailed unless it does.

    Without a revision, end all tasks: then None. ECS itself goes back where it still rolls `deployment` out and can.
    """
    function = DeployFunction(client, request.function, say, request.deadline_s)
    command: dict[str, Any] = {
        "command": "rollback",
        "lease": request.lease,
        "minimumCount": request.minimum_count,
        "maximumCount": request.maximum_count,
        **_settings(request),
    }
    if request.task_definition is not None:
        command["taskDefinition"] = request.task_definition
    if request.deployment is not None:
        command["deployment"] = request.deployment
    with _as_rollout(request.deployment):
        news, by_ecs = progress.Changes(say), False
        while (began := function.call(command))["outcome"] == "stopping":
            by_ecs = True
            news("ECS stops the rollout and goes back")
            if function.left_s <= request.interval_s:
                text = f"{began['service']}: ECS was still going back after {request.deadline_s:g} s"
                raise FunctionFailed("timed_out", text)
            time.sleep(request.interval_s)
        if began["outcome"] == "stopped":
            _wait_for_no_task(function, began["service"], request.interval_s, say)
            return None
        progress.passing(say, _beginning(began))
    with _as_rollout(began["deployment"]):
        back = _watch(function, began, request, say)
        return replace(back, started=back.started or by_ecs)


def current(client: LambdaClient, function: str, deadline_s: float = 30.0) -> Current:
    """What the service is on now; raise RolloutFailed if the function does not say within `deadline_s`."""
    with _as_rollout():
        return _current(DeployFunction(client, function, _silent, deadline_s).call({"command": "status"}))


def running_tasks(
    client: LambdaClient, function: str, task_definition: str, deadline_s: float
) -> frozenset[str] | None:
    """Ids of the tasks that run of a revision: none where the service is on another one.

    None where the function is of an earlier program and does not say. Raises RolloutFailed if it does not answer.
    """
    with _as_rollout():
        asked = DeployFunction(client, function, _silent, deadline_s)
        now = _current(asked.call({"command": "status"}))
        if now.task_definition != task_definition or now.deployment is None:
            return frozenset()
        answer = asked.call({"command": "status", "deployment": now.deployment, "taskDefinition": task_definition})
        return frozenset(answer["tasks"]) if "tasks" in answer else None


def _primary(function: DeployFunction) -> str:
    answer = function.call({"command": "status"})
    primary = answer["current"]["deployment"]
    if primary is None:
        text = f"ECS lists no deployment of {answer['service']}, and a service has one from the beginning: run again"
        raise FunctionFailed("error", text)
    return str(primary)


def _started_unheard(function: DeployFunction, request: RolloutRequest, expected: str) -> str | None:
    """The deployment that a deploy without an answer has started all the same, as far as that can be known.

    Under the lease nobody else deploys through the function: a new primary on this revision is ours.
    """
    if "deploy" not in function.unheard:
        return None
    try:
        now = current(function.client, request.function, LAST_QUESTION_S)
    except RolloutFailed:
        return None
    return now.deployment if now.task_definition == request.task_definition and now.deployment != expected else None


def _settings(request: _Request) -> dict[str, Any]:
    """What else is to be as it says, in the words of the function."""
    settings: dict[str, Any] = {}
    if request.network is not None:
        settings["network"] = strict_json.fields(request.network)
    if request.execute_command is not None:
        settings["executeCommand"] = request.execute_command
    return settings


def _watch(function: DeployFunction, began: Answer, request: _Request, say: Say) -> RolledOut:
    """Ask how the deployment stands until it is decided."""
    name = revision(began["taskDefinition"])
    asked = {
        "deployment": began["deployment"],
        "taskDefinition": began["taskDefinition"],
        "createdAt": began["createdAt"],
    }
    if request.network is not None:
        asked["network"] = strict_json.fields(request.network)
    news = progress.Changes(say)
    while True:
        last_call = function.left_s <= request.interval_s
        answer = function.call({"command": "status", **asked, "explain": last_call})
        if answer["outcome"] == "succeeded":
            progress.passing(say, f"{progress.of_rollout(answer)}: done ({function.elapsed_s:.0f} s)")
            return RolledOut(
                deployment=began["deployment"],
                task_definition=began["taskDefinition"],
                replaced=began["replaces"],
                # An answer may have been lost: what its repetition found running was started by us all the same.
                started=began["started"] or not function.unheard.isdisjoint({"deploy", "rollback"}),
                desired_count=answer["desiredCount"],
                tasks=frozenset(answer.get("tasks", ())),
            )
        nowhere = answer["takenBack"] and began["started"] and began["replaces"] is None
        if answer["outcome"] != "in_progress" or nowhere:
            raise _failed("failed" if answer["outcome"] == "in_progress" else answer["outcome"], answer, name)
        news(progress.of_rollout(answer))
        if last_call:
            raise _timed_out(answer, name, function.deadline_s)
        time.sleep(request.interval_s)


def _wait_for_no_task(function: DeployFunction, service: str, interval_s: float, say: Say) -> None:
    """The desired count is 0: wait until nothing runs."""
    news = progress.Changes(say)
    while True:
        now = _current(function.call({"command": "status"}))
        if now.running_count == 0:
            progress.passing(say, f"no task runs any more ({function.elapsed_s:.0f} s)")
            return
        news(f"{now.running_count} of 0 tasks running")
        if function.left_s <= interval_s:
            text = f"{service}: {now.running_count} tasks of 0 wanted still ran after {function.deadline_s:g} s"
            raise FunctionFailed("timed_out", text)
        time.sleep(interval_s)


@contextmanager
def _as_rollout(deployment: str | None = None) -> Iterator[None]:
    """What fails in here is a failed rollout of `deployment`."""
    try:
        yield
    except RolloutFailed:
        raise
    except FunctionFailed as error:
        raise RolloutFailed(error.outcome, error.message, error.details, deployment) from error.__cause__


def _beginning(began: Answer) -> str:
    name = revision(began["taskDefinition"])
    if not began["started"]:
        return f"{name} is there already ({began['deployment']})"
    before = f" after {revision(began['replaces'])}" if began["replaces"] else ""
    return f"{name} begins{before}, desired count {began['desiredCount']} ({began['deployment']})"


def _failed(outcome: str, answer: Answer, name: str) -> FunctionFailed:
    story = {
        "rolled_back": f"ECS took {name} back",
        "superseded": f"{name} was replaced before it was complete",
        "no_tasks": f"no task of {name} ever ran",
        "failed": f"{name} failed, and there is nothing to return to",
    }.get(outcome, f"{name}: {outcome}")
    why = f": {answer['reason'].rstrip('.')}" if answer["reason"] else ""
    return FunctionFailed(outcome, f"{answer['service']}: {story}{why}. {_what_runs(answer)}", tuple(answer["details"]))


def _timed_out(answer: Answer, name: str, deadline_s: float) -> FunctionFailed:
    text = f"{answer['service']}: {name} was not complete after {deadline_s:g} s"
    missing = "; ".join(answer["missing"])
    return FunctionFailed("timed_out", f"{text}, missing: {missing}. {_what_runs(answer)}", tuple(answer["details"]))


def _what_runs(answer: Answer) -> str:
    now = _current(answer)
    on = revision(now.task_definition) if now.task_definition else "nothing"
    return f"The service is on {on}, {now.running_count} of {now.desired_count} tasks running"


def _current(answer: Answer) -> Current:
    return strict_json.read(Current, answer["current"])


def _silent(_: str) -> None:
    """Nobody wants to hear how a single question goes."""
