"""Alarms: what each compares, when it goes off, and who hears of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.components.alarms_program import FILTER, TOPIC, alarm, names, watched
from tests.components.service_program import ALARM

LOAD_BALANCER = {"LoadBalancer": "app/web"}
TARGETS = {"LoadBalancer": "app/web", "TargetGroup": "targetgroup/web"}
SERVICE = {"ClusterName": "shop", "ServiceName": "web"}
HERE = "arn:aws:mock:us-west-2:111111111111:Topic/shop"


@pytest.mark.parametrize(
    ("name", "metric", "dimensions", "compared"),
    [
        ("unhealthy-hosts", "AWS/ApplicationELB UnHealthyHostCount Maximum", TARGETS, (1, 60, 5)),
        ("no-healthy-host", "AWS/ApplicationELB HealthyHostCount Maximum", TARGETS, (1, 60, 2)),
        ("load-balancer-5xx", "AWS/ApplicationELB HTTPCode_ELB_5XX_Count Sum", LOAD_BALANCER, (10, 300, 1)),
        ("cpu", "AWS/ECS CPUUtilization Average", SERVICE, (90, 60, 15)),
        ("memory", "AWS/ECS MemoryUtilization Maximum", SERVICE, (90, 60, 15)),
        ("deploy-errors", "AWS/Lambda Errors Sum", {"FunctionName": "shop-deploy"}, (3, 300, 1)),
        ("failed-release", "easi/dev shop-failed-releases Sum", None, (1, 300, 1)),
    ],
)
def test_alarm_on_one_metric(name: str, metric: str, dimensions: Any, compared: tuple[int, int, int]) -> None:
    found = alarm(watched(), name)
    assert f"{found['namespace']} {found['metricName']} {found['statistic']}" == metric
    assert found.get("dimensions") == dimensions
    assert (found["threshold"], found["period"], found["evaluationPeriods"]) == compared
    below = found["comparisonOperator"] == "LessThanThreshold"
    assert below == (name == "no-healthy-host")
    assert below or found["comparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert found["treatMissingData"] == ("breaching" if below else "notBreaching")


@pytest.mark.parametrize(
    ("name", "expression", "metrics", "compared"),
    [
        (
            "target-5xx",
            "IF(FILL(errors, 0) >= 5, 100 * FILL(errors, 0) / requests, 0)",
            {
                "requests": ("AWS/ApplicationELB RequestCount Sum", TARGETS),
                "errors": ("AWS/ApplicationELB HTTPCode_Target_5XX_Count Sum", TARGETS),
            },
            (5, 300, 1),
        ),
        (
            "missing-tasks",
            "wanted - running",
            {
                "wanted": ("ECS/ContainerInsights DesiredTaskCount Average", SERVICE),
                "running": ("ECS/ContainerInsights RunningTaskCount Average", SERVICE),
            },
            (1, 60, 10),
        ),
        (
            "site-5xx",
            "IF(rate * requests / 100 >= 5, rate, 0)",
            {
                "rate": (
                    "AWS/CloudFront 5xxErrorRate Average",
                    {"DistributionId": "site-id", "Region": "Global"},
                ),
                "requests": (
                    "AWS/CloudFront Requests Sum",
                    {"DistributionId": "site-id", "Region": "Global"},
                ),
            },
            (5, 300, 1),
        ),
    ],
)
def test_alarm_on_several_metrics(name: str, expression: str, metrics: Any, compared: tuple[int, int, int]) -> None:
    found = alarm(watched(), name)
    *measured, result = found["metricQueries"]
    assert (result["expression"], result["returnData"]) == (expression, True)
    for query in measured:
        metric = query["metric"]
        asked = f"{metric['namespace']} {metric['metricName']} {metric['stat']}"
        assert (asked, metric["dimensions"]) == metrics.pop(query["id"])
        assert query["returnData"] is False
        assert metric["period"] == compared[1]
    assert metrics == {}
    assert (found["threshold"], found["evaluationPeriods"]) == (compared[0], compared[2])
    assert found["treatMissingData"] == "notBreaching"
    assert "metricName" not in found


def test_every_alarm_says_what_to_look_at_and_is_heard_of() -> None:
    recorded = watched()
    for resource in recorded.all(ALARM):
        topic = f"{HERE}-us-east-1" if resource.name == "shop-site-5xx" else HERE
        assert resource.inputs["alarmActions"] == [topic], resource.name
        assert re.search(r"\. First: .*\.$", resource.inputs["alarmDescription"]), resource.name
        assert "Output" not in resource.inputs["alarmDescription"]
        assert len(resource.inputs["alarmDescription"]) <= 1024
        ends = None if resource.name == "shop-failed-release" else [topic]
        assert resource.inputs.get("okActions") == ends, resource.name


def test_service_without_route_has_no_alarms_of_a_load_balancer() -> None:
    assert names(watched(routed=False, deployed=False, site=False)) == ["cpu", "memory", "missing-tasks"]


@pytest.mark.parametrize(
    ("routed", "desired_count", "missing"),
    [(True, None, "notBreaching"), (False, None, "breaching"), (False, 2, "breaching"), (False, 0, "notBreaching")],
)
def test_no_data_of_tasks_is_alarming_where_nothing_else_tells(
    routed: bool, desired_count: int | None, missing: str
) -> None:
    recorded = watched(routed=routed, desired_count=desired_count, site=False)
    assert alarm(recorded, "missing-tasks")["treatMissingData"] == missing


def test_alarms_are_left_out_where_nothing_could_be_measured() -> None:
    assert "missing-tasks" not in names(watched(container_insights=False))
    without_site = watched(us_east_1=None)
    assert "site-5xx" not in names(without_site)
    assert [topic.name for topic in without_site.all(TOPIC)] == ["shop"]
    without_function = watched(deployed=False)
    assert not {"deploy-errors", "failed-release"} & set(names(without_function))
    assert without_function.all(FILTER) == []


def test_cdns_alarm_and_its_topic_are_in_us_east_1() -> None:
    recorded = watched(emails=["a@example.com"])
    for token, name in (
        (ALARM, "shop-site-5xx"),
        (TOPIC, "shop-us-east-1"),
        ("aws:sns/topicPolicy:TopicPolicy", "shop-us-east-1"),
        ("aws:sns/topicSubscription:TopicSubscription", "shop-us-east-1-a@example.com"),
    ):
        assert "pulumi:providers:aws::us-east-1" in recorded.asked(token, name)["provider"]
    assert "us-east-1" not in recorded.asked(ALARM, "shop-cpu").get("provider", "")


def test_only_alarms_of_the_account_and_region_may_publish_and_only_over_tls() -> None:
    policy = json.loads(watched().one("aws:sns/topicPolicy:TopicPolicy", "shop")["policy"])
    allowed, denied = policy["Statement"]
    assert allowed == {
        "Sid": "Alarms",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": HERE,
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "111111111111"},
            "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:us-west-2:111111111111:alarm:*"},
        },
    }
    assert (denied["Effect"], denied["Principal"]) == ("Deny", "*")
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_each_address_gets_mail_once() -> None:
    recorded = watched(emails=["b@example.com", "a@example.com", "b@example.com"], site=False)
    found = recorded.all("aws:sns/topicSubscription:TopicSubscription")
    assert sorted(resource.inputs["endpoint"] for resource in found) == ["a@example.com", "b@example.com"]
    assert {(resource.inputs["protocol"], resource.inputs["topic"]) for resource in found} == {("email", HERE)}


def test_topics_take_keys_of_their_regions() -> None:
    recorded = watched(topic_key_arn="arn:here", us_east_1_topic_key_arn="arn:there")
    assert recorded.one(TOPIC, "shop")["kmsMasterKeyId"] == "arn:here"
    assert recorded.one(TOPIC, "shop-us-east-1")["kmsMasterKeyId"] == "arn:there"
    assert "kmsMasterKeyId" not in watched().one(TOPIC, "shop")
