"""The deploy function as its callers see it: one command, one answer, asked again for as long as that can help."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnectionError

from functions import strict_json
from functions.deploy.network import Network
from functions.deploy.requests import Changing, Request
from functions.strict_json import DamagedError
from release import progress
from release.progress import Say
from settings.errors import ExpectedError

T = TypeVar("T")

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


class FunctionFailed(ExpectedError):  # noqa: N818 - a finding, not an error of the program
    """The function did not do what it was asked to, or what it was asked about did not succeed.

    `outcome`: `refused` (it would not: nothing was changed), `timed_out` (no answer, or no success, within the
    deadline), `error` (it could not, or could not be called), or the function's verdict on a rollout (rolled_back,
    superseded, no_tasks, failed) or a task (failed, no_task). `details`: further lines for a person, the most telling
    first.
    """

    def __init__(
        self, outcome: str, message: str, details: tuple[str, ...] = (), deployment: str | None = None
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.details = details
        self.deployment = deployment
        """The deployment that a deploy without an answer has started; None where none is known."""


class DeployFunction:
    """The function and the time that is left for it. Its commands may be repeated: none has its effect twice."""

    def __init__(self, client: Any, name: str, say: Say, deadline_s: float, *, interval_s: float = 1.0) -> None:
        """`client` of AWS Lambda; `name` or ARN; `deadline_s` is seconds from now, for all calls together.

        `interval_s` is seconds between two questions how something stands.
        """
        self.client = client
        self.name = name
        self.say = say
        self.began = time.monotonic()
        self.deadline_s = deadline_s
        self.interval_s = interval_s
        self.unheard: set[type[Request]] = set()
        """Kinds of requests that may have been carried out without our hearing of it."""

    def with_time(self, deadline_s: float) -> DeployFunction:
        """The same function, and so many seconds from now."""
        return DeployFunction(self.client, self.name, self.say, deadline_s, interval_s=self.interval_s)

    @property
    def left_s(self) -> float:
        return self.deadline_s - self.elapsed_s

    @property
    def elapsed_s(self) -> float:
        """Seconds since the first call could be made."""
        return time.monotonic() - self.began

    def call(self, request: Request, kind: type[T]) -> T:
        """The answer to a request, which is a `kind`; raise FunctionFailed where there is none.

        Throttling, a lost connection, a lost answer and what the function calls unavailable are tried again until the
        deadline, first after 0.5 s, then after up to 5 s.
        """
        wait_s, last_trouble = FIRST_WAIT_S, ""
        while True:
            try:
                return self._call_once(request, kind)
            except _PassingError as error:
                trouble = str(error)
                if error.may_have_run:
                    self.unheard.add(type(request))
                if self.left_s <= wait_s:
                    text = f"{self.name} did not answer to {request.COMMAND} within the deadline: {trouble}"
                    raise FunctionFailed("timed_out", text + self._doubt(request)) from None
                if trouble != last_trouble:
                    again = f"trying {request.COMMAND} again for up to {self.left_s:.0f} s"
                    progress.passing(self.say, f"{trouble}; {again}")
                    last_trouble = trouble
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, LONGEST_WAIT_S)

    def _doubt(self, request: Request) -> str:
        """What has to be added to a failure after an answer was lost."""
        if type(request) not in self.unheard or not isinstance(request, Changing):
            return ""
        return f". But the answer to an earlier try was lost: that {request.COMMAND} may have been carried out"

    def _call_once(self, request: Request, kind: type[T]) -> T:
        try:
            response = self.client.invoke(
                FunctionName=self.name, InvocationType="RequestResponse", Payload=json.dumps(request.to_json()).encode()
            )
            payload = strict_json.decode(response["Payload"].read())
        except (NoConnectionError, HTTPClientError, IncompleteReadError) as error:
            raise _PassingError(str(error), may_have_run=not isinstance(error, NoConnectionError)) from error
        except BotoCoreError as error:
            raise FunctionFailed("error", f"{self.name} cannot be invoked: {error}") from error
        except ClientError as error:
            details = error.response["Error"]
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            text = f"{details.get('Code')}: {details.get('Message')}"
            if details.get("Code") in TRY_AGAIN or status >= 500 or status == 429:
                raise _PassingError(text, may_have_run=status >= 500) from error
            raise FunctionFailed("error", f"{self.name} cannot be invoked: {text}") from error
        except ValueError as error:
            # Lambda answers JSON always: this one was cut short or spoilt on its way.
            raise _PassingError("the answer is not JSON", may_have_run=True) from error
        if response.get("FunctionError"):
            raise self._function_error(request, payload)
        try:
            return strict_json.read(kind, payload)
        except DamagedError as error:
            self.unheard.add(type(request))
            name = request.COMMAND
            doubt = f". That {name} may have been carried out" if isinstance(request, Changing) else ""
            text = f"{self.name} answered to {name} what a deploy function of this program does not: {error}{doubt}"
            raise FunctionFailed("error", text) from error

    def _function_error(self, request: Request, payload: Any) -> Exception:
        raised = payload if isinstance(payload, dict) else {}
        kind, message = str(raised.get("errorType")), str(raised.get("errorMessage"))
        if message.startswith("unavailable: "):
            return _PassingError(message, may_have_run=True)
        if kind == "Sandbox.Timedout" or "Task timed out after" in message:
            return _PassingError(f"the function timed out: {message}", may_have_run=True)
        doubt = self._doubt(request)
        if message.startswith("refused: "):
            text = f"{self.name} refused to {request.COMMAND}: {message.removeprefix('refused: ')}"
            return FunctionFailed("error" if doubt else "refused", text + doubt)
        return FunctionFailed("error", f"{self.name} failed to {request.COMMAND}: {kind}: {message}{doubt}")


@dataclass(frozen=True, kw_only=True)
class Current:
    task_definition: str | None
    """None: nothing was ever deployed."""
    deployment: str | None
    desired_count: int
    running_count: int
    network: Network | None = None
    execute_command: bool | None = None
    """Whether ECS Exec is on."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """An answer of which nothing is read."""


@dataclass(frozen=True, kw_only=True)
class Runs:
    service: str
    current: Current


@dataclass(frozen=True, kw_only=True)
class Judged(Runs):
    outcome: str
    task_definition: str
    desired_count: int
    running_count: int
    healthy_targets: int
    missing: tuple[str, ...]
    reason: str | None
    taken_back: bool
    details: tuple[str, ...]
    tasks: tuple[str, ...]
    """Ids of those that run."""


@dataclass(frozen=True, kw_only=True)
class Began:
    service: str
    deployment: str
    task_definition: str
    created_at: datetime | None
    started: bool
    replaces: str | None
    desired_count: int


@dataclass(frozen=True, kw_only=True)
class GoesBack(Began):
    outcome: str


@dataclass(frozen=True, kw_only=True)
class TaskBegan:
    task: str
    started: bool


@dataclass(frozen=True, kw_only=True)
class TaskJudged:
    outcome: str
    last_status: str | None
    exit_code: int | None
    reason: str | None
    details: tuple[str, ...]
    health: str = "UNKNOWN"
    """Of a task that runs: HEALTHY, UNHEALTHY, or UNKNOWN.

    A function of an earlier program does not say. `run` asks one where no update has replaced it yet."""


@dataclass(frozen=True, kw_only=True)
class TaskWrote:
    lines: tuple[str, ...]
    next: str | None
    """What asks for the lines after these; None before the first."""


class _PassingError(Exception):
    """Asking again may help. `may_have_run`: the command may have been carried out."""

    def __init__(self, message: str, *, may_have_run: bool) -> None:
        super().__init__(message)
        self.may_have_run = may_have_run
