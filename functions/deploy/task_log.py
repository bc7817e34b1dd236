"""What a one-off task writes, as it writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from functions.aws_errors import code
from functions.deploy import evidence, explaining
from functions.deploy.clients import Aws
from functions.deploy.commands import Answer
from functions.deploy.redaction import hide, values_of
from functions.deploy.requests import TaskLog

if TYPE_CHECKING:
    from types_boto3_logs.client import CloudWatchLogsClient
    from types_boto3_logs.type_defs import GetLogEventsRequestTypeDef, GetLogEventsResponseTypeDef

LINES = 500
"""Events of one answer."""


def read(aws: Aws, request: TaskLog) -> Answer:
    """The next lines of one container, without secrets, and the token that the lines after them are asked for with."""
    answer: Answer = {"service": aws.service, "task": request.task, "lines": [], "next": request.after}
    task = next(iter(evidence.described(aws, [request.task])), None)
    if task is None:
        return answer
    definition = aws.ecs_explaining.describe_task_definition(taskDefinition=task.task_definition)["taskDefinition"]
    containers = [one for one in definition["containerDefinitions"] if one["name"] == request.container]
    place = explaining.log_of(containers[0], task) if containers else None
    if place is None:
        return answer
    logs = aws.logs(place.region)
    asked: GetLogEventsRequestTypeDef = {
        "logGroupName": place.group,
        "logStreamName": place.stream,
        "startFromHead": True,
        "limit": LINES,
    }
    if request.after is not None:
        asked["nextToken"] = request.after
    try:
        page = logs.get_log_events(**asked)
    except ClientError as error:
        if code(error) == "ResourceNotFoundException":
            return answer  # It has not written a line yet.
        raise
    lines = explaining.lines_of(page)
    before = _before(logs, asked, page) if lines and request.after is not None else []
    # Looked at with those before them: they may be the inside of a key.
    shown = hide("\n".join([*before, *lines]), values_of(definition)).split("\n")[len(before) :] if lines else []
    return answer | {"lines": shown, "next": page["nextForwardToken"]}


def _before(
    logs: CloudWatchLogsClient, asked: GetLogEventsRequestTypeDef, page: GetLogEventsResponseTypeDef
) -> list[str]:
    """The lines before a page, as many as a key may have."""
    earlier: GetLogEventsRequestTypeDef = {
        **asked,
        "startFromHead": False,
        "limit": explaining.LONGEST_KEY,
        "nextToken": page["nextBackwardToken"],
    }
    return explaining.lines_of(logs.get_log_events(**earlier))
