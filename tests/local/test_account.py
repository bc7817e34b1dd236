"""CI's roles where IAM is enforced, and an account set up as docs/set-up-accounts.md says.

The roles are made as `components/github_oidc.py` makes them, and assumed with tokens as GitHub sends them: the emulator
evaluates the trust with the token's claims (it does not check its signature). `iam:PassRole` and the demand for a
permissions boundary are evaluated for the questions that AWS asks: the emulator does not ask them.
"""

from __future__ import annotations

import base64
import dataclasses
import functools
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from components.component import tags_of
from components.github_oidc import AUDIENCE, ISSUER, GithubOidc, GithubOidcArgs, Repository
from components.policies import RoleOptions
from local.emulator import process
from tests.components.recorded import Recorded, record
from tests.local import authorized_emulator
from tests.local.clone import Clone
from tests.local.emulated import REGION, Call, client, denies, described, session_of

ACCOUNT = "000000000000"
STATE, PROJECT = "state-of-easi", "easi"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/boundary"
REPOSITORY = Repository(owner="CMSgov", name="easi", owner_id=1209384, repository_id=987654321)
SUBJECT = "repo:CMSgov@1209384/easi@987654321"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    """Two environments in one account, each with a service, a function, a bucket, state and a secret."""

    endpoint: str
    keys: dict[str, str]
    encrypted: dict[str, bytes]

    def client(self, service: str, **credentials: Any) -> Any:
        return client(self.endpoint, service, **credentials)

    def assume(self, role: str, subject: str, **claims: str) -> dict[str, Any]:
        """Credentials of a role for a job whose token has these claims. Raises ClientError."""
        token = token_of({"iss": f"https://{ISSUER}", "aud": AUDIENCE, "sub": subject, **claims})
        answer = self.client("sts", config=Config(signature_version=UNSIGNED)).assume_role_with_web_identity(
            RoleArn=role_arn(role), RoleSessionName="job", WebIdentityToken=token
        )
        return session_of(answer["Credentials"])

    def is_denied(self, credentials: dict[str, Any], call: Call) -> bool:
        service, method, arguments = call
        given = {name: self.filled(value) for name, value in arguments.items()}
        return denies(self.client(service, **credentials), method, given)

    def filled(self, value: Any) -> Any:
        """An argument, with the key or the ciphertext that it stands for."""
        return self.keys.get(value, self.encrypted.get(value, value)) if isinstance(value, str) else value


def role_arn(role: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/github-easi-{role}"


def token_of(claims: dict[str, str]) -> str:
    def part(value: dict[str, str]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{part(claims)}.c2lnbmF0dXJl"


def recorded(state_key: str, **changes: Any) -> Recorded:
    """What the component makes for the two environments, of which dev makes its VPC."""
    args = GithubOidcArgs(
        repository=REPOSITORY,
        project=PROJECT,
        environments={"dev": None, "impl": "dev"},
        makes_vpc=["dev"],
        account=ACCOUNT,
        state_bucket=STATE,
        state_key_arn=state_key,
        provider_arn=f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}",
    )
    return record(lambda: GithubOidc("github", dataclasses.replace(args, **changes)))


def inline(made: Recorded, role: str) -> str:
    return str(made.one("aws:iam/rolePolicy:RolePolicy", role)["policy"])


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("account")
    try:
        yield build(authorized_emulator.start(folder).endpoint)
    finally:
        process.stop(folder, print)


def build(endpoint: str) -> World:
    plain = World(endpoint=endpoint, keys={}, encrypted={})
    kms, iam, s3, ecs = (plain.client(name) for name in ("kms", "iam", "s3", "ecs"))
    keys = {name: kms.create_key()["KeyMetadata"]["Arn"] for name in ("state-key", "other-key")}
    encrypted = {f"by-{name}": kms.encrypt(KeyId=arn, Plaintext=b"s")["CiphertextBlob"] for name, arn in keys.items()}
    iam.create_open_id_connect_provider(Url=f"https://{ISSUER}", ClientIDList=[AUDIENCE], ThumbprintList=[])
    made = recorded(keys["state-key"])
    for policy in made.all("aws:iam/policy:Policy"):
        iam.create_policy(PolicyName=policy.name, PolicyDocument=policy.inputs["policy"])
    for role in made.all("aws:iam/role:Role"):
        iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=role.inputs["assumeRolePolicy"])
        iam.put_role_policy(RoleName=role.name, PolicyName="access", PolicyDocument=inline(made, role.name))
    for attached in made.all("aws:iam/rolePolicyAttachment:RolePolicyAttachment"):
        name = attached.inputs["policyArn"].rpartition("/")[2]
        iam.attach_role_policy(RoleName=attached.inputs["role"], PolicyArn=f"arn:aws:iam::{ACCOUNT}:policy/{name}")
    place = {"CreateBucketConfiguration": {"LocationConstraint": REGION}}
    s3.create_bucket(Bucket=STATE, **place)
    s3.put_object(Bucket=STATE, Key=".pulumi/meta.yaml", Body=b"version: 1")
    for environment in ("dev", "impl"):
        name = f"{PROJECT}-{environment}"
        s3.put_object(Bucket=STATE, Key=f".pulumi/stacks/{PROJECT}/{environment}.json", Body=b"{}")
        s3.create_bucket(Bucket=f"{name}-records-1a2b3c4", **place)
        s3.put_object(Bucket=f"{name}-records-1a2b3c4", Key="release.json", Body=b"{}")
        iam.create_role(RoleName=f"{name}-backend-task-1a2b3c4", AssumeRolePolicyDocument=TRUST)
        ecs.create_cluster(clusterName=name)
        container = {"name": "app", "image": "scratch", "memory": 64}
        ecs.register_task_definition(family=name, containerDefinitions=[container])
        ecs.create_service(cluster=name, serviceName=f"{name}-backend", taskDefinition=name, desiredCount=0)
        plain.client("lambda").create_function(
            FunctionName=f"{name}-deploy",
            Runtime="python3.13",
            Handler="handler.handle",
            Role=f"arn:aws:iam::{ACCOUNT}:role/{name}-backend-task-1a2b3c4",
            Code={"ZipFile": archive()},
        )
        plain.client("secretsmanager").create_secret(Name=name, SecretString="s")
        plain.client("ssm").put_parameter(Name=f"/{name}/token", Value="t", Type="SecureString")
    return World(endpoint=endpoint, keys=keys, encrypted=encrypted)


def archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("handler.py", "def handle(event, context):\n    return {}\n")
    return content.getvalue()


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


HISTORY: dict[str, Any] = {"Bucket": STATE, "Key": ".pulumi/history/easi/dev/dev-1.history.json"}


def state_of(environment: str) -> dict[str, Any]:
    return {"Bucket": STATE, "Key": f".pulumi/stacks/{PROJECT}/{environment}.json"}


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
    ("s3", "put_object", HISTORY),
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
    made = recorded("arn:aws:kms:us-west-2:000000000000:key/1")
    network = made.one("aws:iam/policy:Policy", "github-easi-dev-network")["policy"]
    return {"deploy": inline(made, "github-easi-dev-deploy"), "network": network}


def test_deploy_role_passes_the_roles_of_its_environment_to_its_services_alone() -> None:
    policy = inline(recorded("arn:aws:kms:us-west-2:000000000000:key/1"), "github-easi-dev-deploy")

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
    made = recorded("arn:aws:kms:us-west-2:000000000000:key/1", role_options=options)
    policy = inline(made, "github-easi-dev-deploy")
    own = f"arn:aws:iam::{ACCOUNT}:role/teams/easi-dev-backend-task-1a2b3c4"
    for action in ("CreateRole", "PutRolePolicy", "PutRolePermissionsBoundary"):
        assert decided(policy, f"iam:{action}", own, permissionsboundary=BOUNDARY)
        assert not decided(policy, f"iam:{action}", own)
        assert not decided(policy, f"iam:{action}", own, permissionsboundary=f"{BOUNDARY}-of-others")
        elsewhere = own.replace("/teams/", "/")
        assert not decided(policy, f"iam:{action}", elsewhere, permissionsboundary=BOUNDARY)
    assert not decided(policy, "iam:DeleteRolePermissionsBoundary", own, permissionsboundary=BOUNDARY)


PROGRAM = """
import pulumi
pulumi.export("hidden", pulumi.Output.secret("s"))
"""
RUN = """
unset PULUMI_CONFIG_PASSPHRASE PULUMI_CONFIG_PASSPHRASE_FILE
export PULUMI_BACKEND_URL="s3://{bucket}?region=us-west-2&endpoint={endpoint}&s3ForcePathStyle=true"
export AWS_ENDPOINT_URL={endpoint} {credentials}
pulumi() {{ command pulumi -C {folder} "$@"; }}
{commands}
"""


def test_roles_of_ci_are_enough_for_the_engine_itself(easi: Clone, world: World, tmp_path: Path) -> None:
    """The state in the bucket, its key, its lock: with the deploy role all of an update, with the other a preview.

    The program has no resources: the local AWS plugin takes no credentials of a session.
    """
    (tmp_path / "Pulumi.yaml").write_text(f"name: {PROJECT}\nruntime: python\n")
    (tmp_path / "__main__.py").write_text(PROGRAM)
    root = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "aws_session_token": ""}

    def run(credentials: dict[str, Any], commands: str) -> Any:
        exported = " ".join(f"{name.upper()}='{value}'" for name, value in credentials.items())
        names = {"bucket": STATE, "endpoint": world.endpoint, "folder": tmp_path, "credentials": exported}
        return easi.shell(RUN.format(commands=commands, **names))

    def state() -> dict[str, str]:
        listed = world.client("s3").list_objects_v2(Bucket=STATE, Prefix=".pulumi/")["Contents"]
        return {item["Key"]: item["ETag"] for item in listed}

    dev = world.assume("dev-deploy", f"{SUBJECT}:environment:dev")
    preview = world.assume("dev-preview", f"{SUBJECT}:environment:dev-preview")
    key = f"awskms:///{world.keys['state-key']}?region=us-west-2&awssdk=v2"
    for written in (state_of("dev"), HISTORY):  # by the tests of single calls: no state of an engine
        world.client("s3").delete_object(**written)
    made = run(root, f"pulumi stack init dev --secrets-provider '{key}'\npulumi config set -s dev aws:region {REGION}")
    assert made.returncode == 0, made.stdout + made.stderr

    up = run(dev, "pulumi up -s dev --yes --skip-preview")
    assert up.returncode == 0, up.stdout + up.stderr
    before = state()
    # What CI asks with it: the preview, what is proven, and the commit of the last update.
    look = "pulumi preview -s dev --refresh --expect-no-changes --non-interactive"
    looked = run(preview, f"{look}\npulumi stack export -s dev >/dev/null\npulumi stack history -s dev --json")
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert '"kind": "update"' in looked.stdout
    refused = run(preview, "pulumi up -s dev --yes --skip-preview")
    assert refused.returncode != 0
    assert "AccessDenied" in refused.stdout + refused.stderr
    assert state() == before
    ended = run(dev, "pulumi destroy -s dev --yes --skip-preview")
    assert ended.returncode == 0, ended.stdout + ended.stderr


SET_UP = """
unset PULUMI_CONFIG_PASSPHRASE PULUMI_CONFIG_PASSPHRASE_FILE PULUMI_BACKEND_URL
cd {root}
python -m account.state --bucket {bucket} --region us-west-2 >{told}
python -m account.state --bucket {bucket} --region us-west-2 >/dev/null
key=$(sed -n 's/^ *stateKeyArn *//p' {told})
secrets=$(sed -n "s/.*--secrets-provider '\\(.*\\)'/\\1/p" {told})
export PULUMI_BACKEND_URL="s3://{bucket}?region=us-west-2&endpoint=$AWS_ENDPOINT_URL&s3ForcePathStyle=true"
pulumi() {{ command pulumi -C {root}/account "$@"; }}
"""
MAKE = """
pulumi stack init {stack} --secrets-provider "$secrets"
pulumi config set -s {stack} aws:region us-west-2
pulumi config set -s {stack} repository CMSgov/easi
pulumi config set -s {stack} ownerId 1209384
pulumi config set -s {stack} repositoryId 987654321
pulumi config set -s {stack} --path environments.dev ''
pulumi config set -s {stack} --path environments.impl dev
pulumi config set -s {stack} stateBucket {bucket}
pulumi config set -s {stack} stateKeyArn "$key"
pulumi up -s {stack} --yes --skip-preview
pulumi up -s {stack} --yes --skip-preview --expect-no-changes
pulumi config set -s {stack} maxSession 3600
pulumi up -s {stack} --yes --skip-preview
"""
REMOVE = """
pulumi destroy -s {stack} --yes --skip-preview
pulumi stack rm -s {stack} --yes
"""


def test_an_account_is_set_up_without_a_passphrase(easi: Clone, tmp_path: Path) -> None:
    names = {"root": easi.root, "bucket": "state-of-account-test", "stack": "account-test", "told": tmp_path / "told"}
    settings = easi.root / "account" / f"Pulumi.{names['stack']}.yaml"
    iam, s3 = easi.aws("iam"), easi.aws("s3")
    try:
        done = easi.shell((SET_UP + MAKE).format_map(names))
        assert done.returncode == 0, done.stdout + done.stderr

        assert "secretsprovider: awskms:///arn:aws:kms:us-west-2:" in settings.read_text()
        assert "encryptedkey: " in settings.read_text()
        assert "encryptionsalt" not in settings.read_text()
        listed = s3.list_objects_v2(Bucket=names["bucket"], Prefix=".pulumi/stacks/")["Contents"]
        assert ".pulumi/stacks/easi-account/account-test.json" in [item["Key"] for item in listed]
        role = iam.get_role(RoleName="github-easi-impl-deploy")["Role"]
        assert role["MaxSessionDuration"] == 3600
        statement = role["AssumeRolePolicyDocument"]["Statement"][0]
        assert statement["Condition"]["StringEquals"][f"{ISSUER}:sub"] == f"{SUBJECT}:environment:impl"
    finally:
        removed = easi.shell((SET_UP + REMOVE).format_map(names))
        settings.unlink(missing_ok=True)
    assert removed.returncode == 0, removed.stdout + removed.stderr
    with pytest.raises(ClientError, match="NoSuchEntity"):
        iam.get_role(RoleName="github-easi-impl-deploy")
