"""What a real container finds in its environment, in the emulator: what ECS on Fargate gives it."""

from __future__ import annotations

import json

import pytest

from tests.local.emulator_world import Service, World, wait_for

pytest_plugins = ["tests.local.emulator_fixtures"]

PLAIN = "Winter@2026!"


def environment_of(service: Service, revision: str) -> dict[str, str]:
    """The environment of the container of a task of `revision`."""
    service.create(revision, count=1)
    assert wait_for(lambda: bool(service.containers())), (service.describe(), service.stopped())
    variables: list[str] = service.containers()[0].attrs["Config"]["Env"]
    return dict(variable.split("=", 1) for variable in variables)


def secrets(**sources: str) -> list[dict[str, str]]:
    return [{"name": name, "valueFrom": source} for name, source in sources.items()]


@pytest.fixture
def role(world: World, service: Service) -> str:
    """An execution role that may read every secret and parameter."""
    actions = ["secretsmanager:GetSecretValue", "ssm:GetParameters", "kms:Decrypt"]
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam = world.client("iam")
    made = iam.create_role(RoleName=service.name, AssumeRolePolicyDocument="{}")["Role"]
    iam.put_role_policy(RoleName=service.name, PolicyName="read", PolicyDocument=json.dumps(policy))
    return str(made["Arn"])


@pytest.fixture
def parameter(world: World, service: Service) -> str:
    """The name of a SecureString."""
    name = f"/tests/{service.name}"
    world.client("ssm").put_parameter(Name=name, Value=PLAIN, Type="SecureString")
    return name


def test_a_secure_string_arrives_decrypted(world: World, service: Service, role: str, parameter: str) -> None:
    arn = world.client("ssm").get_parameter(Name=parameter)["Parameter"]["ARN"]
    revision = service.revision("", role=role, secrets=secrets(BY_ARN=arn, BY_NAME=parameter))
    found = environment_of(service, revision)
    assert (found["BY_ARN"], found["BY_NAME"]) == (PLAIN, PLAIN)


def test_a_secure_string_is_read_by_others_as_they_ask_for_it(world: World, parameter: str) -> None:
    ssm = world.client("ssm")
    read = {flag: ssm.get_parameter(Name=parameter, WithDecryption=flag)["Parameter"] for flag in (True, False)}
    assert read[True]["Value"] == PLAIN
    assert PLAIN not in read[False]["Value"]
    assert {answer["Type"] for answer in read.values()} == {"SecureString"}
    assert PLAIN not in ssm.get_parameter(Name=parameter)["Parameter"]["Value"]


def test_a_secret_is_taken_apart_as_its_arn_says(world: World, service: Service, role: str) -> None:
    client = world.client("secretsmanager")
    first = json.dumps({"password": "old", "port": 5432})
    made = client.create_secret(Name=service.name, SecretString=first)
    value = {"password": PLAIN, "port": 5432, "account": 1234567, "tls": True, "none": None, "ratio": 0.5}
    client.put_secret_value(SecretId=service.name, SecretString=json.dumps(value))
    arn = made["ARN"]
    revision = service.revision(
        "",
        role=role,
        secrets=secrets(
            WHOLE=arn,
            KEY=f"{arn}:password::",
            BEFORE=f"{arn}:password:AWSPREVIOUS:",
            VERSION=f"{arn}:password::{made['VersionId']}",
            PORT=f"{arn}:port::",
            ACCOUNT=f"{arn}:account::",
            TLS=f"{arn}:tls::",
            RATIO=f"{arn}:ratio::",
        ),
        environment=[{"name": "EMPTY", "value": ""}],
    )
    found = environment_of(service, revision)
    assert json.loads(found["WHOLE"]) == value
    assert (found["KEY"], found["BEFORE"], found["VERSION"]) == (PLAIN, "old", "old")
    assert (found["PORT"], found["TLS"], found["RATIO"]) == ("5432", "true", "0.5")
    assert "EMPTY" not in found, "ECS drops a variable without a value"
    assert found["ACCOUNT"] == "1.234567e+06"  # as Go prints a number of JSON: ECS's agent is written in it


@pytest.mark.parametrize(
    "source",
    ["{arn}:user::", "{arn}:password:AWSPENDING:", "{arn}:password::0", "{arn}x", "{arn}:list::"],
    ids=["key", "stage", "version", "secret", "list"],
)
def test_not_there(world: World, service: Service, role: str, source: str) -> None:
    """A secret that is not there ends the task before it starts."""
    value = {"password": PLAIN, "list": [PLAIN]}
    arn = world.client("secretsmanager").create_secret(Name=service.name, SecretString=json.dumps(value))["ARN"]
    service.create(service.revision("", role=role, secrets=secrets(KEY=source.format(arn=arn))), count=1)
    assert wait_for(lambda: bool(service.stopped())), service.describe()
    reason = service.stopped()[0]["stoppedReason"]
    assert reason.startswith("ResourceInitializationError: unable to pull secrets or registry auth")
    assert PLAIN not in reason
    assert not service.containers()


def test_a_task_is_told_where_it_runs(service: Service) -> None:
    found = environment_of(service, service.revision(""))
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "us-west-2"
    assert found["AWS_EXECUTION_ENV"] == "AWS_ECS_FARGATE"
