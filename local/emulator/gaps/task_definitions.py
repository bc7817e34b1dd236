"""Gaps: what a task definition keeps of a container, and who may still use one."""

from __future__ import annotations

from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import ecs

from local.emulator.gaps import around


@around(ecs._ACTION_MAP, "RegisterTaskDefinition")
def register_task_definition(register: Any, data: dict[str, Any]) -> Any:
    """Gap: a task definition keeps the variables of a container as they were given.

    ECS drops those without a value, and may give back the others in another order:
    "Permanent diff for aws_ecs_task_definition with null/empty values in environment variables", issue 39533, and
    `internal/service/ecs/container_definitions.go` ("fields which may be re-ordered in the API"),
    hashicorp/terraform-provider-aws.
    """
    for container in data.get("containerDefinitions") or ():
        if "environment" in container:
            container["environment"] = [one for one in reversed(container["environment"]) if one.get("value")]
        if "secrets" in container:
            container["secrets"] = container["secrets"][::-1]
    return register(data)


@around(ecs._ACTION_MAP, "CreateService")
@around(ecs._ACTION_MAP, "UpdateService")
@around(ecs._ACTION_MAP, "RunTask")
def refuse_inactive(handle: Any, data: dict[str, Any]) -> Any:
    """Gap: a service can be moved to a task definition that was deregistered. AWS refuses it.

    A roll back to a revision that was deregistered would pass here and fail on AWS. What a service already runs goes on
    running and is replaced by itself on AWS too, so only requests from outside are refused.
    """
    reference = data.get("taskDefinition")
    definition = ecs._task_defs.get(ecs._resolve_td_key(reference)) if reference else None
    if definition is not None and definition.get("status") != "ACTIVE":
        return error_response_json("ClientException", "TaskDefinition is inactive", 400)
    return handle(data)
