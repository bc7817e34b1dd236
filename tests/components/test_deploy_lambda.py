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


def allowed(recorded: Recorded) -> dict[str, dict[str, Any]]:
    """The statements of the function's role, by action. No action is in two, of which one could say more."""
    policy = json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy", "deploy")["policy"])
    by_action: dict[str, dict[str, Any]] = {}
    for statement in policy["Statement"]:
        by_action |= dict.fromkeys(statement["Action"], statement)
    assert sum(len(statement["Action"]) for statement in policy["Statement"]) == len(by_action)
    return by_action


def test_function_changes_one_service_and_passes_two_roles(tmp_path: Path) -> None:
    by_action = allowed(deploy(tmp_path))
    ((key, family),) = by_action["ecs:UpdateService"]["Condition"]["ArnLikeIfExists"].items()
    assert key == "ecs:task-definition"
    assert family.endswith(":task-definition/shop-backend:*")
    kept_by_ecs = [
        f"{HERE}:Service/backend",
        f"{HERE}:service-deployment/backend/*",
        f"{HERE}:service-revision/backend/*",
    ]
    changing = [action for action in by_action if not action.split(":")[1].startswith(("Describe", "List", "Get"))]
    assert {action: by_action[action]["Resource"] for action in changing} == {
        "ecs:RunTask": family,
        "ecs:StopServiceDeployment": kept_by_ecs,
        "ecs:StopTask": f"{HERE}:task/shop/*",
        "ecs:TagResource": f"{HERE}:task/shop/*",
        "ecs:UpdateService": f"{HERE}:Service/backend",
        "iam:PassRole": [f"{HERE}:Role/backend-execution", f"{HERE}:Role/backend-task"],
        "logs:CreateLogStream": f"{HERE}:LogGroup/deploy:*",
        "logs:PutLogEvents": f"{HERE}:LogGroup/deploy:*",
    }
    in_cluster = {"ArnEquals": {"ecs:cluster": f"{HERE}:Cluster/shop"}}
    for action, condition in {
        "iam:PassRole": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        "ecs:RunTask": in_cluster,
        "ecs:StopTask": in_cluster,
        "ecs:TagResource": {"StringEquals": {"ecs:CreateAction": "RunTask"}},
    }.items():
        assert by_action[action]["Condition"] == condition
    assert by_action["logs:GetLogEvents"]["Resource"] == f"{HERE}:LogGroup/backend:*"
    assert by_action["ecs:DescribeServiceDeployments"]["Resource"] == kept_by_ecs


def test_function_reads_the_lease_alone_of_the_records_and_decrypts_it_with_their_key(tmp_path: Path) -> None:
    key = "arn:aws:kms:us-west-2:111111111111:key/1"
    for given, expected in ((None, {}), (key, {"kms:Decrypt": key})):
        by_action = allowed(deploy(tmp_path, records_key_arn=given))
        reads = {action: one["Resource"] for action, one in by_action.items() if action.startswith(("s3:", "kms:"))}
        assert reads == {"s3:GetObject": "arn:aws:s3:::shop-records/lease.json", **expected}


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
    assert "ec2:CreateNetworkInterface" in allowed(recorded)


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


def test_service_that_pulumi_moves_gets_no_function(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="desired_count is 2, so that Pulumi itself moves it"):
        deploy(tmp_path, desired_count=2)


def test_folder_without_a_handler_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"empty: expected a folder with deploy/handler\.py"):
        deploy(tmp_path, source=tmp_path / "empty")


def test_retention_that_cloudwatch_does_not_offer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not keep logs for 31 days"):
        deploy(tmp_path, log_retention_days=31)
