"""The release store, the backend's image, the deploy function and autoscaling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.autoscaling import ServiceAutoscaling, ServiceAutoscalingArgs
from components.backend_image import BackendImage, BackendImageArgs, Build, Promoted
from components.deploy_lambda import DeployLambda, DeployLambdaArgs
from components.policies import RoleOptions
from components.release_store import ReleaseStore, ReleaseStoreArgs
from tests.components.recorded import Recorded, record

IMAGE = "docker:index/image:Image"


def deploy(tmp_path: Path, **changes: Any) -> Recorded:
    (tmp_path / "handler.py").write_text("def handle(event, context): ...\n")
    (tmp_path / "__pycache__").mkdir(exist_ok=True)
    (tmp_path / "__pycache__" / "handler.pyc").write_bytes(b"")
    return record(
        lambda: DeployLambda(
            "deploy",
            DeployLambdaArgs(
                function_name="easi-dev-deploy",
                source=tmp_path,
                cluster_name="easi-dev",
                cluster_arn="arn:cluster",
                service_name="easi-dev",
                service_arn="arn:aws:ecs:us-west-2:111111111111:service/easi-dev/easi-dev",
                task_family_arn="arn:task-definition/easi-dev",
                task_role_arns=["arn:execution", "arn:task"],
                task_log_group_arn="arn:logs",
                **changes,
            ),
        )
    )


def test_function_changes_one_service_and_passes_two_roles(tmp_path: Path) -> None:
    statements = json.loads(deploy(tmp_path).one("aws:iam/rolePolicy:RolePolicy")["policy"])["Statement"]
    by_action = {action: statement for statement in statements for action in statement["Action"]}
    assert by_action["ecs:UpdateService"]["Resource"].endswith(":service/easi-dev/easi-dev")
    family = {"ecs:task-definition": "arn:task-definition/easi-dev:*"}
    assert by_action["ecs:UpdateService"]["Condition"] == {"ArnLikeIfExists": family}
    assert by_action["iam:PassRole"]["Resource"] == ["arn:execution", "arn:task"]
    assert by_action["ecs:DescribeServiceDeployments"]["Resource"][0].endswith(
        ":service-deployment/easi-dev/easi-dev/*"
    )
    changing = [a for a in by_action if not a.split(":")[1].startswith(("Describe", "List", "Get"))]
    assert sorted(changing) == ["ecs:UpdateService", "iam:PassRole", "logs:CreateLogStream", "logs:PutLogEvents"]
    assert all(by_action[action]["Resource"] != "*" for action in changing)


def test_function_has_its_sources_and_no_bytecode(tmp_path: Path) -> None:
    function = deploy(tmp_path).one("aws:lambda/function:Function")
    assert isinstance(function["code"], pulumi.AssetArchive)
    assert list(function["code"].assets) == ["handler.py"]
    assert function["environment"]["variables"] == {"CLUSTER": "easi-dev", "SERVICE": "easi-dev"}
    assert "reservedConcurrentExecutions" not in function


def test_roles_take_the_organizations_path_and_boundary(tmp_path: Path) -> None:
    options = RoleOptions(path="/delegated/", permissions_boundary="arn:aws:iam::1:policy/b")
    role = deploy(tmp_path, role_options=options).one("aws:iam/role:Role")
    assert (role["path"], role["permissionsBoundary"]) == ("/delegated/", "arn:aws:iam::1:policy/b")


def image(what: Build | Promoted) -> Recorded:
    return record(
        lambda: BackendImage(
            "backend", BackendImageArgs(image=what, repository_url="registry/easi-dev", registry_id="111111111111")
        )
    )


def test_first_environment_builds_its_image() -> None:
    built = image(Build(context="backend", arguments={"EASI_VERSION": "a"}, tag="dev-a")).one(IMAGE)
    assert built["imageName"] == "registry/easi-dev:dev-a"
    assert built["build"]["args"] == {"EASI_VERSION": "a"}
    assert built["build"]["platform"] == "linux/amd64"


def test_later_environment_builds_nothing() -> None:
    assert image(Promoted(digest="sha256:" + "b" * 64)).all(IMAGE) == []


def test_another_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="cpu_architecture is 'RISCV': expected X86_64 or ARM64"):
        image(Build(context="backend", arguments={}, tag="t", cpu_architecture="RISCV"))


def test_lifecycle_touches_untagged_images_only() -> None:
    recorded = record(lambda: ReleaseStore("store", ReleaseStoreArgs(repository="easi-dev")))
    rules = json.loads(recorded.one("aws:ecr/lifecyclePolicy:LifecyclePolicy")["policy"])["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged"]
    assert recorded.all("aws:ecr/repositoryPolicy:RepositoryPolicy") == []


def test_readers_pull_images() -> None:
    args = ReleaseStoreArgs(repository="easi-dev", reader_accounts=["222222222222"])
    recorded = record(lambda: ReleaseStore("store", args))
    (statement,) = json.loads(recorded.one("aws:ecr/repositoryPolicy:RepositoryPolicy")["policy"])["Statement"]
    assert not any("Put" in action or "Upload" in action for action in statement["Action"])


def test_service_scales_between_its_bounds() -> None:
    args = ServiceAutoscalingArgs(cluster_name="c", service_name="s", min_count=2, max_count=4)
    recorded = record(lambda: ServiceAutoscaling("backend", args))
    target = recorded.one("aws:appautoscaling/target:Target")
    assert (target["resourceId"], target["minCapacity"], target["maxCapacity"]) == ("service/c/s", 2, 4)
