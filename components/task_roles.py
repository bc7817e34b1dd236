"""What the roles of a task may do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from components import policies

TASKS = "ecs-tasks.amazonaws.com"
EXEC_ACTIONS = (
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html#ecs-exec-required-iam-permissions"""


def execution_statements(
    repository_arns: Sequence[pulumi.Input[str]], log_group_arn: pulumi.Input[str], secrets: Sequence[Any]
) -> list[Any]:
    """What ECS itself needs to start a task: pull the images, write the log, read the secrets by ARN."""
    pull = [
        policies.allow(["ecr:GetAuthorizationToken"], "*"),
        policies.allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            list(repository_arns),
        ),
    ]
    write = policies.allow(["logs:CreateLogStream", "logs:PutLogEvents"], pulumi.Output.concat(log_group_arn, ":*"))
    return [*(pull if repository_arns else []), write, *secrets]


def task_statements(given: Sequence[Mapping[str, Any]], *, execute_command: bool) -> list[Mapping[str, Any]]:
    """What the program in the task may do: what the caller gives it, and to be entered if that is wanted."""
    # The channels of a session have no ARN to name.
    return [*given, *([policies.allow(EXEC_ACTIONS, "*")] if execute_command else [])]
