"""How ECS moves a service: the strategy, the alarms that take a deployment back, and the number of tasks."""

from __future__ import annotations

from typing import Any

import pytest

from components.autoscaling import ServiceAutoscaling, ServiceAutoscalingArgs
from components.deployment_alarms import DeploymentAlarms
from components.strategy import BlueGreen, Canary, Linear, Rolling, Strategy
from tests.components import service_program as shop
from tests.components.recorded import Recorded
from tests.components.service_program import ALARM, ROLE, RULE, SERVICE, TARGETS, routed

ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"


def test_rolling_update_needs_nothing_more() -> None:
    recorded = routed()
    service = recorded.one(SERVICE)
    assert "deploymentConfiguration" not in service
    assert "advancedConfiguration" not in service["loadBalancers"][0]
    assert len(recorded.all(TARGETS)) == 1
    assert "ignoreChanges" not in recorded.asked(RULE)
    assert sorted(role.name for role in recorded.all(ROLE)) == ["backend-execution", "backend-task"]


def test_rolling_update_is_as_fast_as_asked() -> None:
    service = routed(strategy=Rolling(minimum_percent=50, maximum_percent=150)).one(SERVICE)
    assert (service["deploymentMinimumHealthyPercent"], service["deploymentMaximumPercent"]) == (50, 150)


@pytest.mark.parametrize(
    ("strategy", "configuration"),
    [
        (BlueGreen(bake_time_minutes=10), {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": "10"}),
        (
            Linear(step_percent=25.0, step_bake_time_minutes=2, bake_time_minutes=3),
            {
                "strategy": "LINEAR",
                "bakeTimeInMinutes": "3",
                "linearConfiguration": {"stepPercent": 25.0, "stepBakeTimeInMinutes": "2"},
            },
        ),
        (
            Canary(canary_percent=0.5, canary_bake_time_minutes=15, bake_time_minutes=0),
            {
                "strategy": "CANARY",
                "bakeTimeInMinutes": "0",
                "canaryConfiguration": {"canaryPercent": 0.5, "canaryBakeTimeInMinutes": "15"},
            },
        ),
    ],
)
def test_strategy_that_shifts_traffic_has_what_ecs_requires(strategy: Strategy, configuration: dict[str, Any]) -> None:
    recorded = routed(strategy=strategy)
    service = recorded.one(SERVICE)
    assert service["deploymentConfiguration"] == configuration
    (balancing,) = service["loadBalancers"]
    assert {name: arn.rpartition("/")[2] for name, arn in balancing["advancedConfiguration"].items()} == {
        "alternateTargetGroupArn": "backend-green",
        "productionListenerRule": "backend",
        "roleArn": "backend-shifting",
    }
    assert recorded.one(TARGETS, "backend")["healthCheck"] == recorded.one(TARGETS, "backend-green")["healthCheck"]
    (action,) = recorded.one(RULE)["actions"]
    weights = {group["arn"].rpartition("/")[2]: group["weight"] for group in action["forward"]["targetGroups"]}
    assert weights == {"backend": 100, "backend-green": 0}


def test_ecs_owns_the_weights_and_has_a_role_of_its_own_for_them() -> None:
    recorded = routed(strategy=BlueGreen())
    assert recorded.asked(RULE)["ignoreChanges"] == ["actions"]
    assert '"ecs.amazonaws.com"' in recorded.one(ROLE, "backend-shifting")["assumeRolePolicy"]
    policy = "arn:aws:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"
    assert recorded.one(ATTACHMENT)["policyArn"] == policy
    assert "RolePolicyAttachment::backend-shifting" in " ".join(recorded.asked(SERVICE)["dependencies"])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Rolling(minimum_percent=101), "minimum_percent is 101: expected 0 to 100"),
        (lambda: Rolling(maximum_percent=100), "maximum_percent is 100: expected 101 to 200"),
        (lambda: BlueGreen(bake_time_minutes=1441), "bake_time_minutes is 1441: expected 0 to 1440"),
        (lambda: Linear(step_percent=2.9), "step_percent is 2.9: expected 3.0 to 100.0 in tenths"),
        (lambda: Linear(step_percent=10.05), "step_percent is 10.05: expected 3.0 to 100.0 in tenths"),
        (lambda: Linear(step_bake_time_minutes=-1), "step_bake_time_minutes is -1: expected 0 to 1440"),
        (lambda: Canary(canary_percent=0.0), "canary_percent is 0.0: expected 0.1 to 100.0 in tenths"),
        (lambda: Canary(canary_bake_time_minutes=2000), "canary_bake_time_minutes is 2000: expected 0 to 1440"),
        (lambda: DeploymentAlarms(target_5xx=None), "deployment alarms without an alarm"),
        (lambda: DeploymentAlarms(target_5xx=0), "target_5xx is 0: expected 1 or more, or None"),
        (lambda: DeploymentAlarms(periods=0), "periods is 0: expected 1 or more"),
    ],
)
def test_bounds_are_those_of_ecs(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_deployment_is_watched_by_nothing_unless_asked() -> None:
    assert "alarms" not in routed().one(SERVICE)
    assert routed().all(ALARM) == []


def test_answers_5xx_of_the_services_own_targets_take_a_deployment_back() -> None:
    recorded = routed(deployment_alarms=DeploymentAlarms(target_5xx=7, periods=2, other_alarm_names=["queue"]))
    alarm = recorded.one(ALARM)
    assert (alarm["metricName"], alarm["threshold"]) == ("HTTPCode_Target_5XX_Count", 7)
    assert (alarm["period"], alarm["evaluationPeriods"], alarm["statistic"]) == (60, 2, "Sum")
    assert alarm["treatMissingData"] == "notBreaching"
    assert alarm["dimensions"] == {
        "LoadBalancer": "app/backend",
        "TargetGroup": "targetgroup/backend",
    }
    alarms = recorded.one(SERVICE)["alarms"]
    assert alarms == {"enable": True, "rollback": True, "alarmNames": ["backend-5xx", "queue"]}


def test_alarms_that_are_off_stay_known_to_the_service() -> None:
    """The AWS provider does not send a block that is left out: ECS would go on with the names of deleted alarms."""
    recorded = routed(deployment_alarms=DeploymentAlarms(enabled=False))
    assert recorded.one(SERVICE)["alarms"] == {"enable": False, "rollback": True, "alarmNames": ["backend-5xx"]}
    assert recorded.one(ALARM)


def test_both_target_groups_are_watched_where_traffic_is_shifted_between_them() -> None:
    recorded = routed(deployment_alarms=DeploymentAlarms(rollback=False), strategy=Canary())
    watched = {alarm.inputs["dimensions"]["TargetGroup"] for alarm in recorded.all(ALARM)}
    assert watched == {"targetgroup/backend", "targetgroup/backend-green"}
    alarms = recorded.one(SERVICE)["alarms"]
    assert (alarms["rollback"], alarms["alarmNames"]) == (False, ["backend-5xx", "backend-5xx-green"])


def scaled(count: int | None = None, **changes: Any) -> Recorded:
    def build(cluster: Any) -> None:
        service = shop.service("worker", cluster, desired_count=count)
        given = {"min_count": 2, "max_count": 4, **changes}
        ServiceAutoscaling("worker", ServiceAutoscalingArgs(service=service, **given))

    return shop.program(build)


def test_service_scales_between_its_bounds() -> None:
    recorded = scaled(cpu_percent=50)
    target = recorded.one("aws:appautoscaling/target:Target")
    assert (target["resourceId"], target["minCapacity"], target["maxCapacity"]) == ("service/shop/worker", 2, 4)
    policy = recorded.one("aws:appautoscaling/policy:Policy")["targetTrackingScalingPolicyConfiguration"]
    assert policy["targetValue"] == 50


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_count": 5}, "min_count is 5 and max_count 4: expected 0 <= min_count <= max_count"),
        ({"cpu_percent": 0}, "cpu_percent is 0: expected 1 to 100"),
        ({"count": 2}, "desired_count=2, which every `pulumi up` would set again"),
    ],
)
def test_scaling_that_makes_no_sense_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        scaled(**changes)
