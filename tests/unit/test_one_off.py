"""One-off tasks of the deploy function: one for each command, and stopped only if it is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from functions.deploy import commands, one_off
from functions.deploy.errors import AwsError, RefusedError, UnavailableError
from functions.deploy.requests import RunTask, StopTask
from tests.unit.ecs_answers import ARN, CLUSTER, LEASE, SERVICE, Answers, failing, updating
from tests.unit.one_off_tasks import MIGRATE, NETWORK, TASK, ended, override, rehearsal, rehearsed, task, wanted, world
from tests.unit.test_commands import wanted as deployment


def test_task_runs_where_the_service_runs_with_the_command_of_one_container() -> None:
    answers, started = world()

    answer = one_off.run_task(answers.aws(), wanted())

    assert answer == {"service": SERVICE, "task": TASK.format("new"), "started": True}
    token = started[0].pop("clientToken")
    assert started == [
        {
            "cluster": CLUSTER,
            "taskDefinition": ARN.format(7),
            "count": 1,
            "startedBy": f"release/{LEASE}",
            "propagateTags": "TASK_DEFINITION",
            "overrides": {"containerOverrides": [{"name": "backend", "command": list(MIGRATE)}]},
            "networkConfiguration": NETWORK,
            "launchType": "FARGATE",
            "platformVersion": "LATEST",
        }
    ]
    assert len(token) == 64


def test_capacity_providers_of_the_service_stand_instead_of_a_launch_type() -> None:
    answers, started = world()
    strategy = [{"capacityProvider": "FARGATE_SPOT", "weight": 1, "base": 0}]
    answers.service["capacityProviderStrategy"] = strategy

    one_off.run_task(answers.aws(), wanted())

    assert started[0]["capacityProviderStrategy"] == strategy
    assert "launchType" not in started[0]


def test_client_token_is_the_commands_own() -> None:
    tokens = [
        one_off._token(wanted(**changes))
        for changes in (
            {},
            {},
            {"lease": "b"},
            {"task_definition": ARN.format(8)},
            {"container": "proxy"},
            {"container_command": ("/backend migrate",)},
        )
    ]

    assert tokens[0] == tokens[1]
    assert len(set(tokens)) == 5


@pytest.mark.parametrize(
    "there",
    [task(), task(startedBy="release/earlier"), task(startedBy="easi-release/earlier"), ended(0), ended(3)],
    ids=["runs", "left", "left by an earlier function", "done", "failed"],
)
def test_task_of_the_same_command_is_found_again(there: dict[str, Any]) -> None:
    answers, started = world(there)

    answer = one_off.run_task(answers.aws(), wanted())

    assert answer == {"service": SERVICE, "task": there["taskArn"], "started": False}
    assert started == []


@pytest.mark.parametrize(
    "there",
    [
        ended(3, startedBy="release/earlier"),
        ended(0, taskDefinitionArn=ARN.format(6)),
        task(startedBy="somebody"),
        task(startedBy="ecs-svc/5846192370518264913"),
    ],
    ids=["of an earlier release", "of another revision", "by hand", "of the service"],
)
def test_other_tasks_do_not_stand_for_this_one(there: dict[str, Any]) -> None:
    answers, started = world(there)

    assert one_off.run_task(answers.aws(), wanted())["started"]
    assert len(started) == 1


@pytest.mark.parametrize(
    "there",
    [
        task(taskDefinitionArn=ARN.format(6)),
        task(taskDefinitionArn=ARN.format(6), startedBy="easi-release/earlier"),
        task(overrides=override("/backend", "report")),
    ],
    ids=["revision", "revision of an earlier function", "command"],
)
def test_another_one_off_task_has_to_end_first(there: dict[str, Any]) -> None:
    answers, started = world(there)
    revision = there["taskDefinitionArn"].rpartition("/")[2]

    with pytest.raises(UnavailableError, match=f"one-off task 1 of {revision} still runs"):
        one_off.run_task(answers.aws(), wanted())
    assert started == []


def test_a_rehearsal_runs_what_the_definition_says_with_further_variables() -> None:
    answers, started = world()

    assert one_off.run_task(answers.aws(), rehearsal())["started"]
    variables = [{"name": "RELEASE_REHEARSAL", "value": "3"}]
    assert started[0]["overrides"] == {"containerOverrides": [{"name": "backend", "environment": variables}]}
    assert started[0]["clientToken"] != one_off._token(rehearsal(environment={"RELEASE_REHEARSAL": "4"}))


@pytest.mark.parametrize("there", [rehearsed(), rehearsed(lastStatus="STOPPED", desiredStatus="STOPPED")])
def test_a_repeated_rehearsal_finds_its_task(there: dict[str, Any]) -> None:
    answers, started = world(there)

    assert not one_off.run_task(answers.aws(), rehearsal())["started"]
    assert started == []


@pytest.mark.parametrize("request_", [wanted(), rehearsal()], ids=["migration", "rehearsal"])
def test_a_rehearsal_that_nobody_watches_any_more_is_stopped(request_: RunTask) -> None:
    answers, started = world(rehearsed(startedBy="release/earlier"))
    stopped: list[str] = []

    def stop_task(asked: Mapping[str, Any]) -> dict[str, Any]:
        stopped.append(f"{asked['task']}: {asked['reason']}")
        return {"task": {}}

    answers.replies["StopTask"] = stop_task

    assert one_off.run_task(answers.aws(), request_)["started"]
    assert stopped == [f"{TASK.format('1')}: release: a rehearsal that nobody watches any more"]
    assert len(started) == 1


def test_a_rollout_stops_the_rehearsals_beside_the_service_and_no_migration() -> None:
    answers, _ = world(rehearsed(startedBy="release/earlier"), task("2", startedBy="release/earlier"))
    updates = updating(answers)
    answers.replies["StopTask"] = lambda _: {"task": {}}

    assert commands.deploy(answers.aws(), deployment(8))["started"]
    assert [arguments["task"] for name, arguments in answers.calls if name == "StopTask"] == [TASK.format("1")]
    assert len(updates) == 1


@pytest.mark.parametrize("operation", ["ListTasks", "StopTask"])
def test_a_rollout_begins_also_where_a_rehearsal_cannot_be_stopped(operation: str) -> None:
    answers, _ = world(rehearsed(startedBy="release/earlier"))
    updates = updating(answers)
    answers.replies[operation] = failing("AccessDeniedException")

    assert commands.deploy(answers.aws(), deployment(8))["started"]
    assert len(updates) == 1


def test_a_rehearsal_waits_for_no_command() -> None:
    answers, started = world(task(startedBy="release/earlier"))

    assert one_off.run_task(answers.aws(), rehearsal())["started"]
    assert len(started) == 1


def test_container_that_the_revision_lacks_is_refused() -> None:
    answers, started = world()

    with pytest.raises(RefusedError, match="easi-dev:7 has no container api; it has backend"):
        one_off.run_task(answers.aws(), wanted(container="api"))
    assert started == []


def test_task_that_ecs_does_not_start_is_an_error_with_its_reason() -> None:
    answers, _ = world()
    failure = {"arn": "a", "reason": "RESOURCE:ENI", "detail": "no free address"}
    answers.replies["RunTask"] = lambda _: {"tasks": [], "failures": [failure]}

    with pytest.raises(AwsError, match="started no task of easi-dev:7: RESOURCE:ENI no free address"):
        one_off.run_task(answers.aws(), wanted())


def stop(answers: Answers, **changes: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    stopped: list[dict[str, Any]] = []

    def stop_task(asked: Mapping[str, Any]) -> dict[str, Any]:
        stopped.append(dict(asked))
        return {"task": {}}

    answers.replies["StopTask"] = stop_task
    given = {"lease": LEASE, "task": TASK.format("1"), "reason": "it hangs"} | changes
    return stopped, one_off.stop_task(answers.aws(), StopTask(**given))


def test_one_off_task_is_stopped_with_the_reason() -> None:
    answers, _ = world(task(startedBy="release/earlier"))

    stopped, answer = stop(answers)

    assert stopped == [{"cluster": CLUSTER, "task": TASK.format("1"), "reason": "it hangs"}]
    assert answer == {"service": SERVICE, "task": TASK.format("1"), "outcome": "stopping"}


def test_task_that_ends_already_is_left_to_it() -> None:
    stopped, answer = stop(world(ended(0))[0])

    assert (stopped, answer["outcome"]) == ([], "stopping")


@pytest.mark.parametrize(
    "foreign",
    [
        task(startedBy="ecs-svc/5846192370518264913"),
        task(startedBy=""),
        task(taskDefinitionArn=ARN.format(7).replace("easi-dev:", "other:")),
    ],
)
def test_other_tasks_are_not_stopped(foreign: dict[str, Any]) -> None:
    answers, _ = world(foreign)

    with pytest.raises(RefusedError, match="expected a one-off task of easi-dev"):
        stop(answers)
    assert "StopTask" not in answers.names


def test_task_that_ecs_does_not_know_yet_is_asked_for_again() -> None:
    with pytest.raises(UnavailableError, match="just started, or has ended long ago"):
        stop(world()[0])


def test_lease_of_another_release_neither_starts_nor_stops() -> None:
    answers, _ = world(task())

    with pytest.raises(RefusedError, match="the lease is held by octocat"):
        one_off.run_task(answers.aws(), wanted(lease="another"))
    with pytest.raises(RefusedError, match="the lease is held by octocat"):
        stop(answers, lease="another")
    assert answers.names == ["GetObject"]
