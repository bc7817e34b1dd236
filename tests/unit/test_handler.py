"""What the deploy function accepts, and how it says that it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError

from functions.deploy import handler, one_off, rollback
from functions.deploy.errors import AwsError, BadCommandError, RefusedError, UnavailableError
from functions.deploy.network import Network
from tests.unit.ecs_answers import ARN, LEASE, Answers, failing

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
        (None, "the event must be a JSON object with a command, not null"),
        ([], "the event must be a JSON object with a command, not []"),
        ({}, 'field "command" must be one of deploy, rollback, run_task, status, stop_task, task_status, not null'),
        (
            {"command": "destroy"},
            'field "command" must be one of deploy, rollback, run_task, status, stop_task, task_status, not "destroy"',
        ),
        (
            {"command": ["deploy"]},
            'field "command" must be one of deploy, rollback, run_task, status, stop_task, task_status, not ["deploy"]',
        ),
        (without("taskDefinition"), 'deploy: field "taskDefinition" is missing; it must be the ARN of'),
        (without("minimumCount"), 'deploy: field "minimumCount" is missing; it must be a whole number from 1 to 5000'),
        (DEPLOY | {"minimumCount": "2"}, 'deploy: field "minimumCount" must be a whole number from 1 to 5000, not "2"'),
        (DEPLOY | {"minimumCount": True}, 'deploy: field "minimumCount" must be a whole number'),
        (DEPLOY | {"minimumCount": 1.5}, 'deploy: field "minimumCount" must be a whole number'),
        (DEPLOY | {"minimumCount": 0}, 'deploy: field "minimumCount" must be a whole number from 1 to 5000, not 0'),
        (DEPLOY | {"maximumCount": 5001}, 'deploy: field "maximumCount" must be a whole number from 1 to 5000'),
        (DEPLOY | {"minimumCount": 5}, 'deploy: field "minimumCount" must be at most "maximumCount", not 5 with 4'),
        (DEPLOY | {"taskDefinition": 7}, 'deploy: field "taskDefinition" must be the ARN of a task definition'),
        (DEPLOY | {"taskDefinition": "easi-dev"}, 'deploy: field "taskDefinition" must be the ARN of'),
        (DEPLOY | {"taskDefinition": ARN.format(0)}, 'deploy: field "taskDefinition" must be the ARN of'),
        (DEPLOY | {"force": "yes"}, 'deploy: field "force" must be true or false, not "yes"'),
        (DEPLOY | {"executeCommand": "yes"}, 'deploy: field "executeCommand" must be true or false, not "yes"'),
        *(
            (DEPLOY | {"network": network}, 'deploy: field "network" must be {"subnets": ["subnet-…"], "security')
            for network in list[Any](
                [
                    "subnet-1",
                    {"subnets": ["subnet-1"]},
                    {"subnets": [], "securityGroups": []},
                    {"subnets": ["subnet-1"] * 17, "securityGroups": []},
                    {"subnets": ["vpc-1"], "securityGroups": []},
                    {"subnets": "subnet-1", "securityGroups": []},
                    {"subnets": ["subnet-1"], "securityGroups": [1]},
                    {"subnets": ["subnet-1"], "securityGroups": [], "assignPublicIp": "ENABLED"},
                ]
            )
        ),
        (
            DEPLOY | {"taskdefinition": "x"},
            'deploy: unknown field "taskdefinition"; allowed: lease, taskDefinition, minimum',
        ),
        (without("lease"), 'deploy: field "lease" is missing; it must be the id of the lease'),
        (without("expectedDeployment"), 'deploy: field "expectedDeployment" is missing; it must be the id of a dep'),
        (DEPLOY | {"lease": "a/b"}, 'deploy: field "lease" must be the id of the lease'),
        ({"command": "rollback"}, 'rollback: field "lease" is missing'),
        ({"command": "rollback", "lease": LEASE}, 'rollback: field "minimumCount" is missing'),
        (RUN | {"containerCommand": "migrate"}, 'run_task: field "containerCommand" must be a list of words'),
        (RUN | {"containerCommand": []}, 'run_task: field "containerCommand" must be a list of words'),
        (RUN | {"containerCommand": ["a", 1]}, 'run_task: field "containerCommand" must be a list of words'),
        (RUN | {"containerCommand": ["a" * 8000]}, 'run_task: field "containerCommand" must be a list of words'),
        (RUN | {"container": "a b"}, 'run_task: field "container" must be the name of a container'),
        ({"command": "task_status", "task": TASK}, 'task_status: field "container" is missing'),
        (STOP | {"task": "3a5e"}, 'stop_task: field "task" must be the ARN of a task'),
        (STOP | {"reason": ""}, 'stop_task: field "reason" must be a line of 1 to 255 characters, not ""'),
        (STOP | {"reason": "a\nb"}, 'stop_task: field "reason" must be a line of 1 to 255 characters'),
        ({"command": "status", "deployment": "7"}, 'status: field "deployment" must be the id of a deployment'),
        ({"command": "status", "createdAt": "yesterday"}, 'status: field "createdAt" must be an ISO 8601 time'),
        ({"command": "status", "createdAt": "2026-11-23T17:05:19"}, 'status: field "createdAt" must be an ISO 8601'),
    ],
)
def test_wrong_event_raises_and_names_the_field(answers: Answers, event: Any, says: str) -> None:
    with pytest.raises(BadCommandError) as caught:
        handler.handle(event, None)

    assert str(caught.value).startswith(f"refused: {says}")
    assert answers.calls == []


def test_every_field_reaches_its_command() -> None:
    _, deploy = handler.parse(DEPLOY | {"force": True})
    _, back = handler.parse(
        {
            "command": "rollback",
            "lease": LEASE,
            "taskDefinition": ARN.format(6),
            "minimumCount": 1,
            "maximumCount": 4,
            "deployment": "ecs-svc/7",
        }
    )
    _, run = handler.parse(RUN)
    _, ask = handler.parse({"command": "task_status", "task": TASK, "container": "backend", "explain": True})
    _, stop = handler.parse(STOP)
    _, status = handler.parse(
        {
            "command": "status",
            "deployment": "ecs-svc/7",
            "taskDefinition": ARN.format(8),
            "createdAt": "2026-11-23T17:05:19+00:00",
            "explain": True,
        }
    )

    assert (deploy.task_definition, deploy.minimum_count, deploy.maximum_count) == (ARN.format(8), 1, 4)
    assert (deploy.force, deploy.expected_deployment, deploy.lease) == (True, "ecs-svc/7", LEASE)
    assert back == rollback.Rollback(
        lease=LEASE, task_definition=ARN.format(6), minimum_count=1, maximum_count=4, deployment="ecs-svc/7"
    )
    assert run == one_off.RunTask(
        lease=LEASE, task_definition=ARN.format(8), container="backend", command=("/backend", "migrate")
    )
    assert ask == one_off.TaskStatus(task=TASK, container="backend", explain=True)
    assert stop == one_off.StopTask(lease=LEASE, task=TASK, reason="it hangs")
    assert (status.deployment, status.task_definition, status.explain) == ("ecs-svc/7", ARN.format(8), True)
    assert status.created_at.isoformat() == "2026-11-23T17:05:19+00:00"


def test_network_and_exec_reach_each_command_that_moves_something() -> None:
    network = {"subnets": ["subnet-2", "subnet-1"], "securityGroups": ["sg-1"]}
    moved = Network(subnets=("subnet-1", "subnet-2"), security_groups=("sg-1",))
    back: dict[str, Any] = {"command": "rollback", "lease": LEASE, "minimumCount": 1, "maximumCount": 4}
    moving: list[dict[str, Any]] = [DEPLOY, back]

    for event in moving:
        _, request = handler.parse(event | {"network": network, "executeCommand": False})
        assert (request.network, request.execute_command) == (moved, False)
        _, request = handler.parse(event)
        assert (request.network, request.execute_command) == (None, None)
    looking: list[dict[str, Any]] = [RUN, {"command": "status"}]
    for event in looking:
        _, request = handler.parse(event | {"network": network})
        assert request.network == moved


def test_secret_in_a_command_is_not_repeated(answers: Answers, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BadCommandError) as caught:
        handler.handle(STOP | {"task": "password=hunter2"}, None)

    assert 'not "password=[hidden]' in str(caught.value)
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

    assert handler.parse(event)[1] == handler.parse({"command": "status"})[1]


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
    assert 'field "lease" is missing' in refused["message"]
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
