"""What the deploy function accepts, and how it says that it does not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import boto3
import handler
import pytest
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ReadTimeoutError
from errors import AwsError, BadCommandError, RefusedError, UnavailableError

from tests.unit.ecs_answers import ARN, Answers, failing

DEPLOY = {"command": "deploy", "taskDefinition": ARN.format(8), "minimumCount": 1, "maximumCount": 4}


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
        ({}, 'field "command" must be one of deploy, status, not null'),
        ({"command": "destroy"}, 'field "command" must be one of deploy, status, not "destroy"'),
        ({"command": ["deploy"]}, 'field "command" must be one of deploy, status, not ["deploy"]'),
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
        (DEPLOY | {"taskdefinition": "x"}, 'deploy: unknown field "taskdefinition"; allowed: taskDefinition, minimum'),
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
    _, deploy = handler.parse(DEPLOY | {"force": True, "expectedDeployment": "ecs-svc/7"})
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
    assert (deploy.force, deploy.expected_deployment) == (True, "ecs-svc/7")
    assert (status.deployment, status.task_definition, status.explain) == ("ecs-svc/7", ARN.format(8), True)
    assert status.created_at.isoformat() == "2026-11-23T17:05:19+00:00"


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
        handler.handle({"command": "deploy"}, None)

    done, refused = (json.loads(line) for line in capsys.readouterr().out.splitlines())

    assert (done["level"], done["command"], done["outcome"]) == ("INFO", "status", "succeeded")
    assert (refused["level"], refused["error"]) == ("ERROR", "BadCommandError")
    assert "taskDefinition" in refused["message"]
    assert "hunter2" not in json.dumps([done, refused])


def test_function_keeps_its_clients_between_invocations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLUSTER", "c")
    monkeypatch.setenv("SERVICE", "s")
    made: list[str] = []
    monkeypatch.setattr(boto3, "client", lambda name, **_: made.append(name))
    handler._aws.cache_clear()

    for _ in range(2):
        assert handler._aws().ecs is None

    assert made == ["ecs"]
    handler._aws.cache_clear()
