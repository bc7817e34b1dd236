"""The roles of a task, and the one with which ECS shifts traffic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components import policies

TASKS = "ecs-tasks.amazonaws.com"
EXEC_ACTIONS = (
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
)
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html#ecs-exec-required-iam-permissions"""
SHIFTING_POLICY = "AmazonECSInfrastructureRolePolicyForLoadBalancers"
"""Kept by AWS, which extends it as ECS learns more: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/
AmazonECSInfrastructureRolePolicyForLoadBalancers.html"""


def for_shifting(
    name: str, options: policies.RoleOptions, opts: pulumi.ResourceOptions
) -> tuple[pulumi.Output[str], pulumi.Resource]:
    """The role with which ECS changes listener rules and registers targets: its ARN, and what makes it ready."""
    role = policies.service_role(name, "ecs.amazonaws.com", [], options, opts)
    # The partition is the role's own: aws, aws-us-gov, aws-cn.
    policy_arn = role.arn.apply(lambda arn: f"arn:{arn.split(':')[1]}:iam::aws:policy/{SHIFTING_POLICY}")
    attached = aws.iam.RolePolicyAttachment(
        name,
        role=role.name,
        policy_arn=policy_arn,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(parent=role.ready)),
    )
    return role.arn, attached


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
