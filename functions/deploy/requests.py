"""The commands of the deploy function, as a caller sends them and as the function reads them.

    {"command": "deploy", "lease": "…", "taskDefinition": "arn:…:task-definition/reports-dev:7",
     "minimumCount": 2, "maximumCount": 4, "expectedDeployment": "ecs-svc/…",
     "network": {"subnets": ["subnet-…"], "securityGroups": ["sg-…"]}, "executeCommand": false}
    {"command": "status", "deployment": "ecs-svc/…"}
    {"command": "status"}
    {"command": "rollback", "lease": "…", "taskDefinition": "arn:…:task-definition/reports-dev:6",
     "minimumCount": 2, "maximumCount": 4, "deployment": "ecs-svc/…"}
    {"command": "run_task", "lease": "…", "taskDefinition": "arn:…:task-definition/reports-dev:7",
     "container": "backend", "containerCommand": ["/backend", "migrate"]}
    {"command": "run_task", "lease": "…", "taskDefinition": "arn:…:task-definition/reports-dev:7",
     "container": "backend", "environment": {"RELEASE_REHEARSAL": "3"}}
    {"command": "task_status", "task": "arn:…:task/reports-dev/…", "container": "backend"}
    {"command": "task_log", "task": "arn:…:task/reports-dev/…", "container": "backend", "after": "f/…"}
    {"command": "stop_task", "lease": "…", "task": "arn:…:task/reports-dev/…", "reason": "it took too long"}

What changes something needs the lease of the release that sends it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar

from functions import strict_json
from functions.deploy.network import Network
from functions.strict_json import DamagedError, Form

MAX_COUNT = 5000
MAX_COMMAND_LENGTH = 8000
"""Characters; all overrides of a task together may have 8192:
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_TaskOverride.html"""


def _text(pattern: str, expected: str) -> Form:
    return Form(re.compile(pattern).fullmatch, expected)


Count = Annotated[int, Form(lambda count: 1 <= count <= MAX_COUNT, f"a whole number from 1 to {MAX_COUNT}")]
TaskDefinition = Annotated[
    str,
    _text(
        r"arn:[a-z0-9-]+:ecs:[a-z0-9-]+:\d{12}:task-definition/[A-Za-z0-9_-]{1,255}:[1-9]\d*",
        "the ARN of a task definition with its revision, arn:…:task-definition/family:7",
    ),
]
DeploymentId = Annotated[str, _text(r"ecs-svc/[A-Za-z0-9-]+", "the id of a deployment, ecs-svc/…")]
TaskArn = Annotated[
    str,
    _text(
        r"arn:[a-z0-9-]+:ecs:[a-z0-9-]+:\d{12}:task/[A-Za-z0-9_-]{1,255}/[A-Za-z0-9-]+",
        "the ARN of a task, arn:…:task/cluster/id",
    ),
]
ContainerName = Annotated[str, _text(r"[A-Za-z0-9_-]{1,255}", "the name of a container")]
LeaseId = Annotated[str, _text(r"[A-Za-z0-9_-]{1,64}", "the id of the lease of the release that sends this")]
Line = Annotated[str, _text(r"[^\x00-\x1f]{1,255}", "a line of 1 to 255 characters")]
Words = Annotated[
    tuple[str, ...],
    Form(
        lambda words: words and len(json.dumps(words)) <= MAX_COMMAND_LENGTH,
        f"a list of words, at most {MAX_COMMAND_LENGTH} characters as JSON",
    ),
]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One command with its fields."""

    COMMAND: ClassVar[str]

    def to_json(self) -> dict[str, Any]:
        """The command as it is sent."""
        fields = {key: value for key, value in strict_json.fields(self).items() if value is not None}
        return {"command": self.COMMAND, **fields}


@dataclass(frozen=True, kw_only=True)
class Changing(Request):
    """A command that changes something."""

    lease: LeaseId
    """Id of the lease that the caller holds: any other is refused."""


@dataclass(frozen=True, kw_only=True)
class Moving(Changing):
    """A command that moves the service: between how many and how many tasks, and where they run.

    Raises DamagedError for a minimum above the maximum.
    """

    minimum_count: Count
    maximum_count: Count
    network: Network | None = None
    """None: the one that the service has."""
    execute_command: bool | None = None
    """Whether ECS Exec is on; None: as the service has it."""

    def __post_init__(self) -> None:
        if self.minimum_count > self.maximum_count:
            raise DamagedError(
                f"minimumCount is {self.minimum_count}, expected at most maximumCount, which is {self.maximum_count}"
            )


@dataclass(frozen=True, kw_only=True)
class Deploy(Moving):
    """Start the deployment of a revision of the service's task definition."""

    COMMAND = "deploy"
    task_definition: TaskDefinition
    expected_deployment: DeploymentId
    """Start nothing unless this is still the primary deployment: what makes a repeated command harmless."""
    force: bool = False
    """Start a deployment also of the revision that runs, for example because a secret was rotated."""


@dataclass(frozen=True, kw_only=True)
class Rollback(Moving):
    """Bring the service back to what was proven before. Sent again until the answer is not `stopping`."""

    COMMAND = "rollback"
    task_definition: TaskDefinition | None = None
    """Where to go back to; None: nothing was proven before, so nothing is to run."""
    deployment: DeploymentId | None = None
    """The deployment that is to be undone. Without it only a service that nobody moved is touched."""


@dataclass(frozen=True, kw_only=True)
class Status(Request):
    """Judge a deployment; without one, say what runs."""

    COMMAND = "status"
    deployment: DeploymentId | None = None
    task_definition: TaskDefinition | None = None
    network: Network | None = None
    created_at: datetime | None = None
    explain: bool = False
    """Fetch the log lines of failed tasks even while the rollout is still going on."""


@dataclass(frozen=True, kw_only=True)
class RunTask(Changing):
    """Run a task beside the service: a command once, or without one, as a rehearsal, what the service's tasks run."""

    COMMAND = "run_task"
    task_definition: TaskDefinition
    container: ContainerName
    """The container that runs the command, and whose exit code and health count."""
    container_command: Words | None = None
    """None: what its definition says."""
    environment: Mapping[str, str] | None = None
    """Variables of the container beside those of its definition."""
    network: Network | None = None
    """None: the one that the service has."""


@dataclass(frozen=True, kw_only=True)
class TaskStatus(Request):
    """Judge a one-off task by the exit code and the health of one of its containers."""

    COMMAND = "task_status"
    task: TaskArn
    container: ContainerName
    explain: bool = False
    """Fetch its log lines even while it runs."""


@dataclass(frozen=True, kw_only=True)
class TaskLog(Request):
    """Say what one container of a one-off task has written."""

    COMMAND = "task_log"
    task: TaskArn
    container: ContainerName
    after: Line | None = None
    """The `next` of an earlier answer: what was written since. None: from the beginning."""


@dataclass(frozen=True, kw_only=True)
class StopTask(Changing):
    COMMAND = "stop_task"
    task: TaskArn
    reason: Line


REQUESTS: Mapping[str, type[Request]] = {
    request.COMMAND: request for request in (Deploy, Rollback, RunTask, Status, StopTask, TaskLog, TaskStatus)
}


def read(event: Any) -> Request:
    """The command of an event. Raises DamagedError, which names the field that is wrong and what it may hold."""
    if not isinstance(event, Mapping):
        raise DamagedError(f"the event is {strict_json.shown(event)}, expected a JSON object with a command")
    name = event.get("command")
    kind = REQUESTS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise DamagedError(f"command is {strict_json.shown(name)}, expected one of {', '.join(REQUESTS)}")
    try:
        return strict_json.read(kind, {key: value for key, value in event.items() if key != "command"}, closed=True)
    except DamagedError as error:
        raise DamagedError(f"{name}: {error}") from None
