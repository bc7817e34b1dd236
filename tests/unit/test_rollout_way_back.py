"""How a service is brought back through the deploy function, and how nothing is brought to run where nothing did."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from functions.deploy.network import Network
from functions.deploy.requests import Rollback
from release.deploy_function import DeployFunction, FunctionFailed
from release.rollout import RolledOut, roll_back, side_by_side
from tests.unit.function_double import Clock, Function, stopped_clock
from tests.unit.rollout_world import BEGAN, NEW, OLD, status

BACK = BEGAN | {"outcome": "started", "deployment": "ecs-svc/3", "taskDefinition": OLD, "replaces": NEW}
STOPPING = {**BEGAN, "outcome": "stopping"}
LOST = ReadTimeoutError(endpoint_url="https://lambda")


clock = pytest.fixture(stopped_clock, autouse=True)


def go_back(
    function: Function, say: Callable[[str], None] = print, deadline_s: float = 60.0, **changes: Any
) -> RolledOut | None:
    settings: dict[str, Any] = {
        "task_definition": OLD,
        "deployment": "ecs-svc/2",
        "minimum_count": 2,
        "maximum_count": 4,
        "lease": "lease-1",
    }
    asked = DeployFunction(function, "easi-dev-deploy", say, deadline_s)
    return side_by_side([roll_back(asked, Rollback(**(settings | changes)))])[0]


def test_service_is_brought_back_and_watched_until_it_runs() -> None:
    there = status("succeeded", taskDefinition=OLD)
    function, said = Function(BACK, status(missing=["x"]), there), list[str]()

    done = go_back(function, said.append)

    assert done == RolledOut(deployment="ecs-svc/3", task_definition=OLD, started=True)
    assert said[0] == "easi-dev:6 begins after easi-dev:7, desired count 2 (ecs-svc/3)"
    assert said[-1] == "2 of 2 tasks on easi-dev:6, 2 of 2 targets healthy: done (1 s)"
    assert function.commands[0] == {
        "command": "rollback",
        "lease": "lease-1",
        "minimumCount": 2,
        "maximumCount": 4,
        "taskDefinition": OLD,
        "deployment": "ecs-svc/2",
    }
    assert function.commands[1]["deployment"] == "ecs-svc/3"


def test_ecs_that_goes_back_by_itself_is_asked_until_it_is_there() -> None:
    there = BACK | {"outcome": "there", "started": False, "replaces": None}
    function, said = Function(STOPPING, STOPPING, STOPPING, there, status("succeeded")), list[str]()

    done = go_back(function, said.append)

    assert done is not None
    assert done.started
    assert said.count("ECS stops the rollout and goes back") == 1
    assert [command["command"] for command in function.commands] == ["rollback"] * 4 + ["status"]
    assert len({json.dumps(command) for command in function.commands[:4]}) == 1


def test_service_that_is_there_already_was_not_moved() -> None:
    there = BACK | {"outcome": "there", "started": False, "replaces": None}

    done, after_a_lost_answer = (
        go_back(Function(*answers, status("succeeded"))) for answers in ([there], [LOST, there])
    )

    assert done is not None
    assert after_a_lost_answer is not None
    assert (done.started, after_a_lost_answer.started) == (False, True)


def test_ecs_that_does_not_arrive_is_waited_for_until_the_deadline(clock: Clock) -> None:
    with pytest.raises(FunctionFailed, match="ECS was still going back after 10 s") as caught:
        go_back(Function(STOPPING), deadline_s=10)

    assert caught.value.outcome == "timed_out"
    assert clock.now <= 10


def test_way_back_that_fails_says_why() -> None:
    with pytest.raises(FunctionFailed, match="no task of easi-dev:6 ever ran"):
        go_back(Function(BACK, status("no_tasks")))


def tasks(count: int) -> dict[str, Any]:
    now = {"taskDefinition": None, "deployment": "ecs-svc/2", "desiredCount": 0, "runningCount": count}
    return {"service": "easi-dev", "outcome": "idle", "current": now}


def test_where_nothing_was_proven_nothing_runs_in_the_end() -> None:
    function, said = Function({**BEGAN, "outcome": "stopped"}, tasks(2), tasks(1), tasks(0)), list[str]()

    assert go_back(function, said.append, task_definition=None, deployment=None) is None

    assert function.commands[0].keys() == {"command", "lease", "minimumCount", "maximumCount"}
    assert said == [
        "2 of 0 tasks running",
        "1 of 0 tasks running",
        "no task runs any more (2 s)",
    ]


def test_tasks_that_do_not_end_are_told() -> None:
    with pytest.raises(FunctionFailed, match="2 tasks of 0 wanted still ran after 10 s"):
        go_back(Function({**BEGAN, "outcome": "stopped"}, tasks(2)), task_definition=None, deadline_s=10)


def test_network_and_exec_of_before_are_sent() -> None:
    function = Function(BACK, status("succeeded", taskDefinition=OLD))

    go_back(function, network=Network(subnets=("subnet-1",), security_groups=("sg-1",)), execute_command=True)

    command = function.commands[0]
    assert command["network"] == {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}
    assert command["executeCommand"] is True
