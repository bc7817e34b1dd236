"""What CI's roles may do, decided by IAM's rules, of questions that no request to the emulator asks.

It asks neither for `iam:PassRole` nor for a permissions boundary, and knows neither the ARNs nor the tags of some
requests. tests/local/test_ci_roles.py has all others.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from components.component import tags_of
from components.policies import RoleOptions
from tests.components.ci_roles import ACCOUNT, BOUNDARY, PROJECT, REGION, inline, recorded


def decided(policy: str, action: str, resource: str, tags: Mapping[str, str] | None = None, **keys: str) -> bool:
    """IAM's decision on a question that no request to the emulator asks; `tags` are condition keys of tags."""
    context = EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/github-easi-dev-deploy/job",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action=action,
        resource_arn=resource,
        region=REGION,
        request_tags={key: value for where, key, value in _split(tags) if where == "request"},
        service_context={f"iam:{name}": value for name, value in keys.items()}
        | {f"aws:resourcetag/{key}".lower(): value for where, key, value in _split(tags) if where == "resource"},
    )
    return str(evaluate(context, [parse_policy_document(policy)]).decision) == "Allow"


def _split(tags: Mapping[str, str] | None) -> list[tuple[str, str, str]]:
    """`request/Environment` to a value, as its three parts."""
    return [(*key.split("/", 1), value) for key, value in (tags or {}).items()]  # type: ignore[misc]  # always two


def bearing(where: str, environment: str) -> dict[str, str]:
    return {f"{where}/{key}": value for key, value in tags_of(PROJECT, environment).items()}


@pytest.mark.parametrize(
    ("policy", "action", "resource"),
    [
        ("deploy", "cloudfront:UpdateDistribution", f"arn:aws:cloudfront::{ACCOUNT}:distribution/1"),
        ("deploy", "acm:DeleteCertificate", f"arn:aws:acm:us-east-1:{ACCOUNT}:certificate/1"),
        ("network", "ec2:DeleteSecurityGroup", f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/1"),
        ("network", "ec2:DeleteTags", f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/1"),
        ("network", "ec2:DeleteVpc", f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/1"),
    ],
)
def test_deploy_role_changes_what_bears_its_tags_alone(policy: str, action: str, resource: str) -> None:
    """The emulator knows neither the ARNs nor the tags of such a request."""
    document = policies()[policy]
    assert decided(document, action, resource, bearing("resource", "dev"))
    assert not decided(document, action, resource, bearing("resource", "impl"))
    assert not decided(document, action, resource)


@pytest.mark.parametrize(
    ("policy", "action", "resource"),
    [
        ("deploy", "cloudfront:CreateDistribution", "*"),
        ("deploy", "acm:RequestCertificate", "*"),
        ("deploy", "cloudfront:TagResource", f"arn:aws:cloudfront::{ACCOUNT}:distribution/1"),
        ("network", "ec2:CreateVpc", f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/*"),
    ],
)
def test_deploy_role_makes_what_bears_its_tags_alone(policy: str, action: str, resource: str) -> None:
    document = policies()[policy]
    assert decided(document, action, resource, bearing("request", "dev"))
    assert not decided(document, action, resource, bearing("request", "impl"))


@pytest.mark.parametrize(
    ("policy", "action", "resource"),
    [
        ("deploy", "cloudfront:TagResource", f"arn:aws:cloudfront::{ACCOUNT}:distribution/1"),
        ("network", "ec2:CreateTags", f"arn:aws:ec2:{REGION}:{ACCOUNT}:security-group/1"),
        ("network", "ec2:CreateTags", f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/1"),
    ],
)
def test_deploy_role_takes_nothing_of_another_environment_by_its_tags(policy: str, action: str, resource: str) -> None:
    tags = {**bearing("request", "dev"), **bearing("resource", "impl")}
    assert not decided(policies()[policy], action, resource, tags)


@functools.cache
def policies() -> dict[str, str]:
    """Of dev's deploy role."""
    made = recorded()
    network = made.one("aws:iam/policy:Policy", "github-easi-dev-network")["policy"]
    return {"deploy": inline(made, "github-easi-dev-deploy"), "network": network}


def test_deploy_role_passes_the_roles_of_its_environment_to_its_services_alone() -> None:
    policy = policies()["deploy"]

    def may_pass(role: str, to: str) -> bool:
        return decided(policy, "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/{role}", passedtoservice=to)

    for service in ("ecs-tasks.amazonaws.com", "lambda.amazonaws.com"):
        assert may_pass("easi-dev-backend-task-1a2b3c4", service)
        assert not may_pass("easi-impl-backend-task-1a2b3c4", service)
        assert not may_pass("github-easi-dev-deploy", service)
        assert not may_pass("admin", service)
    assert not may_pass("easi-dev-backend-task-1a2b3c4", "ec2.amazonaws.com")


def test_deploy_role_makes_and_changes_roles_with_the_boundary_alone() -> None:
    options = RoleOptions(path="/teams/", permissions_boundary=BOUNDARY)
    made = recorded(role_options=options)
    policy = inline(made, "github-easi-dev-deploy")
    own = f"arn:aws:iam::{ACCOUNT}:role/teams/easi-dev-backend-task-1a2b3c4"
    for action in ("CreateRole", "PutRolePolicy", "PutRolePermissionsBoundary"):
        assert decided(policy, f"iam:{action}", own, permissionsboundary=BOUNDARY)
        assert not decided(policy, f"iam:{action}", own)
        assert not decided(policy, f"iam:{action}", own, permissionsboundary=f"{BOUNDARY}-of-others")
        elsewhere = own.replace("/teams/", "/")
        assert not decided(policy, f"iam:{action}", elsewhere, permissionsboundary=BOUNDARY)
    assert not decided(policy, "iam:DeleteRolePermissionsBoundary", own, permissionsboundary=BOUNDARY)
