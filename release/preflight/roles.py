"""What IAM would decide about a role."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from functions.aws_errors import code
from release.session import Clients

if TYPE_CHECKING:
    from types_boto3_iam.type_defs import ContextEntryTypeDef


def decisions(
    clients: Clients, role: str, action: str, resources: Sequence[str], context: Mapping[str, str] | None = None
) -> Mapping[str, str]:
    """By resource, `allowed`, `implicitDeny` or `explicitDeny`; nothing for a role that does not exist.

    The simulator counts the role's policies and its boundary, but not the policies of the resources. `context` has the
    condition keys of the request.
    """
    entries: list[ContextEntryTypeDef] = [
        {"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"}
        for key, value in (context or {}).items()
    ]
    decisions: dict[str, str] = {}
    pages = clients.iam.get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=role, ActionNames=[action], ResourceArns=list(resources), ContextEntries=entries
    )
    try:
        for result in (one for page in pages for one in page["EvaluationResults"]):
            decisions[result["EvalResourceName"]] = result["EvalDecision"]
            for one in result.get("ResourceSpecificResults") or ():
                decisions[one["EvalResourceName"]] = one["EvalResourceDecision"]
    except ClientError as error:
        if code(error) != "NoSuchEntity":
            raise
        return {}
    return decisions


def of(task: Mapping[str, Any]) -> list[str]:
    """ARNs of the roles that ECS and the task's code assume."""
    return sorted({task[key] for key in ("executionRoleArn", "taskRoleArn") if task.get(key)})
