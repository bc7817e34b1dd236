"""What alarms are made of, by the local AWS plugin on an emulator of its own."""

from __future__ import annotations

import json
from typing import Any

from local.aws.provider import AwsProvider
from local.aws.session import Aws

ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
DASHBOARD = "aws:cloudwatch/dashboard:Dashboard"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
TOPIC = "aws:sns/topic:Topic"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"


pytest_plugins = ["tests.local.plugin_fixtures"]


def made(provider: AwsProvider, token: str, inputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A resource that is read back as it was made."""
    identity, state = provider.create(token, inputs)
    read = provider.read(token, identity, state, inputs)
    assert read == (state, inputs)
    return identity, state


def gone(provider: AwsProvider, token: str, identity: str, state: dict[str, Any], inputs: dict[str, Any]) -> None:
    provider.delete(token, identity, state)
    assert provider.read(token, identity, state, inputs) is None
    provider.delete(token, identity, state)


def test_a_topic_its_policy_and_its_subscriptions(provider: AwsProvider, aws: Aws) -> None:
    sns, inputs = aws.client("sns"), {"name": "alarms", "tags": {"a": "1"}}
    topic, state = made(provider, TOPIC, inputs)
    assert topic == state["arn"] == "arn:aws:sns:us-west-2:000000000000:alarms"

    changed = {"name": "alarms", "tags": {"b": "2"}, "kmsMasterKeyId": "arn:key", "displayName": "Alarms"}
    state = provider.update(TOPIC, topic, state, old=inputs, new=changed)
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (attributes["KmsMasterKeyId"], attributes["DisplayName"]) == ("arn:key", "Alarms")
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "b", "Value": "2"}]
    state = provider.update(TOPIC, topic, state, old=changed, new=inputs)
    assert not sns.get_topic_attributes(TopicArn=topic)["Attributes"]["KmsMasterKeyId"]

    policy = {"arn": topic, "policy": json.dumps({"Version": "2012-10-17", "Statement": []})}
    identity, kept = made(provider, TOPIC_POLICY, policy)
    other = policy | {"policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Sid": "Other"}]})}
    provider.update(TOPIC_POLICY, identity, kept, old=policy, new=other)
    assert "Other" in sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]

    address = {"topic": topic, "protocol": "email", "endpoint": "a@example.com"}
    subscription, heard = made(provider, SUBSCRIPTION, address)
    (found,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert (found["Protocol"], found["Endpoint"]) == ("email", "a@example.com")
    gone(provider, SUBSCRIPTION, subscription, heard, address)
    gone(provider, TOPIC, topic, state, inputs)


def test_a_dashboard(provider: AwsProvider, aws: Aws) -> None:
    inputs = {"dashboardName": "shop", "dashboardBody": '{"widgets": []}'}
    identity, state = made(provider, DASHBOARD, inputs)
    assert state["dashboardArn"].endswith(":dashboard/shop")
    changed = inputs | {"dashboardBody": '{"widgets": [{"type": "text"}]}'}
    state = provider.update(DASHBOARD, identity, state, old=inputs, new=changed)
    assert aws.client("cloudwatch").get_dashboard(DashboardName="shop")["DashboardBody"] == changed["dashboardBody"]
    gone(provider, DASHBOARD, identity, state, changed)


def test_a_metric_filter(provider: AwsProvider, aws: Aws) -> None:
    provider.create(GROUP, {"name": "/aws/lambda/shop"})
    metric = {"namespace": "shop/dev", "name": "failed", "value": "1"}
    inputs = {"name": "f", "logGroupName": "/aws/lambda/shop", "pattern": "{ $.a = 1 }", "metricTransformation": metric}
    identity, state = made(provider, FILTER, inputs)
    changed = inputs | {
        "pattern": "{ $.a = 2 }",
        "metricTransformation": metric | {"defaultValue": "0", "unit": "Count"},
    }
    state = provider.update(FILTER, identity, state, old=inputs, new=changed)
    (found,) = aws.client("logs").describe_metric_filters(logGroupName="/aws/lambda/shop")["metricFilters"]
    assert found["filterPattern"] == "{ $.a = 2 }"
    assert found["metricTransformations"] == [
        {"metricNamespace": "shop/dev", "metricName": "failed", "metricValue": "1", "defaultValue": 0, "unit": "Count"}
    ]
    gone(provider, FILTER, identity, state, changed)


def test_an_alarm_on_a_share(provider: AwsProvider, aws: Aws) -> None:
    """The emulator keeps no metric math; that it is sent, another test holds."""
    metric = {
        "namespace": "n",
        "metricName": "m",
        "dimensions": {"LoadBalancer": "app/1"},
        "period": 300,
        "stat": "Sum",
    }
    inputs = {
        "name": "share",
        "comparisonOperator": "GreaterThanOrEqualToThreshold",
        "evaluationPeriods": 1,
        "threshold": 5,
        "okActions": ["arn:topic"],
        "metricQueries": [
            {"id": "requests", "metric": metric, "returnData": False},
            {"id": "result", "expression": "requests * 2", "label": "share", "returnData": True},
        ],
    }
    identity, state = made(provider, ALARM, inputs)
    changed = inputs | {"threshold": 6}
    state = provider.update(ALARM, identity, state, old=inputs, new=changed)
    (found,) = aws.client("cloudwatch").describe_alarms(AlarmNames=["share"])["MetricAlarms"]
    assert (found["Threshold"], found["OKActions"]) == (6, ["arn:topic"])
    gone(provider, ALARM, identity, state, changed)
