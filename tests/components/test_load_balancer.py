"""The load balancer, alone and shared: HTTPS, who connects, and which service takes which request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from components.cluster import Cluster
from components.target import Route
from tests.components import service_program as shop
from tests.components.recorded import Recorded, record
from tests.components.service_program import BALANCER, EGRESS, INGRESS, LISTENER, RULE, SERVICE, TARGETS, routed

GROUP = "aws:ec2/securityGroup:SecurityGroup"


def balancer(**changes: Any) -> Recorded:
    return record(lambda: shop.load_balancer(**changes))


def ports(recorded: Recorded) -> dict[int, str]:
    return {
        int(resource.inputs["port"]): resource.inputs["defaultActions"][0]["type"]
        for resource in recorded.all(LISTENER)
    }


def test_load_balancer_is_internal_and_drops_what_smuggles_requests() -> None:
    made = balancer().one(BALANCER)
    assert (made["internal"], made["dropInvalidHeaderFields"], made["idleTimeout"]) == (True, True, 60)


def test_http_serves_where_there_is_no_certificate() -> None:
    assert ports(balancer()) == {80: "fixed-response"}


def test_https_serves_with_a_certificate() -> None:
    recorded = balancer(certificate_arn="arn:1")
    assert ports(recorded) == {443: "fixed-response"}
    assert recorded.one(LISTENER, "backend-https")["certificateArn"] == "arn:1"


def test_what_no_rule_takes_is_not_found() -> None:
    (action,) = balancer().one(LISTENER)["defaultActions"]
    assert action["fixedResponse"]["statusCode"] == "404"


def test_tls_policy_is_a_modern_one() -> None:
    https = balancer(certificate_arn="arn:1").one(LISTENER, "backend-https")
    assert https["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"


@pytest.mark.parametrize(("certificate", "port"), [(None, 80), ("arn:1", 443)])
def test_only_the_allowed_networks_connect_and_to_what_is_listened_on(certificate: str | None, port: int) -> None:
    networks = ["10.0.0.0/16", "10.1.0.0/16"]
    recorded = balancer(allowed_cidrs=networks, certificate_arn=certificate)
    allowed = {(rule.inputs["cidrIpv4"], rule.inputs["fromPort"]) for rule in recorded.all(INGRESS)}
    assert allowed == {(network, port) for network in networks}


def test_load_balancer_that_is_kept_is_protected_on_both_sides() -> None:
    recorded = balancer(keep=True)
    assert recorded.one(BALANCER)["enableDeletionProtection"] is True
    assert recorded.asked(BALANCER)["protect"] is True
    assert balancer().one(BALANCER)["enableDeletionProtection"] is False
    assert "protect" not in balancer().asked(BALANCER)


def test_access_logs_go_to_a_bucket_that_elastic_load_balancing_may_write_to_before_they_begin() -> None:
    made = balancer(access_log_days=30)
    assert made.one(BALANCER)["accessLogs"] == {"enabled": True, "bucket": "backend-logs-bucket"}
    assert "BucketPolicy::backend-logs" in " ".join(made.asked(BALANCER)["dependencies"])
    policy = json.loads(made.one("aws:s3/bucketPolicy:BucketPolicy", "backend-logs")["policy"])
    (write,) = [statement for statement in policy["Statement"] if statement["Effect"] == "Allow"]
    assert write["Principal"] == {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}
    assert write["Action"] == "s3:PutObject"
    assert write["Resource"].endswith("/backend-logs/AWSLogs/111111111111/*")


def test_access_logs_that_are_off_are_said_to_be_off() -> None:
    """The AWS provider does not send a block that is left out: the old bucket would stay the load balancer's."""
    assert balancer().one(BALANCER)["accessLogs"] == {"enabled": False, "bucket": ""}


def test_health_path_of_the_route_is_the_target_groups() -> None:
    check = routed(route={"health_path": "/api/v1/healthcheck"}).one(TARGETS)["healthCheck"]
    assert (check["path"], check["matcher"]) == ("/api/v1/healthcheck", "200")


def test_health_checks_and_delays_are_short_by_default() -> None:
    targets = routed().one(TARGETS)
    check = targets["healthCheck"]
    assert (check["interval"], check["timeout"], check["healthyThreshold"], check["unhealthyThreshold"]) == (5, 2, 2, 2)
    assert targets["deregistrationDelay"] == 10


def test_health_checks_and_delays_are_as_asked() -> None:
    route = {
        "health_interval_s": 30,
        "health_timeout_s": 10,
        "healthy_threshold": 3,
        "unhealthy_threshold": 4,
    }
    targets = routed(route=route).one(TARGETS)
    check = targets["healthCheck"]
    found = (check["interval"], check["timeout"], check["healthyThreshold"], check["unhealthyThreshold"])
    assert found == (30, 10, 3, 4)


def test_rule_takes_paths_in_a_stable_order() -> None:
    rule = routed(route={"paths": ["/b/*", "/a"], "priority": 7}).one(RULE)
    assert rule["priority"] == 7
    assert rule["conditions"] == [{"pathPattern": {"values": ["/a", "/b/*"]}}]


def shared(*priorities: int) -> Recorded:
    def build(cluster: Cluster) -> None:
        balancer = shop.load_balancer("shared", certificate_arn="arn:1")
        for name, priority in zip(("cart", "pay"), priorities, strict=True):
            route = Route(load_balancer=balancer, health_path="/health", paths=[f"/{name}/*"], priority=priority)
            shop.service(name, cluster, route=route)

    return shop.program(build)


def test_services_share_a_load_balancer_and_a_cluster() -> None:
    recorded = shared(10, 20)
    assert len(recorded.all(BALANCER)) == 1
    listeners = {resource.inputs["listenerArn"] for resource in recorded.all(RULE)}
    assert [arn.rpartition("/")[2] for arn in listeners] == ["shared-https"]
    targets = {
        resource.name: resource.inputs["loadBalancers"][0]["targetGroupArn"] for resource in recorded.all(SERVICE)
    }
    assert {name: arn.rpartition("/")[2] for name, arn in targets.items()} == {"cart": "cart", "pay": "pay"}
    assert len({resource.inputs["cluster"] for resource in recorded.all(SERVICE)}) == 1


def test_services_of_a_load_balancer_cannot_have_one_priority() -> None:
    with pytest.raises(
        ValueError, match=r"priority 10 is taken by service 'cart' on .*: give the route of 'pay' another"
    ):
        shared(10, 10)


def test_tasks_and_load_balancer_let_each_other_in_and_nobody_else() -> None:
    recorded = routed()
    to_tasks = recorded.one(INGRESS, "backend")
    assert (to_tasks["referencedSecurityGroupId"], to_tasks["fromPort"]) == ("backend-id", 8080)
    assert "cidrIpv4" not in to_tasks
    from_balancer = recorded.one(EGRESS, "backend-from-load-balancer")
    assert (from_balancer["referencedSecurityGroupId"], from_balancer["toPort"]) == ("backend-id", 8080)
    sources = [resource.inputs.get("cidrIpv4") for resource in recorded.all(INGRESS)]
    assert "0.0.0.0/0" not in sources


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"health_path": "health"}, "health_path is 'health': expected a path that begins with /"),
        ({"paths": ["cart"]}, "paths has 'cart'"),
        ({"paths": []}, "paths has 0 values: a rule takes 1 to 5"),
        ({"paths": ["/1", "/2", "/3", "/4", "/5", "/6"]}, "paths has 6 values"),
        ({"priority": 0}, "priority is 0: expected 1 to 50000"),
        ({"health_interval_s": 4}, "health_interval_s is 4: expected 5 to 300"),
        ({"health_timeout_s": 1}, "health_timeout_s is 1: expected 2 to 120"),
        ({"health_timeout_s": 5}, r"health_timeout_s is 5: expected less than the interval \(5\)"),
        ({"healthy_threshold": 1}, "healthy_threshold is 1: expected 2 to 10"),
        ({"unhealthy_threshold": 11}, "unhealthy_threshold is 11: expected 2 to 10"),
    ],
)
def test_what_elastic_load_balancing_refuses_is_refused_first(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        routed(route=changes)


def test_group_that_is_another_with_another_description_keeps_its_own() -> None:
    descriptions = {resource.inputs["description"] for resource in routed().all(GROUP)}
    assert descriptions == {"Load balancer: HTTP from inside the network", "Tasks: HTTP from the load balancer"}
