"""How ECS moves a service: the alarms that take a deployment back, and the number of tasks."""

from __future__ import annotations

from typing import Any

import pytest

from components.autoscaling import ServiceAutoscaling, ServiceAutoscalingArgs
from tests.components import service_program as shop
from tests.components.recorded import Recorded
from tests.components.service_program import ALARM, SERVICE, routed


def test_deployment_is_watched_by_nothing_unless_asked() -> None:
    assert "alarms" not in routed().one(SERVICE)
    assert routed().all(ALARM) == []


def test_answers_5xx_of_the_services_own_targets_take_a_deployment_back() -> None:
    recorded = routed(deployment_alarm=True)
    alarm = recorded.one(ALARM)
    assert (alarm["metricName"], alarm["threshold"]) == ("HTTPCode_Target_5XX_Count", 10)
    assert (alarm["period"], alarm["evaluationPeriods"], alarm["statistic"]) == (60, 1, "Sum")
    assert alarm["treatMissingData"] == "notBreaching"
    assert alarm["dimensions"] == {
        "LoadBalancer": "app/backend",
        "TargetGroup": "targetgroup/backend",
    }
    alarms = recorded.one(SERVICE)["alarms"]
    assert alarms == {"enable": True, "rollback": True, "alarmNames": ["backend-5xx"]}


def test_alarms_that_are_off_stay_known_to_the_service() -> None:
    """The AWS provider does not send a block that is left out: ECS would go on with the names of deleted alarms."""
    recorded = routed(deployment_alarm=False)
    assert recorded.one(SERVICE)["alarms"] == {"enable": False, "rollback": True, "alarmNames": ["backend-5xx"]}
    assert recorded.one(ALARM)


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
