"""Every action of every policy that the programs make, against AWS's Service Authorization Reference."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cloudsplaining.scan.policy_document import PolicyDocument

from account import state_policies
from components import ci_access, deploy_lambda
from tests.components import authorization
from tests.components.ci_roles import CALLS
from tests.components.least import documents
from tests.components.test_least import recorded

MADE_UP = re.compile(r"arn:aws:mock:us-west-2:111111111111:([A-Za-z-]+)/([^\"]*)")
"""ARNs that the recorder makes."""
HERE = "us-west-2:111111111111"
ARNS = {
    "Cluster": f"arn:aws:ecs:{HERE}:cluster/{{}}",
    "Service": f"arn:aws:ecs:{HERE}:service/shop/{{}}",
    "LogGroup": f"arn:aws:logs:{HERE}:log-group:{{}}",
    "Role": "arn:aws:iam::111111111111:role/{}",
    "Bucket": "arn:aws:s3:::{}",
    "Repository": f"arn:aws:ecr:{HERE}:repository/{{}}",
    "Topic": f"arn:aws:sns:{HERE}:{{}}",
    "Distribution": "arn:aws:cloudfront::111111111111:distribution/{}",
    "OpenIdConnectProvider": "arn:aws:iam::111111111111:oidc-provider/{}",
}


@dataclasses.dataclass(frozen=True)
class Allowed:
    """An action that a policy allows."""

    policy: str
    sid: str
    action: str
    resources: tuple[str, ...]
    conditions: tuple[str, ...]
    wildcard: bool
    """The policy names it by a pattern, so that some of what it stands for does not fit the resources."""

    def __str__(self) -> str:
        return f"{self.policy} {self.sid} {self.action}"


INTERFACES = {f"ec2:{name}" for name in deploy_lambda.INTERFACES.split() if not name.startswith("Describe")}
EVERYWHERE = {
    **dict.fromkeys(INTERFACES, "Lambda demands them of the role of a function in a VPC, on every resource"),
    "ecs:ListTasks": "lists what is in a cluster, to which a condition limits it; its resource type is the container "
    "instance, of which Fargate has none",
    "secretsmanager:DescribeSecret": ci_access.EVERYWHERE["Secrets"],
}
"""Actions that have a resource type and are allowed on every resource, and why."""

LINTED = (
    "allows_privilege_escalation",
    "allows_data_exfiltration_actions",
    "credentials_exposure",
    "infrastructure_modification",
    "permissions_management_without_constraints",
    "service_wildcard",
    "write_actions_without_constraints",
)
"""What cloudsplaining looks for in a policy."""

NOT_NEEDED = {
    "cloudfront:CreateConnectionGroup": "for distributions with tenants",
    "ec2:CreateTags": "Lambda makes a function's network interfaces without tags",
    "route53:AssociateVPCWithHostedZone": "for interface endpoints with names of their own",
    "lambda:PassCapacityProvider": "for functions on instances of one's own",
}
"""Dependent actions that are not granted, and why."""
TAGGED_SINCE = re.compile(r"arn:aws:cloudfront::\d+:(function/.+|key-value-store/\*)")
"""What has tags, without a word of it in the reference for TagResource: pull request 48458, terraform-provider-aws."""


def everything() -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from documents(recorded())
    shared = [state_policies.Shared("222222222222", "easi", "impl", ("dev",))]
    root, others = "arn:aws:iam::111111111111:root", [each.root("aws") for each in shared]
    yield "state bucket", {"Statement": state_policies.of_bucket("arn:aws:s3:::state", "aws", shared)}
    yield "state key", {"Statement": state_policies.of_key(root, others)}


def listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def real(resource: str) -> str:
    def arn(match: re.Match[str]) -> str:
        kind, name = match.groups()
        # `service-deployment/backend/*` is made from the service's ARN, which has its cluster's name on AWS.
        if kind == "task-definition":
            return f"arn:aws:ecs:{HERE}:{kind}/{name}"
        return ARNS[kind].format(name) if kind in ARNS else f"arn:aws:ecs:{HERE}:{kind}/shop/{name}"

    return MADE_UP.sub(arn, resource.replace(":Cluster/shop:task-definition/", ":task-definition/"))


@functools.cache
def allowed() -> tuple[Allowed, ...]:
    found = []
    for policy, document in everything():
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow" and "Resource" in statement:
                conditions = [key for operands in statement.get("Condition", {}).values() for key in operands]
                found += [
                    Allowed(
                        policy.rpartition(":")[2],
                        statement.get("Sid", ""),
                        action,
                        tuple(real(resource) for resource in listed(statement["Resource"])),
                        tuple(conditions),
                        "*" in pattern,
                    )
                    for pattern in listed(statement["Action"])
                    for action in authorization.actions(pattern)
                ]
    return tuple(found)


def named() -> list[Allowed]:
    """Without those that a policy names by a pattern."""
    return [each for each in allowed() if not each.wildcard]


def test_every_action_exists() -> None:
    patterns = {
        pattern
        for _, document in everything()
        for statement in document["Statement"]
        for pattern in listed(statement["Action"])
    }
    missing = sorted(pattern for pattern in patterns if not authorization.actions(pattern))
    # The trust of a role is a policy, too, of which `sts` has the actions.
    assert missing == []
    assert len(patterns) > 150


def test_every_resource_is_of_a_kind_that_limits_the_action() -> None:
    wrong = []
    for each in named():
        kinds = authorization.types(each.action)
        if each.resources == ("*",):
            continue
        if not any(authorization.fits(each.action, kind, resource) for kind in kinds for resource in each.resources):
            wrong.append(f"{each}: {', '.join(each.resources)} is none of {', '.join(kinds) or 'no resource type'}")
    assert wrong == []


def test_every_resource_is_of_use_to_an_action_of_its_statement() -> None:
    used: dict[tuple[str, str, str], bool] = {}
    for each in allowed():
        for resource in each.resources:
            fits = resource == "*" or any(
                authorization.fits(each.action, kind, resource) for kind in authorization.types(each.action)
            )
            key = (each.policy, each.sid, resource)
            used[key] = used.get(key, False) or fits
    unused = [key for key, fits in used.items() if not fits]
    assert [key for key in unused if key[1] != "Tag" or not TAGGED_SINCE.fullmatch(key[2])] == []


def test_an_action_on_every_resource_has_no_resource_type_or_a_reason() -> None:
    wide = [each for each in allowed() if each.resources == ("*",) and not each.policy.startswith("state key")]
    typed = {each.action for each in wide if authorization.types(each.action)}
    assert typed == set(EVERYWHERE), sorted(map(str, wide))


def test_an_action_has_every_resource_that_its_request_has() -> None:
    granted: dict[tuple[str, str], set[str]] = {(each.policy, each.action): set() for each in named()}
    for each in allowed():
        if (each.policy, each.action) in granted:
            granted[each.policy, each.action].update(each.resources)
    missing = [
        f"{policy} {action}: {kind}"
        for (policy, action), resources in granted.items()
        for kind, required in authorization.types(action).items()
        if required
        and "*" not in resources
        and not any(authorization.fits(action, kind, resource) for resource in resources)
    ]
    assert missing == []


def test_every_condition_has_a_key_of_its_action() -> None:
    wrong = [
        f"{each}: {key}"
        for each in named()
        for key in each.conditions
        if authorization.key(key) not in authorization.keys(each.action)
    ]
    assert wrong == []


@pytest.mark.parametrize("role", ["deploy", "preview"])
def test_what_an_action_depends_on_is_allowed_too(role: str) -> None:
    policies = {f"RolePolicy github-shop-prod-{role}", "Policy github-shop-prod-read"}
    policies |= {"Policy github-shop-prod-network"} if role == "deploy" else set()
    granted = {each.action for each in allowed() if each.policy in policies}
    asked = {each.action for each in named() if each.policy in policies} | set(CALLS[role])
    missing = {needed for _, needed in authorization.dependents(asked & granted)} - granted
    assert missing <= set(NOT_NEEDED), missing


def test_the_functions_role_may_what_its_actions_depend_on() -> None:
    granted = {each.action for each in named() if each.policy == "RolePolicy deploy"}
    assert {needed for _, needed in authorization.dependents(granted)} <= granted | set(NOT_NEEDED)


def test_the_linter_finds_no_way_to_more_rights_and_no_change_without_limits() -> None:
    """cloudsplaining, which has the reference of this year; parliament's is older than some of the actions."""
    expected = {
        "credentials_exposure": {"ecr:GetAuthorizationToken"},
        "infrastructure_modification": INTERFACES,
        "service_wildcard": set(ci_access.OWN_SERVICES),
        "write_actions_without_constraints": INTERFACES,
    }
    linted = 0
    for name, document in everything():
        if any("Principal" in statement for statement in document["Statement"]):
            continue
        linted += 1
        policy = PolicyDocument({"Version": "2012-10-17", **document})
        for kind in LINTED:
            assert set(getattr(policy, kind)) <= expected.get(kind, set()), f"{name}: {kind}"
    assert linted == 11


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("arn:*:s3:::*", "arn:aws:s3:::state/*", True),
        ("a*c", "*b*", True),
        ("a*c", "abd", False),
        ("cluster/*", "service/shop/*", False),
        ("", "*", True),
    ],
)
def test_patterns_overlap(one: str, other: str, expected: bool) -> None:
    assert authorization.overlap(one, other) is expected
