"""How a rollout is driven through the deploy function: what is said, what is tried again, and how it ends."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError, ReadTimeoutError
from botocore.response import StreamingBody

from functions.deploy.network import Network
from functions.deploy.requests import Deploy
from release import rollout
from release.deploy_function import Current, DeployFunction, FunctionFailed
from release.rollout import RolledOut
from tests.unit.function_double import Answer, Clock, Function, raised, stopped_clock
from tests.unit.rollout_world import BEGAN, NEW, OLD, THERE, status

LOST = ReadTimeoutError(endpoint_url="https://lambda")


def refused_by_lambda(code: str, status: int = 400) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "says Lambda"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Invoke")


clock = pytest.fixture(stopped_clock, autouse=True)


def run(function: Function, say: Callable[[str], None] = print, deadline_s: float = 60.0, **changes: Any) -> RolledOut:
    settings: dict[str, Any] = {
        "minimum_count": 2,
        "maximum_count": 4,
        "lease": "lease-1",
        "expected_deployment": "ecs-svc/1",
    }
    request = Deploy(task_definition=NEW, **(settings | changes))
    under_way = rollout.start(DeployFunction(function, "easi-dev-deploy", say, deadline_s), request)
    return rollout.side_by_side([under_way.until_decided()])[0]


def fail(function: Function, **changes: Any) -> FunctionFailed:
    with pytest.raises(FunctionFailed) as caught:
        run(function, **changes)
    return caught.value


def test_success_is_returned_and_its_story_told_where_something_changes() -> None:
    waiting = status(
        runningCount=1, healthyTargets=0, missing=["1 of 2 tasks running on easi-dev:7", "0 of 2 targets healthy"]
    )
    function, said = Function(BEGAN, waiting, waiting, waiting, status("succeeded")), list[str]()

    done = run(function, said.append)

    assert done == RolledOut(deployment="ecs-svc/2", task_definition=NEW, started=True)
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
            "force": False,
        },
        {
            "command": "status",
            "deployment": "ecs-svc/2",
            "taskDefinition": NEW,
            "createdAt": "2026-11-23T17:05:19+00:00",
            "explain": False,
        },
    ]


def test_who_watches_is_told_the_tasks_that_run_until_it_is_decided() -> None:
    running: list[frozenset[str]] = []
    function = Function(BEGAN, status(), status(tasks=["t1"]), status(tasks=["t1", "t2"]), status("succeeded"))
    request = Deploy(task_definition=NEW, minimum_count=2, maximum_count=4, lease="l", expected_deployment="ecs-svc/1")
    under_way = rollout.start(DeployFunction(function, "easi-dev-deploy", print, 60.0), request)

    rollout.side_by_side([under_way.until_decided(running.append)])

    assert running == [frozenset({"t1"}), frozenset({"t1", "t2"})]


def test_revision_that_runs_already_was_not_started() -> None:
    done = run(Function(THERE, status("succeeded")))

    assert not done.started


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
    function = Function(status())
    now = rollout.current(function, "easi-dev-deploy")

    assert rollout.replaced(now) == "ecs-svc/2"
    with pytest.raises(FunctionFailed, match="ECS lists no deployment of the service"):
        rollout.replaced(dataclasses.replace(now, deployment=None))


def test_a_restart_is_a_deployment_of_the_revision_that_runs() -> None:
    function = Function(BEGAN, status("succeeded"))

    run(function, force=True)

    assert function.commands[0]["force"] is True


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


def test_current_says_what_the_service_is_on() -> None:
    nothing = {"taskDefinition": None, "deployment": "ecs-svc/1", "desiredCount": 0, "runningCount": 0}
    function = Function({"service": "easi-dev", "outcome": "idle", "current": nothing})

    assert rollout.current(function, "easi-dev-deploy") == Current(
        task_definition=None, deployment="ecs-svc/1", desired_count=0, running_count=0
    )
    assert function.commands == [{"command": "status", "explain": False}]


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
    message = fail(Spoilt(io.BytesIO(b"[1]"), BEGAN)).message
    assert "answered to deploy" in message
    assert "it is [1], expected an object" in message
    assert "That deploy may have been carried out" in message


def test_missing_credentials_end_it_at_once() -> None:
    failed = fail(Function(NoCredentialsError()))

    assert (failed.outcome, failed.message) == (
        "error",
        "easi-dev-deploy cannot be invoked: Unable to locate credentials",
    )


def test_network_and_exec_are_sent_and_asked_about_where_they_are_known() -> None:
    function = Function(BEGAN, status("succeeded"))
    network = {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]}

    run(function, network=Network(subnets=("subnet-1", "subnet-2"), security_groups=("sg-1",)), execute_command=False)

    deploy, asked = function.commands
    assert (deploy["network"], deploy["executeCommand"]) == (network, False)
    assert asked["network"] == network
    assert "executeCommand" not in asked
