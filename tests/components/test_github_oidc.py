"""Who may assume CI's roles, and what the roles may do, asserted on their recorded documents."""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import json
import re
from typing import Any

import pytest

from components import ci_access
from components.github_oidc import GithubOidc, GithubOidcArgs, Repository
from components.policies import RoleOptions
from tests.components.ci_roles import CALLS, REPOSITORY
from tests.components.recorded import Recorded, record

ACCOUNT = "222222222222"
KEY = f"arn:aws:kms:us-west-2:111111111111:key/{'a' * 8}"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
ARGS = GithubOidcArgs(
    repository=REPOSITORY,
    project="easi",
    environments={"dev": (), "impl": ("dev",)},
    account=ACCOUNT,
    state_bucket="state-of-easi",
    state_key_arn=KEY,
    hosted_zone_ids=["Z1"],
)

READ_VERB = re.compile(r"[a-z0-9-]+:(Get|List|Describe|BatchGet)\w*\*?")
OTHERS = ("Resource", "Request")
TAGS = {"Project": "easi", "Environment": "impl"}


def built(**changes: Any) -> Recorded:
    return record(lambda: GithubOidc("github", dataclasses.replace(ARGS, **changes)))


@functools.cache
def usual() -> Recorded:
    return built()


def trust(recorded: Recorded, role: str) -> dict[str, Any]:
    document = json.loads(recorded.one("aws:iam/role:Role", f"github-easi-{role}")["assumeRolePolicy"])
    (statement,) = document["Statement"]
    found: dict[str, Any] = statement
    return found


def statements(recorded: Recorded, role: str) -> dict[str, dict[str, Any]]:
    """Of a role's inline policy, and of those that are attached to it."""
    environment, kind = role.split("-")
    policies = [recorded.one("aws:iam/rolePolicy:RolePolicy", f"github-easi-{role}")]
    for what in ("read", "network"):
        name = f"github-easi-{environment}-{what}"
        attached = [
            resource
            for resource in recorded.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
            if resource.inputs["role"] == f"github-easi-{role}" and resource.inputs["policyArn"].endswith(f"/{name}")
        ]
        assert len(attached) == (what == "read" or kind == "deploy")
        policies += [recorded.one("aws:iam/policy:Policy", name)] * len(attached)
    found = [statement for policy in policies for statement in json.loads(policy["policy"])["Statement"]]
    assert len({statement["Sid"] for statement in found}) == len(found)
    return {statement["Sid"]: statement for statement in found}


def every(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def test_deploy_role_trusts_one_environment_of_one_repository_by_their_numbers() -> None:
    assert trust(usual(), "impl-deploy") == {
        "Effect": "Allow",
        "Principal": {"Federated": "arn:aws:mock:us-west-2:111111111111:OpenIdConnectProvider/github"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {
                "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
                "token.actions.githubusercontent.com:sub": "repo:CMSgov@1209384/easi@987654321:environment:impl",
            }
        },
    }


def test_preview_role_trusts_the_unprotected_environment_alone() -> None:
    condition = trust(usual(), "dev-preview")["Condition"]["StringEquals"]
    assert condition["token.actions.githubusercontent.com:sub"] == (
        "repo:CMSgov@1209384/easi@987654321:environment:dev-preview"
    )


def test_older_subject_has_the_names_alone_and_is_asked_for() -> None:
    recorded = built(repository=Repository(owner="CMSgov", name="easi", legacy_subject=True))
    subjects = [
        trust(recorded, role)["Condition"]["StringEquals"]["token.actions.githubusercontent.com:sub"]
        for role in ("dev-deploy", "dev-preview")
    ]
    assert subjects == ["repo:CMSgov/easi:environment:dev", "repo:CMSgov/easi:environment:dev-preview"]


@pytest.mark.parametrize("legacy", [False, True])
def test_no_trust_has_a_wildcard_or_another_operator_than_equality(legacy: bool) -> None:
    recorded = built(repository=dataclasses.replace(REPOSITORY, legacy_subject=legacy))
    roles = recorded.all("aws:iam/role:Role")
    assert len(roles) == 4
    for role in roles:
        document = role.inputs["assumeRolePolicy"]
        assert not set("*?") & set(document)
        (statement,) = json.loads(document)["Statement"]
        assert list(statement["Condition"]) == ["StringEquals"]
        assert set(statement["Condition"]["StringEquals"]) == {
            "token.actions.githubusercontent.com:aud",
            "token.actions.githubusercontent.com:sub",
        }


def test_provider_is_githubs_for_sts() -> None:
    provider = usual().one("aws:iam/openIdConnectProvider:OpenIdConnectProvider")
    assert provider == {"url": "https://token.actions.githubusercontent.com", "clientIdLists": ["sts.amazonaws.com"]}


def test_a_provider_that_exists_is_used_and_none_is_made() -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    recorded = built(provider_arn=arn)
    assert recorded.all("aws:iam/openIdConnectProvider:OpenIdConnectProvider") == []
    assert trust(recorded, "dev-deploy")["Principal"] == {"Federated": arn}


def test_preview_role_has_read_verbs_alone() -> None:
    allowed = [item for item in statements(usual(), "impl-preview").values() if item["Effect"] == "Allow"]
    actions = {action for statement in allowed for action in statement["Action"]}
    state = {"kms:Decrypt", "s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation"}
    assert {action for action in actions - state if not READ_VERB.fullmatch(action)} == set()
    assert not [action for action in actions if action.startswith(("secretsmanager:", "ssm:"))]


@pytest.mark.parametrize("role", ["preview", "deploy"])
def test_role_may_make_every_call_that_the_provider_made(role: str) -> None:
    found = statements(built(makes_vpc=["impl"]), f"impl-{role}")
    allowed = [item for item in found.values() if item["Effect"] == "Allow"]
    patterns = [action for statement in allowed for action in statement["Action"]]
    missing = [call for call in CALLS[role] if not any(fnmatch.fnmatchcase(call, pattern) for pattern in patterns)]
    assert missing == []
    assert len(CALLS[role]) > 70


def test_preview_role_reads_the_state_and_statements_and_decrypts_the_state_alone() -> None:
    found = statements(usual(), "impl-preview")
    holders = {
        action: [item["Resource"] for item in found.values() if item["Effect"] == "Allow" and action in item["Action"]]
        for action in ("s3:GetObject", "kms:Decrypt")
    }
    assert holders == {
        "s3:GetObject": [
            [
                "arn:aws:s3:::state-of-easi/.pulumi/meta.yaml",
                "arn:aws:s3:::state-of-easi/.pulumi/stacks/easi/impl.*",
                "arn:aws:s3:::state-of-easi/.pulumi/locks/organization/easi/impl/*",
                "arn:aws:s3:::state-of-easi/.pulumi/history/easi/impl/*",
                "arn:aws:s3:::state-of-easi/.pulumi/backups/easi/impl/*",
                "arn:aws:s3:::state-of-easi/.pulumi/stacks/easi/dev.*",
                "arn:aws:s3:::easi-impl-*/statements/*",
                "arn:aws:s3:::easi-dev-*/statements/*",
            ]
        ],
        "kms:Decrypt": [KEY],
    }


def test_preview_role_reads_functions_and_services_by_the_environments_name_alone() -> None:
    found = statements(usual(), "impl-preview")
    named = {"cloudwatch", "ecr", "ecs", "iam", "lambda", "s3", "sns"}
    for sid, statement in found.items():
        services = {action.split(":")[0] for action in statement["Action"]}
        if statement["Effect"] == "Allow" and services & named and sid not in {"Lists", "ReadById", "ReadScans"}:
            narrow = ("easi-impl", "state-of-easi", "/statements/")
            wide = [arn for arn in every(statement["Resource"]) if not any(part in arn for part in narrow)]
            assert wide == [] or "s3:prefix" in str(statement["Condition"]), sid
    assert f"arn:aws:lambda:*:{ACCOUNT}:function:easi-impl-*" in found["ReadOwn"]["Resource"]
    assert [sid for sid, item in found.items() if "lambda:GetFunction" in item["Action"]] == ["ReadOwn"]


@pytest.mark.parametrize("role", ["impl-deploy", "impl-preview"])
def test_both_roles_read_what_the_scan_of_an_image_found_here_and_in_the_environment_before(role: str) -> None:
    found = statements(usual(), role)
    assert found["ReadScans"] == {
        "Sid": "ReadScans",
        "Effect": "Allow",
        "Action": ["ecr:DescribeImageScanFindings"],
        "Resource": ["arn:aws:ecr:*:*:repository/easi-dev", "arn:aws:ecr:*:*:repository/easi-dev-*"],
    }
    assert "ecr:DescribeImageScanFindings" in found["ReadOwn"]["Action"]
    assert "ReadScans" not in statements(usual(), role.replace("impl", "dev"))


@pytest.mark.parametrize("makes_vpc", [(), ("impl",)])
def test_deploy_role_changes_what_has_an_id_by_the_environments_tags_alone(makes_vpc: tuple[str, ...]) -> None:
    found = statements(built(makes_vpc=makes_vpc), "impl-deploy")
    resource, request = ({f"aws:{where}Tag/{key}": value for key, value in TAGS.items()} for where in OTHERS)
    for sid in ("Tagged", "Ec2Tagged"):
        assert found[sid]["Condition"] == {"StringEquals": resource}
    for sid in ("Create", "Ec2Create"):
        assert found[sid]["Condition"] == {"StringEquals": request}
    assert found["Tag"]["Condition"] == {"StringEqualsIfExists": {**resource, **request}}
    by_tag = {action for sid in ("Create", "Tagged", "Ec2Create", "Ec2Tagged") for action in found[sid]["Action"]}
    assert {"cloudfront:UpdateDistribution", "acm:DeleteCertificate", "ec2:RevokeSecurityGroupIngress"} <= by_tag
    others = {
        action for sid, item in found.items() if sid not in {"Own", "Lists"} for action in item["Action"]
    } - by_tag
    assert not [action for action in others if action.startswith(("acm:Delete", "cloudfront:UpdateD", "ec2:Delete"))]
    assert ("ec2:CreateVpc" in by_tag, "ec2:DeleteSubnet" in by_tag) == (bool(makes_vpc), bool(makes_vpc))


def test_deploy_role_alone_writes_which_paths_a_site_has() -> None:
    assert statements(usual(), "impl-deploy")["Routes"] == {
        "Sid": "Routes",
        "Effect": "Allow",
        "Action": [
            "cloudfront-keyvaluestore:DescribeKeyValueStore",
            "cloudfront-keyvaluestore:ListKeys",
            "cloudfront-keyvaluestore:UpdateKeys",
        ],
        "Resource": f"arn:aws:cloudfront::{ACCOUNT}:key-value-store/*",
    }
    asked = [action for item in statements(usual(), "impl-preview").values() for action in item["Action"]]
    assert not [action for action in asked if action.startswith("cloudfront-keyvaluestore")]


@pytest.mark.parametrize(
    ("function", "may"),
    [("easi-impl-snapshot", True), ("easi-impl-deploy", True), ("easi-dev-snapshot", False), ("snapshot", False)],
)
def test_deploy_role_invokes_what_bears_the_environments_name_alone(function: str, may: bool) -> None:
    """The deploy function, and what is before a migration. The preview's role invokes nothing."""
    arn = f"arn:aws:lambda:us-west-2:{ACCOUNT}:function:{function}"
    allowed = [
        item
        for item in statements(usual(), "impl-deploy").values()
        if item["Effect"] == "Allow"
        and any(fnmatch.fnmatchcase("lambda:InvokeFunction", action) for action in item["Action"])
        and any(fnmatch.fnmatchcase(arn, resource) for resource in every(item["Resource"]))
    ]
    assert bool(allowed) == may


def test_no_role_deregisters_task_definitions() -> None:
    """The components keep them all, and no resource limits the action."""
    for role in ("impl-deploy", "impl-preview"):
        named = [action for item in statements(usual(), role).values() for action in item["Action"]]
        assert "ecs:DeregisterTaskDefinition" not in named


def test_deploy_role_may_list_what_a_load_balancer_and_a_vpc_origin_ask_for() -> None:
    assert statements(usual(), "dev-deploy")["Ec2Lists"]["Action"] == [
        "ec2:DescribeAccountAttributes",
        "ec2:DescribeInstances",
    ]


def test_preview_role_is_denied_secrets_other_objects_other_keys_and_calls() -> None:
    denied = {sid: item for sid, item in statements(usual(), "dev-preview").items() if item["Effect"] == "Deny"}
    for item in denied.values():
        del item["Sid"], item["Effect"]
    assert denied == {
        "NoSecrets": {
            "Action": ["secretsmanager:BatchGetSecretValue", "secretsmanager:GetSecretValue", "ssm:GetParameter*"],
            "Resource": "*",
        },
        "NoOtherObjects": {
            "Action": ["s3:GetObject*"],
            "NotResource": ["arn:aws:s3:::state-of-easi/*", "arn:aws:s3:::easi-dev-*/statements/*"],
        },
        "NoOtherKeys": {"Action": ["kms:Decrypt"], "NotResource": KEY},
        "NoCalls": {"Action": ["lambda:InvokeFunction*"], "Resource": "*"},
    }


def test_both_roles_read_statements_of_the_environment_and_of_those_before_it() -> None:
    roles = built(environments={"prod": ("impl", "dev")})
    for role in ("prod-deploy", "prod-preview"):
        read = statements(roles, role)["StateRead"]
        assert (read["Effect"], read["Action"]) == ("Allow", ["s3:GetObject"])
        listed = statements(roles, role)["Stated"]
        assert listed["Resource"] == ["arn:aws:s3:::easi-impl-*", "arn:aws:s3:::easi-dev-*"]
        assert listed["Condition"] == {"StringLike": {"s3:prefix": "statements/*"}}
        for name in ("prod", "impl", "dev"):
            assert f"arn:aws:s3:::easi-{name}-*/statements/*" in read["Resource"]
            assert f"arn:aws:s3:::state-of-easi/.pulumi/stacks/easi/{name}.*" in read["Resource"]


def test_no_role_of_ci_states_anything() -> None:
    """A merge must not lift what holds it."""
    denied = statements(usual(), "impl-deploy")["NoStatements"]
    assert (denied["Effect"], denied["Action"]) == ("Deny", ["s3:PutObject"])
    assert denied["Resource"] == "arn:aws:s3:::easi-impl-*/statements/*"
    written = [item for item in statements(usual(), "impl-preview").values() if "s3:PutObject" in item["Action"]]
    assert written == []


def test_deploy_role_reaches_every_resource_in_the_listed_statements_alone() -> None:
    found = statements(built(makes_vpc=["impl"]), "impl-deploy")
    everywhere = {sid for sid, statement in found.items() if "*" in every(statement["Resource"])}
    assert everywhere == set(ci_access.EVERYWHERE)


def test_deploy_role_has_any_action_in_the_listed_statements_alone() -> None:
    found = statements(usual(), "impl-deploy")
    assert {sid for sid, item in found.items() if any("*" in action for action in item["Action"])} == {"Own", "Lists"}
    assert [action for action in found["Lists"]["Action"] if "*" in action] == ["elasticloadbalancing:Describe*"]
    assert {resource for resource in found["Own"]["Resource"] if "easi-impl" not in resource} == set()


def test_deploy_role_asks_whether_secrets_exist_and_never_for_their_values() -> None:
    found = statements(usual(), "dev-deploy")
    asked = [action for item in found.values() for action in item["Action"]]
    assert [action for action in asked if action.startswith(("secretsmanager:", "ssm:"))] == [
        "secretsmanager:DescribeSecret",
        "ssm:DescribeParameters",
    ]


def test_deploy_role_makes_and_passes_roles_of_its_environment_alone() -> None:
    found = statements(built(role_options=RoleOptions(path="/teams/easi/")), "dev-deploy")
    own = f"arn:aws:iam::{ACCOUNT}:role/teams/easi/easi-dev-*"
    writing = {
        sid: item["Resource"]
        for sid, item in found.items()
        if sid != "ReadRoles" and any(action.startswith("iam:") for action in item["Action"])
    }
    linked = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/*"
    assert writing == {
        "Roles": own,
        "BoundedRoles": own,
        "PassRole": own,
        "ServiceLinkedRoles": linked,
    }
    assert found["PassRole"]["Condition"] == {
        "StringEquals": {"iam:PassedToService": ["ecs-tasks.amazonaws.com", "lambda.amazonaws.com"]}
    }


def test_roles_of_ci_bear_no_name_of_an_environment_and_have_its_path_and_boundary() -> None:
    options = RoleOptions(path="/teams/", permissions_boundary=BOUNDARY)
    recorded = built(role_options=options, max_session_s=10_000)
    roles = {role.name: role.inputs for role in recorded.all("aws:iam/role:Role")}
    assert sorted(role["name"] for role in roles.values()) == [
        "github-easi-dev-deploy",
        "github-easi-dev-preview",
        "github-easi-impl-deploy",
        "github-easi-impl-preview",
    ]
    for name, role in roles.items():
        assert (role["path"], role["permissionsBoundary"]) == ("/teams/", BOUNDARY)
        assert role["maxSessionDuration"] == (10_000 if name.endswith("-deploy") else 3600)


def test_a_boundary_is_demanded_of_every_role_and_cannot_be_removed() -> None:
    found = statements(built(role_options=RoleOptions(permissions_boundary=BOUNDARY)), "dev-deploy")
    assert found["BoundedRoles"]["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": BOUNDARY}}
    growing = {"iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"}
    assert growing <= set(found["BoundedRoles"]["Action"])
    actions = {action for item in found.values() for action in item["Action"]}
    assert not actions & {"iam:DeleteRolePermissionsBoundary", "iam:CreatePolicyVersion"}
    assert not growing & set(found["Roles"]["Action"])


def test_without_a_boundary_none_can_be_set() -> None:
    found = statements(usual(), "dev-deploy")
    assert "Condition" not in found["BoundedRoles"]
    assert "iam:PutRolePermissionsBoundary" not in found["BoundedRoles"]["Action"]


def test_deploy_role_writes_the_state_of_its_stack_alone() -> None:
    assert statements(usual(), "dev-deploy")["StateWrite"]["Resource"] == [
        "arn:aws:s3:::state-of-easi/.pulumi/stacks/easi/dev.*",
        "arn:aws:s3:::state-of-easi/.pulumi/locks/organization/easi/dev/*",
        "arn:aws:s3:::state-of-easi/.pulumi/history/easi/dev/*",
        "arn:aws:s3:::state-of-easi/.pulumi/backups/easi/dev/*",
    ]


def test_first_environment_copies_from_nowhere() -> None:
    recorded = usual()
    assert not {"PromoteImage", "PromoteFiles"} & set(statements(recorded, "dev-deploy"))
    assert statements(recorded, "impl-deploy")["PromoteFiles"]["Resource"] == [
        "arn:aws:s3:::easi-dev-*",
        "arn:aws:s3:::easi-dev-*/*",
    ]


def test_names_change_in_the_given_zones_alone() -> None:
    assert statements(usual(), "dev-deploy")["Names"]["Resource"] == ["arn:aws:route53:::hostedzone/Z1"]
    assert "Names" not in statements(built(hosted_zone_ids=()), "dev-deploy")


def test_longest_names_fit_into_the_policy() -> None:
    long = dataclasses.replace(
        ARGS,
        partition="aws-us-gov",
        environments={"impl": ("staging", "testing")},
        makes_vpc=["impl"],
        state_bucket="s" * 63,
        state_key_arn=f"arn:aws-us-gov:kms:us-gov-west-1:{ACCOUNT}:key/{'a' * 36}",
        role_options=RoleOptions(
            path="/delegatedadmin/developer/",
            permissions_boundary=f"arn:aws-us-gov:iam::{ACCOUNT}:policy/cms-cloud-admin/developer-boundary-policy",
        ),
    )
    record(lambda: GithubOidc("github", long))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repository": Repository(owner="CMSgov", name="easi")}, "gh api repos/CMSgov/easi --jq"),
        ({"repository": Repository(owner="CMSgov", name="easi", owner_id=1)}, "needs its owner's number and its own"),
        ({"max_session_s": 3599}, "max_session_s is 3599: IAM accepts 3600 to 43200"),
        ({"max_session_s": 43_201}, "max_session_s is 43201"),
        ({"environments": {}}, "name at least one"),
        ({"environments": {"dev": (), "dev-2": ()}}, "the environments dev and dev-2 cannot be told apart"),
        ({"state_bucket": "easi-dev-state"}, "the state bucket easi-dev-state bears the name"),
        ({"hosted_zone_ids": [f"Z{number:020}" for number in range(200)]}, "IAM takes 10240"),
        ({"hosted_zone_ids": [f"Z{number:020}" for number in range(60)]}, "the policy for reading of dev would have"),
    ],
)
def test_arguments_that_would_mean_something_else_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        built(**changes)


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"max_session_s is 1.*at least one"):
        built(max_session_s=1, environments={})
