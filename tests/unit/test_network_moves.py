"""The deploy function moving a service to another network, or turning ECS Exec on, and back."""

from __future__ import annotations

from typing import Any

import pytest

from functions.deploy import commands, one_off, rollback, verdict
from functions.deploy.errors import RefusedError
from functions.deploy.network import Network
from functions.deploy.requests import Deploy, Rollback, Status
from tests.unit.ecs_answers import ARN, CLUSTER, LEASE, NEW, SERVICE, Answers, updating
from tests.unit.one_off_tasks import NETWORK as SERVICES_NETWORK
from tests.unit.one_off_tasks import wanted as task
from tests.unit.one_off_tasks import world
from tests.unit.test_rollback import OURS, stopping

HERE = Network(subnets=("subnet-0a1b2c3d4e5f60718",), security_groups=("sg-0f1e2d3c4b5a69788",))
"""Where the service of every file runs."""
THERE = Network(subnets=("subnet-1", "subnet-2"), security_groups=HERE.security_groups)
THERE_FOR_ECS = {
    "awsvpcConfiguration": {
        "subnets": ["subnet-1", "subnet-2"],
        "securityGroups": ["sg-0f1e2d3c4b5a69788"],
        "assignPublicIp": "DISABLED",
    }
}
COUNTS: dict[str, Any] = {"lease": LEASE, "minimum_count": 1, "maximum_count": 4}


def deploy(revision: int, **changes: Any) -> Deploy:
    settings = COUNTS | {"expected_deployment": OURS, "network": HERE, "execute_command": False}
    return Deploy(task_definition=ARN.format(revision), **(settings | changes))


def back(revision: int, **changes: Any) -> Rollback:
    settings = COUNTS | {"deployment": OURS, "network": HERE, "execute_command": False}
    return Rollback(task_definition=ARN.format(revision), **(settings | changes))


def sources_in(answers: Answers, *networks: dict[str, Any] | None) -> None:
    """Where the service revisions of the file run."""
    for found, network in zip(answers.content["describe_service_revisions"]["serviceRevisions"], networks, strict=True):
        found.update({"networkConfiguration": network} if network else {})


def test_revision_network_and_exec_are_one_update() -> None:
    answers = Answers("aws_succeeded")
    updates = updating(answers)

    answer = commands.deploy(answers.aws(), deploy(8, network=THERE, execute_command=True))

    assert updates == [
        {
            "cluster": CLUSTER,
            "service": SERVICE,
            "taskDefinition": ARN.format(8),
            "desiredCount": 2,
            "forceNewDeployment": False,
            "networkConfiguration": THERE_FOR_ECS,
            "enableExecuteCommand": True,
        }
    ]
    assert (answer["deployment"], answer["started"]) == (NEW, True)


@pytest.mark.parametrize("change", [{"network": THERE}, {"execute_command": True}])
def test_the_same_revision_elsewhere_is_one_deployment_more(change: dict[str, Any]) -> None:
    answers = Answers("aws_succeeded")
    updates = updating(answers)

    first = commands.deploy(answers.aws(), deploy(7, **change))
    again = commands.deploy(answers.aws(), deploy(7, **change))

    assert [update["forceNewDeployment"] for update in updates] == [True]
    assert (first["deployment"], first["started"]) == (NEW, True)
    assert (again["deployment"], again["started"]) == (NEW, False)


@pytest.mark.parametrize("known", [{"network": HERE}, {"network": None, "execute_command": None}])
def test_what_is_there_is_left(known: dict[str, Any]) -> None:
    answers = Answers("aws_succeeded")

    assert commands.deploy(answers.aws(), deploy(7, **known))["started"] is False
    assert "UpdateService" not in answers.names


def test_tasks_with_public_addresses_are_not_there() -> None:
    answers = Answers("aws_succeeded")
    updates = updating(answers)
    network = answers.service["deployments"][0]["networkConfiguration"]["awsvpcConfiguration"]
    network["assignPublicIp"] = "ENABLED"

    assert commands.deploy(answers.aws(), deploy(7))["started"] is True
    assert updates[0]["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"] == "DISABLED"


def test_what_the_service_would_give_the_next_deployment_counts_too() -> None:
    """After ECS went back by itself: its deployment is in the former network, the service may not be."""
    answers = Answers("aws_succeeded")
    updates = updating(answers)
    answers.service["networkConfiguration"] = THERE_FOR_ECS

    assert commands.deploy(answers.aws(), deploy(7))["started"] is True
    assert len(updates) == 1


def test_the_wanted_revision_elsewhere_is_somebody_elses() -> None:
    answers = Answers("aws_succeeded")
    updates = updating(answers)

    with pytest.raises(RefusedError, match="somebody else deploys it"):
        commands.deploy(answers.aws(), deploy(7, network=THERE, expected_deployment="ecs-svc/1"))
    assert updates == []


def test_going_back_brings_the_network_and_exec_of_before() -> None:
    answers = Answers("aws_succeeded")
    updates = updating(answers)
    answers.service["enableExecuteCommand"] = True

    first = rollback.rollback(answers.aws(), back(7, network=THERE))
    again = rollback.rollback(answers.aws(), back(7, network=THERE))

    assert (first["outcome"], again["outcome"]) == ("started", "there")
    (update,) = updates
    assert (update["networkConfiguration"], update["enableExecuteCommand"]) == (THERE_FOR_ECS, False)


def test_rollout_of_the_same_revision_elsewhere_is_stopped_where_ecs_goes_back_to_the_network_of_before() -> None:
    answers = Answers("aws_in_progress_recorded")
    stopped, updates = stopping(answers), updating(answers)
    here = {"awsvpcConfiguration": {"subnets": [*HERE.subnets], "securityGroups": [*HERE.security_groups]}}
    sources_in(answers, here, THERE_FOR_ECS)
    answers.service["deployments"][0]["networkConfiguration"] = THERE_FOR_ECS

    assert rollback.rollback(answers.aws(), back(6))["outcome"] == "stopping"
    assert (len(stopped), updates) == (1, [])


@pytest.mark.parametrize("network", [THERE_FOR_ECS, None])
def test_rollout_that_ecs_would_take_back_to_another_network_is_replaced(network: dict[str, Any] | None) -> None:
    answers = Answers("aws_in_progress_recorded")
    stopped, updates = stopping(answers), updating(answers)
    sources_in(answers, network, network)

    assert rollback.rollback(answers.aws(), back(6))["outcome"] == "started"
    assert (stopped, len(updates)) == ([], 1)


def test_rollout_with_another_exec_is_replaced_as_no_service_revision_has_it() -> None:
    answers = Answers("aws_in_progress_recorded")
    stopped, updates = stopping(answers), updating(answers)
    answers.service["enableExecuteCommand"] = True

    assert rollback.rollback(answers.aws(), back(6, network=None))["outcome"] == "started"
    assert stopped == []
    assert updates[0]["enableExecuteCommand"] is False


def elsewhere(name: str) -> Answers:
    """A file in which the deployment in question is one of the same revision, in another network."""
    answers = Answers(name)
    for found in answers.service["deployments"]:
        if found["id"] == OURS:
            found["networkConfiguration"] = THERE_FOR_ECS
        else:
            found["taskDefinition"] = ARN.format(7)
    for found in answers.content["describe_tasks"]["tasks"]:
        found["taskDefinitionArn"] = ARN.format(7)
    for found in answers.content["describe_service_revisions"]["serviceRevisions"]:
        found["taskDefinition"] = ARN.format(7)
    return answers


@pytest.mark.parametrize("name", ["aws_rolled_back", "listed_rolled_back"])
def test_what_ecs_took_back_to_the_network_of_before_is_rolled_back(name: str) -> None:
    answers = elsewhere(name)
    asked = verdict.Question(
        deployment=OURS, task_definition=ARN.format(7), network=THERE, created_at=answers.asked.created_at
    )

    assert verdict.decide(asked, answers.seen).outcome == "rolled_back"


def test_what_ecs_is_taking_back_to_the_network_of_before_is_in_progress() -> None:
    answers = elsewhere("listed_rolled_back")
    ours, other = answers.service["deployments"]
    ours["status"], other["status"] = "PRIMARY", "ACTIVE"
    asked = Status(deployment=OURS, task_definition=ARN.format(7), network=THERE, created_at=answers.asked.created_at)

    answer = commands.status(answers.aws(), asked)

    assert (answer["outcome"], answer["missing"]) == ("in_progress", ["ECS is about to return to the revision before"])


def test_one_off_task_runs_in_the_network_that_comes() -> None:
    answers, started = world()
    assert answers.service["networkConfiguration"] == SERVICES_NETWORK

    one_off.run_task(answers.aws(), task(network=THERE))

    assert started[0]["networkConfiguration"] == THERE_FOR_ECS
    assert one_off._token(task(network=THERE)) != one_off._token(task())
