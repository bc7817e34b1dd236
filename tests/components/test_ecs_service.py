from __future__ import annotations

import dataclasses
import json
from typing import Any

import pulumi
import pytest

from components.ecs_service import EcsService, EcsServiceArgs
from components.load_balancer import LoadBalancer, LoadBalancerArgs
from tests.components.recorded import Recorded, record

SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"
SECRET = "arn:aws:secretsmanager:us-west-2:111111111111:secret:db-a1b2c3:password::"
PARAMETER = "arn:aws:ssm:us-west-2:111111111111:parameter/easi/dev/token"


def build(**changes: Any) -> Recorded:
    def program() -> None:
        balancer = LoadBalancer(
            "backend",
            LoadBalancerArgs(vpc_id="vpc-1", vpc_cidr="10.0.0.0/16", subnet_ids=["subnet-1"], health_path="/health"),
        )
        args = EcsServiceArgs(
            service_name="easi-dev",
            image=f"repository@sha256:{'a' * 64}",
            repository_arn="arn:aws:ecr:us-west-2:111111111111:repository/easi-dev",
            vpc_id="vpc-1",
            subnet_ids=["subnet-1"],
            load_balancer=balancer,
            region="us-west-2",
            health_command=["/backend", "healthcheck"],
        )
        EcsService("backend", dataclasses.replace(args, **changes))

    return record(program)


def container(recorded: Recorded) -> dict[str, Any]:
    (definition,) = json.loads(recorded.one(TASK)["containerDefinitions"])
    assert isinstance(definition, dict)
    return definition


def test_service_is_created_with_no_tasks() -> None:
    assert build().one(SERVICE)["desiredCount"] == 0


def test_service_rolls_back_by_itself_and_never_goes_below_its_count() -> None:
    service = build().one(SERVICE)
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (service["deploymentMinimumHealthyPercent"], service["deploymentMaximumPercent"]) == (100, 200)
    assert "waitForSteadyState" not in service


def test_pulumi_leaves_revision_and_count_to_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    options: dict[str, Any] = {}
    original = pulumi.ResourceOptions.__init__

    def spy(self: pulumi.ResourceOptions, *args: Any, **kwargs: Any) -> None:
        if kwargs.get("ignore_changes"):
            options["ignored"] = kwargs["ignore_changes"]
        original(self, *args, **kwargs)

    monkeypatch.setattr(pulumi.ResourceOptions, "__init__", spy)
    build()
    assert options["ignored"] == ["taskDefinition", "desiredCount"]


def test_replaced_task_definitions_stay_registered() -> None:
    task = build().one(TASK)
    assert (task["skipDestroy"], task["trackLatest"]) == (True, False)


def test_container_is_confined() -> None:
    definition = container(build())
    assert definition["image"].endswith(f"@sha256:{'a' * 64}")
    assert definition["readonlyRootFilesystem"] is True
    assert definition["user"] == "65532:65532"
    assert definition["linuxParameters"]["capabilities"] == {"drop": ["ALL"]}
    assert definition["healthCheck"]["command"] == ["CMD", "/backend", "healthcheck"]


def test_environment_is_sorted_so_that_order_is_no_change() -> None:
    definition = container(build(environment={"B": "2", "A": "1"}))
    assert definition["environment"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]


def test_execution_role_reads_the_named_secrets_only() -> None:
    recorded = build(secrets={"PASSWORD": SECRET, "TOKEN": PARAMETER})
    policy = json.loads(recorded.one("aws:iam/rolePolicy:RolePolicy", "backend-execution")["policy"])
    secrets = {json.dumps(s["Action"]): s["Resource"] for s in policy["Statement"]}
    assert secrets['["secretsmanager:GetSecretValue"]'] == [SECRET.removesuffix(":password::")]
    assert secrets['["ssm:GetParameters"]'] == [PARAMETER]
    everything = [s["Action"] for s in policy["Statement"] if s["Resource"] == "*"]
    assert everything == [["ecr:GetAuthorizationToken"]]


def test_tasks_accept_connections_from_the_load_balancer_only() -> None:
    recorded = build()
    rules = [r.inputs for r in recorded.all("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")]
    sources = [str(rule.get("referencedSecurityGroupId") or rule.get("cidrIpv4")) for rule in rules]
    assert sorted(sources) == ["10.0.0.0/16", "backend-id"]
    assert recorded.one("aws:lb/loadBalancer:LoadBalancer")["internal"] is True


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cpu": 512, "memory": 8192}, "cpu=512 allows memory 1024 to 4096 MiB in steps of 1024 .*, not 8192"),
        ({"cpu": 300}, "cpu=300 is no size of Fargate: expected one of 256, 512"),
        ({"cpu": 256, "memory": 4096}, "cpu=256 allows memory 512, 1024 or 2048 MiB"),
        ({"stop_timeout_s": 300}, "stop_timeout_s is 300: expected 2 to 120"),
        ({"environment": {"A": "1"}, "secrets": {"A": SECRET}}, r'both name \["A"\]'),
        ({"secrets": {"A": "hunter2"}}, r"secrets\['A'\] is no ARN"),
    ],
)
def test_what_ecs_refuses_is_refused_first(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        build(**changes)
    assert "hunter2" not in str(raised.value)
