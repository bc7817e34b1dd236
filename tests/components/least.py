"""Finds what is wide in the policies of recorded components, and says what may be."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
from collections.abc import Iterator, Mapping
from typing import Any

from components.ci_access import EVERYWHERE
from tests.components.recorded import Recorded


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wide:
    """A statement that names no resource, any of a service's actions, or anyone."""

    policy: str
    """The resource that has it: type and name."""
    sid: str
    actions: tuple[str, ...]
    """The actions that are wide: with a `*`, or all of a statement on every resource or for everyone."""
    why: str

    def __str__(self) -> str:
        return f"{self.policy} {self.sid}: {self.why}: {', '.join(self.actions)}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Exempt:
    """What may be wide, and why nothing narrower would do."""

    policies: str
    """Pattern of the policies, as `Wide.policy`."""
    reason: str
    actions: frozenset[str] = frozenset()
    sid: str = ""
    """Instead of actions: a statement of CI's roles, whose own tests hold every action of it."""

    def covers(self, wide: Wide) -> bool:
        """Whether this is what was found."""
        if not fnmatch.fnmatchcase(wide.policy, self.policies):
            return False
        return wide.sid == self.sid if self.sid else set(wide.actions) <= self.actions


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


CI = "aws:iam/*olicy:*Policy github-*"
EXEMPT = (
    Exempt(
        policies="aws:iam/rolePolicy:RolePolicy *-execution",
        actions=words("ecr:GetAuthorizationToken"),
        reason="a token is for the whole registry: the action has no resource-level permissions",
    ),
    Exempt(
        policies="aws:iam/rolePolicy:RolePolicy *-task",
        actions=words(
            "ssmmessages:CreateControlChannel ssmmessages:CreateDataChannel ssmmessages:OpenControlChannel "
            "ssmmessages:OpenDataChannel"
        ),
        reason="with ECS Exec only: a session's channels have no ARN",
    ),
    Exempt(
        policies="aws:iam/rolePolicy:RolePolicy deploy",
        actions=words("ecs:ListTasks"),
        reason="its resource type is the container instance, of which Fargate has none; limited to the cluster",
    ),
    Exempt(
        policies="aws:iam/rolePolicy:RolePolicy deploy",
        actions=words("ecs:DescribeTaskDefinition elasticloadbalancing:DescribeTargetHealth"),
        reason="these have no resource-level permissions; they read, and task definitions hold no secret values",
    ),
    Exempt(
        policies="aws:iam/rolePolicy:RolePolicy deploy",
        actions=words(
            "ec2:AssignPrivateIpAddresses ec2:CreateNetworkInterface ec2:DeleteNetworkInterface "
            "ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:UnassignPrivateIpAddresses"
        ),
        reason="in a VPC only: Lambda demands them of the role on every resource",
    ),
    Exempt(policies=CI, sid="Own", reason="all that a service can do, on the environment's own names"),
    *(Exempt(policies=CI, sid=sid, reason=reason) for sid, reason in EVERYWHERE.items()),
)
"""All that may be wide in the components' policies."""


def documents(recorded: Recorded) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every policy that a resource has in any of its inputs, with the resource's type and name."""
    for resource in recorded.resources:
        for text in _texts(resource.inputs):
            if '"Statement"' in text:
                yield f"{resource.token} {resource.name}", json.loads(text)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def wide(recorded: Recorded) -> list[Wide]:
    """What the policies allow to too much. A statement that denies is as wide as it can be: that is its use."""
    found = []
    for policy, document in documents(recorded):
        for statement in _listed(document["Statement"]):
            if statement["Effect"] == "Allow":
                found += [
                    Wide(policy=policy, sid=statement.get("Sid", ""), actions=tuple(actions), why=why)
                    for why, actions in _problems(statement)
                    if actions
                ]
    return found


def _problems(statement: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    actions = _listed(statement.get("Action", []))
    yield "everything but some actions", _listed(statement.get("NotAction", []))
    yield "any action", [action for action in actions if "*" in action]
    resources = _listed(statement.get("Resource", []))
    if "NotResource" in statement or any(resource == "*" for resource in resources):
        yield "any resource", actions
    principal = statement.get("Principal", "")
    anyone = principal == "*" or (isinstance(principal, Mapping) and "*" in _listed(principal.get("AWS", [])))
    if anyone or "NotPrincipal" in statement:
        yield "anyone", actions


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
