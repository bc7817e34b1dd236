"""A client of ECS whose answers leave out the deployments that ECS would not list, for the waiter `services_stable`.

ECS takes a failed deployment off a service's list once its tasks are gone and another one is primary. The emulator
keeps it listed, so that people can read why it failed; services_stable, which wants exactly one deployment, would then
never end. The waiter itself is boto3's own: one deployment and runningCount == desiredCount, every 15 s, 40 times.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import boto3


def is_listed(deployment: Mapping[str, Any]) -> bool:
    """Whether ECS would list it: not where it failed, is not primary and has no task."""
    failed = deployment["status"] != "PRIMARY" and deployment.get("rolloutState") == "FAILED"
    return not failed or bool(deployment["runningCount"] or deployment["pendingCount"])


def _leave_out(parsed: dict[str, Any], **_: object) -> None:
    for service in parsed.get("services", []):
        service["deployments"] = [each for each in service["deployments"] if is_listed(each)]


def client() -> Any:
    """ECS's client; only the answers to DescribeServices differ."""
    ecs = boto3.client("ecs")
    ecs.meta.events.register("after-call.ecs.DescribeServices", _leave_out)
    return ecs
