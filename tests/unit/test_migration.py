"""How a migration is run through the deploy function: what is said, what is tried again, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from functions.deploy.requests import RunTask
from release import deploy_function, migration, progress
from release.deploy_function import DeployFunction
from release.migration import Migrated, MigrationFailed, migrate
from tests.unit import function_double
from tests.unit.function_double import Answer, Clock, answered, next_of

REVISION = "arn:aws:ecs:us-west-2:111122223333:task-definition/easi-dev:7"
TASK = "arn:aws:ecs:us-west-2:111122223333:task/easi-dev/0a1b2c"
BEGAN = {"task": TASK, "started": True}
LOST = ReadTimeoutError(endpoint_url="https://lambda")
NO_CONNECTION = ConnectTimeoutError(endpoint_url="https://lambda")


def stands(outcome: str = "in_progress", **changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "task": TASK,
        "outcome": outcome,
        "lastStatus": "RUNNING",
        "exitCode": None,
        "reason": "",
        "details": [],
    }
    return answer | changes


SUCCEEDED = stands("succeeded", lastStatus="STOPPED", exitCode=0)


def raised(message: str) -> dict[str, Any]:
    return function_double.raised(message, "RefusedError")


class Function:
    """Answers each command in turn, the last answer for ever; remembers the commands."""

    def __init__(self, **answers: list[Answer]) -> None:
        standard: dict[str, list[Answer]] = {"run_task": [BEGAN], "stop_task": [{"task": TASK, "outcome": "stopping"}]}
        self.answers = standard | answers
        self.commands: list[dict[str, Any]] = []

    def invoke(self, **arguments: Any) -> Mapping[str, Any]:
        command = json.loads(arguments["Payload"])
        self.commands.append(command)
        return answered(next_of(self.answers[command["command"]]))

    def sent(self, name: str) -> list[dict[str, Any]]:
        return [command for command in self.commands if command["command"] == name]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (migration, deploy_function, progress):
        monkeypatch.setattr(module, "time", made)
    return made


def run(function: Function, say: Callable[[str], None] = print, timeout_s: float = 900.0) -> Migrated:
    request = RunTask(
        lease="lease-1",
        task_definition=REVISION,
        container="backend",
        container_command=("/backend", "migrate"),
    )
    return migrate(DeployFunction(function, "easi-dev-deploy", say, timeout_s), request)


def fail(function: Function, **changes: Any) -> MigrationFailed:
    with pytest.raises(MigrationFailed) as caught:
        run(function, **changes)
    return caught.value


def test_success_is_the_exit_code_of_the_named_container() -> None:
    function, said = Function(task_status=[stands(lastStatus="PENDING"), stands(), stands(), SUCCEEDED]), list[str]()

    assert run(function, said.append) == Migrated(task=TASK, seconds=3.0)

    assert said == [
        "the migration /backend migrate begins in task 0a1b2c, for 900 s at most",
        "task is PENDING",
        "task is RUNNING",
        "ended with exit code 0 (3 s)",
    ]
    assert function.commands[:2] == [
        {
            "command": "run_task",
            "lease": "lease-1",
            "taskDefinition": REVISION,
            "container": "backend",
            "containerCommand": ["/backend", "migrate"],
        },
        {"command": "task_status", "task": TASK, "container": "backend", "explain": False},
    ]
    assert not function.sent("stop_task")


def test_failure_has_the_exit_code_why_it_stopped_and_the_last_lines() -> None:
    ended = stands("failed", exitCode=3, reason="Essential container in task exited.", details=["backend | no table"])

    failed = fail(Function(task_status=[ended]))

    assert (failed.outcome, failed.task, failed.details) == ("failed", TASK, ("backend | no table",))
    assert failed.message == "the migration failed with exit code 3: Essential container in task exited"


def test_container_that_never_ran_has_no_exit_code() -> None:
    failed = fail(Function(task_status=[stands("failed", reason="CannotPullContainerError: not found.")]))

    expected = "the migration never ran: container backend has no exit code: CannotPullContainerError: not found"
    assert failed.message == expected


def test_task_that_is_not_known_yet_is_waited_for(clock: Clock) -> None:
    assert run(Function(task_status=[stands("no_task"), stands("no_task"), SUCCEEDED])).task == TASK

    failed = fail(Function(task_status=[stands("no_task")]))
    assert failed.outcome == "no_task"
    assert 60 <= clock.now <= 70


def test_task_that_is_not_known_any_more_is_no_success() -> None:
    failed = fail(Function(task_status=[stands(), stands("no_task")]))

    assert "ECS does not know the migration's task 0a1b2c any more: whether it succeeded cannot be said" in str(failed)


@pytest.mark.parametrize("trouble", [LOST, NO_CONNECTION, raised("unavailable: RunTask: ThrottlingException")], ids=str)
def test_lost_answers_are_asked_for_again(trouble: Answer) -> None:
    function = Function(run_task=[trouble, BEGAN], task_status=[trouble, stands(), trouble, SUCCEEDED])

    assert run(function).task == TASK
    assert function.sent("run_task")[0] == function.sent("run_task")[1]


def test_task_that_runs_already_is_adopted() -> None:
    said: list[str] = []
    run(Function(run_task=[BEGAN | {"started": False}], task_status=[SUCCEEDED]), said.append)
    assert said[0].startswith("the migration /backend migrate runs already in task 0a1b2c")

    said.clear()
    run(Function(run_task=[LOST, BEGAN | {"started": False}], task_status=[SUCCEEDED]), said.append)
    assert said[1].startswith("the migration /backend migrate begins in task"), "it was ours: only its answer was lost"


def test_refusal_starts_nothing() -> None:
    function = Function(run_task=[raised("refused: the lease is held by octocat")])

    failed = fail(function)

    assert (failed.outcome, failed.task) == ("refused", None)
    assert "the migration was not started: easi-dev-deploy refused to run_task: the lease is held by" in failed.message
    assert len(function.commands) == 1


def test_migration_that_hangs_is_stopped(clock: Clock) -> None:
    stopped = stands("failed", exitCode=137, reason="it did not end", details=["backend | waiting for a lock"])
    function = Function(task_status=[*[stands()] * 12, stopped])

    failed = fail(function, timeout_s=10)

    assert failed.outcome == "timed_out"
    assert failed.message == "the migration did not end within 10 s: it was stopped with exit code 137"
    assert failed.details == ("backend | waiting for a lock",)
    (stop,) = function.sent("stop_task")
    assert stop == {
        "command": "stop_task",
        "lease": "lease-1",
        "task": TASK,
        "reason": "easi-release: it did not end within 10 s",
    }
    assert [each["explain"] for each in function.sent("task_status")[:10]] == [False] * 9 + [True]
    assert clock.now < 15


def test_exit_code_0_after_a_stop_is_no_success() -> None:
    failed = fail(Function(task_status=[*[stands()] * 10, SUCCEEDED]), timeout_s=10)

    assert failed.message == "the migration did not end within 10 s: it was stopped with exit code 0"


def test_success_at_the_very_end_counts() -> None:
    function = Function(task_status=[*[stands()] * 9, SUCCEEDED])

    assert run(function, timeout_s=10).task == TASK
    assert not function.sent("stop_task")


def test_task_that_does_not_stop_is_told(clock: Clock) -> None:
    failed = fail(Function(task_status=[stands(details=["backend | busy"])]), timeout_s=10)

    assert "it was told to stop, and task 0a1b2c still ran 150 s later" in failed.message
    assert failed.details == ("backend | busy",)
    assert clock.now <= 10 + 150


def test_stop_that_is_refused_is_told() -> None:
    function = Function(task_status=[stands()], stop_task=[raised("refused: the lease is held by octocat")])

    failed = fail(function, timeout_s=10)

    assert failed.outcome == "timed_out"
    assert "whether task 0a1b2c still runs is not known: easi-dev-deploy refused to stop_task" in failed.message


def test_function_that_is_gone_meanwhile_leaves_no_doubt() -> None:
    function = Function(task_status=[stands(), LOST], stop_task=[NO_CONNECTION])

    failed = fail(function, timeout_s=20)

    assert failed.outcome == "timed_out"
    assert "how the migration ended is not known: easi-dev-deploy did not answer to task_status" in failed.message
    assert "; whether task 0a1b2c still runs is not known: easi-dev-deploy did not answer" in failed.message


def test_migration_that_could_not_be_watched_is_stopped() -> None:
    stopped = stands("failed", exitCode=143)
    denied = {"functionError": {"errorMessage": "DescribeTasks: AccessDenied", "errorType": "AwsError"}}

    failed = fail(Function(task_status=[stands(), denied, stopped]))

    assert failed.outcome == "error"
    assert failed.message.endswith("DescribeTasks: AccessDenied; it was stopped with exit code 143")


@pytest.mark.parametrize("end", [KeyboardInterrupt(), SystemExit(1), RuntimeError("lease lost")], ids=repr)
def test_who_stops_watching_says_that_it_goes_on(end: BaseException) -> None:
    function, said = Function(task_status=[stands(), end]), list[str]()

    with pytest.raises(type(end)):
        run(function, said.append)

    assert "is not watched any more and goes on in task 0a1b2c: the next run of this release waits" in said[-1]
    assert not function.sent("stop_task")


def test_who_stops_before_the_task_is_known_says_so_too() -> None:
    said: list[str] = []

    with pytest.raises(KeyboardInterrupt):
        run(Function(run_task=[KeyboardInterrupt()]), said.append)

    assert said == [
        "the migration is not watched any more and may have been started: "
        "the next run of this release waits for its end"
    ]
