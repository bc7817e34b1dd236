"""What is found before a release changes anything: each thing that can be wrong, and all of them at once."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest

from release import preflight
from tests.unit import preflight_world
from tests.unit.preflight_world import (
    ACCOUNT,
    GROUP,
    INTERNET,
    SECRET,
    TASK,
    Registry,
    World,
    deployment,
    endpoint,
    fake_registry,
    nat,
    problems,
    refused,
)

registry = pytest.fixture(fake_registry, autouse=True)


def test_nothing_is_wrong_with_what_has_all_it_needs() -> None:
    assert problems(World()) == ((), [])


def missing_task(world: World) -> None:
    world.task = None


def inactive_task(world: World) -> None:
    assert world.task
    world.task["status"] = "INACTIVE"


def other_image(world: World) -> None:
    world.container["image"] = "registry/easi-impl@sha256:" + "d" * 64


def missing_service(world: World) -> None:
    world.service = None


def inactive_service(world: World) -> None:
    assert world.service
    world.service["status"] = "INACTIVE"


def in_service(**changes: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        assert world.service
        world.service |= changes

    return change


def in_balancer(**changes: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        assert world.service
        world.service["loadBalancers"][0].update(changes)

    return change


def secret(value: str) -> Callable[[World], None]:
    """What the task's secret is said to be."""

    def change(world: World) -> None:
        world.container["secrets"] = [{"name": "S", "valueFrom": value}]

    return change


def described(**description: Any) -> Callable[[World], None]:
    def change(world: World) -> None:
        world.secrets[SECRET] = description

    return change


OTHER = f"arn:aws:ecs:us-west-2:{ACCOUNT}:task-definition/easi-impl:9"

BROKEN: list[tuple[Callable[[World], Any], str]] = [
    (missing_task, "the task definition easi-impl:2 does not exist: `pulumi up --refresh` registers it again"),
    (inactive_task, "the task definition easi-impl:2 is INACTIVE, and ECS runs ACTIVE ones only"),
    (other_image, "the task definition easi-impl:2 runs registry/easi-impl@sha256:ddd"),
    (
        missing_service,
        "the service arn:aws:ecs:us-west-2:111111111111:service/easi-impl/backend-1a2b3c4 does not exist",
    ),
    (inactive_service, "backend-1a2b3c4 is INACTIVE"),
    (
        in_service(deployments=[deployment(OTHER, "IN_PROGRESS")]),
        "still rolls out easi-impl:9 since 2026-01-02 03:04:05",
    ),
    (lambda world: world.roles.discard("easi-impl-execution"), "role/teams/easi-impl-execution of the task definition"),
    (lambda world: world.roles.discard("easi-impl-task"), "role/teams/easi-impl-task of the task definition does not"),
    (lambda world: world.secrets.clear(), f"the secret {SECRET} does not exist"),
    (described(DeletedDate="x", VersionIdsToStages={"v": ["AWSCURRENT"]}), f"the secret {SECRET} is to be deleted"),
    (described(), f"the secret {SECRET} has no value that is AWSCURRENT"),
    (secret(f"{SECRET}:key:NEXT:"), f"the secret {SECRET} has no value that is NEXT"),
    (secret(f"{SECRET}:::v2"), f"the secret {SECRET} has no version v2"),
    (lambda world: world.parameters.clear(), "the parameter /easi/token does not exist in us-west-2"),
    (secret("plain-name"), "the parameter plain-name does not exist in us-west-2"),
    (
        lambda world: world.forbidden.update({("secretsmanager:GetSecretValue", SECRET): "implicitDeny"}),
        f"role/teams/easi-impl-execution may not read {SECRET} (secretsmanager:GetSecretValue is implicitDeny)",
    ),
    (
        lambda world: world.forbidden.update({("ssm:GetParameters", preflight_world.PARAMETER): "explicitDeny"}),
        f"may not read {preflight_world.PARAMETER} (ssm:GetParameters is explicitDeny)",
    ),
    (in_balancer(containerName="web"), "sends requests to the container web, and easi-impl:2 has backend"),
    (in_balancer(containerPort=9090), "port 9090 of backend, and the ports of backend in easi-impl:2 are 8080"),
    (lambda world: world.groups.clear(), f"the target group {GROUP} of the service does not exist"),
    (lambda world: world.groups[GROUP].update(HealthCheckPort="9090"), "the health on port 9090, and the container"),
    (lambda world: world.groups[GROUP].update(TargetType="instance"), "for targets of type instance"),
    (lambda world: world.routes.update({"rtb-a": []}), "the subnet subnet-a (rtb-a) has no route out of the network"),
    (lambda world: world.routes.update({"rtb-main": []}), "the subnet subnet-b (rtb-main) has no route out"),
    (lambda world: world.routes.update({"rtb-a": [INTERNET]}), "goes out by igw-1, for which its tasks would need"),
    (lambda world: world.routes.update({"rtb-a": [nat("nat-9", "blackhole")]}), "goes out by nat-9, which does not"),
]


@pytest.mark.parametrize(("broken", "message"), BROKEN, ids=[message[-40:] for _, message in BROKEN])
def test_each_problem_is_named_alone(broken: Callable[[World], Any], message: str) -> None:
    world = World()
    broken(world)
    found, said = problems(world)
    assert len(found) == 1, found
    assert message in found[0]
    assert said == []


def test_all_problems_are_told_at_once_in_a_stable_order(registry: Registry) -> None:
    registry.places.clear()
    world = World()
    inactive_task(world)
    other_image(world)
    in_service(deployments=[deployment(OTHER, "IN_PROGRESS")])(world)
    in_balancer(containerName="web")(world)
    world.roles.clear()
    world.secrets.clear()
    world.parameters.clear()
    world.groups[GROUP]["HealthCheckPort"] = "9091"
    world.routes = {"rtb-a": [], "rtb-main": [nat("nat-9", "blackhole")]}
    found, _ = problems(world)
    order = [
        "is INACTIVE, and ECS runs",
        "runs registry/easi-impl",
        "the image sha256:",
        "easi-impl-execution",
        "easi-impl-task",
        f"the secret {SECRET} does not exist",
        "the parameter /easi/token",
        "still rolls out",
        "sends requests to the container web",
        "asks for the health on port 9091",
        "subnet-a (rtb-a)",
        "subnet-b (rtb-main)",
    ]
    assert len(found) == len(order), found
    for part, problem in zip(order, found, strict=True):
        assert part in problem
    assert problems(world)[0] == found


def test_what_is_wrong_names_the_services_that_it_is_about() -> None:
    world, of_one = World(), preflight_world.request()
    backend = of_one.services["backend"]
    other = dataclasses.replace(backend.identity, image="registry/easi-impl@sha256:" + "d" * 64)
    services = {"backend": backend, "worker": dataclasses.replace(backend, name="worker", identity=other)}
    request = dataclasses.replace(of_one, services=services)
    world.secrets.clear()
    world.denied = {"get_role"}
    said: list[str] = []
    lines = preflight.problems(request, world.clients, proven=None, interrupted=False, say=said.append).lines
    assert [line.partition(": ")[0] for line in lines] == ["services backend and worker", "service worker"]
    assert f"the secret {SECRET} does not exist" in lines[0]
    assert "is to be released" in lines[1]
    assert {line.partition(": the role")[0] for line in said} == {"impl: services backend and worker"}
    assert len(said) == 2, "each of two roles once"


def test_image_that_is_nowhere_is_named_with_both_places(registry: Registry) -> None:
    registry.places.clear()
    ((found,), _) = problems(World())
    assert re.search(r"the image sha256:b+ is not in \S+/easi-impl and not in \S+/easi-dev, from where", found)
    ((found,), _) = problems(World(), source={"folder": "dist"})
    assert "easi-dev" not in found


def test_image_that_will_be_copied_is_enough(registry: Registry) -> None:
    registry.places = {"easi-dev"}
    assert problems(World()) == ((), [])
    assert problems(World(), source={"folder": "dist"})[0] != ()


def test_image_for_other_processors_is_refused(registry: Registry) -> None:
    registry.problem = "the image is for linux/amd64, and this stack's tasks need linux/arm64"
    assert problems(World()) == ((registry.problem,), [])


def test_rollout_of_an_interrupted_release_is_ours_to_replace() -> None:
    world = World()
    in_service(deployments=[deployment(OTHER, "IN_PROGRESS")])(world)
    assert problems(world, interrupted=True) == ((), [])


@pytest.mark.parametrize(
    "running",
    [
        deployment(TASK, "IN_PROGRESS"),
        deployment(preflight_world.OLD_TASK, "IN_PROGRESS"),
        deployment(OTHER, "IN_PROGRESS", desired=0),
        deployment(OTHER, "FAILED"),
    ],
)
def test_rollout_is_no_problem_of_what_is_wanted_or_proven_or_has_ended(running: dict[str, Any]) -> None:
    world = World()
    in_service(deployments=[running])(world)
    assert problems(world) == ((), [])


def test_before_the_first_release_only_the_wanted_revision_may_roll() -> None:
    world = World()
    world.proven = None
    in_service(deployments=[deployment(preflight_world.OLD_TASK, "IN_PROGRESS")])(world)
    assert len(problems(world)[0]) == 1


def test_subnets_with_every_endpoint_need_no_route() -> None:
    world = World()
    world.routes = {"rtb-a": [], "rtb-main": []}
    names = ("ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm")
    world.endpoints = [endpoint("s3", "rtb-a", "rtb-main"), *map(endpoint, names)]
    assert problems(world) == ((), [])
    world.endpoints[0]["RouteTableIds"] = ["rtb-a"]
    ((found,), _) = problems(world)
    assert "subnet-b (rtb-main) has no route out of the network, and there is no VPC endpoint for s3:" in found
    world.endpoints = [endpoint("s3", "rtb-a", "rtb-main"), *(endpoint(name, state="pending") for name in names)]
    assert all(f"endpoint for {', '.join(names)}:" in found for found in problems(world)[0])


def test_the_subnets_that_the_release_moves_to_count_and_not_those_of_the_service() -> None:
    world = World()
    network = {"subnets": ["subnet-b"], "securityGroups": ["sg-1"]}
    world.routes["rtb-a"] = []
    assert problems(world, network=network) == ((), [])
    world.routes = {"rtb-a": [nat("nat-1")], "rtb-main": [INTERNET]}
    ((found,), _) = problems(world, network=network)
    assert "subnet-b (rtb-main) goes out by igw-1" in found
    assert len(problems(world, network={"subnets": ["subnet-a"], "securityGroups": ["sg-1"]})[0]) == 0


def test_public_tasks_go_out_by_an_internet_gateway() -> None:
    world = World()
    world.routes = {"rtb-a": [INTERNET], "rtb-main": [INTERNET]}
    assert world.service
    world.service["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] = "ENABLED"
    assert problems(world) == ((), [])


@pytest.mark.parametrize("key", ["TransitGatewayId", "VpcPeeringConnectionId", "NetworkInterfaceId"])
def test_any_route_that_leaves_the_network_counts(key: str) -> None:
    world = World()
    world.routes["rtb-a"] = [{"DestinationCidrBlock": "10.0.0.0/8", key: "x-1", "State": "active"}]
    assert problems(world) == ((), [])


def test_what_the_role_may_not_ask_is_said_and_no_problem() -> None:
    world = World()
    world.denied = {"get_role", "describe_secret", "describe_parameters", "describe_route_tables"}
    world.denied.add("simulate_principal_policy")
    found, said = problems(world)
    assert found == ()
    assert [message.split(" was not")[0] for message in said] == [
        f"impl: the role {preflight_world.EXECUTION}",
        f"impl: the role {preflight_world.RUNTIME}",
        f"impl: the secret {SECRET}",
        "impl: the parameters /easi/token",
        f"impl: what {preflight_world.EXECUTION} may read",
        "impl: the way out of the subnets",
    ]


def test_service_that_may_not_be_described_leaves_the_other_checks() -> None:
    world = World()
    world.denied = {"describe_services"}
    world.secrets.clear()
    found, said = problems(world)
    assert len(found) == 1
    assert len(said) == 1
    assert "the service was not checked" in said[0]


def test_check_that_fails_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()

    def throttled(**_: Any) -> None:
        raise refused("Throttling", "Rate exceeded")

    monkeypatch.setattr(world, "describe_target_groups", throttled)
    ((found,), _) = problems(world)
    assert found.startswith("the target groups could not be checked: ")
    assert "Rate exceeded" in found


def test_values_of_secrets_are_asked_of_where_they_are() -> None:
    world = World()
    elsewhere = SECRET.replace("us-west-2", "us-east-1")
    world.secrets = {elsewhere: {"VersionIdsToStages": {"v": ["AWSCURRENT"]}}}
    parameter = f"arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/token"
    foreign = "arn:aws:ssm:us-west-2:999999999999:parameter/shared"
    values = [elsewhere, parameter, foreign]
    world.container["secrets"] = [{"name": str(index), "valueFrom": value} for index, value in enumerate(values)]
    world.parameters = {"token"}
    assert problems(world) == ((), [])
    assert {("secretsmanager", "us-east-1"), ("ssm", "us-east-1")} <= set(world.regions)
    assert ("ssm", "us-west-2") not in world.regions


def test_more_parameters_than_one_question_takes_are_all_asked_for() -> None:
    world = World()
    names = [f"parameter-{number}" for number in range(120)]
    world.container["secrets"] = [{"name": name, "valueFrom": name} for name in names]
    world.parameters = set(names)
    assert problems(world) == ((), [])


def test_secrets_of_logging_and_of_registries_count() -> None:
    world = World()
    world.container["logConfiguration"]["secretOptions"] = [{"name": "key", "valueFrom": f"{SECRET}-log"}]
    world.container["repositoryCredentials"] = {"credentialsParameter": f"{SECRET}-registry"}
    found, _ = problems(world)
    assert [problem.split(" does not")[0] for problem in found] == [
        f"the secret {SECRET}-log",
        f"the secret {SECRET}-registry",
    ]
