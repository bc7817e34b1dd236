"""How a rollout is driven through the deploy function: what is said, what is tried again, and how it ends."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError, ReadTimeoutError
from botocore.response import StreamingBody

from release import deploy_function, progress, rollout
from release.rollout import (
    Current,
    RollbackRequest,
    RolledOut,
    RolloutFailed,
    RolloutRequest,
    roll_back,
    roll_out,
)

OLD, NEW = (f"arn:aws:ecs:us-west-2:111122223333:task-definition/easi-dev:{number}" for number in (6, 7))
BEGAN = {
    "service": "easi-dev",
    "deployment": "ecs-svc/2",
    "taskDefinition": NEW,
    "createdAt": "2026-11-23T17:05:19+00:00",
    "started": True,
    "replaces": OLD,
    "desiredCount": 2,
}
THERE = BEGAN | {"started": False, "replaces": None}

Answer = dict[str, Any] | Exception


def status(outcome: str = "in_progress", **changes: Any) -> dict[str, Any]:
    now = {"taskDefinition": NEW, "deployment": "ecs-svc/2", "desiredCount": 2, "runningCount": 2}
    answer = {
        "service": "easi-dev",
        "outcome": outcome,
        "deployment": "ecs-svc/2",
        "taskDefinition": NEW,
        "desiredCount": 2,
        "runningCount": 2,
        "healthyTargets": 2,
        "missing": [],
        "reason": "",
        "takenBack": False,
        "details": [],
        "current": now,
    }
    return answer | changes


def raised(message: str, kind: str = "Runtime.HandlerError") -> dict[str, Any]:
    return {"functionError": {"errorMessage": message, "errorType": kind}}


def refused_by_lambda(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "says Lambda"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Invoke")


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


class Function:
    """Answers in turn, the last one for ever; remembers the commands."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.commands: list[dict[str, Any]] = []

    def invoke(self, **arguments: Any) -> Mapping[str, Any]:
        assert (arguments["FunctionName"], arguments["InvocationType"]) == ("easi-dev-deploy", "RequestResponse")
        self.commands.append(json.loads(arguments["Payload"]))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        error = answer.get("functionError")
        payload = io.BytesIO(json.dumps(error or answer).encode())
        return {"StatusCode": 200, "Payload": payload} | ({"FunctionError": "Unhandled"} if error else {})


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (rollout, deploy_function, progress):
        monkeypatch.setattr(module, "time", made)
    return made


BACK = BEGAN | {"outcome": "started", "deployment": "ecs-svc/3", "taskDefinition": OLD, "replaces": NEW}
STOPPING = {"service": "easi-dev", "outcome": "stopping"}
LOST = ReadTimeoutError(endpoint_url="https://lambda")


def run(function: Function, say: Callable[[str], None] = print, **changes: Any) -> RolledOut:
    settings: dict[str, Any] = {
        "minimum_count": 2,
        "maximum_count": 4,
        "deadline_s": 60.0,
        "lease": "lease-1",
        "expected_deployment": "ecs-svc/1",
    }
    request = RolloutRequest(function="easi-dev-deploy", task_definition=NEW, **(settings | changes))
    return roll_out(function, request, say)


def fail(function: Function, **changes: Any) -> RolloutFailed:
    with pytest.raises(RolloutFailed) as caught:
        run(function, **changes)
    return caught.value


def test_success_is_returned_and_its_story_told_where_something_changes() -> None:
    waiting = status(
        runningCount=1, healthyTargets=0, missing=["1 of 2 tasks running on easi-dev:7", "0 of 2 targets healthy"]
    )
    function, said = Function(BEGAN, waiting, waiting, waiting, status("succeeded")), list[str]()

    done = run(function, said.append)

    assert done == RolledOut(deployment="ecs-svc/2", task_definition=NEW, replaced=OLD, started=True, desired_count=2)
    assert said == [
        "easi-dev:7 begins after easi-dev:6, desired count 2 (ecs-svc/2)",
        "1 of 2 tasks on easi-dev:7, 0 of 2 targets healthy",
        "2 of 2 tasks on easi-dev:7, 2 of 2 targets healthy: done (3 s)",
    ]
    assert function.commands[:2] == [
        {
            "command": "deploy",
            "taskDefinition": NEW,
            "minimumCount": 2,
            "maximumCount": 4,
            "lease": "lease-1",
            "expectedDeployment": "ecs-svc/1",
        },
        {
            "command": "status",
            "deployment": "ecs-svc/2",
            "taskDefinition": NEW,
            "createdAt": "2026-11-23T17:05:19+00:00",
            "explain": False,
        },
    ]


def test_revision_that_runs_already_was_not_started() -> None:
    done = run(Function(THERE, status("succeeded")))

    assert (done.started, done.replaced) == (False, None)


@pytest.mark.parametrize(
    ("outcome", "says"),
    [
        ("rolled_back", "easi-dev: ECS took easi-dev:7 back: tasks failed to start. The service is on easi-dev:6"),
        ("superseded", "easi-dev: easi-dev:7 was replaced before it was complete: tasks failed to start."),
        ("no_tasks", "easi-dev: no task of easi-dev:7 ever ran: tasks failed to start."),
        ("failed", "easi-dev: easi-dev:7 failed, and there is nothing to return to: tasks failed to start."),
    ],
)
def test_failure_says_why_what_runs_and_the_details(outcome: str, says: str) -> None:
    now = {"taskDefinition": OLD, "deployment": "ecs-svc/1", "desiredCount": 2, "runningCount": 1}
    failed = fail(
        Function(BEGAN, status(outcome, reason="tasks failed to start.", details=["exit code 1"], current=now))
    )

    assert failed.outcome == outcome
    assert failed.message.startswith(says)
    assert "on easi-dev:6, 1 of 2 tasks running" in failed.message
    assert failed.details == ("exit code 1",)
    assert str(failed) == failed.message


def test_first_release_that_is_taken_back_is_not_waited_for() -> None:
    function = Function(BEGAN | {"replaces": None}, status(takenBack=True, missing=["ECS took it back"]))

    assert fail(function).outcome == "failed"
    assert len(function.commands) == 2


def test_later_release_that_is_taken_back_is_waited_for() -> None:
    function = Function(BEGAN, status(takenBack=True, missing=["ECS took it back"]), status("rolled_back"))

    assert fail(function).outcome == "rolled_back"


def test_deadline_says_what_was_still_missing_and_asks_for_an_explanation(clock: Clock) -> None:
    function = Function(BEGAN, status(missing=["0 of 2 targets healthy"], details=["backend | waiting"]))

    failed = fail(function, deadline_s=10)

    assert failed.outcome == "timed_out"
    assert "easi-dev:7 was not complete after 10 s, missing: 0 of 2 targets healthy. The service is" in failed.message
    assert failed.details == ("backend | waiting",)
    assert [command["explain"] for command in function.commands[1:]] == [False] * 9 + [True]
    assert clock.now <= 10


def test_success_at_the_very_end_counts() -> None:
    assert run(Function(BEGAN, *[status(missing=["x"])] * 9, status("succeeded")), deadline_s=10).started


@pytest.mark.parametrize(
    "trouble",
    [
        refused_by_lambda("TooManyRequestsException", 429),
        refused_by_lambda("ResourceConflictException", 409),
        refused_by_lambda("ServiceException", 500),
        refused_by_lambda("Whatever", 503),
        ReadTimeoutError(endpoint_url="https://lambda"),
        ConnectTimeoutError(endpoint_url="https://lambda"),
        raised("unavailable: UpdateService: ThrottlingException: Rate exceeded"),
        raised("2026-11-23T17:05:19Z 1 Task timed out after 60.00 seconds", "Sandbox.Timedout"),
    ],
    ids=str,
)
def test_what_passes_is_tried_again(trouble: Answer, clock: Clock) -> None:
    said: list[str] = []

    done = run(Function(trouble, BEGAN, trouble, trouble, status("succeeded")), said.append)

    assert done.started
    assert sum(" again for up to " in line for line in said) == 2, "the same trouble is told once for each command"
    assert clock.now == pytest.approx(0.5 + 0.5 + 1.0)


def test_question_without_an_answer_leaves_no_doubt() -> None:
    failed = fail(Function(BEGAN, LOST), deadline_s=10)

    assert "did not answer to status within the deadline" in failed.message
    assert "carried out" not in failed.message


def test_what_passes_does_not_outlast_the_deadline(clock: Clock) -> None:
    failed = fail(Function(refused_by_lambda("TooManyRequestsException", 429)), deadline_s=20)

    assert failed.outcome == "timed_out"
    assert "easi-dev-deploy did not answer to deploy within the deadline: TooManyRequestsException" in failed.message
    assert clock.now <= 20


@pytest.mark.parametrize(
    ("trouble", "outcome", "says"),
    [
        (refused_by_lambda("ResourceNotFoundException", 404), "error", "cannot be invoked: ResourceNotFoundException"),
        (refused_by_lambda("AccessDeniedException", 403), "error", "cannot be invoked: AccessDeniedException"),
        (raised("UpdateService: AccessDenied", "AwsError"), "error", "failed to deploy: AwsError: UpdateService"),
        (raised("refused: easi-dev:7 is INACTIVE"), "refused", "refused to deploy: easi-dev:7 is INACTIVE"),
    ],
)
def test_what_does_not_pass_ends_at_once(trouble: Answer, outcome: str, says: str) -> None:
    function = Function(trouble)

    failed = fail(function)

    assert failed.outcome == outcome
    assert failed.message.startswith(f"easi-dev-deploy {says}")
    assert len(function.commands) == 1


def test_deployment_found_after_a_lost_answer_was_started_by_us() -> None:
    lost = ReadTimeoutError(endpoint_url="https://lambda")

    assert run(Function(lost, THERE, status("succeeded"))).started
    assert not run(Function(refused_by_lambda("TooManyRequestsException", 429), THERE, status("succeeded"))).started
    assert not run(Function(THERE, lost, status("succeeded"))).started


def test_deployment_that_is_to_be_replaced_is_the_one_that_is_there() -> None:
    function = Function(status(), BEGAN, status("succeeded"))

    run(function, expected_deployment=None, force=True)

    assert function.commands[0] == {"command": "status"}
    assert function.commands[1]["force"] is True
    assert function.commands[1]["expectedDeployment"] == "ecs-svc/2"


def test_failed_rollout_names_its_deployment() -> None:
    assert fail(Function(BEGAN, status("rolled_back"))).deployment == "ecs-svc/2"
    assert fail(Function(BEGAN, status(missing=["x"])), deadline_s=10).deployment == "ecs-svc/2"
    assert fail(Function(raised("refused: the lease is held by octocat"))).deployment is None


def test_deploy_without_an_answer_is_looked_for_before_it_is_given_up() -> None:
    there, before = status(), status(current=status()["current"] | {"taskDefinition": OLD, "deployment": "ecs-svc/1"})

    found = fail(Function(*[LOST] * 4, there), deadline_s=4)
    nothing = fail(Function(*[LOST] * 4, before), deadline_s=4)

    restart = fail(Function(*[LOST] * 4, there), deadline_s=4, force=True, expected_deployment="ecs-svc/2")

    assert (found.outcome, found.deployment) == ("timed_out", "ecs-svc/2")
    assert "But the answer to an earlier try was lost: that deploy may have been carried out" in found.message
    assert nothing.deployment is None
    assert restart.deployment is None


def test_refusal_after_a_lost_answer_does_not_claim_that_nothing_was_changed() -> None:
    failed = fail(Function(LOST, raised("refused: the lease expired"), status()))

    assert (failed.outcome, failed.deployment) == ("error", "ecs-svc/2")
    assert "refused to deploy: the lease expired. But the answer to an earlier try was lost" in failed.message


def go_back(function: Function, say: Callable[[str], None] = print, **changes: Any) -> RolledOut | None:
    settings: dict[str, Any] = {
        "task_definition": OLD,
        "deployment": "ecs-svc/2",
        "minimum_count": 2,
        "maximum_count": 4,
        "deadline_s": 60.0,
        "lease": "lease-1",
    }
    return roll_back(function, RollbackRequest(function="easi-dev-deploy", **(settings | changes)), say)


def test_service_is_brought_back_and_watched_until_it_runs() -> None:
    there = status("succeeded", taskDefinition=OLD)
    function, said = Function(BACK, status(missing=["x"]), there), list[str]()

    done = go_back(function, said.append)

    assert done == RolledOut(deployment="ecs-svc/3", task_definition=OLD, replaced=NEW, started=True, desired_count=2)
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
    with pytest.raises(RolloutFailed, match="ECS was still going back after 10 s") as caught:
        go_back(Function(STOPPING), deadline_s=10)

    assert (caught.value.outcome, caught.value.deployment) == ("timed_out", "ecs-svc/2")
    assert clock.now <= 10


def test_way_back_that_fails_names_the_deployment_of_the_way_back() -> None:
    with pytest.raises(RolloutFailed, match="no task of easi-dev:6 ever ran") as caught:
        go_back(Function(BACK, status("no_tasks")))

    assert caught.value.deployment == "ecs-svc/3"


def tasks(count: int) -> dict[str, Any]:
    now = {"taskDefinition": None, "deployment": "ecs-svc/2", "desiredCount": 0, "runningCount": count}
    return {"service": "easi-dev", "outcome": "idle", "current": now}


def test_where_nothing_was_proven_nothing_runs_in_the_end() -> None:
    function, said = Function({"service": "easi-dev", "outcome": "stopped"}, tasks(2), tasks(1), tasks(0)), list[str]()

    assert go_back(function, said.append, task_definition=None, deployment=None) is None

    assert function.commands[0].keys() == {"command", "lease", "minimumCount", "maximumCount"}
    assert said == [
        "2 of 0 tasks running",
        "1 of 0 tasks running",
        "no task runs any more (2 s)",
    ]


def test_tasks_that_do_not_end_are_told() -> None:
    with pytest.raises(RolloutFailed, match="2 tasks of 0 wanted still ran after 10 s"):
        go_back(Function({"service": "easi-dev", "outcome": "stopped"}, tasks(2)), task_definition=None, deadline_s=10)


def test_current_says_what_the_service_is_on() -> None:
    nothing = {"taskDefinition": None, "deployment": "ecs-svc/1", "desiredCount": 0, "runningCount": 0}
    function = Function({"service": "easi-dev", "outcome": "idle", "current": nothing})

    assert rollout.current(function, "easi-dev-deploy") == Current(
        task_definition=None, deployment="ecs-svc/1", desired_count=0, running_count=0
    )
    assert function.commands == [{"command": "status"}]


class Spoilt(Function):
    """Spoils its first answer."""

    def __init__(self, payload: Any, *answers: Answer) -> None:
        super().__init__(*answers)
        self.payload = payload

    def invoke(self, **arguments: Any) -> Mapping[str, Any]:
        answer = dict(super().invoke(**arguments))
        if len(self.commands) == 1:
            answer["Payload"] = self.payload
        return answer


@pytest.mark.parametrize(
    "payload", [io.BytesIO(b'{"service": "eas'), StreamingBody(io.BytesIO(b'{"service"'), 900)], ids=["cut", "short"]
)
def test_answer_that_is_cut_short_is_asked_for_again(payload: Any) -> None:
    function = Spoilt(payload, BEGAN, THERE, status("succeeded"))

    assert run(function).started, "the deploy whose answer was cut short was ours"
    assert function.commands[0] == function.commands[1]


def test_answer_that_is_no_object_is_an_error() -> None:
    assert "answered [1], expected an object" in fail(Spoilt(io.BytesIO(b"[1]"), BEGAN)).message


def test_missing_credentials_end_it_at_once() -> None:
    failed = fail(Function(NoCredentialsError()))

    assert (failed.outcome, failed.message) == (
        "error",
        "easi-dev-deploy cannot be invoked: Unable to locate credentials",
    )
