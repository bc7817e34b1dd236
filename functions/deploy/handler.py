"""The deploy function: takes one command, answers at once, raises where it cannot.

    {"command": "deploy", "lease": "…", "taskDefinition": "arn:…:task-definition/easi-dev:7",
     "minimumCount": 2, "maximumCount": 4, "expectedDeployment": "ecs-svc/…",
     "network": {"subnets": ["subnet-…"], "securityGroups": ["sg-…"]}, "executeCommand": false}
    {"command": "status", "deployment": "ecs-svc/…"}
    {"command": "status"}
    {"command": "rollback", "lease": "…", "taskDefinition": "arn:…:task-definition/easi-dev:6",
     "minimumCount": 2, "maximumCount": 4, "deployment": "ecs-svc/…"}
    {"command": "run_task", "lease": "…", "taskDefinition": "arn:…:task-definition/easi-dev:7",
     "container": "backend", "containerCommand": ["/backend", "migrate"]}
    {"command": "task_status", "task": "arn:…:task/easi-dev/…", "container": "backend"}
    {"command": "stop_task", "lease": "…", "task": "arn:…:task/easi-dev/…", "reason": "it took too long"}

What changes something needs the lease of the release that sends it.

An exception sets `FunctionError` for the caller. Its message begins with `refused:` where asking again gives the same
answer, with `unavailable:` where asking again is right.
"""

from __future__ import annotations

import functools
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from functions.deploy import commands, network, one_off, rollback
from functions.deploy.clients import Aws
from functions.deploy.errors import AwsError, BadCommandError, UnavailableError
from functions.deploy.redaction import hide

Event = Mapping[str, Any]

THROTTLED = {"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException"}
ARN = re.compile(r"arn:[a-z0-9-]+:ecs:[a-z0-9-]+:\d{12}:task-definition/[A-Za-z0-9_-]{1,255}:[1-9]\d*")
DEPLOYMENT = re.compile(r"ecs-svc/[A-Za-z0-9-]+")
TASK = re.compile(r"arn:[a-z0-9-]+:ecs:[a-z0-9-]+:\d{12}:task/[A-Za-z0-9_-]{1,255}/[A-Za-z0-9-]+")
CONTAINER = re.compile(r"[A-Za-z0-9_-]{1,255}")
LEASE = re.compile(r"[A-Za-z0-9_-]{1,64}")
REASON = re.compile(r"[^\x00-\x1f]{1,255}")
MAX_COUNT = 5000
MAX_COMMAND_LENGTH = 8000
"""Characters; all overrides of a task together may have 8192:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html"""


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a command: its name in the event, the argument it becomes, and what it may hold."""

    argument: str
    read: Callable[[Any], Any]
    allowed: str
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Command:
    """What a command takes and what carries it out."""

    run: Callable[[Aws, Any], commands.Answer]
    request: Callable[..., Any]
    fields: Mapping[str, Field]


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_COUNT:
        raise ValueError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError  # noqa: TRY004 - the table's readers have one way to say no
    return value


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise ValueError
        return value

    return read


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(word, str) for word in value):
        raise ValueError
    if len(json.dumps(value)) > MAX_COMMAND_LENGTH:
        raise ValueError
    return tuple(value)


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(value if isinstance(value, str) else "")
    if moment.tzinfo is None:
        raise ValueError
    return moment


_COUNT = f"a whole number from 1 to {MAX_COUNT}"
_MINIMUM = Field(argument="minimum_count", read=_count, allowed=_COUNT, required=True)
_MAXIMUM = Field(argument="maximum_count", read=_count, allowed=_COUNT, required=True)
_TASK_DEFINITION = Field(
    argument="task_definition",
    read=_matching(ARN),
    allowed="the ARN of a task definition with its revision, arn:…:task-definition/family:7",
)
_DEPLOYMENT = Field(argument="deployment", read=_matching(DEPLOYMENT), allowed="the id of a deployment, ecs-svc/…")
_NETWORK = Field(
    argument="network",
    read=network.read,
    allowed=network.ALLOWED,
)
_EXECUTE_COMMAND = Field(argument="execute_command", read=_flag, allowed="true or false")
_EXPLAIN = Field(argument="explain", read=_flag, allowed="true or false")
_LEASE = Field(
    argument="lease", read=_matching(LEASE), allowed="the id of the lease of the release that sends this", required=True
)
_TASK = Field(argument="task", read=_matching(TASK), allowed="the ARN of a task, arn:…:task/cluster/id", required=True)
_CONTAINER = Field(argument="container", read=_matching(CONTAINER), allowed="the name of a container", required=True)


def _required(field: Field) -> Field:
    return replace(field, required=True)


COMMANDS = {
    "deploy": Command(
        run=commands.deploy,
        request=commands.Deploy,
        fields={
            "lease": _LEASE,
            "taskDefinition": _required(_TASK_DEFINITION),
            "minimumCount": _MINIMUM,
            "maximumCount": _MAXIMUM,
            "expectedDeployment": replace(_required(_DEPLOYMENT), argument="expected_deployment"),
            "network": _NETWORK,
            "executeCommand": _EXECUTE_COMMAND,
            "force": Field(argument="force", read=_flag, allowed="true or false"),
        },
    ),
    "status": Command(
        run=commands.status,
        request=commands.Status,
        fields={
            "deployment": _DEPLOYMENT,
            "taskDefinition": _TASK_DEFINITION,
            "network": _NETWORK,
            "createdAt": Field(argument="created_at", read=_moment, allowed="an ISO 8601 time with its offset"),
            "explain": _EXPLAIN,
        },
    ),
    "rollback": Command(
        run=rollback.rollback,
        request=rollback.Rollback,
        fields={
            "lease": _LEASE,
            "taskDefinition": _TASK_DEFINITION,
            "minimumCount": _MINIMUM,
            "maximumCount": _MAXIMUM,
            "deployment": _DEPLOYMENT,
            "network": _NETWORK,
            "executeCommand": _EXECUTE_COMMAND,
        },
    ),
    "run_task": Command(
        run=one_off.run_task,
        request=one_off.RunTask,
        fields={
            "lease": _LEASE,
            "taskDefinition": _required(_TASK_DEFINITION),
            "container": _CONTAINER,
            "containerCommand": Field(
                argument="command",
                read=_words,
                allowed=f"a list of words, at most {MAX_COMMAND_LENGTH} characters as JSON",
                required=True,
            ),
            "network": _NETWORK,
        },
    ),
    "task_status": Command(
        run=one_off.task_status,
        request=one_off.TaskStatus,
        fields={"task": _TASK, "container": _CONTAINER, "explain": _EXPLAIN},
    ),
    "stop_task": Command(
        run=one_off.stop_task,
        request=one_off.StopTask,
        fields={
            "lease": _LEASE,
            "task": _TASK,
            "reason": Field(
                argument="reason", read=_matching(REASON), allowed="a line of 1 to 255 characters", required=True
            ),
        },
    ),
}


def handle(event: Any, context: Any) -> commands.Answer:
    """Carry out one command, and write one line about it whichever way it ends."""
    began = time.monotonic()
    line: dict[str, Any] = {
        "level": "INFO",
        "requestId": getattr(context, "aws_request_id", None),
        "command": event.get("command") if isinstance(event, Mapping) else None,
    }
    try:
        command, request = parse(event)
        answer = _translated(lambda: command.run(_aws(), request))
        line |= {
            key: answer[key] for key in ("outcome", "deployment", "taskDefinition", "task", "started") if key in answer
        }
    except Exception as error:
        line |= {"level": "ERROR", "error": type(error).__name__, "message": hide(str(error))}
        raise
    else:
        return answer
    finally:
        line["durationMs"] = round((time.monotonic() - began) * 1000)
        print(json.dumps(line, default=str), flush=True)


def parse(event: Any) -> tuple[Command, Any]:
    """The command of an event and its request; BadCommandError names the field that is wrong and what it may hold."""
    if not isinstance(event, Mapping):
        raise BadCommandError(f"the event must be a JSON object with a command, not {_shown(event)}")
    name = event.get("command")
    command = COMMANDS.get(name) if isinstance(name, str) else None
    if command is None:
        raise BadCommandError(f'field "command" must be one of {", ".join(sorted(COMMANDS))}, not {_shown(name)}')
    given = {key: value for key, value in event.items() if key != "command"}
    for key in given:
        if key not in command.fields:
            raise BadCommandError(f'{name}: unknown field "{key}"; allowed: {", ".join(command.fields)}')
    arguments = {}
    for key, field in command.fields.items():
        if given.get(key) is None:
            if field.required:
                raise BadCommandError(f'{name}: field "{key}" is missing; it must be {field.allowed}')
            continue
        try:
            arguments[field.argument] = field.read(given[key])
        except ValueError:
            raise BadCommandError(f'{name}: field "{key}" must be {field.allowed}, not {_shown(given[key])}') from None
    low, high = arguments.get("minimum_count", 0), arguments.get("maximum_count", 0)
    if low > high:
        raise BadCommandError(f'{name}: field "minimumCount" must be at most "maximumCount", not {low} with {high}')
    return command, command.request(**arguments)


def _translated(run: Callable[[], commands.Answer]) -> commands.Answer:
    """Run it; what AWS raises becomes one of the types that the caller tells apart."""
    try:
        return run()
    except (NoConnectionError, HTTPClientError) as error:
        raise UnavailableError(f"no answer from AWS: {error}") from error
    except ClientError as error:
        said, http = error.response["Error"], error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        text = f"{error.operation_name}: {said.get('Code')}: {said.get('Message')}"
        if said.get("Code") in THROTTLED or http >= 500 or http == 429:
            raise UnavailableError(text) from error
        raise AwsError(text) from error


@functools.cache
def _aws() -> Aws:
    """Kept between invocations of a warm function: clients are slow to make."""
    return Aws()


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 100 else f"{text[:100]}…"
