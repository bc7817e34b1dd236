"""What the deploy function answers while it rolls out, and the names that it answers with."""

from __future__ import annotations

from typing import Any

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
        "tasks": [],
        "missing": [],
        "reason": "",
        "takenBack": False,
        "details": [],
        "current": now,
    }
    return answer | changes
