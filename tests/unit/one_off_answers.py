"""What the deploy function answers about a one-off task."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ReadTimeoutError

from tests.unit import function_double
from tests.unit.function_double import Answer, Function

REVISION = "arn:aws:ecs:us-west-2:111122223333:task-definition/easi-dev:7"
TASK = "arn:aws:ecs:us-west-2:111122223333:task/easi-dev/0a1b2c"
BEGAN = {"task": TASK, "started": True}
LOST = ReadTimeoutError(endpoint_url="https://lambda")


def stands(outcome: str = "in_progress", **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "task": TASK,
        "outcome": outcome,
        "lastStatus": "RUNNING",
        "exitCode": None,
        "health": "UNKNOWN",
        "reason": "",
        "details": [],
    }
    return answer | changes


SUCCEEDED = stands("succeeded", lastStatus="STOPPED", exitCode=0)


def raised(message: str) -> dict[str, Any]:
    return function_double.raised(message, "RefusedError")


def standard() -> dict[str, list[Answer]]:
    """Of a function that starts a task and stops it."""
    return {"run_task": [BEGAN], "stop_task": [{"task": TASK, "outcome": "stopping"}]}


def function_of(**answers: list[Answer]) -> Function:
    return Function(**{**standard(), **answers})
