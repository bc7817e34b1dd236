"""How a migration is run through the deploy function: what is said, what is tried again, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from functions.deploy.requests import RunTask
from release import deploy_function, migration
from release.deploy_function import DeployFunction
from release.migration import migrate
from release.one_off import TaskFailed
from tests.unit import function_double
from tests.unit.function_double import Answer, Clock, Function, answered, stopped_clock
from tests.unit.one_off_answers import BEGAN, LOST, REVISION, SUCCEEDED, TASK, function_of, raised, stands

NO_CONNECTION = ConnectTimeoutError(endpoint_url="https://lambda")

clock = pytest.fixture(stopped_clock, autouse=True)


def run(function: Function, say: Callable[[str], None] = print, timeout_s: float = 900.0) -> None:
    request = RunTask(
        lease="lease-1",
        task_definition=REVISION,
        container="backend",
        container_command=("/backend", "migrate"),
    )
    migrate(DeployFunction(function, "easi-dev-deploy", say, timeout_s), request)


def fail(function: Function, **changes: Any) -> TaskFailed:
    with pytest.raises(TaskFailed) as caught:
        run(function, **changes)
    return caught.value


def test_success_is_the_exit_code_of_the_named_container() -> None:
    function, said = function_of(task_status=[stands(lastStatus="PENDING"), stands(), stands(), SUCCEEDED]), list[str]()

    run(function, said.append)

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

    failed = fail(function_of(task_status=[ended]))

    assert (failed.outcome, failed.task, failed.details) == ("failed", TASK, ("backend | no table",))
    assert failed.message == "the migration failed with exit code 3: Essential container in task exited"


def test_container_that_never_ran_has_no_exit_code() -> None:
    failed = fail(function_of(task_status=[stands("failed", reason="CannotPullContainerError: not found.")]))

    expected = "the migration never ran: container backend has no exit code: CannotPullContainerError: not found"
    assert failed.message == expected


def test_task_that_is_not_known_yet_is_waited_for(clock: Clock) -> None:
    run(function_of(task_status=[stands("no_task"), stands("no_task"), SUCCEEDED]))

    failed = fail(function_of(task_status=[stands("no_task")]))
    assert failed.outcome == "no_task"
    assert 60 <= clock.now <= 70


def test_task_that_is_not_known_any_more_is_no_success() -> None:
    failed = fail(function_of(task_status=[stands(), stands("no_task")]))

    assert "ECS does not know the task 0a1b2c of the migration any more: whether it succeeded cannot be said" in str(
        failed
    )


@pytest.mark.parametrize("trouble", [LOST, NO_CONNECTION, raised("unavailable: RunTask: ThrottlingException")], ids=str)
def test_lost_answers_are_asked_for_again(trouble: Answer) -> None:
    function = function_of(run_task=[trouble, BEGAN], task_status=[trouble, stands(), trouble, SUCCEEDED])

    run(function)
    assert function.sent("run_task")[0] == function.sent("run_task")[1]


def test_task_that_runs_already_is_adopted() -> None:
    said: list[str] = []
    run(function_of(run_task=[BEGAN | {"started": False}], task_status=[SUCCEEDED]), said.append)
    assert said[0].startswith("the migration /backend migrate runs already in task 0a1b2c")

    said.clear()
    run(function_of(run_task=[LOST, BEGAN | {"started": False}], task_status=[SUCCEEDED]), said.append)
    assert said[1].startswith("the migration /backend migrate begins in task"), "it was ours: only its answer was lost"


def test_refusal_starts_nothing() -> None:
    function = function_of(run_task=[raised("refused: the lease is held by octocat")])

    failed = fail(function)

    assert (failed.outcome, failed.task) == ("refused", None)
    assert "the migration was not started: easi-dev-deploy refused to run_task: the lease is held by" in failed.message
    assert len(function.commands) == 1


def test_migration_that_hangs_is_stopped(clock: Clock) -> None:
    stopped = stands("failed", exitCode=137, reason="it did not end", details=["backend | waiting for a lock"])
    function = function_of(task_status=[*[stands()] * 12, stopped])

    failed = fail(function, timeout_s=10)

    assert failed.outcome == "timed_out"
    assert failed.message == "the migration did not end within 10 s: it was stopped with exit code 137"
    assert failed.details == ("backend | waiting for a lock",)
    (stop,) = function.sent("stop_task")
    assert stop == {
        "command": "stop_task",
        "lease": "lease-1",
        "task": TASK,
        "reason": "release: it did not end within 10 s",
    }
    assert [each["explain"] for each in function.sent("task_status")[:10]] == [False] * 9 + [True]
    assert clock.now < 15


def test_exit_code_0_after_a_stop_is_no_success() -> None:
    failed = fail(function_of(task_status=[*[stands()] * 10, SUCCEEDED]), timeout_s=10)

    assert failed.message == "the migration did not end within 10 s: it was stopped with exit code 0"


def test_success_at_the_very_end_counts() -> None:
    function = function_of(task_status=[*[stands()] * 9, SUCCEEDED])

    run(function, timeout_s=10)
    assert not function.sent("stop_task")


def test_task_that_does_not_stop_is_told(clock: Clock) -> None:
    failed = fail(function_of(task_status=[stands(details=["backend | busy"])]), timeout_s=10)

    assert "it was told to stop, and task 0a1b2c still ran 150 s later" in failed.message
    assert failed.details == ("backend | busy",)
    assert clock.now <= 10 + 150


def test_stop_that_is_refused_is_told() -> None:
    function = function_of(task_status=[stands()], stop_task=[raised("refused: the lease is held by octocat")])

    failed = fail(function, timeout_s=10)

    assert failed.outcome == "timed_out"
    assert "whether task 0a1b2c still runs is not known: easi-dev-deploy refused to stop_task" in failed.message


def test_function_that_is_gone_meanwhile_leaves_no_doubt() -> None:
    function = function_of(task_status=[stands(), LOST], stop_task=[NO_CONNECTION])

    failed = fail(function, timeout_s=20)

    assert failed.outcome == "timed_out"
    assert "how the migration ended is not known: easi-dev-deploy did not answer to task_status" in failed.message
    assert "; whether task 0a1b2c still runs is not known: easi-dev-deploy did not answer" in failed.message


def test_migration_that_could_not_be_watched_is_stopped() -> None:
    stopped = stands("failed", exitCode=143)
    denied = {"functionError": {"errorMessage": "DescribeTasks: AccessDenied", "errorType": "AwsError"}}

    failed = fail(function_of(task_status=[stands(), denied, stopped]))

    assert failed.outcome == "error"
    assert failed.message.endswith("DescribeTasks: AccessDenied; it was stopped with exit code 143")


@pytest.mark.parametrize("end", [KeyboardInterrupt(), SystemExit(1), RuntimeError("lease lost")], ids=repr)
def test_who_stops_watching_says_that_it_goes_on(end: BaseException) -> None:
    function, said = function_of(task_status=[stands(), end]), list[str]()

    with pytest.raises(type(end)):
        run(function, said.append)

    assert "is not watched any more and goes on in task 0a1b2c: the next run of this release waits" in said[-1]
    assert not function.sent("stop_task")


def test_who_stops_before_the_task_is_known_says_so_too() -> None:
    said: list[str] = []

    with pytest.raises(KeyboardInterrupt):
        run(function_of(run_task=[KeyboardInterrupt()]), said.append)

    assert said == [
        "the migration is not watched any more and may have been started: "
        "the next run of this release waits for its end"
    ]


HOOK = "arn:aws:lambda:us-west-2:111122223333:function:easi-dev-snapshot"
ABOUT = {"environment": "dev", "version": "1" * 40, "service": "backend"}


class Hook:
    """A function of somebody else's, which answers once."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.calls = answer, list[dict[str, Any]]()

    def invoke(self, **arguments: Any) -> Mapping[str, Any]:
        self.calls.append(arguments)
        return answered(self.answer)


def test_a_function_before_the_migration_is_invoked_once_with_what_the_release_is() -> None:
    hook, said = Hook({"snapshot": "easi-1"}), list[str]()
    migration.invoke_hook(hook, HOOK, ABOUT, said.append)
    (call,) = hook.calls
    assert (call["FunctionName"], call["InvocationType"]) == (HOOK, "RequestResponse")
    assert json.loads(call["Payload"]) == ABOUT
    assert said[0] == "what is before the migration, function easi-dev-snapshot, begins"


@pytest.mark.parametrize(
    ("answer", "outcome", "message"),
    [
        (
            function_double.raised("no rights, password=hunter2-of-the-database", "ValueError"),
            "failed",
            "what is before the migration failed: function easi-dev-snapshot: ValueError: no rights, password=[hidden]",
        ),
        (
            LOST,
            "error",
            "how what is before the migration ended is not known: function easi-dev-snapshot: Read timeout",
        ),
        (
            ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}, "Invoke"),
            "error",
            "what is before the migration was not started: function easi-dev-snapshot: AccessDeniedException: not",
        ),
    ],
    ids=["raises", "lost", "denied"],
)
def test_a_function_that_fails_or_whose_answer_is_lost_is_no_success_and_not_repeated(
    answer: Answer, outcome: str, message: str
) -> None:
    hook = Hook(answer)
    with pytest.raises(deploy_function.FunctionFailed) as failed:
        migration.invoke_hook(hook, HOOK, ABOUT, print)
    assert failed.value.outcome == outcome
    assert failed.value.message.startswith(message)
    assert len(hook.calls) == 1
