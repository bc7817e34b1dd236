"""CI's roles where IAM is enforced: who assumes them, and what each may do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from components.github_oidc import ISSUER
from tests.components.ci_roles import ACCOUNT, BOUNDARY, PROJECT, STATE, SUBJECT
from tests.local.ci_roles_world import TRUST, World, enforcing, role_arn, state_of
from tests.local.emulated import Call, described

world = pytest.fixture(scope="module")(enforcing)
TRUSTED = [
    ("dev-deploy", f"{SUBJECT}:environment:dev"),
    ("impl-deploy", f"{SUBJECT}:environment:impl"),
    ("dev-preview", f"{SUBJECT}:environment:dev-preview"),
    ("impl-preview", f"{SUBJECT}:environment:impl-preview"),
]
NOT_TRUSTED = [
    ("dev-deploy", f"{SUBJECT}:environment:impl"),
    ("dev-deploy", f"{SUBJECT}:environment:dev-preview"),
    ("dev-deploy", f"{SUBJECT}:environment:dev:ref:refs/heads/main"),
    ("dev-deploy", f"{SUBJECT}:ref:refs/heads/main"),
    ("dev-deploy", f"{SUBJECT}:pull_request"),
    ("dev-deploy", "repo:CMSgov/easi:environment:dev"),
    ("dev-deploy", "repo:CMSgov@1209384/easi@111:environment:dev"),
    ("dev-deploy", "repo:CMSgov@111/easi@987654321:environment:dev"),
    ("dev-deploy", "repo:*:environment:dev"),
    ("dev-preview", f"{SUBJECT}:pull_request"),
    ("dev-preview", f"{SUBJECT}:environment:dev"),
    ("dev-preview", f"{SUBJECT}:environment:impl-preview"),
    ("dev-preview", f"{SUBJECT}:ref:refs/heads/main"),
]


@pytest.mark.parametrize(("role", "subject"), TRUSTED)
def test_role_is_assumed_by_the_jobs_it_is_for(world: World, role: str, subject: str) -> None:
    assert world.assume(role, subject)


@pytest.mark.parametrize(("role", "subject"), NOT_TRUSTED)
def test_role_is_not_assumed_by_others(world: World, role: str, subject: str) -> None:
    with pytest.raises(ClientError, match="Not authorized to perform sts:AssumeRoleWithWebIdentity"):
        world.assume(role, subject)


@pytest.mark.parametrize("claims", [{"aud": "https://github.com/CMSgov"}, {"iss": "https://issuer.example.org"}])
def test_role_is_not_assumed_with_a_token_for_or_from_somebody_else(world: World, claims: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="Not authorized to perform sts:AssumeRoleWithWebIdentity"):
        world.assume("dev-deploy", f"{SUBJECT}:environment:dev", **claims)


def record_of(environment: str) -> dict[str, Any]:
    return {"Bucket": f"{PROJECT}-{environment}-records-1a2b3c4", "Key": "release.json"}


def service_of(environment: str) -> dict[str, Any]:
    return {"cluster": f"{PROJECT}-{environment}", "service": f"{PROJECT}-{environment}-backend"}


def services_of(environment: str) -> dict[str, Any]:
    return {"cluster": f"{PROJECT}-{environment}", "services": [f"{PROJECT}-{environment}-backend"]}


def role_of(environment: str, name: str = "backend-task-1a2b3c4") -> dict[str, Any]:
    return {"RoleName": f"{PROJECT}-{environment}-{name}"}


READ = f"arn:aws:iam::{ACCOUNT}:policy/github-easi-dev-read"
POLICY = {"PolicyName": "access", "PolicyDocument": TRUST}
CI_ROLE = {"RoleName": "github-easi-dev-deploy"}
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
SECRETS: list[Call] = [
    ("secretsmanager", "get_secret_value", {"SecretId": "easi-dev"}),
    ("ssm", "get_parameter", {"Name": "/easi-dev/token", "WithDecryption": True}),
    ("ssm", "get_parameters", {"Names": ["/easi-dev/token"]}),
    ("ssm", "get_parameters_by_path", {"Path": "/easi-dev"}),
    ("s3", "get_object", record_of("dev")),
    ("kms", "decrypt", {"CiphertextBlob": "by-other-key", "KeyId": "other-key"}),
    ("lambda", "invoke", {"FunctionName": "easi-dev-deploy"}),
]
PREVIEW_MAY: list[Call] = [
    ("s3", "list_objects_v2", {"Bucket": STATE}),
    ("s3", "get_object", state_of("dev")),
    ("s3", "get_object", {"Bucket": STATE, "Key": ".pulumi/meta.yaml"}),
    ("kms", "decrypt", {"CiphertextBlob": "by-state-key", "KeyId": "state-key"}),
    ("s3", "get_bucket_versioning", {"Bucket": record_of("dev")["Bucket"]}),
    ("ecs", "describe_services", services_of("dev")),
    ("ec2", "describe_vpcs", {}),
    ("iam", "get_role", role_of("dev")),
    ("lambda", "get_function", {"FunctionName": "easi-dev-deploy"}),
]
PREVIEW_MAY_NOT: list[Call] = [
    *SECRETS,
    ("s3", "get_object", state_of("impl")),
    ("lambda", "get_function", {"FunctionName": "easi-impl-deploy"}),
    ("lambda", "get_function_configuration", {"FunctionName": "easi-impl-deploy"}),
    ("ecs", "describe_services", services_of("impl")),
    ("iam", "get_role", role_of("impl")),
    ("s3", "get_bucket_versioning", {"Bucket": record_of("impl")["Bucket"]}),
    ("s3", "put_object", state_of("dev")),
    ("s3", "put_object", {"Bucket": STATE, "Key": ".pulumi/locks/organization/easi/dev/1.json"}),
    ("s3", "delete_object", state_of("dev")),
    ("s3", "put_object", record_of("dev")),
    ("kms", "encrypt", {"KeyId": "state-key", "Plaintext": b"s"}),
    ("kms", "generate_data_key", {"KeyId": "state-key", "KeySpec": "AES_256"}),
    ("ecs", "update_service", {**service_of("dev"), "desiredCount": 0}),
    ("ecs", "register_task_definition", {"family": "easi-dev", "containerDefinitions": []}),
    ("lambda", "update_function_configuration", {"FunctionName": "easi-dev-deploy", "Timeout": 3}),
    ("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/16"}),
    ("iam", "create_role", {**role_of("dev", "new"), "AssumeRolePolicyDocument": TRUST}),
    ("iam", "put_role_policy", {**CI_ROLE, **POLICY}),
    ("logs", "get_log_events", {"logGroupName": "/ecs/easi-dev", "logStreamName": "s"}),
    ("sts", "assume_role", {"RoleArn": role_arn("dev-deploy"), "RoleSessionName": "job"}),
]
DEV_MAY: list[Call] = [
    ("s3", "list_objects_v2", {"Bucket": STATE}),
    ("s3", "put_object", state_of("dev")),
    ("s3", "put_object", {"Bucket": STATE, "Key": ".pulumi/stacks/easi/dev.json.bak"}),
    ("s3", "put_object", {"Bucket": STATE, "Key": ".pulumi/history/easi/dev/dev-1.history.json"}),
    ("s3", "delete_object", {"Bucket": STATE, "Key": ".pulumi/locks/organization/easi/dev/1.json"}),
    ("kms", "decrypt", {"CiphertextBlob": "by-state-key", "KeyId": "state-key"}),
    ("kms", "generate_data_key", {"KeyId": "state-key", "KeySpec": "AES_256"}),
    ("s3", "put_object", record_of("dev")),
    ("s3", "put_object", {**record_of("dev"), "Key": "lease.json", "IfNoneMatch": "*"}),
    ("s3", "delete_object", {**record_of("dev"), "Key": "lease.json"}),
    ("s3", "list_object_versions", {"Bucket": record_of("dev")["Bucket"]}),
    ("secretsmanager", "describe_secret", {"SecretId": "easi-dev"}),
    ("ssm", "describe_parameters", {}),
    ("ec2", "describe_route_tables", {}),
    ("elbv2", "describe_target_groups", {}),
    ("s3", "create_bucket", {"Bucket": "easi-dev-site-1a2b3c4"}),
    ("ecs", "update_service", {**service_of("dev"), "desiredCount": 0}),
    ("lambda", "invoke", {"FunctionName": "easi-dev-deploy"}),
    ("iam", "create_role", {**role_of("dev", "new"), "AssumeRolePolicyDocument": TRUST}),
    ("iam", "put_role_policy", {**role_of("dev"), **POLICY}),
    ("iam", "update_assume_role_policy", {**role_of("dev"), "PolicyDocument": TRUST}),
    ("ec2", "describe_account_attributes", {}),
    ("logs", "create_log_group", {"logGroupName": "/ecs/easi-dev"}),
]
DEV_MAY_NOT: list[Call] = [
    ("s3", "get_object", state_of("impl")),
    ("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/16"}),
    ("ecs", "deregister_task_definition", {"taskDefinition": "easi-dev:1"}),
    ("iam", "create_policy_version", {"PolicyArn": READ, "PolicyDocument": TRUST}),
    ("s3", "put_object", state_of("impl")),
    ("s3", "delete_object", state_of("impl")),
    ("s3", "put_object", {"Bucket": STATE, "Key": ".pulumi/stacks/easi-account/nonprod.json"}),
    ("s3", "put_object", {"Bucket": STATE, "Key": ".pulumi/meta.yaml"}),
    ("s3", "put_bucket_versioning", {"Bucket": STATE, "VersioningConfiguration": {"Status": "Suspended"}}),
    ("s3", "delete_bucket", {"Bucket": STATE}),
    ("kms", "decrypt", {"CiphertextBlob": "by-other-key", "KeyId": "other-key"}),
    ("kms", "schedule_key_deletion", {"KeyId": "state-key"}),
    ("kms", "put_key_policy", {"KeyId": "state-key", "Policy": TRUST}),
    ("s3", "get_object", record_of("impl")),
    ("s3", "put_object", record_of("impl")),
    ("ecs", "update_service", {**service_of("impl"), "desiredCount": 0}),
    ("ecs", "delete_cluster", {"cluster": "easi-impl"}),
    ("lambda", "invoke", {"FunctionName": "easi-impl-deploy"}),
    ("lambda", "update_function_configuration", {"FunctionName": "easi-impl-deploy", "Timeout": 3}),
    ("secretsmanager", "get_secret_value", {"SecretId": "easi-dev"}),
    ("ssm", "get_parameter", {"Name": "/easi-dev/token"}),
    ("iam", "create_role", {**role_of("impl", "new"), "AssumeRolePolicyDocument": TRUST}),
    ("iam", "put_role_policy", {**role_of("impl"), **POLICY}),
    ("iam", "delete_role", role_of("impl")),
    ("iam", "create_role", {"RoleName": "easi-devil", "AssumeRolePolicyDocument": TRUST}),
    ("iam", "put_role_policy", {**CI_ROLE, **POLICY}),
    ("iam", "update_assume_role_policy", {**CI_ROLE, "PolicyDocument": TRUST}),
    ("iam", "delete_role", CI_ROLE),
    ("iam", "delete_open_id_connect_provider", {"OpenIDConnectProviderArn": PROVIDER}),
    ("iam", "create_open_id_connect_provider", {"Url": "https://issuer.example.org", "ThumbprintList": []}),
    ("iam", "attach_role_policy", {**role_of("dev"), "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
    ("iam", "create_policy_version", {"PolicyArn": BOUNDARY, "PolicyDocument": TRUST}),
    ("iam", "delete_role_permissions_boundary", role_of("dev")),
    ("iam", "create_user", {"UserName": "easi-dev-user"}),
    ("ec2", "run_instances", {"MinCount": 1, "MaxCount": 1}),
    ("sts", "assume_role", {"RoleArn": role_arn("impl-deploy"), "RoleSessionName": "job"}),
]


@pytest.fixture(scope="module")
def preview(world: World) -> dict[str, Any]:
    return world.assume("dev-preview", f"{SUBJECT}:environment:dev-preview")


@pytest.fixture(scope="module")
def dev(world: World) -> dict[str, Any]:
    return world.assume("dev-deploy", f"{SUBJECT}:environment:dev")


@pytest.mark.parametrize("call", PREVIEW_MAY, ids=described)
def test_preview_role_may(world: World, preview: dict[str, Any], call: Call) -> None:
    assert not world.is_denied(preview, call)


@pytest.mark.parametrize("call", PREVIEW_MAY_NOT, ids=described)
def test_preview_role_may_not(world: World, preview: dict[str, Any], call: Call) -> None:
    assert world.is_denied(preview, call)


@pytest.mark.parametrize("call", SECRETS, ids=described)
def test_preview_role_reads_no_secret_even_with_every_right(world: World, preview: dict[str, Any], call: Call) -> None:
    everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    iam, role = world.client("iam"), {"RoleName": "github-easi-dev-preview", "PolicyName": "everything"}
    iam.put_role_policy(**role, PolicyDocument=json.dumps(everything))
    try:
        assert world.is_denied(preview, call)
    finally:
        iam.delete_role_policy(**role)


@pytest.mark.parametrize("call", DEV_MAY, ids=described)
def test_deploy_role_may(world: World, dev: dict[str, Any], call: Call) -> None:
    assert not world.is_denied(dev, call)


@pytest.mark.parametrize("call", DEV_MAY_NOT, ids=described)
def test_deploy_role_may_not(world: World, dev: dict[str, Any], call: Call) -> None:
    assert world.is_denied(dev, call)


def test_deploy_role_reads_what_it_promotes_and_changes_none_of_it(world: World) -> None:
    impl = world.assume("impl-deploy", f"{SUBJECT}:environment:impl")
    assert not world.is_denied(impl, ("s3", "get_object", record_of("dev")))
    assert world.is_denied(impl, ("s3", "put_object", record_of("dev")))
