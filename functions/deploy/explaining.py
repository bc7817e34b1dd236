"""Why tasks failed, in a few lines: how their containers ended, and what their logs say of it.

The verdict is there before, and an explanation never costs it: all of it has a budget, and what goes wrong is a line.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from functions.aws_errors import code
from functions.deploy import telling
from functions.deploy.clients import Aws
from functions.deploy.facts import Task
from functions.deploy.redaction import hide, values_of

if TYPE_CHECKING:
    from types_boto3_ecs.type_defs import ContainerDefinitionOutputTypeDef
    from types_boto3_logs.type_defs import GetLogEventsRequestTypeDef, GetLogEventsResponseTypeDef

BUDGET_S = 12.0
"""Seconds for all calls. The function has 60 s, of which the verdict may need most where AWS is slow."""
TASKS = 3
LOG_LINES = 6
"""Of one container."""
LONGEST_LINE = 4096
"""Characters of a line that are kept: more than are looked at."""
SHOWN = 400
"""Characters of a line of a log."""
LONGEST_KEY = 60
"""Lines of a private key: one of RSA with 4096 bits has 52."""
PAGES = 3
"""Of one log: each is 1 MB or 10,000 lines at most (GetLogEvents). The stacks of 10,000 goroutines are about that."""
WHOLE_LOG = "whole log: "

EXIT_CODES = {
    137: "killed: out of memory, or still running when its stop timeout ended",
    139: "segmentation fault",
    143: "terminated",
}
# Terminal sequences would tear apart what is looked for; other control characters may be a part of a value.
_SEQUENCES = re.compile(r"\x1b\[[0-?]*+[ -/]*+[@-~]")


def explain(aws: Aws, tasks: tuple[Task, ...], task_definition: str | None, events: tuple[str, ...] = ()) -> list[str]:
    """How tasks ended, what they wrote if their task definition is given, and the service's events, without secrets.

    The most telling comes first; lines of a log are in its order, and followed by the command that shows all of it.
    """
    tasks = tasks[:TASKS]
    lines = [hide(line) for task in tasks for line in _end_of(task)]
    if tasks and task_definition:
        try:
            lines += _log_lines(aws, task_definition, tasks)
        except Exception as error:  # the verdict counts, whatever its explanation meets
            lines.append(f"no log lines: {hide(str(error))}")
    return telling.once([*lines, *(hide(f"event: {message}") for message in events)])


def _end_of(task: Task) -> Iterator[str]:
    for container in task.containers:
        code = container.get("exitCode")
        said = [container["reason"]] if container.get("reason") else []
        if code is not None:
            said.insert(0, f"exit code {code}" + (f" ({EXIT_CODES[code]})" if code in EXIT_CODES else ""))
        if said:
            yield f"task {task.id} container {container['name']}: {', '.join(said)}"
    if task.desired_status == "STOPPED":
        yield f"task {task.id} stopped: {task.stopped_reason or 'ECS gives no reason'}"


@dataclass(frozen=True, kw_only=True)
class LogPlace:
    """Where one container of one task writes."""

    group: str
    region: str | None
    stream: str


def log_of(container: ContainerDefinitionOutputTypeDef, task: Task) -> LogPlace | None:
    """None for a container whose log CloudWatch does not have, or not in a stream with a name that is known."""
    logging = container.get("logConfiguration")
    if not logging or logging["logDriver"] != "awslogs":
        return None
    options = logging.get("options") or {}
    if not options.get("awslogs-group") or not options.get("awslogs-stream-prefix"):
        return None
    return LogPlace(
        group=options["awslogs-group"],
        region=options.get("awslogs-region"),
        stream=f"{options['awslogs-stream-prefix']}/{container['name']}/{task.id}",
    )


def lines_of(page: GetLogEventsResponseTypeDef) -> list[str]:
    """The lines of a page of a log, without terminal sequences, none longer than is kept."""
    messages = (event["message"].rstrip() for event in page["events"])
    return [_SEQUENCES.sub("", line[:LONGEST_LINE]) for message in messages for line in message.split("\n")]


class Log:
    """The end of what one container of one task wrote."""

    def __init__(self, aws: Aws, container: ContainerDefinitionOutputTypeDef, task: Task, place: LogPlace) -> None:
        """Read it, page by page from its end, until it names a cause."""
        self.task, self.container, self.place = task, str(container["name"]), place
        self.lines: list[str] = []
        self.causes = False
        """Whether a line names a cause."""
        self._client = aws.logs(place.region)

    def read(self, left: Callable[[], bool]) -> None:
        """Raise ClientError and BotoCoreError, other than for a container that never wrote a line."""
        request: GetLogEventsRequestTypeDef = {
            "logGroupName": self.place.group,
            "logStreamName": self.place.stream,
            "startFromHead": False,
        }
        for _ in range(PAGES):
            try:
                answer = self._client.get_log_events(**request)
            except ClientError as error:
                if code(error) == "ResourceNotFoundException":
                    return
                raise
            lines = lines_of(answer)
            self.lines = [*lines, *self.lines]
            self.causes = bool(telling.causes_of(lines))
            # The token of the last page is repeated (GetLogEvents).
            before = answer.get("nextBackwardToken")
            if self.causes or before in (None, request.get("nextToken")) or not left():
                return
            request["nextToken"] = before

    def telling_lines(self, values: Mapping[str, str]) -> list[str]:
        """The lines that say most, without secrets and `values`."""
        lines = [self._hidden(place, values) for place in telling.choose(self.lines, LOG_LINES)]
        return [f"task {self.task.id} {self.container} | {line}" for line in lines]

    def _hidden(self, place: int, values: Mapping[str, str]) -> str:
        """One line, looked at with those before it: it may be the inside of a key."""
        text = "\n".join(self.lines[max(0, place - LONGEST_KEY) : place + 1])
        # Cut afterwards: half a secret is none that a pattern finds.
        return hide(text, values).rpartition("\n")[2][:SHOWN]

    @property
    def command(self) -> str:
        """Shows all of it, with any version of the AWS CLI."""
        place = self.place
        words = ["aws", "logs", "filter-log-events", *(["--region", place.region] if place.region else [])]
        words += ["--log-group-name", place.group, "--log-stream-names", place.stream]
        return shlex.join([*words, "--query", "events[].[message]", "--output", "text"])


def _log_lines(aws: Aws, task_definition: str, tasks: tuple[Task, ...]) -> list[str]:
    """Of the failed container, and of others that name a cause, the telling lines of the task that says most."""
    ends = time.monotonic() + BUDGET_S

    def left() -> bool:
        return time.monotonic() < ends

    answer = aws.ecs_explaining.describe_task_definition(taskDefinition=task_definition)
    containers = answer["taskDefinition"]["containerDefinitions"]
    values = values_of(answer["taskDefinition"])
    lines = [hide(line, values) for line in _health_commands(containers, tasks)]
    commands: list[str] = []
    for container in sorted(containers, key=lambda one: not _failed(one, tasks)):
        try:
            log = _most_telling(aws, container, tasks, left) if left() else None
        except (BotoCoreError, ClientError) as error:
            lines.append(f"no log lines of {container['name']}: {hide(str(error))}")
            continue
        if log is not None and (log.causes or not commands):
            lines += log.telling_lines(values)
            commands.append(f"{WHOLE_LOG}{log.command}")
    return [*lines, *commands[:1]]


def _health_commands(containers: Sequence[ContainerDefinitionOutputTypeDef], tasks: Sequence[Task]) -> Iterator[str]:
    """What ECS ran in the containers, if they are unhealthy by it. Neither its exit code nor its output are told."""
    if not any(
        task.health == "UNHEALTHY" or "container health checks" in task.stopped_reason.lower() for task in tasks
    ):
        return
    for container in containers:
        if check := container.get("healthCheck"):
            yield f"health command of container {container['name']}: {shlex.join(check['command'][1:])}"


def _failed(container: ContainerDefinitionOutputTypeDef, tasks: Sequence[Task]) -> bool:
    """Whether it ended with another exit code than 0."""
    ended = (one for task in tasks for one in task.containers if one["name"] == container["name"])
    return any(one.get("exitCode") not in (0, None) for one in ended)


def _most_telling(
    aws: Aws, container: ContainerDefinitionOutputTypeDef, tasks: Sequence[Task], left: Callable[[], bool]
) -> Log | None:
    """The log of the newest task that names a cause, else the longest: its end may come later than the task's."""
    longest: Log | None = None
    for task in tasks:
        if longest is not None and not left():
            break
        place = log_of(container, task)
        if place is None:
            return None
        log = Log(aws, container, task, place)
        log.read(left)
        if log.causes:
            return log
        if longest is None or len(log.lines) > len(longest.lines):
            longest = log
    return longest if longest is not None and longest.lines else None
