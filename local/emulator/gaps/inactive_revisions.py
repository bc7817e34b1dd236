"""Gap: a service can be moved to a task definition that was deregistered. AWS refuses it.

A roll back to a revision that was deregistered would pass here and fail on AWS. What a service already runs goes on
running and is replaced by itself on AWS too, so only requests from outside are refused.
"""

from __future__ import annotations

from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import ecs


def close() -> None:
    for action in ("CreateService", "UpdateService", "RunTask"):
        ecs._ACTION_MAP[action] = _refusing(ecs._ACTION_MAP[action])


def _refusing(handle: Any) -> Any:
    def handler(data: dict[str, Any]) -> Any:
        reference = data.get("taskDefinition")
        definition = ecs._task_defs.get(ecs._resolve_td_key(reference)) if reference else None
        if definition is not None and definition.get("status") != "ACTIVE":
            return error_response_json("ClientException", "TaskDefinition is inactive", 400)
        return handle(data)

    return handler
