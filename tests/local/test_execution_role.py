"""A task starts with the secrets that its execution role may read, and with no others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.local.emulated import REGION
from tests.local.emulator_world import World, wait_for

pytest_plugins = ["tests.local.emulator_fixtures"]

ACCOUNT = "000000000000"
READ, PARAMETERS, DECRYPT = "secretsmanager:GetSecretValue", "ssm:GetParameters", "kms:Decrypt"


def allow(actions: list[str], *resources: str, **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": actions, "Resource": list(resources), **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Task:
    """A secret with a key of the account's own, a parameter, and a role with a path that may read nothing."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.key = str(self.aws("kms").create_key()["KeyMetadata"]["Arn"])
        made = self.aws("secretsmanager").create_secret(Name="with-a-key", SecretString="s", KmsKeyId=self.key)
        self.secret = str(made["ARN"])
        self.aws("ssm").put_parameter(Name="/own/token", Value="t", Type="SecureString")
        self.parameter = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/own/token"
        self.role = str(
            self.aws("iam").create_role(Path="/teams/", RoleName="execution", AssumeRolePolicyDocument="{}")["Role"][
                "Arn"
            ]
        )

    def aws(self, service: str) -> Any:
        return self.world.client(service)

    def may(self, *policies: str) -> None:
        """Give the role exactly these policies."""
        iam = self.aws("iam")
        for name in iam.list_role_policies(RoleName="execution")["PolicyNames"]:
            iam.delete_role_policy(RoleName="execution", PolicyName=name)
        for number, policy in enumerate(policies):
            iam.put_role_policy(RoleName="execution", PolicyName=str(number), PolicyDocument=policy)

    def start(self, role: str | None, **secrets: str) -> str:
        """Start one task; why it stopped, or an empty text once it runs."""
        ecs = self.aws("ecs")
        roles = {"executionRoleArn": role} if role else {}
        definition = ecs.register_task_definition(
            family="with-secrets",
            requiresCompatibilities=["FARGATE"],
            networkMode="awsvpc",
            cpu="256",
            memory="512",
            containerDefinitions=[
                {
                    "name": "app",
                    "image": self.world.image,
                    "environment": [{"name": "MODE", "value": "healthy"}],
                    "secrets": [{"name": name, "valueFrom": value} for name, value in secrets.items()],
                }
            ],
            **roles,
        )["taskDefinition"]["taskDefinitionArn"]
        task = ecs.run_task(
            cluster="tests",
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-1"]}},
        )["tasks"][0]["taskArn"]

        def described() -> Mapping[str, Any]:
            found: Mapping[str, Any] = ecs.describe_tasks(cluster="tests", tasks=[task])["tasks"][0]
            return found

        assert wait_for(lambda: described()["lastStatus"] in {"RUNNING", "STOPPED"})
        if described()["lastStatus"] == "RUNNING":
            ecs.stop_task(cluster="tests", task=task)
            return ""
        return str(described()["stoppedReason"])


@pytest.fixture(scope="module")
def task(world: World) -> Task:
    return Task(world)


def test_task_without_an_execution_role_gets_no_secret(task: Task) -> None:
    assert task.start(None) == ""
    assert "ResourceInitializationError" in task.start(None, S=task.secret)
    assert "AccessDeniedException" in task.start(task.role.replace("execution", "nobody"), S=task.secret)


@pytest.mark.parametrize(
    ("actions", "lacking"),
    [([], READ), ([READ], DECRYPT), ([DECRYPT], READ), ([READ, DECRYPT], ""), (["secretsmanager:*", "kms:*"], "")],
)
def test_secret_and_its_key_are_read_by_the_role(task: Task, actions: list[str], lacking: str) -> None:
    task.may(*([allow(actions, task.secret, task.key)] if actions else []))
    why = task.start(task.role, S=f"{task.secret}:::")
    if not lacking:
        assert why == ""
        return
    assert why.startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: "
        "unable to retrieve secret from asm: "
    )
    resource = task.key if lacking == DECRYPT else task.secret
    assert "assumed-role/execution/" in why
    assert f"is not authorized to perform: {lacking} on resource: {resource}" in why


def test_any_of_the_roles_policies_allows(task: Task) -> None:
    task.may(allow([READ], task.secret), allow([DECRYPT], task.key))
    assert task.start(task.role, S=task.secret) == ""


@pytest.mark.parametrize("spelled", ["arn", "name"])
def test_parameters_are_read_by_the_role(task: Task, spelled: str) -> None:
    value = task.parameter if spelled == "arn" else "/own/token"
    task.may(allow([PARAMETERS], f"{task.parameter}s"))
    assert f"is not authorized to perform: {PARAMETERS} on resource: {task.parameter}" in task.start(task.role, P=value)
    task.may(allow([PARAMETERS], task.parameter))
    assert task.start(task.role, P=value) == ""


def test_boundary_and_the_secrets_own_policy_count(task: Task) -> None:
    iam, secrets = task.aws("iam"), task.aws("secretsmanager")
    task.may(allow([READ, DECRYPT], task.secret, task.key))
    boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=allow([DECRYPT], "*"))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="execution", PermissionsBoundary=boundary)
    assert f"not authorized to perform: {READ}" in task.start(task.role, S=task.secret)
    assert simulate(task, READ, task.secret) == {task.secret: "implicitDeny"}
    iam.delete_role_permissions_boundary(RoleName="execution")

    task.may(allow([DECRYPT], task.key))
    own = allow([READ], "*", Principal={"AWS": task.role})
    secrets.put_resource_policy(SecretId=task.secret, ResourcePolicy=own)
    assert task.start(task.role, S=task.secret) == ""
    secrets.delete_resource_policy(SecretId=task.secret)
    assert READ in task.start(task.role, S=task.secret)


def test_simulator_knows_roles_with_a_path_and_every_resource(task: Task) -> None:
    task.may(allow([READ], task.secret), allow(["iam:PassRole"], task.role, Condition=to("ecs-tasks.amazonaws.com")))
    other = f"{task.secret}-other"
    assert simulate(task, READ, task.secret, other) == {task.secret: "allowed", other: "implicitDeny"}
    assert simulate(task, "iam:PassRole", task.role) == {task.role: "implicitDeny"}
    passed = {"ContextKeyName": "iam:PassedToService", "ContextKeyType": "string"}
    for service, decision in (("ecs-tasks.amazonaws.com", "allowed"), ("lambda.amazonaws.com", "implicitDeny")):
        entry = {**passed, "ContextKeyValues": [service]}
        assert simulate(task, "iam:PassRole", task.role, context=[entry]) == {task.role: decision}
    with pytest.raises(task.aws("iam").exceptions.NoSuchEntityException):
        simulate(task, READ, task.secret, role=task.role.replace("execution", "nobody"))


def to(service: str) -> dict[str, Any]:
    return {"StringEquals": {"iam:PassedToService": service}}


def simulate(
    task: Task, action: str, *resources: str, context: list[dict[str, Any]] | None = None, role: str = ""
) -> dict[str, str]:
    found = task.aws("iam").simulate_principal_policy(
        PolicySourceArn=role or task.role,
        ActionNames=[action],
        ResourceArns=list(resources),
        ContextEntries=context or [],
    )["EvaluationResults"]
    return {one["EvalResourceName"]: one["EvalDecision"] for one in found}
