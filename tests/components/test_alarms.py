"""Alarms: what each compares, when it goes off, who hears of it, and what the dashboard shows."""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pulumi_aws as aws
import pytest

from components.alarm_rules import Thresholds
from components.alarms import Alarms, AlarmsArgs
from components.cluster import Cluster
from components.deploy_lambda import DeployLambda, DeployLambdaArgs
from components.static_site import StaticSite, StaticSiteArgs
from components.target import Route
from tests.components import recorded as recorded_module
from tests.components.recorded import Recorded
from tests.components.service_program import ALARM, load_balancer, program, service

TOPIC = "aws:sns/topic:Topic"
FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
FUNCTION = Path(__file__).parents[2] / "functions" / "deploy"
LOAD_BALANCER = {"LoadBalancer": "app/web"}
TARGETS = {"LoadBalancer": "app/web", "TargetGroup": "targetgroup/web"}
SERVICE = {"ClusterName": "shop", "ServiceName": "web"}
HERE = "arn:aws:mock:us-west-2:111111111111:Topic/shop"


@pytest.fixture(autouse=True)
def suffixes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What CloudWatch calls the load balancer and the target group."""
    make = recorded_module._Mocks.new_resource
    known = {"aws:lb/loadBalancer:LoadBalancer": "app", "aws:lb/targetGroup:TargetGroup": "targetgroup"}

    def with_suffix(self: Any, args: Any) -> tuple[str | None, dict[Any, Any]]:
        identity, outputs = make(self, args)
        suffix = {"arnSuffix": f"{known[args.typ]}/{args.name}"} if args.typ in known else {}
        return identity, {**outputs, **suffix}

    monkeypatch.setattr(recorded_module._Mocks, "new_resource", with_suffix)


def anew(
    *, routed: bool = True, deployed: bool = True, site: bool = True, desired_count: int | None = None, **changes: Any
) -> Recorded:
    def build(cluster: Cluster) -> None:
        route = Route(load_balancer=load_balancer("web"), health_path="/health") if routed else None
        args: dict[str, Any] = {"service": service("web", cluster, route=route, desired_count=desired_count)}
        if deployed and desired_count is None:
            given = DeployLambdaArgs(function_name="shop-deploy", source=FUNCTION, service=args["service"])
            args["deploy"] = DeployLambda("deploy", given)
        if site:
            args["site"] = StaticSite("site", StaticSiteArgs())
            args["us_east_1"] = aws.Provider("us-east-1", region="us-east-1")
        Alarms("shop", AlarmsArgs(**{**args, **changes}))

    return program(build)


@functools.cache
def usual() -> Recorded:
    """With everything and its defaults, recorded once."""
    return anew()


def watched(**changes: Any) -> Recorded:
    """What is made; without changes, always the same."""
    return anew(**changes) if changes else usual()


def alarm(recorded: Recorded, name: str) -> dict[str, Any]:
    return recorded.one(ALARM, f"shop-{name}")


def names(recorded: Recorded) -> list[str]:
    return sorted(each.name.removeprefix("shop-") for each in recorded.all(ALARM))


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
    recorded = watched(thresholds=Thresholds(latency_p99_s=1))
    for each in recorded.all(ALARM):
        topic = f"{HERE}-us-east-1" if each.name == "shop-site-5xx" else HERE
        assert each.inputs["alarmActions"] == [topic], each.name
        assert re.search(r"\. First: .*\.$", each.inputs["alarmDescription"]), each.name
        assert "Output" not in each.inputs["alarmDescription"]
        assert len(each.inputs["alarmDescription"]) <= 1024
        ends = None if each.name == "shop-failed-release" else [topic]
        assert each.inputs.get("okActions") == ends, each.name


def test_latency_is_alarming_when_someone_says_what_is_slow() -> None:
    assert "latency" not in names(watched())
    found = alarm(watched(thresholds=Thresholds(latency_p99_s=1.5)), "latency")
    assert (found["metricName"], found["extendedStatistic"], found["threshold"]) == ("TargetResponseTime", "p99", 1.5)
    assert found["evaluateLowSampleCountPercentiles"] == "ignore"
    assert "statistic" not in found


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
    assert "load-balancer-5xx" not in names(watched(own_load_balancer=False))
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
    assert sorted(each.inputs["endpoint"] for each in found) == ["a@example.com", "b@example.com"]
    assert {(each.inputs["protocol"], each.inputs["topic"]) for each in found} == {("email", HERE)}


def test_topics_take_keys_of_their_regions() -> None:
    recorded = watched(topic_key_arn="arn:here", us_east_1_topic_key_arn="arn:there")
    assert recorded.one(TOPIC, "shop")["kmsMasterKeyId"] == "arn:here"
    assert recorded.one(TOPIC, "shop-us-east-1")["kmsMasterKeyId"] == "arn:there"
    assert "kmsMasterKeyId" not in watched().one(TOPIC, "shop")


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The deploy function, whose files import each other by bare names."""
    monkeypatch.syspath_prepend(str(FUNCTION))
    mine = {path.stem for path in FUNCTION.glob("*.py")}
    before = {name: sys.modules.pop(name) for name in mine if name in sys.modules}
    try:
        import handler as found

        yield found
    finally:
        for name in mine:
            sys.modules.pop(name, None)
        sys.modules.update(before)


@pytest.mark.parametrize(
    ("event", "outcome", "counted"),
    [
        ({"deployment": "ecs-svc/1"}, "rolled_back", True),
        ({"deployment": "ecs-svc/1"}, "failed", True),
        ({"deployment": "ecs-svc/1"}, "no_tasks", True),
        ({"deployment": "ecs-svc/1"}, "succeeded", False),
        ({"deployment": "ecs-svc/1"}, "in_progress", False),
        ({"deployment": "ecs-svc/1"}, "superseded", False),
        ({}, "failed", False),
        ({"deployment": "nonsense"}, "failed", False),
    ],
)
def test_failed_releases_are_counted_in_the_functions_own_lines(
    handler: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    event: dict[str, str],
    outcome: str,
    counted: bool,
) -> None:
    """The line is printed by the function itself, and the pattern is the component's."""
    answer = {"outcome": outcome, **event}
    monkeypatch.setattr(handler, "_aws", lambda: None)
    monkeypatch.setattr(handler, "_translated", lambda run: answer)
    try:
        handler.handle({"command": "status", **event}, None)
    except handler.BadCommandError:
        assert event == {"deployment": "nonsense"}
    line = capsys.readouterr().out
    pattern = watched().one(FILTER)["pattern"]
    assert matches(pattern, json.loads(line)) == counted


def matches(pattern: str, line: dict[str, Any]) -> bool:
    """What CloudWatch Logs makes of a JSON pattern of equal strings, of fields that are there, of && and ||.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    """
    compared = re.fullmatch(r"\{ (.*) \}", pattern)
    assert compared is not None, pattern

    def value(found: re.Match[str]) -> str:
        there = line.get(found[1])
        return str(there is not None if found[2] == "*" else f'"{there}"' == found[2])

    text = re.sub(r'\$\.(\w+) = (\*|"\w+")', value, compared[1]).replace("&&", "and").replace("||", "or")
    assert re.fullmatch(r"(True|False|and|or|[() ])+", text), text
    return bool(eval(text))


def test_metric_of_failed_releases_is_the_one_that_the_filter_counts() -> None:
    recorded = watched()
    counted = recorded.one(FILTER)
    found = alarm(recorded, "failed-release")
    assert counted["logGroupName"] == "/aws/lambda/shop-deploy"
    assert counted["metricTransformation"] == {
        "namespace": found["namespace"],
        "name": found["metricName"],
        "value": "1",
        "unit": "Count",
    }


def widgets(recorded: Recorded) -> list[dict[str, Any]]:
    body = recorded.one("aws:cloudwatch/dashboard:Dashboard")["dashboardBody"]
    found: list[dict[str, Any]] = json.loads(body)["widgets"]
    return found


def test_dashboard_shows_every_metric_that_is_alarming() -> None:
    recorded = watched(thresholds=Thresholds(latency_p99_s=1))
    shown = set()
    for widget in widgets(recorded):
        for namespace, name, *place, _ in widget["properties"].get("metrics", []):
            shown.add((namespace, name, tuple(sorted(zip(place[::2], place[1::2], strict=True)))))
    alarming = set()
    for each in recorded.all(ALARM):
        queries = [query["metric"] for query in each.inputs.get("metricQueries", []) if "metric" in query]
        for metric in queries or [each.inputs]:
            dimensions = tuple(sorted((metric.get("dimensions") or {}).items()))
            alarming.add((metric["namespace"], metric["metricName"], dimensions))
    assert alarming <= shown
    assert len(alarming) > 10


def test_dashboard_has_each_metric_in_the_region_where_it_is() -> None:
    for widget in widgets(watched()):
        if widget["type"] == "metric":
            cdn = {row[0] == "AWS/CloudFront" for row in widget["properties"]["metrics"]}
            assert widget["properties"]["region"] == ("us-east-1" if cdn == {True} else "us-west-2")


def test_dashboard_begins_with_the_alarms_and_nothing_overlaps() -> None:
    first, *others = widgets(watched())
    assert first["type"] == "alarm"
    assert len(first["properties"]["alarms"]) == 9
    taken: set[tuple[int, int]] = set()
    for widget in (first, *others):
        across = range(widget["x"], widget["x"] + widget["width"])
        down = range(widget["y"], widget["y"] + widget["height"])
        area = {(x, y) for x in across for y in down}
        assert not area & taken, widget["properties"]["title"]
        assert max(across) < 24
        taken |= area


def test_dashboard_is_the_same_text_every_time() -> None:
    bodies = {made().one("aws:cloudwatch/dashboard:Dashboard")["dashboardBody"] for made in (anew, usual)}
    assert len(bodies) == 1
    assert watched().one("aws:cloudwatch/dashboard:Dashboard")["dashboardName"] == "easi-dev-shop"


def test_dashboard_shows_only_what_there_is() -> None:
    text = json.dumps(widgets(watched(routed=False, deployed=False, site=False)))
    assert "ELB" not in text
    assert "CloudFront" not in text
    assert "Lambda" not in text


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"target_5xx_percent": 0}, "target_5xx_percent is 0: expected more than 0 and at most 100"),
        ({"cpu_percent": 101}, "cpu_percent is 101: expected more than 0 and at most 100"),
        ({"unhealthy_minutes": 0}, "unhealthy_minutes is 0: expected 1 or more"),
        ({"latency_p99_s": 0}, "latency_p99_s is 0: expected more than 0"),
    ],
)
def test_threshold_that_makes_no_sense_is_refused(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(says)}$"):
        Thresholds(**wrong)


def test_everything_that_takes_tags_has_them() -> None:
    recorded = watched(tags={"Team": "shop"}, emails=["a@example.com"])
    for token in (TOPIC, ALARM):
        assert {json.dumps(each.inputs["tags"]) for each in recorded.all(token)} == {'{"Team": "shop"}'}
