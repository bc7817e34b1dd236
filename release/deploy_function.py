"""The deploy function as its callers see it: one command, one answer, asked again for as long as that can help."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, IncompleteReadError
from botocore.exceptions import ConnectionError as NoConnectionError

from functions import strict_json
from functions.deploy.network import Network
from functions.deploy.requests import Changing, Request
from functions.strict_json import DamagedError
from release import progress
from release.errors import ExpectedError
from release.progress import Say

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


class LambdaClient(Protocol):
    """What is used of boto3's Lambda client."""

    def invoke(self, **arguments: Any) -> Mapping[str, Any]:
        """Call a function and wait for its answer."""


class FunctionFailed(ExpectedError):  # noqa: N818 - a finding, not an error of the program
    """The function did not do what it was asked to.

    `outcome`: `refused` (it would not: nothing was changed), `timed_out` (no answer within the deadline) or `error` (it
    could not, or could not be called). `details`: further lines for a person, the most telling first.
    """

    def __init__(self, outcome: str, message: str, details: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.details = details


class DeployFunction:
    """The function and the time that is left for it. Its commands may be repeated: none has its effect twice."""

    def __init__(
        self, client: LambdaClient, name: str, say: Say, deadline_s: float, *, interval_s: float = 1.0
    ) -> None:
        """`name` or ARN; `deadline_s` is seconds from now, for all calls together.

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
    """None where the function is of an earlier program and does not say, as below."""
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
    tasks: tuple[str, ...] | None = None
    """Ids of those that run; None where the function is of an earlier program and does not say."""


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


class _PassingError(Exception):
    """Asking again may help. `may_have_run`: the command may have been carried out."""

    def __init__(self, message: str, *, may_have_run: bool) -> None:
        super().__init__(message)
        self.may_have_run = may_have_run
