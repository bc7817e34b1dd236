"""Gap: a task definition keeps environment variables without a value. ECS drops them.

"Permanent diff for aws_ecs_task_definition with null/empty values in environment variables",
hashicorp/terraform-provider-aws, issue 39533.
"""

from __future__ import annotations

from typing import Any

from ministack.services import ecs


def close() -> None:
    """Register task definitions without empty variables."""
    ecs._ACTION_MAP["RegisterTaskDefinition"] = _without_empty(ecs._ACTION_MAP["RegisterTaskDefinition"])


def _without_empty(register: Any) -> Any:
    def register_task_definition(data: dict[str, Any]) -> Any:
        for container in data.get("containerDefinitions") or ():
            if "environment" in container:
                container["environment"] = [one for one in container["environment"] if one.get("value")]
        return register(data)

    return register_task_definition
