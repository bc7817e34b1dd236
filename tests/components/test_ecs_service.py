"""One service: how it is created, moved, released and reached."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.cluster import Cluster, ClusterArgs
from components.policies import allow
from tests.components import service_program as shop
from tests.components.recorded import record
from tests.components.service_program import ROLE, SERVICE, TARGETS, TASK, routed

CLUSTER = "aws:ecs/cluster:Cluster"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
KEY = "arn:aws:kms:us-west-2:111111111111:key/1"


def test_service_is_created_with_no_tasks_and_pulumi_leaves_what_moves_it_to_the_release() -> None:
    recorded = routed(execute_command=True)
    assert recorded.one(SERVICE)["desiredCount"] == 0
    assert recorded.one(SERVICE)["networkConfiguration"]["subnets"] == ["subnet-1", "subnet-2"]
    assert recorded.one(SERVICE)["enableExecuteCommand"] is True
    assert recorded.asked(SERVICE)["ignoreChanges"] == [
        "taskDefinition",
        "desiredCount",
        "networkConfiguration",
        "enableExecuteCommand",
    ]


def test_pulumi_runs_the_newest_revision_where_a_count_is_given() -> None:
    recorded = routed(desired_count=2)
    assert recorded.one(SERVICE)["desiredCount"] == 2
    assert "ignoreChanges" not in recorded.asked(SERVICE)
    assert recorded.one(SERVICE)["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}


def test_tasks_do_not_start_before_their_roles_may_do_their_work() -> None:
    needed = " ".join(routed(desired_count=2).asked(SERVICE)["dependencies"])
    assert "RolePolicy::backend-execution" in needed
    assert "ListenerRule::backend" in needed


def test_service_is_not_named_so_that_its_replacement_can_stand_beside_it() -> None:
    recorded = routed()
    assert "name" not in recorded.one(SERVICE)
    assert "deleteBeforeReplace" not in recorded.asked(SERVICE)


def test_service_rolls_back_by_itself_and_never_goes_below_its_count() -> None:
    service = routed().one(SERVICE)
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (service["deploymentMinimumHealthyPercent"], service["deploymentMaximumPercent"]) == (100, 200)
    assert service["availabilityZoneRebalancing"] == "ENABLED"
    assert "waitForSteadyState" not in service


def test_service_has_no_public_address() -> None:
    assert routed().one(SERVICE)["networkConfiguration"]["assignPublicIp"] is False


def test_replaced_task_definitions_stay_registered() -> None:
    task = routed().one(TASK)
    assert (task["skipDestroy"], task["trackLatest"]) == (True, False)


def test_task_has_the_processor_that_is_asked_for() -> None:
    assert routed(cpu_architecture="ARM64").one(TASK)["runtimePlatform"]["cpuArchitecture"] == "ARM64"


def test_health_check_grace_is_the_callers() -> None:
    assert routed(health_check_grace_s=90).one(SERVICE)["healthCheckGracePeriodSeconds"] == 90
    assert "healthCheckGracePeriodSeconds" not in routed().one(SERVICE)


def test_logs_are_kept_as_long_and_encrypted_as_asked() -> None:
    logs = routed(log_retention_days=365, log_key_arn=KEY).one(LOGS)
    assert (logs["name"], logs["retentionInDays"], logs["kmsKeyId"]) == ("/ecs/shop-backend", 365, KEY)
    assert "kmsKeyId" not in routed().one(LOGS)


def test_tasks_of_this_account_alone_assume_the_task_role() -> None:
    trust = json.loads(routed().one("aws:iam/role:Role", "backend-task")["assumeRolePolicy"])["Statement"]
    assert trust == [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ecs-tasks.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": "111111111111"}},
        }
    ]


def test_task_role_may_nothing_but_what_the_caller_gives_it() -> None:
    assert [policy.name for policy in routed().all(shop.POLICY)] == ["backend-execution"]
    given = allow(["s3:GetObject"], "arn:aws:s3:::shop/*")
    assert shop.statements(routed(task_statements=[given]), "backend-task") == [given]


def test_exec_is_off_and_adds_its_permissions_to_those_of_the_caller() -> None:
    assert routed().one(SERVICE)["enableExecuteCommand"] is False
    given = allow(["s3:GetObject"], "arn:aws:s3:::shop/*")
    recorded = routed(execute_command=True, task_statements=[given])
    assert recorded.one(SERVICE)["enableExecuteCommand"] is True
    assert shop.statements(recorded, "backend-task") == [
        given,
        {
            "Effect": "Allow",
            "Action": [
                "ssmmessages:CreateControlChannel",
                "ssmmessages:CreateDataChannel",
                "ssmmessages:OpenControlChannel",
                "ssmmessages:OpenDataChannel",
            ],
            "Resource": "*",
        },
    ]


def test_what_roles_may_do_is_taken_away_after_what_depends_on_them_has_changed() -> None:
    recorded = routed(secrets={"TOKEN": shop.PARAMETER})
    policy = recorded.asked(shop.POLICY, "backend-execution")
    assert "policy" in policy["replaceOnChanges"]
    assert recorded.one(shop.POLICY)["namePrefix"] == "access-"
    assert "name" not in recorded.one(shop.POLICY), "with a name, the old policy would go before the new one comes"
    for role in ("backend-execution", "backend-task"):
        assert recorded.asked(ROLE, role)["replaceOnChanges"] == ["permissionsBoundary"]


@pytest.mark.parametrize("level", ["enabled", "enhanced", "disabled"])
def test_cluster_is_watched_as_closely_as_asked(level: str) -> None:
    recorded = record(lambda: Cluster("shop", ClusterArgs(cluster_name="shop", container_insights=level)))
    assert recorded.one(CLUSTER)["settings"] == [{"name": "containerInsights", "value": level}]


def test_cluster_moves_from_the_service_that_it_was_a_part_of() -> None:
    recorded = record(lambda: Cluster("backend", ClusterArgs(cluster_name="shop")))
    parents = [alias["spec"].get("parentUrn", "") for alias in recorded.asked(CLUSTER)["aliases"]]
    assert [parent for parent in parents if parent.endswith("easi:service:EcsService::backend")]


def test_target_group_moves_from_the_load_balancer_that_it_was_a_part_of() -> None:
    parents = [alias["spec"].get("parentUrn", "") for alias in routed().asked(TARGETS)["aliases"]]
    assert [parent for parent in parents if parent.endswith("easi:service:LoadBalancer::backend")]


def test_service_that_nobody_calls_has_no_target_and_lets_nobody_in() -> None:
    recorded = shop.program(lambda cluster: shop.service("worker", cluster))
    assert recorded.one(SERVICE).get("loadBalancers", []) == []
    assert [*recorded.all(TARGETS), *recorded.all(shop.RULE), *recorded.all(shop.INGRESS)] == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cpu": 512, "memory": 8192}, "cpu=512 allows memory 1024 to 4096 MiB in steps of 1024 .*, not 8192"),
        ({"cpu": 300}, "cpu=300 is no size of Fargate: expected one of 256, 512"),
        ({"cpu": 256, "memory": 4096}, "cpu=256 allows memory 512, 1024 or 2048 MiB"),
        ({"cpu": 16384, "memory": 36864}, "cpu=16384 allows memory 32768 to 122880 MiB in steps of 8192"),
        ({"cpu_architecture": "arm64"}, "cpu_architecture is 'arm64': expected X86_64 or ARM64"),
        ({"stop_timeout_s": 300}, "stop_timeout_s is 300: expected 2 to 120"),
        ({"log_retention_days": 31}, "31 days"),
        ({"desired_count": -1}, "desired_count is -1: expected 0 or more, or None"),
        ({"health_check_grace_s": 5}, "health_check_grace_s is for the checks of a load balancer"),
        ({"deployment_alarm": False}, "the service has no route: set it to None"),
    ],
)
def test_what_ecs_refuses_is_refused_first(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shop.program(lambda cluster: shop.service("worker", cluster, **changes))


def test_container_insights_has_three_levels() -> None:
    with pytest.raises(ValueError, match="container_insights is 'on': expected one of disabled, enabled, enhanced"):
        record(lambda: Cluster("shop", ClusterArgs(cluster_name="shop", container_insights="on")))
