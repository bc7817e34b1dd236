"""The deploy function: takes one command (see `requests`), answers at once, raises where it cannot.

An exception sets `FunctionError` for the caller. Its message begins with `refused:` where asking again gives the same
answer, with `unavailable:` where asking again is right.
"""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from functions.deploy import commands, one_off, requests, rollback
from functions.deploy.clients import Aws
from functions.deploy.errors import AwsError, BadCommandError, UnavailableError
from functions.deploy.redaction import hide
from functions.deploy.requests import Request
from functions.strict_json import DamagedError

THROTTLED = {"ThrottlingException", "Throttling", "RequestLimitExceeded", "TooManyRequestsException"}
COMMANDS: Mapping[type[Request], Callable[[Aws, Any], commands.Answer]] = {
    requests.Deploy: commands.deploy,
    requests.Status: commands.status,
    requests.Rollback: rollback.rollback,
    requests.RunTask: one_off.run_task,
    requests.TaskStatus: one_off.task_status,
    requests.TaskLog: one_off.task_log,
    requests.StopTask: one_off.stop_task,
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
        request = parse(event)
        answer = _translated(lambda: COMMANDS[type(request)](_aws(), request))
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


def parse(event: Any) -> Request:
    """The request in an event. Raises BadCommandError."""
    try:
        return requests.read(event)
    except DamagedError as error:
        raise BadCommandError(str(error)) from None


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
