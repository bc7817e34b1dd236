"""What came after the recorded provider: deployment strategies, by hand from the API's own model."""

from __future__ import annotations

from typing import Any

import pytest

from local.aws.provider import AwsProvider
from local.aws.table import TABLE
from tests.unit.replacements import RECORDED
from tests.unit.test_aws_plugin_sent import changed, made

SERVICE = "aws:ecs/service:Service"
ROLLING: dict[str, Any] = RECORDED[SERVICE]["inputs"]
ADVANCED = {
    "alternateTargetGroupArn": "arn:green",
    "productionListenerRule": "arn:rule",
    "roleArn": "arn:role",
}
STRATEGIES = {
    "BLUE_GREEN": ({}, "bakeTimeInMinutes: 5, deploymentCircuitBreaker"),
    "LINEAR": (
        {"linearConfiguration": {"stepPercent": 10.0, "stepBakeTimeInMinutes": "6"}},
        "linearConfiguration: {stepBakeTimeInMinutes: 6, stepPercent: 10.0}",
    ),
    "CANARY": (
        {"canaryConfiguration": {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": "10"}},
        "canaryConfiguration: {canaryBakeTimeInMinutes: 10, canaryPercent: 5.0}",
    ),
}


def shifting(strategy: str) -> dict[str, Any]:
    (balancer,) = ROLLING["loadBalancers"]
    return ROLLING | {
        "deploymentConfiguration": {"strategy": strategy, "bakeTimeInMinutes": "5"} | STRATEGIES[strategy][0],
        "loadBalancers": [balancer | {"advancedConfiguration": ADVANCED}],
    }


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_strategy_is_sent_with_what_it_requires(strategy: str) -> None:
    kind, wanted = TABLE[SERVICE], shifting(strategy)
    (created,) = [call for call in made(kind, wanted) if "create_service" in call]
    (configured,) = changed(kind, ROLLING, wanted, "deploymentConfiguration")
    (balanced,) = changed(kind, ROLLING, wanted, "loadBalancers")
    for call in (created, configured):
        assert f"strategy: '{strategy}'" in call
        assert STRATEGIES[strategy][1] in call
    for call in (created, balanced):
        assert "{alternateTargetGroupArn: 'arn:green', productionListenerRule: 'arn:rule', roleArn: 'arn:role'}" in call


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_another_strategy_is_no_other_service(strategy: str) -> None:
    diff = AwsProvider().diff(SERVICE, ROLLING, shifting(strategy))
    paths = {change.path for change in diff.changes}
    assert paths == {"deploymentConfiguration", "loadBalancers[0].advancedConfiguration"}
    assert not diff.replaces
