"""Two services on one load balancer, made by the local AWS plugin as the components ask for them, with real tasks."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from typing import Any

import pytest

from local.aws.provider import AwsProvider
from tests.local.emulated import REGION
from tests.local.emulator_world import Service, World, wait_for

pytest_plugins = ["tests.local.emulator_fixtures"]

NAME = "shared"
HTTP, HTTPS = 80, 443
NOT_FOUND = {
    "type": "fixed-response",
    "fixedResponse": {"contentType": "text/plain", "messageBody": "No service has this path.", "statusCode": "404"},
}
FAILS = {"path": "/wrong", "interval": 300}
"""A check that fails, and whose second failure makes a target unhealthy after 300 s only: until then it is new."""
REDIRECT = {"type": "redirect", "redirect": {"port": "443", "protocol": "HTTPS", "statusCode": "HTTP_301"}}


class Shop:
    """The load balancer and its services `cart` and `pay`."""

    def __init__(self, world: World, provider: AwsProvider) -> None:
        self.world, self.provider = world, provider
        self.made: list[tuple[str, str, dict[str, Any]]] = []
        self.balancer = self.make(
            "aws:lb/loadBalancer:LoadBalancer",
            name=NAME,
            internal=False,
            loadBalancerType="application",
            subnets=["subnet-1", "subnet-2"],
            securityGroups=[world.group],
            dropInvalidHeaderFields=True,
            idleTimeout=75,
            accessLogs={"enabled": True, "bucket": "logs"},
        )["arn"]
        certificate = world.client("acm").request_certificate(DomainName="shop.example.com")["CertificateArn"]
        self.listener = self.listen(
            port=HTTPS, protocol="HTTPS", certificateArn=certificate, sslPolicy="p", defaultActions=[NOT_FOUND]
        )
        self.listen(port=HTTP, protocol="HTTP", defaultActions=[REDIRECT])

    def make(self, token: str, **inputs: Any) -> dict[str, Any]:
        assert self.provider.check(token, NAME, {}, inputs, seed=b"").problems == []
        identity, state = self.provider.create(token, inputs)
        self.made.append((token, identity, state))
        return state

    def listen(self, **inputs: Any) -> str:
        return str(self.make("aws:lb/listener:Listener", loadBalancerArn=self.balancer, **inputs)["arn"])

    def serve(self, name: str, priority: int, condition: dict[str, Any], **service: Any) -> Service:
        group = self.make(
            "aws:lb/targetGroup:TargetGroup",
            name=f"{NAME}-{name}",
            port=8080,
            protocol="HTTP",
            targetType="ip",
            vpcId="vpc-1",
            deregistrationDelay=1,
            slowStart=30,
            healthCheck=FAILS | {"matcher": "200", "timeout": 2, "healthyThreshold": 2, "unhealthyThreshold": 2},
        )["arn"]
        self.make(
            "aws:lb/listenerRule:ListenerRule",
            listenerArn=self.listener,
            priority=priority,
            actions=[{"type": "forward", "targetGroupArn": group}],
            conditions=[condition],
        )
        made = Service(world=self.world, name=f"{NAME}-{name}", group=group, port=HTTPS)
        self.make(
            "aws:ecs/service:Service",
            name=made.name,
            cluster="tests",
            taskDefinition=made.revision("healthy", name),
            desiredCount=1,
            launchType="FARGATE",
            propagateTags="SERVICE",
            deploymentCircuitBreaker={"enable": True, "rollback": True},
            loadBalancers=[{"targetGroupArn": group, "containerName": "app", "containerPort": 8080}],
            networkConfiguration={
                "subnets": ["subnet-1"],
                "securityGroups": [self.world.group],
                "assignPublicIp": False,
            },
            **service,
        )
        return made

    def ask(self, path: str, host: str = f"{NAME}.alb.localhost", port: int = HTTPS) -> tuple[int, str]:
        return self.world.get(path, f"{host}:{port}")

    def delete(self) -> None:
        for token, identity, state in reversed(self.made):
            self.provider.delete(token, identity, state)


@pytest.fixture(scope="module")
def shop(world: World) -> Iterator[Shop]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ENDPOINT_URL", world.emulator.endpoint)
        provider = AwsProvider()
        provider.configure({"region": REGION})
        made = Shop(world, provider)
        try:
            yield made
        finally:
            made.delete()


@pytest.fixture(scope="module")
def services(shop: Shop) -> dict[str, Service]:
    watched = {"alarmNames": ["cart-5xx"], "enable": True, "rollback": True}
    cart = shop.serve(
        "cart",
        10,
        {"pathPattern": {"values": ["/cart", "/cart/*"]}},
        alarms=watched,
        enableExecuteCommand=True,
        healthCheckGracePeriodSeconds=60,
    )
    return {"cart": cart, "pay": shop.serve("pay", 20, {"pathPattern": {"values": ["/pay/*"]}})}


def test_service_gets_requests_after_its_health_checks_and_only_its_own(
    shop: Shop, services: dict[str, Service]
) -> None:
    assert wait_for(lambda: services["cart"].targets() == [("initial", "Elb.InitialHealthChecking")])
    assert shop.ask("/cart/1")[0] == 503
    for service in services.values():
        shop.world.client("elbv2").modify_target_group(
            TargetGroupArn=service.group, HealthCheckPath="/health", HealthCheckIntervalSeconds=5
        )
    assert wait_for(lambda: shop.ask("/cart/1")[0] == shop.ask("/pay/1")[0] == 200)

    assert all(("healthy", "") in service.targets() for service in services.values())
    assert shop.ask("/cart") == shop.ask("/cart/1") == (200, "cart uid=65532")
    assert shop.ask("/pay/1") == (200, "pay uid=65532")


def test_what_no_service_takes_is_not_found(shop: Shop, services: dict[str, Service]) -> None:
    assert shop.ask("/") == (404, "No service has this path.")
    assert shop.ask("/payment") == (404, "No service has this path.")


def test_http_redirects_to_https(shop: Shop) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shop.world.emulator.port, timeout=20)
    connection.request("GET", "/cart/1?a=b", headers={"Host": f"{NAME}.alb.localhost:{HTTP}"})
    answer = connection.getresponse()
    assert answer.status == 301
    location = answer.headers["Location"]
    assert location.startswith("https://")
    assert location.endswith("/cart/1?a=b")


def test_settings_of_the_components_arrive(shop: Shop, services: dict[str, Service]) -> None:
    balancing = shop.world.client("elbv2")
    found = balancing.describe_load_balancer_attributes(LoadBalancerArn=shop.balancer)["Attributes"]
    attributes = {item["Key"]: item["Value"] for item in found}
    assert attributes["access_logs.s3.bucket"] == "logs"
    assert attributes["idle_timeout.timeout_seconds"] == "75"
    group = services["cart"].group
    found = balancing.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
    assert {"Key": "slow_start.duration_seconds", "Value": "30"} in found
    cart = services["cart"].describe()
    assert cart["deploymentConfiguration"]["alarms"]["alarmNames"] == ["cart-5xx"]
    assert cart["healthCheckGracePeriodSeconds"] == 60
    assert cart["enableExecuteCommand"] is True
