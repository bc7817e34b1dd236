"""How a new revision proves itself beside the service: what is asked, what is proven by it, and how the task ends."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from functions.deploy.network import Network
from functions.deploy.requests import RunTask
from release import rehearsal, rollout
from release.deploy_function import DeployFunction, FunctionFailed
from release.rehearsal import RehearsalFailed
from release.request import Rehearsal
from settings.own_names import MAIN_SERVICE
from tests.unit.function_double import Answer, Clock, Function, stopped_clock
from tests.unit.one_off_answers import LOST, REVISION, TASK, function_of, raised, stands
from tests.unit.release_world import NEW, OLD
from tests.unit.releases import before, request

VERSION = Rehearsal(asks="version", passes=3, stays_s=5)
HEALTH = Rehearsal(asks="health", passes=3, stays_s=15)
NOTHING = Rehearsal(asks="nothing", passes=3, stays_s=20)
HEALTHY, SICK = stands(health="HEALTHY"), stands(health="UNHEALTHY")
STARTING = stands(lastStatus="PENDING")


clock = pytest.fixture(stopped_clock, autouse=True)


def works(function: Function, plan: Rehearsal, said: list[str], deadline_s: float = 300.0) -> Any:
    task = RunTask(
        lease="lease-1",
        task_definition=REVISION,
        container="backend",
        environment=rehearsal.variables(plan, NEW),
    )
    return rehearsal.rehearse(DeployFunction(function, "easi-dev-deploy", said.append, deadline_s), task, plan)


def rehearse(function: Function, plan: Rehearsal = VERSION, deadline_s: float = 300.0) -> tuple[str, list[str]]:
    said: list[str] = []
    (proof,) = rollout.side_by_side([works(function, plan, said, deadline_s)])
    return proof, said


def fail(function: Function, plan: Rehearsal = VERSION, deadline_s: float = 300.0) -> FunctionFailed:
    with pytest.raises(FunctionFailed) as caught:
        rehearse(function, plan, deadline_s)
    assert len(function.sent("stop_task")) == 1
    return caught.value


def answers(*status: Answer) -> Function:
    return function_of(task_status=list(status))


def test_version_and_status_are_asked_from_inside_as_often_as_the_task_is_told() -> None:
    function = answers(STARTING, stands(), HEALTHY)

    proof, said = rehearse(function)

    assert proof == "status and version right 3 times in a row (7 s)"
    assert said == [
        "the rehearsal begins in task 0a1b2c, for 300 s at most",
        "task is PENDING, UNKNOWN",
        "task is RUNNING, UNKNOWN",
        "task is RUNNING, HEALTHY",
        f"task 0a1b2c: {proof}",
    ]
    assert function.commands[0] == {
        "command": "run_task",
        "lease": "lease-1",
        "taskDefinition": REVISION,
        "container": "backend",
        "environment": {"RELEASE_REHEARSAL": "3", "RELEASE_REHEARSAL_VERSION": NEW},
    }
    (stop,) = function.sent("stop_task")
    assert (stop["task"], stop["reason"]) == (TASK, "release: the rehearsal is over")


@pytest.mark.parametrize(
    ("plan", "proof", "last"),
    [
        (HEALTH, "healthy for 15 s, version not compared (17 s)", HEALTHY),
        (NOTHING, "ran for 20 s, and nothing asked it (21 s)", stands()),
    ],
)
def test_what_is_not_compared_is_said(plan: Rehearsal, proof: str, last: dict[str, Any]) -> None:
    assert rehearse(answers(STARTING, stands(), last), plan)[0] == proof


def test_a_task_has_to_stay_healthy() -> None:
    function = answers(HEALTHY, HEALTHY, stands(), HEALTHY, HEALTHY, HEALTHY, HEALTHY, HEALTHY, SICK)

    assert "is not healthy after 8 s, says the health command" in fail(function).message


def test_an_unhealthy_task_fails_at_once_with_its_log(clock: Clock) -> None:
    explained = stands(health="UNHEALTHY", details=["task 0a1b2c backend | status is fail, expected pass"])

    failed = fail(answers(stands(), SICK, explained))

    assert isinstance(failed, RehearsalFailed)
    assert failed.message == "the task of the rehearsal is not healthy after 1 s, says the health command"
    assert failed.details == ("task 0a1b2c backend | status is fail, expected pass",)
    assert clock.now == 1


def test_a_log_that_cannot_be_read_changes_no_verdict() -> None:
    failed = fail(answers(stands(), SICK, FunctionFailed("refused", "the lease is lost")))

    assert isinstance(failed, RehearsalFailed)
    assert (failed.outcome, failed.details) == ("unhealthy", ("its log cannot be read: the lease is lost",))


def test_a_task_that_crashes_has_its_exit_code_and_its_log() -> None:
    crashed = stands("failed", exitCode=4, reason="Essential container in task exited", details=["backend | lost"])

    failed = fail(answers(HEALTHY, HEALTHY, crashed), HEALTH)

    assert failed.message == "the rehearsal failed with exit code 4: Essential container in task exited"
    assert failed.details == ("backend | lost",)


def test_a_program_that_ends_well_does_not_serve() -> None:
    failed = fail(answers(stands(), stands("succeeded", exitCode=0)), NOTHING)

    assert failed.message == "the rehearsal ended with exit code 0, and a task of a service runs on"


def test_a_task_that_never_becomes_healthy_is_given_up_at_the_deadline(clock: Clock) -> None:
    failed = fail(answers(stands()), deadline_s=30)

    assert failed.message == "the rehearsal was not over within 30 s: its task is RUNNING, UNKNOWN"
    assert clock.now <= 30


def test_trouble_with_the_function_is_no_fault_of_the_version() -> None:
    failed = fail(answers(stands(), raised("refused: the lease is held by octocat")))
    assert not isinstance(failed, RehearsalFailed)


def test_nothing_is_stopped_that_was_not_started() -> None:
    function = function_of(run_task=[raised("refused: the lease is held by octocat")])

    with pytest.raises(FunctionFailed, match="the rehearsal was not started"):
        rehearse(function)
    assert not function.sent("stop_task")


def test_a_proof_stands_where_its_task_cannot_be_stopped() -> None:
    function = function_of(task_status=[HEALTHY], stop_task=[LOST])

    proof, said = rehearse(function)

    assert proof.startswith("status and version right")
    kept = [line for line in said if line.startswith("whether task 0a1b2c of the rehearsal still runs is not known")]
    assert kept
    assert kept[0].endswith("The next rollout stops it")


def test_where_one_service_fails_the_tasks_of_the_others_are_stopped() -> None:
    good, bad = answers(stands()), answers(stands(), SICK)

    with pytest.raises(RehearsalFailed):
        rollout.side_by_side([works(good, HEALTH, []), works(bad, VERSION, [])])

    assert len(good.sent("stop_task")) == len(bad.sent("stop_task")) == 1


def test_what_is_skipped_and_why() -> None:
    (service,) = request().services.values()
    proven, runs = before(), before().services[MAIN_SERVICE]
    same = dataclasses.replace(service, identity=runs)
    network = Network(subnets=("subnet-2",), security_groups=("sg-2",))
    moved = dataclasses.replace(service, identity=dataclasses.replace(runs, network=network))
    newer = dataclasses.replace(before(), version=NEW, services={}, previous=(proven,))

    def why(asked: Any, version: str, release: Any = proven) -> str:
        return rehearsal.why_skipped(asked, runs, release, version)

    assert why(service, NEW) == ""
    assert why(service, NEW, None) == ""
    assert why(same, OLD) == "not rehearsed: the service runs this revision"
    assert why(moved, OLD) == "", "the same version with other settings"
    assert why(moved, OLD, newer) == "not rehearsed: 111111111111 was proven here before, with this image"
    assert why(service, OLD, newer) == "", "the same version with another image"
    assert why(dataclasses.replace(service, rehearsal=None), NEW) == "not rehearsed: rehearsal.enabled is false"
