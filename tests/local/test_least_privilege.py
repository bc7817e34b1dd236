"""The roles of the deploy function and of tasks, as the components make them: enough for their work, and nothing else.

Proven on requests that the emulator authorizes (`authorized_emulator` says how): the deploy function's role with the
real function and real tasks, the task execution role by the requests that ECS makes with it.

Not proven, because the emulator does not enforce it:
- `iam:PassRole`: nothing that is given a role asks for it. Its statement is evaluated for the question that AWS asks.
- What ECS keeps of a deployment (DescribeServiceDeployments, DescribeServiceRevisions, StopServiceDeployment): it keeps
  nothing here, so the function does not come to ask. Its role is tried on them directly.
- What platforms do with a role by themselves: here, ECS starts tasks and Lambda writes its log without asking.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ministack.core.iam_evaluator import EvalContext, evaluate, parse_policy_document

from release.deploy_function import FunctionFailed
from release.rollout import RolledOut
from tests.local.authorized_world import ACCOUNT, CLUSTER, HERE, OTHER, OWN, RECORDS, ROLES, World, build_world
from tests.local.deployed_service import emulated
from tests.local.emulated import Call, denies, described

NEEDED = {
    "ecs:DescribeServices": "deploy",
    "ecs:DescribeTaskDefinition": "deploy",
    "ecs:UpdateService": "deploy",
    "ecs:ListServiceDeployments": "status",
    "ecs:ListTasks": "status",
    "ecs:DescribeTasks": "status",
    "elasticloadbalancing:DescribeTargetHealth": "status",
    "ecs:RunTask": "run_task",
    "ecs:StopTask": "stop_task",
    "s3:GetObject": "deploy",
}
"""The command that fails without an action."""
NOT_ASKED_BY_COMMANDS = {
    "logs:GetLogEvents",  # without it, an explanation has no log lines
    "ecs:DescribeServiceDeployments",
    "ecs:DescribeServiceRevisions",
    "ecs:StopServiceDeployment",
    "ecs:TagResource",  # RunTask that gives a task tags asks for it
    "iam:PassRole",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
}

OWN_LOG = {"logGroupName": f"/ecs/{OWN}", "logStreamName": "old"}
OTHER_LOG = {"logGroupName": f"/ecs/{OTHER}", "logStreamName": "old"}
LAYER = f"sha256:{'0' * 64}"
CONTAINER = {"name": "app", "image": "scratch", "memory": 64}


def kept(kind: str, service: str) -> str:
    """ARN of what ECS keeps of a deployment."""
    return f"arn:aws:ecs:{HERE}:{kind}/{CLUSTER}/{service}/1"


def definition(family: str, revision: int) -> str:
    return f"arn:aws:ecs:{HERE}:task-definition/{family}:{revision}"


DEPLOY_MAY: list[Call] = [
    ("ecs", "describe_service_deployments", {"serviceDeploymentArns": [kept("service-deployment", OWN)]}),
    ("ecs", "describe_service_revisions", {"serviceRevisionArns": [kept("service-revision", OWN)]}),
    ("ecs", "update_service", {"cluster": CLUSTER, "service": OWN, "desiredCount": 1}),
    ("ecs", "stop_service_deployment", {"serviceDeploymentArn": kept("service-deployment", OWN)}),
    ("ecs", "run_task", {"cluster": CLUSTER, "taskDefinition": definition(OWN, 999)}),
    ("ecs", "stop_task", {"cluster": CLUSTER, "task": "1"}),
    ("logs", "get_log_events", OWN_LOG),
    ("s3", "get_object", {"Bucket": RECORDS[OWN], "Key": "lease.json"}),
]
DEPLOY_MAY_NOT: list[Call] = [
    ("ecs", "describe_services", {"cluster": CLUSTER, "services": [OTHER]}),
    ("ecs", "describe_services", {"cluster": OTHER, "services": [OWN]}),
    ("ecs", "update_service", {"cluster": CLUSTER, "service": OTHER, "desiredCount": 0}),
    ("ecs", "update_service", {"cluster": OTHER, "service": OWN, "desiredCount": 0}),
    ("ecs", "update_service", {"cluster": CLUSTER, "service": OWN, "taskDefinition": f"{OTHER}:1"}),
    ("ecs", "update_service", {"cluster": CLUSTER, "service": OWN, "taskDefinition": f"{OWN}-{OTHER}:1"}),
    ("ecs", "list_service_deployments", {"cluster": CLUSTER, "service": OTHER}),
    ("ecs", "describe_service_deployments", {"serviceDeploymentArns": [kept("service-deployment", OTHER)]}),
    ("ecs", "describe_service_revisions", {"serviceRevisionArns": [kept("service-revision", OTHER)]}),
    ("ecs", "list_tasks", {"cluster": OTHER}),
    ("ecs", "describe_tasks", {"cluster": OTHER, "tasks": ["1"]}),
    ("ecs", "register_task_definition", {"family": OWN, "containerDefinitions": [CONTAINER]}),
    ("ecs", "deregister_task_definition", {"taskDefinition": f"{OWN}:1"}),
    ("ecs", "stop_service_deployment", {"serviceDeploymentArn": kept("service-deployment", OTHER)}),
    ("ecs", "run_task", {"cluster": CLUSTER, "taskDefinition": definition(OTHER, 1)}),
    ("ecs", "run_task", {"cluster": CLUSTER, "taskDefinition": definition(f"{OWN}-{OTHER}", 1)}),
    ("ecs", "run_task", {"cluster": OTHER, "taskDefinition": definition(OWN, 1)}),
    ("ecs", "stop_task", {"cluster": OTHER, "task": "1"}),
    ("ecs", "create_service", {"cluster": CLUSTER, "serviceName": "new", "taskDefinition": f"{OWN}:1"}),
    ("ecs", "delete_service", {"cluster": CLUSTER, "service": OWN, "force": True}),
    ("logs", "get_log_events", OTHER_LOG),
    ("secretsmanager", "get_secret_value", {"SecretId": OWN}),
    ("ssm", "get_parameters", {"Names": [f"/{OWN}/token"], "WithDecryption": True}),
    ("ecr", "get_authorization_token", {}),
    ("s3", "list_buckets", {}),
    ("s3", "list_objects_v2", {"Bucket": RECORDS[OWN]}),
    ("s3", "get_object", {"Bucket": RECORDS[OWN], "Key": "release.json"}),
    ("s3", "get_object", {"Bucket": RECORDS[OTHER], "Key": "lease.json"}),
    ("s3", "put_object", {"Bucket": RECORDS[OWN], "Key": "lease.json", "Body": b"{}"}),
    ("s3", "delete_object", {"Bucket": RECORDS[OWN], "Key": "lease.json"}),
    ("lambda", "update_function_configuration", {"FunctionName": f"{OWN}-deploy", "Timeout": 3}),
    ("iam", "put_role_policy", {"RoleName": "deploy", "PolicyName": "more", "PolicyDocument": "{}"}),
    ("sts", "assume_role", {"RoleArn": ROLES["backend-task"], "RoleSessionName": "test"}),
]
EXECUTION_MAY: dict[str, Call] = {
    "ecr:GetAuthorizationToken": ("ecr", "get_authorization_token", {}),
    "ecr:BatchCheckLayerAvailability": (
        "ecr",
        "batch_check_layer_availability",
        {"repositoryName": OWN, "layerDigests": [LAYER]},
    ),
    "ecr:BatchGetImage": ("ecr", "batch_get_image", {"repositoryName": OWN, "imageIds": [{"imageTag": "1"}]}),
    "ecr:GetDownloadUrlForLayer": ("ecr", "get_download_url_for_layer", {"repositoryName": OWN, "layerDigest": LAYER}),
    "logs:CreateLogStream": ("logs", "create_log_stream", {"logGroupName": f"/ecs/{OWN}", "logStreamName": "new"}),
    "logs:PutLogEvents": ("logs", "put_log_events", {**OWN_LOG, "logEvents": [{"timestamp": 1, "message": "m"}]}),
    "secretsmanager:GetSecretValue": ("secretsmanager", "get_secret_value", {"SecretId": OWN}),
    "ssm:GetParameters": ("ssm", "get_parameters", {"Names": [f"/{OWN}/token"], "WithDecryption": True}),
}
EXECUTION_MAY_NOT: list[Call] = [
    ("ecr", "batch_get_image", {"repositoryName": OTHER, "imageIds": [{"imageTag": "1"}]}),
    ("ecr", "get_download_url_for_layer", {"repositoryName": OTHER, "layerDigest": LAYER}),
    ("ecr", "put_image", {"repositoryName": OWN, "imageManifest": "{}"}),
    ("logs", "create_log_group", {"logGroupName": "/ecs/new"}),
    ("logs", "create_log_stream", {"logGroupName": f"/ecs/{OTHER}", "logStreamName": "new"}),
    ("logs", "put_log_events", {**OTHER_LOG, "logEvents": [{"timestamp": 1, "message": "m"}]}),
    ("logs", "get_log_events", OWN_LOG),
    ("secretsmanager", "get_secret_value", {"SecretId": OTHER}),
    ("secretsmanager", "put_secret_value", {"SecretId": OWN, "SecretString": "s"}),
    ("ssm", "get_parameters", {"Names": [f"/{OTHER}/token"]}),
    ("ssm", "put_parameter", {"Name": f"/{OWN}/token", "Value": "v", "Overwrite": True}),
    ("ecs", "describe_services", {"cluster": CLUSTER, "services": [OWN]}),
    ("ecs", "update_service", {"cluster": CLUSTER, "service": OWN, "desiredCount": 0}),
    ("s3", "list_buckets", {}),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with emulated(tmp_path_factory, CLUSTER, auth=True) as aws:
        yield build_world(aws)


@pytest.fixture(scope="module")
def deployed(world: World) -> RolledOut:
    return world.service.roll_out(world.revisions[0], minimum_count=1)


def is_denied(world: World, role: str, call: Call) -> bool:
    service, method, arguments = call
    return denies(world.as_role(role, service), method, arguments)


def may_pass(world: World, role: str, to: str) -> bool:
    """IAM's decision on the question that AWS asks when a role is passed; no request to the emulator asks it."""
    context = EvalContext(
        principal_arn=f"arn:aws:sts::{ACCOUNT}:assumed-role/deploy/test",
        principal_type="AssumedRole",
        principal_account=ACCOUNT,
        action="iam:PassRole",
        resource_arn=role,
        region="us-west-2",
        service_context={"iam:passedtoservice": to},
    )
    decision = evaluate(context, [parse_policy_document(world.policies["deploy"])]).decision
    return str(decision) == "Allow"


def actions(world: World, role: str) -> list[str]:
    return sorted(action for statement in world.policies[role]["Statement"] for action in statement["Action"])


def test_deploy_role_is_enough_to_deploy_and_to_follow_it_to_its_end(world: World, deployed: RolledOut) -> None:
    assert deployed.started
    assert world.service.running() == [deployed.task_definition]
    assert world.service.ask("status", deployment=deployed.deployment, explain=True)["outcome"] == "succeeded"


def test_deploy_role_is_enough_to_migrate_and_to_roll_back(world: World, deployed: RolledOut) -> None:
    world.service.migrate(world.revisions[1], "exit", "0")
    forward = world.service.roll_out(world.revisions[1], minimum_count=1)

    back = world.service.roll_back(deployed.task_definition, forward.deployment, minimum_count=1)

    assert back is not None
    assert world.service.running() == [deployed.task_definition]


def test_deploy_role_has_no_action_that_is_not_accounted_for(world: World) -> None:
    assert actions(world, "deploy") == sorted({*NEEDED, *NOT_ASKED_BY_COMMANDS})


@pytest.mark.parametrize("action", NEEDED)
def test_command_fails_without_a_permission_that_it_needs(world: World, deployed: RolledOut, action: str) -> None:
    service, command = world.service, NEEDED[action]
    current = service.ask("status")["current"]["deployment"]
    with service.lease() as held:
        run = {"lease": held.id, "taskDefinition": world.revisions[0], "container": "backend"}
        commands: dict[str, dict[str, Any]] = {
            "deploy": {
                "lease": held.id,
                "taskDefinition": world.revisions[1],
                "minimumCount": 1,
                "maximumCount": 1,
                "expectedDeployment": current,
            },
            "status": {"deployment": current},
            "run_task": {**run, "containerCommand": ["exit", "0"]},
            "stop_task": {"lease": held.id, "reason": "test"},
        }
        if command == "stop_task":
            commands[command]["task"] = service.ask("run_task", **run, containerCommand=["hang"])["task"]
        one_offs = running_one_offs(world)

        with world.without("deploy", action):
            answer = service.ask(command, **commands[command])

        assert running_one_offs(world) == one_offs
        if command == "stop_task":
            assert service.ask(command, **commands[command])["outcome"] == "stopping"
    # What the role may not read of S3 and what is not there look alike on AWS.
    said = "nobody holds the lease" if action == "s3:GetObject" else f"not authorized to perform: {action}"
    assert said in answer.get("errorMessage", ""), answer
    assert service.on() == deployed.task_definition


def running_one_offs(world: World) -> list[str]:
    found = world.aws.client("ecs").list_tasks(cluster=CLUSTER, family=OWN, desiredStatus="RUNNING")["taskArns"]
    tasks = world.aws.client("ecs").describe_tasks(cluster=CLUSTER, tasks=found)["tasks"]
    return sorted(task["taskArn"] for task in tasks if task["startedBy"].startswith("release/"))


def test_rollout_without_permission_to_update_says_so(world: World, deployed: RolledOut) -> None:
    with world.without("deploy", "ecs:UpdateService"), pytest.raises(FunctionFailed, match="not authorized") as caught:
        world.service.roll_out(world.revisions[1], minimum_count=1)
    assert caught.value.outcome == "error"
    assert world.service.running() == [deployed.task_definition]


@pytest.mark.parametrize("call", DEPLOY_MAY, ids=described)
def test_deploy_role_may(world: World, call: Call) -> None:
    assert not is_denied(world, "deploy", call)


@pytest.mark.parametrize("call", DEPLOY_MAY_NOT, ids=described)
def test_deploy_role_may_not(world: World, call: Call) -> None:
    assert is_denied(world, "deploy", call)


def test_deploy_role_passes_the_two_roles_of_its_tasks_to_ecs_and_no_other(world: World) -> None:
    tasks = "ecs-tasks.amazonaws.com"
    assert may_pass(world, ROLES["backend-task"], tasks)
    assert may_pass(world, ROLES["backend-execution"], tasks)
    assert not may_pass(world, ROLES["deploy"], tasks)
    assert not may_pass(world, f"arn:aws:iam::{ACCOUNT}:role/admin", tasks)
    assert not may_pass(world, ROLES["backend-task"], "lambda.amazonaws.com")


def test_execution_role_has_no_action_that_is_not_accounted_for(world: World) -> None:
    assert actions(world, "backend-execution") == sorted(EXECUTION_MAY)


@pytest.mark.parametrize("action", EXECUTION_MAY)
def test_execution_role_may_only_with_its_permission(world: World, action: str) -> None:
    assert not is_denied(world, "backend-execution", EXECUTION_MAY[action])
    with world.without("backend-execution", action):
        assert is_denied(world, "backend-execution", EXECUTION_MAY[action])


@pytest.mark.parametrize("call", EXECUTION_MAY_NOT, ids=described)
def test_execution_role_may_not(world: World, call: Call) -> None:
    assert is_denied(world, "backend-execution", call)


@pytest.mark.parametrize("call", [*EXECUTION_MAY.values(), *DEPLOY_MAY], ids=described)
def test_task_role_may_do_nothing(world: World, call: Call) -> None:
    assert is_denied(world, "backend-task", call)
