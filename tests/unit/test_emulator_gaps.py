"""The decisions in the emulator's gap closers."""

from __future__ import annotations

import asyncio
import functools
import json
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import ecr

from local.emulator.gaps import (
    auto_scaling,
    cached_errors,
    container_settings,
    containers,
    monitoring,
    repositories,
    secrets,
    target_health,
    task_health,
    throttling,
)
from local.emulator.gaps.target_health import HEALTHY, INITIAL, Check, Target, failed

CHECK = Check.of(
    {
        "HealthCheckPath": "/health",
        "HealthCheckIntervalSeconds": 5,
        "HealthyThresholdCount": 3,
        "UnhealthyThresholdCount": 2,
        "Matcher": {"HttpCode": "200-204,301"},
    }
)


@pytest.fixture
def target() -> Target:
    return Target(group="arn:group", address="10.0.0.1", port=8080)


@pytest.mark.parametrize(
    ("answer", "passes"),
    [("200", True), ("204", True), ("205", False), ("301", True), ("500", False), ("timeout", False), ("", False)],
)
def test_matcher_knows_codes_and_ranges(answer: str, passes: bool) -> None:
    assert CHECK.passes(answer) is passes


def test_new_target_is_healthy_after_one_pass(target: Target) -> None:
    assert target.verdict is INITIAL
    target.judge("200", CHECK)
    assert target.verdict is HEALTHY


def test_new_target_is_unhealthy_after_the_thresholds_misses(target: Target) -> None:
    target.judge("500", CHECK)
    assert target.verdict is INITIAL
    target.judge("500", CHECK)
    assert target.verdict == failed("500")


def test_one_miss_between_passes_changes_nothing(target: Target) -> None:
    for answer in ("200", "500", "200", "500", "200"):
        target.judge(answer, CHECK)
        assert target.verdict is HEALTHY


def test_unhealthy_target_needs_the_thresholds_passes(target: Target) -> None:
    for answer in ("200", "timeout", "timeout", "200", "200"):
        target.judge(answer, CHECK)
    assert target.verdict.state == "unhealthy"
    target.judge("200", CHECK)
    assert target.verdict is HEALTHY


@pytest.mark.parametrize(
    ("answer", "reason", "description"),
    [
        ("503", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"),
        ("timeout", "Target.Timeout", "Request timed out"),
        ("ConnectionRefusedError", "Target.FailedHealthChecks", "Health checks failed"),
    ],
)
def test_unhealthy_is_said_in_the_words_of_aws(answer: str, reason: str, description: str) -> None:
    assert (failed(answer).reason, failed(answer).description) == (reason, description)


def test_probe_says_when_nothing_listens() -> None:
    assert target_health.probe("127.0.0.1", 1, CHECK) == "ConnectionRefusedError"


def test_settings_reach_docker_in_its_own_words() -> None:
    container = {
        "entryPoint": ["/app"],
        "user": "65532",
        "readonlyRootFilesystem": True,
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}, "tmpfs": [{"containerPath": "/tmp", "size": 64}]},
        "healthCheck": {"command": ["CMD", "/app", "healthcheck"], "interval": 5, "startPeriod": 10},
    }
    assert container_settings.docker_settings(container, {"memory": "512"}) == {
        "entrypoint": ["/app"],
        "user": "65532",
        "read_only": True,
        "cap_drop": ["ALL"],
        "mem_limit": "512m",
        "tmpfs": {"/tmp": "size=64m"},
        "healthcheck": {
            "test": ["CMD", "/app", "healthcheck"],
            "interval": 5_000_000_000,
            "timeout": 5_000_000_000,
            "retries": 3,
            "start_period": 10_000_000_000,
        },
    }


def test_settings_that_are_not_given_are_left_to_docker() -> None:
    assert container_settings.docker_settings({}, {}) == {"healthcheck": {"test": ["NONE"]}}


@pytest.mark.parametrize(
    ("docker", "essential", "of_task", "of_containers"),
    [
        (["healthy", "none"], [True, True], "HEALTHY", ["HEALTHY", "UNKNOWN"]),
        (["none", "none"], [True, True], "UNKNOWN", ["UNKNOWN", "UNKNOWN"]),
        (["healthy", "starting"], [True, True], "UNKNOWN", ["HEALTHY", "UNKNOWN"]),
        (["unhealthy", "starting"], [True, True], "UNHEALTHY", ["UNHEALTHY", "UNKNOWN"]),
        (["healthy", "unhealthy"], [True, False], "HEALTHY", ["HEALTHY", "UNHEALTHY"]),
    ],
)
def test_health_of_a_task_is_that_of_its_essential_containers_with_a_check(
    monkeypatch: pytest.MonkeyPatch, docker: list[str], essential: list[bool], of_task: str, of_containers: list[str]
) -> None:
    seen = {str(at): containers.Seen(state="running", health=health) for at, health in enumerate(docker)}
    monkeypatch.setattr(containers, "look", lambda: seen)
    task: dict[str, Any] = {
        "healthStatus": "UNKNOWN",
        "_docker_ids": list(seen),
        "_container_essentials": essential,
        "containers": [{}, {}],
    }
    task_health._container_health(task)
    assert (task["healthStatus"], [one["healthStatus"] for one in task["containers"]]) == (of_task, of_containers)


@pytest.mark.parametrize(
    ("image", "local"),
    [
        ("000000000000.dkr.ecr.us-west-2.amazonaws.com/app@sha256:1", "localhost:4566/app@sha256:1"),
        ("000000000000.dkr.ecr.us-gov-west-1.amazonaws.com/a/b:1", "localhost:4566/a/b:1"),
        ("000000000000.dkr.ecr.cn-north-1.amazonaws.com.cn/app:1", "localhost:4566/app:1"),
        ("localhost:4566/app@sha256:1", "localhost:4566/app@sha256:1"),
        ("public.ecr.aws/docker/golang:1", "public.ecr.aws/docker/golang:1"),
    ],
)
def test_ecr_image_is_looked_for_in_the_local_registry(image: str, local: str) -> None:
    assert container_settings.local_image(image, 4566) == local


def test_alarm_is_told_in_the_query_protocol() -> None:
    alarm = {"Dimensions": [{"Name": "a", "Value": "<b>"}], "ActionsEnabled": True, "StateUpdatedTimestamp": 0, "_x": 1}
    assert monitoring.as_xml("", alarm) == (
        "<Dimensions><member><Name>a</Name><Value>&lt;b&gt;</Value></member></Dimensions>"
        "<ActionsEnabled>true</ActionsEnabled><StateUpdatedTimestamp>1970-01-01T00:00:00Z</StateUpdatedTimestamp>"
    )


def call(operation: str, **data: Any) -> tuple[int, dict[str, Any]]:
    """One request to the Auto Scaling API."""
    headers = {"x-amz-target": f"AnyScaleFrontendService.{operation}"}
    with request_scope("000000000000", "us-west-2"):
        request = auto_scaling.handle_request("POST", "/", headers, json.dumps(data).encode(), {})
        status, _, body = asyncio.run(request)
    return status, json.loads(body)


WHICH = {"ServiceNamespace": "ecs", "ResourceId": "service/c/s", "ScalableDimension": "ecs:service:DesiredCount"}


@pytest.fixture
def no_targets() -> None:
    auto_scaling.reset()


@pytest.mark.usefixtures("no_targets")
def test_scalable_target_keeps_its_arn_when_it_is_changed() -> None:
    _, first = call("RegisterScalableTarget", MinCapacity=1, MaxCapacity=2, Tags={"a": "1"}, **WHICH)
    _, second = call("RegisterScalableTarget", MaxCapacity=5, **WHICH)
    assert first == second
    _, found = call("DescribeScalableTargets", ServiceNamespace="ecs")
    assert [(item["MinCapacity"], item["MaxCapacity"]) for item in found["ScalableTargets"]] == [(1, 5)]
    assert call("ListTagsForResource", ResourceARN=first["ScalableTargetARN"]) == (200, {"Tags": {"a": "1"}})


@pytest.mark.usefixtures("no_targets")
@pytest.mark.parametrize(
    ("operation", "data", "code"),
    [
        ("RegisterScalableTarget", {**WHICH, "MinCapacity": 1}, "ValidationException"),
        ("RegisterScalableTarget", {**WHICH, "MinCapacity": 3, "MaxCapacity": 2}, "ValidationException"),
        ("RegisterScalableTarget", {"ServiceNamespace": "ecs"}, "ValidationException"),
        ("PutScalingPolicy", {**WHICH, "PolicyName": "p"}, "ObjectNotFoundException"),
        ("DeleteScalingPolicy", {**WHICH, "PolicyName": "p"}, "ObjectNotFoundException"),
        ("DeregisterScalableTarget", WHICH, "ObjectNotFoundException"),
        ("GetPredictiveScalingForecast", {}, "UnknownOperationException"),
    ],
)
def test_request_that_aws_refuses_is_refused(operation: str, data: dict[str, Any], code: str) -> None:
    status, answer = call(operation, **data)
    assert (status, answer["__type"]) == (400, code)
    assert call("DescribeScalableTargets", ServiceNamespace="ecs")[1]["ScalableTargets"] == []


@pytest.mark.usefixtures("no_targets")
def test_policies_go_with_their_target() -> None:
    call("RegisterScalableTarget", MinCapacity=1, MaxCapacity=2, **WHICH)
    call("PutScalingPolicy", PolicyName="cpu", PolicyType="TargetTrackingScaling", **WHICH)
    assert len(call("DescribeScalingPolicies", ServiceNamespace="ecs")[1]["ScalingPolicies"]) == 1
    call("DeregisterScalableTarget", **WHICH)
    assert call("DescribeScalingPolicies", ServiceNamespace="ecs")[1]["ScalingPolicies"] == []


def test_tasks_that_do_not_last_are_replaced_slower_and_slower() -> None:
    streak = throttling.Streak()
    assert [streak.wait_s(1000.0) for _ in range(9)] == [0, 0, 1, 2, 4, 8, 16, 30, 30]
    assert streak.wait_s(1000.0 + throttling.LASTING_S + throttling.LONGEST_WAIT_S) == 0


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("text", "text"),
        (True, "true"),
        (None, "<nil>"),
        (0, "0"),
        (5432, "5432"),
        (-0.25, "-0.25"),
        (100000, "100000"),
        (1234567, "1.234567e+06"),
        (0.00001, "1e-05"),
        (1e21, "1e+21"),
    ],
)
def test_a_key_of_a_secret_is_written_as_the_agent_of_ecs_writes_it(value: object, written: str) -> None:
    assert secrets.as_agent_writes(value) == written


@pytest.mark.parametrize(
    ("status", "cache_control", "minimums", "expected_s"),
    [
        (200, "", {}, 0),
        (403, "", {}, 0),
        (404, "", {}, 10),
        (404, "no-store", {}, 0),
        (503, "no-store", {}, 10),
        (503, "", {503: 0}, 0),
        (503, "", {404: 0, 503: 60}, 60),
    ],
)
def test_edge_caches_errors_for_ten_seconds_or_as_the_distribution_says(
    status: int, cache_control: str, minimums: dict[int, float], expected_s: float
) -> None:
    assert cached_errors.seconds(status, {"Cache-Control": cache_control}, minimums) == expected_s


@pytest.mark.parametrize(("minimum", "statuses"), [("", [503, 503, 503]), ("0", [503, 200, 200])])
def test_error_of_an_api_stays_at_the_edge_unless_the_distribution_forbids_it(
    minimum: str, statuses: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cached_errors, "_errors", {})
    response = f"<ErrorCode>503</ErrorCode><ErrorCachingMinTTL>{minimum}</ErrorCachingMinTTL>"
    errors = f"<Items><CustomErrorResponse>{response}</CustomErrorResponse></Items>"
    config = f"<DistributionConfig><CustomErrorResponses>{errors}</CustomErrorResponses></DistributionConfig>"
    origin = iter([503, 200, 200])

    async def serve(*_: object) -> tuple[int, dict[str, str], bytes]:
        return next(origin), {}, b""

    edge = functools.partial(cached_errors.handle_viewer_request, serve)
    distribution = {"Id": "E1", "config_xml": config}

    async def asked() -> list[int]:
        return [(await edge(distribution, "GET", "/api/v1/healthcheck"))[0] for _ in statuses]

    assert asyncio.run(asked()) == statuses


def test_registry_is_where_docker_reaches_it_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_PORT", "4570")
    # Also of a repository that was made when ECR still named a host of AWS.
    kept = {"repositoryName": "a/b", "repositoryUri": "1.dkr.ecr.us-west-2.amazonaws.com/a/b"}
    assert repositories.repo_shape(dict, kept)["repositoryUri"] == "localhost:4570/a/b"
    _, _, body = repositories.get_authorization_token(ecr._get_authorization_token, {})
    (token,) = json.loads(body)["authorizationData"]
    assert token["proxyEndpoint"] == "http://localhost:4570"
    assert token["authorizationToken"]


@pytest.mark.parametrize(
    ("repository", "digest", "code"),
    [
        ("app", "sha256:1", "ScanNotFoundException"),
        ("app", "sha256:2", "ImageNotFoundException"),
        ("other", "sha256:1", "RepositoryNotFoundException"),
    ],
)
def test_an_image_was_never_scanned(monkeypatch: pytest.MonkeyPatch, repository: str, digest: str, code: str) -> None:
    monkeypatch.setattr(ecr, "_repositories", {"app": {}})
    monkeypatch.setattr(ecr, "_images", {"app": [{"imageDigest": "sha256:1", "imageTags": []}]})
    headers = {"x-amz-target": "AmazonEC2ContainerRegistry_V20150921.DescribeImageScanFindings"}
    asked = json.dumps({"repositoryName": repository, "imageId": {"imageDigest": digest}}).encode()
    status, _, body = asyncio.run(repositories.handle_request(ecr.handle_request, "POST", "/", headers, asked, {}))
    assert (status, json.loads(body)["__type"]) == (400, code)
