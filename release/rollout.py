"""Drives the deploy function: starts a deployment, watches it, and believes only its verdict."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

Say = Callable[[str], None]
Answer = Mapping[str, Any]

FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 5.0
TRY_AGAIN = {
    "TooManyRequestsException",
    "ThrottlingException",
    "EC2ThrottledException",
    "ENINotReadyException",
    "ResourceConflictException",
    "ResourceNotReadyException",
    "ServiceException",
}
"""Errors of Invoke that pass: throttling, and a function that is being created or updated."""


class LambdaClient(Protocol):
    """What is used of boto3's Lambda client."""

    def invoke(self, **arguments: Any) -> Answer:
        """Call a function and wait for its answer."""


class RolloutFailed(Exception):  # noqa: N818 - a finding, not an error of the program
    """The revision does not run as it was asked to.

    `outcome` is the function's verdict (rolled_back, superseded, no_tasks, failed), or `timed_out`, `refused` (the
    function would not carry out the command: nothing was changed) or `error` (it could not, or could not be called).
    """

    def __init__(self, outcome: str, message: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.details = details


@dataclass(frozen=True, kw_only=True)
class RolloutRequest:
    """Which revision, of how many tasks, and how long it may take."""

    function: str
    """Name or ARN of the deploy function."""
    task_definition: str
    minimum_count: int
    maximum_count: int
    deadline_s: float
    """Seconds for everything, from the first call of the function."""
    interval_s: float = 1.0
    """Seconds between two questions how it stands."""
    force: bool = False
    """Start a new deployment of a revision that runs already, for example because a secret was rotated."""


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


@dataclass(frozen=True, kw_only=True)
class Current:
    """What the service is on."""

    task_definition: str | None
    """None: nothing was ever deployed."""
    deployment: str | None
    desired_count: int
    running_count: int


def roll_out(lambda_client: LambdaClient, request: RolloutRequest, say: Say) -> RolledOut:
    """Move the service to the revision and wait for the verdict; raise RolloutFailed unless it succeeded."""
    function = _Function(lambda_client, request.function, say, request.deadline_s)
    began = _start(function, request)
    revision, service = _revision(request.task_definition), began["service"]
    say(f"{service}: {_beginning(began, revision)}")
    asked = {
        "deployment": began["deployment"],
        "taskDefinition": began["taskDefinition"],
        "createdAt": began["createdAt"],
    }
    told = ""
    while True:
        last_call = function.left_s <= request.interval_s
        answer = function.call({"command": "status", **asked, "explain": last_call})
        if answer["outcome"] == "succeeded":
            say(f"{service}: {revision} runs, {_counts(answer)} ({function.elapsed_s:.0f} s)")
            return RolledOut(
                deployment=began["deployment"],
                task_definition=began["taskDefinition"],
                replaced=began["replaces"],
                # An answer may have been lost: what its repetition found running was started by us all the same.
                started=began["started"] or function.lost_an_answer,
                desired_count=answer["desiredCount"],
            )
        nowhere = answer["takenBack"] and began["started"] and began["replaces"] is None
        if answer["outcome"] != "in_progress" or nowhere:
            raise _failed("failed" if answer["outcome"] == "in_progress" else answer["outcome"], answer, request)
        news = ", ".join(answer["missing"])
        if news != told:
            say(f"{service}: {news} ({function.elapsed_s:.0f} s)")
            told = news
        if last_call:
            raise _timed_out(answer, request)
        time.sleep(request.interval_s)


def current(lambda_client: LambdaClient, function: str, deadline_s: float = 30.0) -> Current:
    """What the service is on now; raise RolloutFailed if the function does not say within `deadline_s`."""
    answer = _Function(lambda_client, function, _silent, deadline_s).call({"command": "status"})
    return _current(answer)


class _Function:
    """The deploy function, asked again within the deadline for as long as that can help."""

    def __init__(self, client: LambdaClient, name: str, say: Say, deadline_s: float) -> None:
        self.client = client
        self.name = name
        self.say = say
        self.began = time.monotonic()
        self.deadline_s = deadline_s
        self.lost_an_answer = False
        """Whether a deploy may have been carried out without our hearing of it."""

    @property
    def left_s(self) -> float:
        return self.deadline_s - self.elapsed_s

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self.began

    def call(self, command: Answer) -> Answer:
        wait_s = FIRST_WAIT_S
        while True:
            try:
                return self._call_once(command)
            except _PassingError as error:
                if command["command"] == "deploy" and error.may_have_run:
                    self.lost_an_answer = True
                if self.left_s <= wait_s:
                    text = f"{self.name} did not answer to {command['command']} within the deadline: {error}"
                    raise RolloutFailed("timed_out", text) from None
                self.say(f"{self.name}: {error}; trying again in {wait_s:g} s")
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    def _call_once(self, command: Answer) -> Answer:
        try:
            response = self.client.invoke(
                FunctionName=self.name, InvocationType="RequestResponse", Payload=json.dumps(command).encode()
            )
            payload = json.loads(response["Payload"].read())
        except (NoConnectionError, HTTPClientError) as error:
            raise _PassingError(str(error), may_have_run=not isinstance(error, NoConnectionError)) from error
        except ClientError as error:
            said = error.response["Error"]
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            text = f"{said.get('Code')}: {said.get('Message')}"
            if said.get("Code") in TRY_AGAIN or status >= 500 or status == 429:
                raise _PassingError(text, may_have_run=status >= 500) from error
            raise RolloutFailed("error", f"{self.name} cannot be invoked: {text}") from error
        except ValueError:
            raise RolloutFailed("error", f"{self.name} answered something that is not JSON") from None
        if response.get("FunctionError"):
            raise self._function_error(command, payload)
        if not isinstance(payload, dict):
            raise RolloutFailed("error", f"{self.name} answered {json.dumps(payload)[:100]}, expected an object")
        return payload

    def _function_error(self, command: Answer, payload: Any) -> Exception:
        said = payload if isinstance(payload, dict) else {}
        kind, message = str(said.get("errorType")), str(said.get("errorMessage"))
        if message.startswith("unavailable: "):
            return _PassingError(message, may_have_run=True)
        if kind == "Sandbox.Timedout" or "Task timed out after" in message:
            return _PassingError(f"the function timed out: {message}", may_have_run=True)
        if message.startswith("refused: "):
            text = message.removeprefix("refused: ")
            return RolloutFailed("refused", f"{self.name} refused to {command['command']}: {text}")
        return RolloutFailed("error", f"{self.name} failed to {command['command']}: {kind}: {message}")


class _PassingError(Exception):
    """Asking again may help. `may_have_run`: the command may have been carried out."""

    def __init__(self, message: str, *, may_have_run: bool) -> None:
        super().__init__(message)
        self.may_have_run = may_have_run


def _start(function: _Function, request: RolloutRequest) -> Answer:
    command: dict[str, Any] = {
        "command": "deploy",
        "taskDefinition": request.task_definition,
        "minimumCount": request.minimum_count,
        "maximumCount": request.maximum_count,
    }
    if request.force:
        # A forced deployment is repeated only while the deployment it replaces is still the primary one.
        replaced = function.call({"command": "status"})["current"]["deployment"]
        command |= {"force": True, "expectedDeployment": replaced}
    return function.call(command)


def _beginning(began: Answer, revision: str) -> str:
    if not began["started"]:
        return f"{revision} is there already ({began['deployment']})"
    before = f" after {_revision(began['replaces'])}" if began["replaces"] else ""
    return f"{revision} begins{before}, {began['desiredCount']} tasks wanted ({began['deployment']})"


def _counts(answer: Answer) -> str:
    tasks = f"{answer['runningCount']} of {answer['desiredCount']} tasks running"
    return f"{tasks}, {answer['healthyTargets']} targets healthy"


def _failed(outcome: str, answer: Answer, request: RolloutRequest) -> RolloutFailed:
    revision, service = _revision(request.task_definition), answer["service"]
    story = {
        "rolled_back": f"ECS took {revision} back",
        "superseded": f"{revision} was replaced before it was complete",
        "no_tasks": f"no task of {revision} ever ran",
        "failed": f"{revision} failed, and there is nothing to return to",
    }.get(outcome, f"{revision}: {outcome}")
    why = f": {answer['reason'].rstrip('.')}" if answer["reason"] else ""
    return RolloutFailed(outcome, f"{service}: {story}{why}. {_what_runs(answer)}", tuple(answer["details"]))


def _timed_out(answer: Answer, request: RolloutRequest) -> RolloutFailed:
    text = f"{answer['service']}: {_revision(request.task_definition)} was not complete after {request.deadline_s:g} s"
    missing = "; ".join(answer["missing"])
    return RolloutFailed("timed_out", f"{text}, missing: {missing}. {_what_runs(answer)}", tuple(answer["details"]))


def _what_runs(answer: Answer) -> str:
    now = _current(answer)
    on = _revision(now.task_definition) if now.task_definition else "nothing"
    return f"The service is on {on}, {now.running_count} of {now.desired_count} tasks running"


def _current(answer: Answer) -> Current:
    found = answer["current"]
    return Current(
        task_definition=found["taskDefinition"],
        deployment=found["deployment"],
        desired_count=found["desiredCount"],
        running_count=found["runningCount"],
    )


def _revision(task_definition: str) -> str:
    return task_definition.rsplit("/", 1)[-1]


def _silent(_: str) -> None:
    """Nobody wants to hear how a single question goes."""
