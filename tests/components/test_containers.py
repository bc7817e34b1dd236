"""The containers of a task: the main one, sidecars, and what the execution role may read for them."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from components.container import Sidecar
from tests.components import service_program as shop
from tests.components.recorded import Recorded
from tests.components.service_program import IMAGE, PARAMETER, REPOSITORY, SECRET, containers, routed

KEY = "arn:aws:kms:us-west-2:111111111111:key/1"


def agent(**changes: Any) -> Sidecar:
    return Sidecar(**{"name": "agent", "image": IMAGE, **changes})


def may(recorded: Recorded) -> dict[str, Any]:
    found = shop.statements(recorded, "backend-execution")
    return {action: statement["Resource"] for statement in found for action in statement["Action"]}


def test_container_is_confined() -> None:
    main = containers(routed(health_command=["/backend", "healthcheck"]))["shop-backend"]
    assert main["image"] == IMAGE
    assert main["readonlyRootFilesystem"] is True
    assert main["user"] == "65532:65532"
    assert main["linuxParameters"] == {"capabilities": {"drop": ["ALL"]}}
    assert main["healthCheck"]["command"] == ["CMD", "/backend", "healthcheck"]


def test_exec_gets_the_writable_root_and_the_init_process_that_aws_asks_for() -> None:
    for container in containers(routed(execute_command=True, sidecars=[agent()])).values():
        assert container["readonlyRootFilesystem"] is False
        assert container["linuxParameters"]["initProcessEnabled"] is True
        assert container["user"] == "65532:65532"


def test_order_of_what_has_none_is_no_change() -> None:
    one = routed(environment={"B": "2", "A": "1"}, sidecars=[agent(), agent(name="a-proxy")])
    other = routed(environment={"A": "1", "B": "2"}, sidecars=[agent(name="a-proxy"), agent()])
    assert one.one(shop.TASK)["containerDefinitions"] == other.one(shop.TASK)["containerDefinitions"]


def test_containers_are_in_the_order_in_which_the_provider_keeps_them_without_what_is_empty() -> None:
    found = containers(routed(sidecars=[agent(name="z"), agent(name="a")]))
    assert list(found) == ["a", "shop-backend", "z"]
    assert not {"environment", "secrets", "command", "dependsOn", "healthCheck"} & set(found["shop-backend"])


def test_sidecar_is_as_asked() -> None:
    sidecar = agent(
        command=["run", "it"],
        environment={"B": "2", "A": "1"},
        secrets={"TOKEN": PARAMETER},
        cpu=32,
        memory=64,
        port=9000,
        health_command=["/agent", "ok"],
        essential=False,
        user="0",
        read_only_root=False,
    )
    found = containers(routed(sidecars=[sidecar]))["agent"]
    assert found["command"] == ["run", "it"]
    assert found["environment"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert found["secrets"] == [{"name": "TOKEN", "valueFrom": PARAMETER}]
    assert (found["cpu"], found["memoryReservation"]) == (32, 64)
    assert found["portMappings"] == [{"containerPort": 9000, "hostPort": 9000, "protocol": "tcp"}]
    assert found["healthCheck"]["command"] == ["CMD", "/agent", "ok"]
    assert (found["essential"], found["user"], found["readonlyRootFilesystem"]) == (False, "0", False)
    assert found["logConfiguration"]["options"]["awslogs-stream-prefix"] == "ecs"


def test_main_container_waits_for_those_that_it_needs() -> None:
    sidecars = [
        agent(name="proxy", main_waits_for="HEALTHY", health_command=["/ok"]),
        agent(name="init", main_waits_for="SUCCESS", essential=False),
        agent(name="other"),
    ]
    found = containers(routed(sidecars=sidecars))
    assert found.pop("shop-backend")["dependsOn"] == [
        {"containerName": "init", "condition": "SUCCESS"},
        {"containerName": "proxy", "condition": "HEALTHY"},
    ]
    assert not any("dependsOn" in other for other in found.values())


def test_execution_role_reads_the_named_secrets_only_the_sidecars_too() -> None:
    other = SECRET.replace("db-a1b2c3:password::", "agent-d4e5f6")
    recorded = routed(
        secrets={"PASSWORD": SECRET, "USER": SECRET.replace("password", "user"), "TOKEN": PARAMETER},
        sidecars=[agent(secrets={"KEY": other})],
        secret_key_arns=[KEY],
    )
    allowed = may(recorded)
    assert allowed["secretsmanager:GetSecretValue"] == [other, SECRET.removesuffix(":password::")]
    assert allowed["ssm:GetParameters"] == [PARAMETER]
    assert allowed["kms:Decrypt"] == [KEY]
    assert [action for action, resources in allowed.items() if resources == "*"] == ["ecr:GetAuthorizationToken"]


def test_execution_role_reads_a_secret_that_the_program_makes_itself() -> None:
    recorded = shop.program(
        lambda cluster: shop.service("backend", cluster, secrets={"PASSWORD": pulumi.Output.from_input(SECRET)})
    )
    assert may(recorded)["secretsmanager:GetSecretValue"] == [SECRET.removesuffix(":password::")]
    assert containers(recorded)["shop-backend"]["secrets"] == [{"name": "PASSWORD", "valueFrom": SECRET}]


def test_execution_role_pulls_from_the_named_repositories_only() -> None:
    others = [REPOSITORY, f"{REPOSITORY}-agent"]
    assert may(routed(repository_arns=others))["ecr:BatchGetImage"] == others
    assert not any(action.startswith("ecr:") for action in may(routed(repository_arns=[])))


@pytest.mark.parametrize("image", ["repository:latest", "repository", f"repository@sha256:{'a' * 63}"])
def test_image_must_be_named_by_its_digest(image: str) -> None:
    with pytest.raises(ValueError, match=f"the image of container 'shop-backend' is '{image}': expected repository@"):
        routed(image=image)
    with pytest.raises(ValueError, match="the image of container 'agent'"):
        routed(sidecars=[agent(image=image)])


def test_image_that_is_known_later_is_checked_then() -> None:
    def later(image: str) -> Recorded:
        return shop.program(lambda cluster: shop.service("backend", cluster, image=pulumi.Output.from_input(image)))

    assert containers(later(IMAGE))["shop-backend"]["image"] == IMAGE
    with pytest.raises(ValueError, match="the image of container 'shop-backend' is 'repository:latest'"):
        later("repository:latest")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"environment": {"A": "1"}, "secrets": {"A": SECRET}},
            r'\'shop-backend\': environment and secrets both .*\["A"',
        ),
        ({"secrets": {"A": "hunter2"}}, r"'shop-backend': secrets\['A'\] is no ARN"),
        ({"sidecars": [agent(secrets={"A": "hunter2"})]}, r"'agent': secrets\['A'\] is no ARN"),
        ({"sidecars": [agent(memory=512)]}, "the sidecars reserve memory=512 of a task with memory=512"),
        (
            {"sidecars": [agent(cpu=128), agent(name="b", cpu=128)]},
            "the sidecars reserve cpu=256 of a task with cpu=256",
        ),
        ({"sidecars": [agent(memory=4)]}, "0 or at least 6 MiB"),
        ({"sidecars": [agent(), agent()]}, r'two containers of a task are called \["agent"\]'),
        ({"sidecars": [agent(name="shop-backend")]}, r'are called \["shop-backend"\]'),
        ({"sidecars": [agent(name="an agent")]}, "expected a name of up to 255 letters"),
        ({"sidecars": [agent(port=8080)]}, r"listen on \[8080\]"),
        ({"sidecars": [agent(environment={"A": ""})]}, r'container .agent.: environment has \["A"\] without a value'),
        ({"environment": {"B": "", "A": "1"}}, r'environment has \["B"\] without a value'),
        ({"sidecars": [agent(port=0)]}, "port is 0: expected 1 to 65535"),
        ({"sidecars": [agent(main_waits_for="HEALTHY")]}, "there is no health_command"),
        ({"sidecars": [agent(main_waits_for="SUCCESS")]}, "the task ends with an essential container"),
        ({"sidecars": [agent(main_waits_for="READY")]}, "'READY': expected one of START, HEALTHY"),
    ],
)
def test_what_ecs_refuses_of_containers_is_refused_first(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        routed(**changes)
    assert "hunter2" not in str(raised.value)
