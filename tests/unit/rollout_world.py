"""A deploy function that rolls out: what it answers, step by step, and the names that it answers with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.unit.function_double import Answer, answered, next_of

OLD, NEW = (f"arn:aws:ecs:us-west-2:111122223333:task-definition/easi-dev:{number}" for number in (6, 7))
BEGAN = {
    "service": "easi-dev",
    "deployment": "ecs-svc/2",
    "taskDefinition": NEW,
    "createdAt": "2026-11-23T17:05:19+00:00",
    "started": True,
    "replaces": OLD,
    "desiredCount": 2,
}
THERE = BEGAN | {"started": False, "replaces": None}


def status(outcome: str = "in_progress", **changes: Any) -> dict[str, Any]:
    now = {"taskDefinition": NEW, "deployment": "ecs-svc/2", "desiredCount": 2, "runningCount": 2}
    answer = {
        "service": "easi-dev",
        "outcome": outcome,
        "deployment": "ecs-svc/2",
        "taskDefinition": NEW,
        "desiredCount": 2,
        "runningCount": 2,
        "healthyTargets": 2,
        "missing": [],
        "reason": "",
        "takenBack": False,
        "details": [],
        "current": now,
    }
    return answer | changes


class Function:
    """Answers in turn, the last one for ever; remembers the commands."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.commands: list[dict[str, Any]] = []

    def invoke(self, **arguments: Any) -> Mapping[str, Any]:
        assert (arguments["FunctionName"], arguments["InvocationType"]) == ("easi-dev-deploy", "RequestResponse")
        self.commands.append(json.loads(arguments["Payload"]))
        return answered(next_of(self.answers))
