"""What a one-off task writes, as the deploy function says it: page by page, without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from functions.deploy import one_off
from functions.deploy.requests import TaskLog
from tests.unit.ecs_answers import ARN, Answers

TASK = "arn:aws:ecs:us-west-2:111122223333:task/easi-dev/1"
KEY = ["-----BEGIN PRIVATE KEY-----", *["b" * 64] * 20, "-----END PRIVATE KEY-----"]


def written(*lines: str) -> Answers:
    """A task that wrote these lines; a token is the number of the line that it leads to."""
    answers = Answers("aws_succeeded")
    described = {"taskArn": TASK, "taskDefinitionArn": ARN.format(7), "lastStatus": "RUNNING", "containers": []}
    answers.replies["DescribeTasks"] = lambda asked: {"tasks": [described] if asked["tasks"] == [TASK] else []}

    def get_log_events(asked: Mapping[str, Any]) -> dict[str, Any]:
        assert asked["logStreamName"] == "backend/backend/1"
        at = int(asked.get("nextToken", "f/0").partition("/")[2])
        first, last = (at, min(at + 10, len(lines))) if asked["startFromHead"] else (max(0, at - asked["limit"]), at)
        events = [{"message": line, "timestamp": 1, "ingestionTime": 1} for line in lines[first:last]]
        return {"events": events, "nextForwardToken": f"f/{last}", "nextBackwardToken": f"b/{first}"}

    answers.replies["GetLogEvents"] = get_log_events
    return answers


def read(answers: Answers, after: str | None = None, **changes: Any) -> dict[str, Any]:
    request = TaskLog(**({"task": TASK, "container": "backend", "after": after} | changes))
    return one_off.task_log(answers.aws(), request)


def test_a_log_is_read_from_its_beginning_and_on() -> None:
    answers = written(*(f"line {number}" for number in range(12)))
    first = read(answers)
    assert (first["lines"], first["next"]) == ([f"line {number}" for number in range(10)], "f/10")
    second = read(answers, first["next"])
    assert (second["lines"], second["next"]) == (["line 10", "line 11"], "f/12")
    assert read(answers, second["next"])["lines"] == []


def test_secrets_are_hidden_and_a_key_also_where_a_page_ends_within_it() -> None:
    answers = written("password=hunter2-of-the-database", *KEY, "done")
    shown, token = list[str](), None
    for _ in range(3):
        answer = read(answers, token)
        shown, token = [*shown, *answer["lines"]], answer["next"]
    assert len(shown) == len(KEY) + 2
    assert (shown[0], shown[-1]) == ("password=[hidden]", "done")
    assert not [line for line in shown if "bbbb" in line]


def test_what_is_not_there_yet_has_no_lines() -> None:
    answers = written("a line")
    assert read(answers, task=TASK[:-1] + "2") == {
        "service": "easi-dev",
        "task": TASK[:-1] + "2",
        "lines": [],
        "next": None,
    }
    assert read(answers, container="proxy")["lines"] == []

    def missing(_: Mapping[str, Any]) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": "no stream"}}, "GetLogEvents")

    answers.replies["GetLogEvents"] = missing
    assert read(answers, "f/1")["next"] == "f/1"
