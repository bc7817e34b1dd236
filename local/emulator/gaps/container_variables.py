"""Gap: a task definition keeps the variables of a container as they were given.

ECS drops those without a value, and may give back the others in another order:
"Permanent diff for aws_ecs_task_definition with null/empty values in environment variables", issue 39533, and
`internal/service/ecs/container_definitions.go` ("fields which may be re-ordered in the API"),
hashicorp/terraform-provider-aws.
"""

from __future__ import annotations

from typing import Any

from ministack.services import ecs


def close() -> None:
    """Register the variables that ECS keeps, the last one first."""
    ecs._ACTION_MAP["RegisterTaskDefinition"] = _as_ecs_keeps_them(ecs._ACTION_MAP["RegisterTaskDefinition"])


def _as_ecs_keeps_them(register: Any) -> Any:
    def register_task_definition(data: dict[str, Any]) -> Any:
        for container in data.get("containerDefinitions") or ():
            if "environment" in container:
                container["environment"] = [one for one in reversed(container["environment"]) if one.get("value")]
            if "secrets" in container:
                container["secrets"] = container["secrets"][::-1]
        return register(data)

    return register_task_definition
