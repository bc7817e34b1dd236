"""What the deploy function accepts, and how it says that it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from functions.deploy import handler
from functions.deploy.errors import AwsError, BadCommandError, RefusedError, UnavailableError
from functions.deploy.network import Network
from functions.deploy.requests import Deploy, Request, Rollback, RunTask, Status, StopTask, TaskLog, TaskStatus
from tests.unit.ecs_answers import ARN, LEASE, Answers, failing

NAMES = "deploy, rollback, run_task, status, stop_task, task_log, task_status"
NETWORK = Network(subnets=("subnet-1", "subnet-2"), security_groups=("sg-1",))
DEPLOY = {
    "command": "deploy",
    "lease": LEASE,
    "taskDefinition": ARN.format(8),
    "minimumCount": 1,
    "maximumCount": 4,
    "expectedDeployment": "ecs-svc/7",
}
TASK = "arn:aws:ecs:us-west-2:111122223333:task/easi-dev/3a5e1c7d9b2f4e6a8c0d1e2f3a4b5c33"
RUN = {
    "command": "run_task",
    "lease": LEASE,
    "taskDefinition": ARN.format(8),
    "container": "backend",
    "containerCommand": ["/backend", "migrate"],
}
STOP = {"command": "stop_task", "lease": LEASE, "task": TASK, "reason": "it hangs"}


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    found = Answers("aws_succeeded")
    monkeypatch.setattr(handler, "_aws", found.aws)
    return found


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in DEPLOY.items() if key != name}


@pytest.mark.parametrize(
    ("event", "says"),
    [
        (None, "the event is null, expected a JSON object with a command"),
        ([], "the event is [], expected a JSON object with a command"),
        ({}, f"command is null, expected one of {NAMES}"),
        ({"command": "destroy"}, f'command is "destroy", expected one of {NAMES}'),
        ({"command": ["deploy"]}, f'command is ["deploy"], expected one of {NAMES}'),
        (
            without("taskDefinition"),
            "deploy: taskDefinition is missing, expected the ARN of a task definition with its",
        ),
        (without("minimumCount"), "deploy: minimumCount is missing, expected a whole number from 1 to 5000"),
        (DEPLOY | {"minimumCount": "2"}, 'deploy: minimumCount is "2", expected a whole number from 1 to 5000'),
        (DEPLOY | {"minimumCount": True}, "deploy: minimumCount is true, expected a whole number"),
        (DEPLOY | {"minimumCount": 1.5}, "deploy: minimumCount is 1.5, expected a whole number"),
        (DEPLOY | {"minimumCount": 0}, "deploy: minimumCount is 0, expected a whole number from 1 to 5000"),
        (DEPLOY | {"maximumCount": 5001}, "deploy: maximumCount is 5001, expected a whole number from 1 to 5000"),
        (DEPLOY | {"minimumCount": 5}, "deploy: minimumCount is 5, expected at most maximumCount, which is 4"),
        (DEPLOY | {"taskDefinition": 7}, "deploy: taskDefinition is 7, expected the ARN of a task definition"),
        (DEPLOY | {"taskDefinition": "easi-dev"}, 'deploy: taskDefinition is "easi-dev", expected the ARN of'),
        (DEPLOY | {"taskDefinition": ARN.format(0)}, f'deploy: taskDefinition is "{ARN.format(0)[:59]}…, expected the'),
        (DEPLOY | {"force": "yes"}, 'deploy: force is "yes", expected true or false'),
        (DEPLOY | {"executeCommand": "yes"}, 'deploy: executeCommand is "yes", expected true or false'),
        *(
            (DEPLOY | {"network": network}, f"deploy: network{says}")
            for network, says in list[tuple[Any, str]](
                [
                    ("subnet-1", ' is "subnet-1", expected an object'),
                    ({"subnets": ["subnet-1"]}, ".securityGroups is missing, expected at most 16 groups"),
                    ({"subnets": [], "securityGroups": []}, ".subnets is [], expected 1 to 16 subnets"),
                    ({"subnets": ["subnet-1"] * 17, "securityGroups": []}, '.subnets is ["subnet-1", "subnet-1", "'),
                    ({"subnets": ["vpc-1"], "securityGroups": []}, '.subnets[0] is "vpc-1", expected subnet-…'),
                    ({"subnets": "subnet-1", "securityGroups": []}, '.subnets is "subnet-1", expected 1 to 16 subnets'),
                    ({"subnets": ["subnet-1"], "securityGroups": [1]}, ".securityGroups[0] is 1, expected sg-…"),
                    (
                        {"subnets": ["subnet-1"], "securityGroups": [], "assignPublicIp": "ENABLED"},
                        ".assignPublicIp is not known, expected subnets, securityGroups",
                    ),
                ]
            )
        ),
        (
            DEPLOY | {"taskdefinition": "x"},
            "deploy: taskdefinition is not known, expected lease, minimumCount, maximum",
        ),
        (without("lease"), "deploy: lease is missing, expected the id of the lease"),
        (without("expectedDeployment"), "deploy: expectedDeployment is missing, expected the id of a deployment"),
        (DEPLOY | {"lease": "a/b"}, 'deploy: lease is "a/b", expected the id of the lease'),
        ({"command": "rollback"}, "rollback: lease is missing"),
        ({"command": "rollback", "lease": LEASE}, "rollback: minimumCount is missing"),
        (RUN | {"containerCommand": "migrate"}, 'run_task: containerCommand is "migrate", expected a list of words'),
        (RUN | {"containerCommand": []}, "run_task: containerCommand is [], expected a list of words"),
        (RUN | {"containerCommand": ["a", 1]}, "run_task: containerCommand[1] is 1, expected a text"),
        (RUN | {"containerCommand": ["a" * 8000]}, f'run_task: containerCommand is ["{"a" * 58}…, expected a list of'),
        (RUN | {"container": "a b"}, 'run_task: container is "a b", expected the name of a container'),
        ({"command": "task_status", "task": TASK}, "task_status: container is missing"),
        (STOP | {"task": "3a5e"}, 'stop_task: task is "3a5e", expected the ARN of a task'),
        (STOP | {"reason": ""}, 'stop_task: reason is "", expected a line of 1 to 255 characters'),
        (STOP | {"reason": "a\nb"}, 'stop_task: reason is "a\\nb", expected a line of 1 to 255 characters'),
        ({"command": "status", "deployment": "7"}, 'status: deployment is "7", expected the id of a deployment'),
        (
            {"command": "status", "createdAt": "yesterday"},
            'status: createdAt is "yesterday", expected an ISO 8601 time',
        ),
        (
            {"command": "status", "createdAt": "2026-11-23T17:05:19"},
            'status: createdAt is "2026-11-23T17:05:19", expected an ISO 8601 time with its offset',
        ),
    ],
)
def test_wrong_event_raises_and_names_the_field(answers: Answers, event: Any, says: str) -> None:
    with pytest.raises(BadCommandError) as caught:
        handler.handle(event, None)

    assert str(caught.value).startswith(f"refused: {says}")
    assert answers.calls == []


def test_every_field_reaches_its_command() -> None:
    requests: list[Request] = [
        Deploy(
            lease=LEASE,
            task_definition=ARN.format(8),
            minimum_count=1,
            maximum_count=4,
            expected_deployment="ecs-svc/7",
            network=NETWORK,
            execute_command=False,
            force=True,
        ),
        Rollback(
            lease=LEASE,
            task_definition=ARN.format(6),
            minimum_count=1,
            maximum_count=4,
            deployment="ecs-svc/7",
            network=NETWORK,
            execute_command=True,
        ),
        Rollback(lease=LEASE, minimum_count=1, maximum_count=4),
        RunTask(
            lease=LEASE,
            task_definition=ARN.format(8),
            container="backend",
            container_command=("/backend", "migrate"),
            network=NETWORK,
        ),
        TaskStatus(task=TASK, container="backend", explain=True),
        TaskLog(task=TASK, container="backend", after="f/1"),
        StopTask(lease=LEASE, task=TASK, reason="it hangs"),
        Status(
            deployment="ecs-svc/7",
            task_definition=ARN.format(8),
            created_at=datetime(2026, 11, 23, 17, 5, 19, tzinfo=UTC),
            network=NETWORK,
            explain=True,
        ),
        Status(),
    ]

    for request in requests:
        assert handler.parse(json.loads(json.dumps(request.to_json()))) == request
    assert {type(request) for request in requests} == handler.COMMANDS.keys()
    assert {request.COMMAND for request in requests} == set(NAMES.split(", "))


def test_a_network_is_sorted_however_it_is_given() -> None:
    request = handler.parse(
        {"command": "status", "network": {"subnets": ["subnet-2", "subnet-1"], "securityGroups": ["sg-1"]}}
    )
    assert request == Status(network=NETWORK)


def test_secret_in_a_command_is_not_repeated(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadCommandError) as caught:
        handler.handle(STOP | {"task": "password=hunter2"}, None)

    assert 'is "password=[hidden]' in str(caught.value)
    assert "hunter2" not in capsys.readouterr().out
    assert answers.calls == []


def test_secret_in_an_error_that_nobody_foresaw_is_not_logged(
    answers: Answers, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Any) -> dict[str, Any]:
        raise ValueError("no answer to token=hunter2")

    answers.replies["DescribeServices"] = broken
    with pytest.raises(ValueError, match="hunter2"):
        handler.handle({"command": "status"}, None)

    assert json.loads(capsys.readouterr().out)["message"] == "no answer to token=[hidden]"


def test_command_that_a_task_runs_is_not_logged(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RefusedError):
        handler.handle(RUN | {"lease": "another", "containerCommand": ["migrate", "pepper"]}, None)

    assert "pepper" not in capsys.readouterr().out
    assert answers.names == ["GetObject"]


def test_status_does_not_ask_s3_for_the_lease(answers: Answers) -> None:
    handler.handle({"command": "status", "deployment": answers.asked.deployment}, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(answers, "replies", answers.replies | {"DescribeTasks": lambda _: {"tasks": []}})
        handler.handle({"command": "task_status", "task": TASK, "container": "backend"}, None)

    assert "GetObject" not in answers.names


def test_null_is_the_same_as_absent() -> None:
    event = {"command": "status", "deployment": None, "createdAt": None, "explain": None}

    assert handler.parse(event) == Status()


@pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-cn"])
def test_every_partition_is_accepted(partition: str) -> None:
    handler.parse(DEPLOY | {"taskDefinition": ARN.format(8).replace("arn:aws:", f"arn:{partition}:")})


def test_answer_is_json(answers: Answers) -> None:
    answer = handler.handle({"command": "status", "deployment": answers.asked.deployment}, None)

    assert json.loads(json.dumps(answer))["outcome"] == "succeeded"


@pytest.mark.parametrize(
    ("code", "status", "raised"),
    [
        ("ThrottlingException", 400, UnavailableError),
        ("ServerException", 500, UnavailableError),
        ("SlowDown", 429, UnavailableError),
        ("AccessDeniedException", 400, AwsError),
    ],
)
def test_error_of_aws_is_raised_by_what_the_caller_can_do(
    answers: Answers, code: str, status: int, raised: type[Exception]
) -> None:
    answers.replies["DescribeServices"] = failing(code, "says AWS", status)

    with pytest.raises(raised, match=f"Operation: {code}: says AWS"):
        handler.handle({"command": "status"}, None)


@pytest.mark.parametrize("error", [ReadTimeoutError, ConnectTimeoutError, EndpointConnectionError])
def test_aws_that_does_not_answer_is_worth_another_try(answers: Answers, error: Callable[..., Exception]) -> None:
    def silent(_: Any) -> dict[str, Any]:
        raise error(endpoint_url="https://ecs.us-west-2.amazonaws.com")

    answers.replies["DescribeServices"] = silent

    with pytest.raises(UnavailableError, match=r"^unavailable: no answer from AWS"):
        handler.handle({"command": "status"}, None)


def test_one_line_is_logged_for_each_command_and_no_environment_value(
    answers: Answers, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_SECRET", "hunter2")
    handler.handle({"command": "status", "deployment": answers.asked.deployment}, None)
    with pytest.raises(RefusedError):
        handler.handle({"command": "deploy", "taskDefinition": "password=hunter2"}, None)

    done, refused = (json.loads(line) for line in capsys.readouterr().out.splitlines())

    assert (done["level"], done["command"], done["outcome"]) == ("INFO", "status", "succeeded")
    assert (refused["level"], refused["error"]) == ("ERROR", "BadCommandError")
    assert "lease is missing" in refused["message"]
    assert "hunter2" not in json.dumps([done, refused])


def test_function_keeps_its_clients_between_invocations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER", "c")
    monkeypatch.setenv("SERVICE", "s")
    monkeypatch.setenv("RECORDS_BUCKET", "b")
    made: list[str] = []
    monkeypatch.setattr(botocore.session.Session, "create_client", lambda _, name, **__: made.append(name))
    handler._aws.cache_clear()

    for _ in range(2):
        assert handler._aws().ecs is None

    assert made == ["ecs"]
    handler._aws.cache_clear()
