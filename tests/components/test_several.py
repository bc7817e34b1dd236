"""The program with several services and sites: what each has for itself, and what they share."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.vpc_origin import CACHING_DISABLED
from settings import priorities
from tests.components import aws_answers, program
from tests.components.program import Ran

SEVERAL = {
    "services.admin": {
        "build": {"context": "example/backend"},
        "paths": ["/api/admin/*"],
        "health": {"path": "/api/admin/health", "statusCodeOnly": True},
    },
    "services.worker": {"build": {"context": "worker", "dockerfile": "docker/Dockerfile"}, "command": ["/work"]},
    "sites.help": {"folder": "help/dist", "pages": "multi", "config": {"search": 5}},
}


@pytest.fixture(scope="module")
def ran() -> Ran:
    return program.run("dev", SEVERAL)


@pytest.fixture(scope="module")
def alone() -> Ran:
    return program.run("dev")


def test_what_one_service_and_one_site_had_keeps_its_name(ran: Ran, alone: Ran) -> None:
    assert set(alone.sent) <= set(ran.sent)


def names(ran: Ran, token: str, key: str) -> list[Any]:
    return sorted(resource.inputs[key] for resource in ran.all(token))


def test_each_service_has_its_own_names(ran: Ran) -> None:
    assert names(ran, "aws:ecs/taskDefinition:TaskDefinition", "family") == [
        "easi-dev",
        "easi-dev-admin",
        "easi-dev-worker",
    ]
    assert names(ran, "aws:lambda/function:Function", "name") == [
        "easi-dev-admin-deploy",
        "easi-dev-deploy",
        "easi-dev-worker-deploy",
    ]
    tags = {image.inputs["imageName"].rpartition(":")[2] for image in ran.all("docker:index/image:Image")}
    assert tags == {f"dev{part}-{aws_answers.HEAD}" for part in ("", "-admin", "-worker")}
    assert len(ran.all("aws:ecs/cluster:Cluster")) == len(ran.all("aws:lb/loadBalancer:LoadBalancer")) == 1
    assert len(ran.all("aws:ecr/repository:Repository")) == 1


def test_a_service_without_paths_has_no_rule_and_the_more_exact_path_is_asked_first(ran: Ran) -> None:
    rules = {
        tuple(rule.inputs["conditions"][0]["pathPattern"]["values"]): rule.inputs["priority"]
        for rule in ran.all("aws:lb/listenerRule:ListenerRule")
    }
    assert rules[("/api/admin/*",)] < rules[("/api/*",)]
    assert len(rules) == len(ran.all("aws:lb/targetGroup:TargetGroup")) == 2


def test_each_site_leads_to_every_service(ran: Ran) -> None:
    distributions = ran.all("aws:cloudfront/distribution:Distribution")
    assert len(distributions) == 2
    for distribution in distributions:
        behaviors = distribution.inputs["orderedCacheBehaviors"]
        assert {behavior["pathPattern"] for behavior in behaviors} == {"/api/admin/*", "/api/*"}
        # Which service it is, the load balancer decides.
        assert len({behavior["targetOriginId"] for behavior in behaviors}) == 1


def test_one_topic_hears_of_all_and_one_dashboard_shows_all(ran: Ran) -> None:
    assert sorted(topic.name for topic in ran.all("aws:sns/topic:Topic")) == ["backend", "backend-us-east-1"]
    alarms = {alarm.name for alarm in ran.all("aws:cloudwatch/metricAlarm:MetricAlarm")}
    assert {"backend-cpu", "admin-cpu", "worker-cpu", "admin-target-5xx", "worker-failed-release"} <= alarms
    assert {"backend-site-5xx", "backend-site-help-5xx"} <= alarms
    assert [name for name in alarms if name.endswith("load-balancer-5xx")] == ["backend-load-balancer-5xx"]
    (board,) = ran.all("aws:cloudwatch/dashboard:Dashboard")
    widgets = [widget["properties"] for widget in json.loads(board.inputs["dashboardBody"])["widgets"]]
    titles = [widget["title"] for widget in widgets]
    assert len(titles) == len(set(titles))
    assert {"backend: Tasks", "worker: Tasks", "admin: Requests and errors", "help: CDN: requests"} <= set(titles)
    assert "worker: Requests and errors" not in titles
    on_top = {arn.rpartition("/")[2].rpartition("-")[0] for arn in widgets[0]["alarms"]}
    assert {f"{name}-failed-release" for name in ("backend", "admin", "worker")} <= on_top <= alarms


def test_without_a_backend_nothing_that_watches_is_called_by_it() -> None:
    api = {"build": {"context": "api"}, "paths": ["/v1/*"], "health": {"path": "/v1/health"}}
    ran = program.run("dev", {"services.backend": None, "services.api": api})
    watching = [
        resource.name
        for token in ("sns/topic:Topic", "cloudwatch/metricAlarm:MetricAlarm", "cloudwatch/dashboard:Dashboard")
        for resource in ran.all(f"aws:{token}")
    ]
    assert {"application", "application-us-east-1", "application-site-5xx", "api-cpu"} <= set(watching)
    assert not [name for name in watching if name.startswith("backend")]
    (board,) = ran.all("aws:cloudwatch/dashboard:Dashboard")
    assert board.inputs["dashboardName"] == "easi-dev-application"


def test_the_release_has_all_of_them(ran: Ran) -> None:
    release = ran.one(aws_answers.RELEASE)
    assert {name: (one.get("health") or {}).get("path") for name, one in release["services"].items()} == {
        "backend": "/api/v1/healthcheck",
        "admin": "/api/admin/health",
        "worker": None,
    }
    assert release["services"]["admin"]["health"]["statusCodeOnly"] is True
    assert {name: one["paths"] for name, one in release["services"].items()} == {
        "backend": ["/api/*"],
        "admin": ["/api/admin/*"],
        "worker": [],
    }
    assert set(release["sites"]) == {"site", "help"}
    assert release["sites"]["help"]["config"] == {"environment": "dev", "search": 5}
    assert release["sites"]["help"]["pages"] == "multi"


def test_the_container_of_each_service_is_called_as_its_family(ran: Ran) -> None:
    for definition in ran.all("aws:ecs/taskDefinition:TaskDefinition"):
        (container,) = json.loads(definition.inputs["containerDefinitions"])
        assert container["name"] == definition.inputs["family"]


def test_a_rules_number_depends_on_nothing_but_its_service() -> None:
    assert priorities.priority("a", ["/a/b/c/*"]) < priorities.priority("a", ["/a/*"])
    longest = priorities.priority("a", ["/" + "a" * 127])
    assert longest >= 1
    assert priorities.priority("zzz", ["/*"]) <= 50000


ONLY_A_NAME = {"sites.site.folder": "", "sites.site.build": ""}
ONLY_FILES = {"services.backend": None}


def test_a_site_without_a_folder_is_a_name_that_leads_to_the_services() -> None:
    ran = program.run("dev", ONLY_A_NAME)
    (distribution,) = ran.all("aws:cloudfront/distribution:Distribution")
    behavior = distribution.inputs["defaultCacheBehavior"]
    assert (behavior["targetOriginId"], behavior["cachePolicyId"]) == ("api", CACHING_DISABLED)
    assert "POST" in behavior["allowedMethods"]
    assert [origin["originId"] for origin in distribution.inputs["origins"]] == ["api"]
    assert not distribution.inputs.get("orderedCacheBehaviors")
    assert "defaultRootObject" not in distribution.inputs
    for token in ("keyValueStore:KeyValueStore", "function:Function", "originAccessControl:OriginAccessControl"):
        assert not ran.all(f"aws:cloudfront/{token}")
    release = ran.one(aws_answers.RELEASE)
    assert release["sites"] == {}
    assert release["services"]["backend"]["url"].startswith("https://")
    assert set(ran.exported["sites"]["site"]) == {"url", "distributionId", "contentSecurityPolicy"}


def test_sites_alone_have_no_network_no_cluster_and_no_function() -> None:
    ran = program.run("dev", ONLY_FILES)
    modules = {resource.token.partition("/")[0] for resource in ran.resources}
    assert not modules & {"aws:ec2", "aws:vpc", "aws:ecs", "aws:lb", "aws:lambda", "docker:index"}
    release = ran.one(aws_answers.RELEASE)
    assert (release["services"], set(release["sites"])) == ({}, {"site"})
    assert not {"healthcheckUrl", "cluster"} & set(ran.exported)
    assert "url" in ran.exported


def test_workers_alone_have_no_distribution_and_no_address() -> None:
    worker = {"sites.site": None, "services.backend": {"paths": None, "health": {"path": None, "grace": None}}}
    ran = program.run("dev", worker)
    assert not ran.all("aws:cloudfront/distribution:Distribution")
    assert not ran.all("aws:lb/loadBalancer:LoadBalancer")
    assert not {"healthcheckUrl", "url"} & set(ran.exported)
