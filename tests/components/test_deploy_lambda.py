"""The deploy function: what it may do, what it is made of, and who is refused one."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.cluster import Cluster
from components.deploy_lambda import DeployLambda, DeployLambdaArgs, FunctionNetwork
from components.policies import RoleOptions
from tests.components.recorded import Recorded
from tests.components.service_program import program, service

FUNCTION = "aws:lambda/function:Function"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
HERE = "arn:aws:mock:us-west-2:111111111111"


def deploy(tmp_path: Path, desired_count: int | None = None, **changes: Any) -> Recorded:
    (tmp_path / "deploy").mkdir(exist_ok=True)
    (tmp_path / "deploy" / "handler.py").write_text("def handle(event, context): ...\n")
    (tmp_path / "__pycache__").mkdir(exist_ok=True)
    (tmp_path / "__pycache__" / "handler.pyc").write_bytes(b"")

    def build(cluster: Cluster) -> None:
        moved = service("backend", cluster, desired_count=desired_count)
        given = {
            "function_name": "shop-deploy",
            "source": tmp_path,
            "service": moved,
            "records_bucket": "shop-records",
            **changes,
        }
        DeployLambda("deploy", DeployLambdaArgs(**given))

    return program(build)


def test_function_changes_one_service_and_passes_two_roles(tmp_path: Path) -> None:
    policy = deploy(tmp_path).one("aws:iam/rolePolicy:RolePolicy", "deploy")["policy"]
    by_action = {action: statement for statement in json.loads(policy)["Statement"] for action in statement["Action"]}
    assert by_action["ecs:UpdateService"]["Resource"] == f"{HERE}:Service/backend"
    ((key, family),) = by_action["ecs:UpdateService"]["Condition"]["ArnLikeIfExists"].items()
    assert key == "ecs:task-definition"
    assert family.endswith(":task-definition/shop-backend:*")
    roles = [f"{HERE}:Role/backend-execution", f"{HERE}:Role/backend-task"]
    assert by_action["iam:PassRole"]["Resource"] == roles
    assert by_action["iam:PassRole"]["Condition"] == {
        "StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    }
    assert by_action["logs:GetLogEvents"]["Resource"] == f"{HERE}:LogGroup/backend:*"
    assert by_action["logs:PutLogEvents"]["Resource"] == f"{HERE}:LogGroup/deploy:*"
    in_cluster = {"ArnEquals": {"ecs:cluster": f"{HERE}:Cluster/shop"}}
    assert by_action["ecs:RunTask"]["Resource"] == family
    assert by_action["ecs:RunTask"]["Condition"] == in_cluster
    assert by_action["ecs:StopTask"]["Resource"] == f"{HERE}:task/shop/*"
    assert by_action["ecs:StopTask"]["Condition"] == in_cluster
    assert by_action["ecs:StopServiceDeployment"]["Resource"][:2] == [
        f"{HERE}:Service/backend",
        f"{HERE}:service-deployment/backend/*",
    ]
    assert by_action["ecs:TagResource"]["Resource"] == f"{HERE}:task/shop/*"
    assert by_action["ecs:TagResource"]["Condition"] == {"StringEquals": {"ecs:CreateAction": "RunTask"}}
    changing = [action for action in by_action if not action.split(":")[1].startswith(("Describe", "List", "Get"))]
    assert sorted(changing) == [
        "ecs:RunTask",
        "ecs:StopServiceDeployment",
        "ecs:StopTask",
        "ecs:TagResource",
        "ecs:UpdateService",
        "iam:PassRole",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    ]
    assert all(by_action[action]["Resource"] != "*" for action in changing)


def test_function_reads_what_ecs_keeps_of_its_services_deployments(tmp_path: Path) -> None:
    policy = deploy(tmp_path).one("aws:iam/rolePolicy:RolePolicy", "deploy")["policy"]
    (kept,) = [
        statement
        for statement in json.loads(policy)["Statement"]
        if "ecs:DescribeServiceDeployments" in statement["Action"]
    ]
    assert kept["Resource"] == [
        f"{HERE}:Service/backend",
        f"{HERE}:service-deployment/backend/*",
        f"{HERE}:service-revision/backend/*",
    ]


def test_function_reads_the_lease_and_nothing_else_of_the_records(tmp_path: Path) -> None:
    policy = deploy(tmp_path).one("aws:iam/rolePolicy:RolePolicy", "deploy")["policy"]
    statements = [
        statement
        for statement in json.loads(policy)["Statement"]
        if any(action.startswith("s3:") for action in statement["Action"])
    ]
    assert [(statement["Action"], statement["Resource"]) for statement in statements] == [
        (["s3:GetObject"], "arn:aws:s3:::shop-records/lease.json")
    ]


def test_function_decrypts_the_lease_with_the_key_of_the_bucket(tmp_path: Path) -> None:
    key = "arn:aws:kms:us-west-2:111111111111:key/1"
    for given, expected in ((None, []), (key, [key])):
        policy = deploy(tmp_path, records_key_arn=given).one("aws:iam/rolePolicy:RolePolicy", "deploy")["policy"]
        found = [
            statement["Resource"]
            for statement in json.loads(policy)["Statement"]
            if statement["Action"] == ["kms:Decrypt"]
        ]
        assert found == expected


def test_function_is_in_the_network_when_asked_and_reaches_nothing_but_https_there(tmp_path: Path) -> None:
    assert "vpcConfig" not in deploy(tmp_path).one(FUNCTION)
    assert deploy(tmp_path).all(GROUP)[0].name != "deploy"
    recorded = deploy(tmp_path, network=FunctionNetwork(vpc_id="vpc-1", subnet_ids=["subnet-1", "subnet-2"]))
    config = recorded.one(FUNCTION)["vpcConfig"]
    assert config == {"subnetIds": ["subnet-1", "subnet-2"], "securityGroupIds": ["deploy-id"]}
    out = recorded.one("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", "deploy")
    assert (out["fromPort"], out["toPort"], out["ipProtocol"]) == (443, 443, "tcp")
    # Lambda refuses a function in a network whose role may not make its interfaces yet.
    assert "RolePolicy::deploy" in " ".join(recorded.asked(FUNCTION)["dependencies"])
    policy = json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy", "deploy")["policy"])
    assert [statement for statement in policy["Statement"] if "ec2:CreateNetworkInterface" in statement["Action"]]


def test_function_has_its_sources_and_no_bytecode(tmp_path: Path) -> None:
    function = deploy(tmp_path).one(FUNCTION)
    assert isinstance(function["code"], pulumi.AssetArchive)
    assert list(function["code"].assets) == ["functions/deploy/handler.py"]
    assert function["environment"]["variables"] == {
        "CLUSTER": "shop",
        "SERVICE": "backend",
        "RECORDS_BUCKET": "shop-records",
    }
    assert "reservedConcurrentExecutions" not in function


def test_source_that_is_no_file_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(ValueError, match=r"pipe\.py is no file that can be read"):
        deploy(tmp_path)


def test_function_logs_json_to_its_own_group(tmp_path: Path) -> None:
    made = deploy(tmp_path, log_retention_days=90, log_key_arn="arn:key")
    group = made.one("aws:cloudwatch/logGroup:LogGroup", "deploy")
    assert (group["name"], group["retentionInDays"], group["kmsKeyId"]) == ("/aws/lambda/shop-deploy", 90, "arn:key")
    assert made.one(FUNCTION)["loggingConfig"] == {"logFormat": "JSON", "logGroup": "/aws/lambda/shop-deploy"}


def test_role_takes_the_organizations_path_and_boundary(tmp_path: Path) -> None:
    options = RoleOptions(path="/delegated/", permissions_boundary="arn:aws:iam::1:policy/b")
    role = deploy(tmp_path, role_options=options).one("aws:iam/role:Role", "deploy")
    assert (role["path"], role["permissionsBoundary"]) == ("/delegated/", "arn:aws:iam::1:policy/b")


def test_service_that_pulumi_moves_gets_no_function(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="desired_count is 2, so that Pulumi itself moves it"):
        deploy(tmp_path, desired_count=2)


def test_folder_without_a_handler_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"empty: expected a folder with deploy/handler\.py"):
        deploy(tmp_path, source=tmp_path / "empty")


def test_retention_that_cloudwatch_does_not_offer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not keep logs for 31 days"):
        deploy(tmp_path, log_retention_days=31)
