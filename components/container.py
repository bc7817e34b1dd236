"""The containers of a task: their definitions, and what its two roles may do."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

import pulumi

from components import policies
from components.aws_limits import PARAMETER_ARN, SECRET_ARN

USER = "65532:65532"
"""The user of a container: not root, and the one that images from scratch use by convention."""
MAX_STOP_TIMEOUT_S = 120
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html"""
HEALTH_INTERVAL_S = 5
"""Seconds between two health commands: the least that ECS takes (next page)."""
MAX_START_PERIOD_S = 300
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_HealthCheck.html"""
LEAST_MEMORY_MIB = 6
"""What Docker itself reserves for a container (same page)."""
WAITS = ("START", "HEALTHY", "COMPLETE", "SUCCESS")
"""https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDependency.html"""

TASKS = "ecs-tasks.amazonaws.com"
EXEC_STATEMENT = policies.allow(
    [f"ssmmessages:{action}{channel}Channel" for action in ("Create", "Open") for channel in ("Control", "Data")], "*"
)
"""What lets containers be entered; the channels of a session have no ARN to name.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html#ecs-exec-required-iam-permissions"""

_PINNED = re.compile(r"\S+@sha256:[0-9a-f]{64}")
NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sidecar:
    """A container that runs beside the main one in each task: an agent, a proxy, a preparation."""

    name: str
    image: pulumi.Input[str]
    """The image by digest: `repository@sha256:…`."""
    command: Sequence[str] = ()
    """Instead of the image's own."""
    environment: Mapping[str, pulumi.Input[str]] = dataclasses.field(default_factory=dict)
    """Environment variables. They can be read by whoever may describe the task definition."""
    secrets: Mapping[str, pulumi.Input[str]] = dataclasses.field(default_factory=dict)
    """Environment variables by the ARN of a Secrets Manager secret or an SSM parameter."""
    cpu: int = 0
    """CPU units of the task that are its own; 0 for a share of what the others leave."""
    memory: int = 0
    """MiB of the task that are reserved for it; it may use more while there is some. 0 for none."""
    port: int | None = None
    """The port that it listens on; the main container reaches it at localhost."""
    health_command: Sequence[str] = ()
    """Program and arguments that end with 0 when the container is healthy; run without a shell. Empty for none."""
    health_start_period_s: int = 10
    """Seconds after its start in which a failed health command does not count, 0 to 300."""
    essential: bool = True
    """The task ends with it."""
    main_waits_for: str | None = None
    """What must be so before the main container starts: START, HEALTHY (needs a health command), or, of a container
    that is not essential, COMPLETE or SUCCESS. None: nothing."""
    user: str | None = USER
    """Its user and group; root (0) for agents that demand it. None: the image's."""
    read_only_root: bool = True
    """Its root file system cannot be written to."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Log:
    group: pulumi.Input[str]
    region: str


def definition(
    sidecar: Sidecar, log: Log, *, execute_command: bool, stop_timeout_s: int, waits_for: Sequence[Sidecar] = ()
) -> dict[str, Any]:
    """A container's definition as the AWS provider keeps it: sorted where order has no meaning, without what is empty.

    So a preview shows what changes, and nothing else.

    ECS Exec puts an agent into every container of the task. AWS documents that it cannot with a read-only root, and
    that it leaves dead processes behind without an init process:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html#ecs-exec-considerations
    """
    init = {"initProcessEnabled": True} if execute_command else {}
    written: dict[str, Any] = {
        "name": sidecar.name,
        "image": pinned(sidecar.image, sidecar.name),
        "essential": sidecar.essential,
        "readonlyRootFilesystem": sidecar.read_only_root and not execute_command,
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}, **init},
        "stopTimeout": stop_timeout_s,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log.group,
                "awslogs-region": log.region,
                "awslogs-stream-prefix": "ecs",
            },
        },
    }
    health = {
        "command": ["CMD", *sidecar.health_command],
        "interval": HEALTH_INTERVAL_S,
        "timeout": 3,
        "retries": 3,
        "startPeriod": sidecar.health_start_period_s,
    }
    port = {"containerPort": sidecar.port, "hostPort": sidecar.port, "protocol": "tcp"}
    waits = {other.name: other.main_waits_for for other in waits_for if other.main_waits_for}
    optional = {
        "user": sidecar.user,
        "environment": [{"name": key, "value": value} for key, value in sorted(sidecar.environment.items())],
        "secrets": [{"name": key, "valueFrom": arn} for key, arn in sorted(sidecar.secrets.items())],
        "portMappings": [port] if sidecar.port is not None else [],
        "command": list(sidecar.command),
        "cpu": sidecar.cpu,
        "memoryReservation": sidecar.memory,
        "healthCheck": health if sidecar.health_command else {},
        "dependsOn": [{"containerName": name, "condition": condition} for name, condition in sorted(waits.items())],
    }
    return {**written, **{key: value for key, value in optional.items() if value}}


def pinned(image: pulumi.Input[str], container: str) -> pulumi.Input[str]:
    """The image, which must be named by its digest. Raises ValueError, for an output when it is known."""

    def check(name: str) -> str:
        if not _PINNED.fullmatch(name):
            raise ValueError(
                f"the image of container {container!r} is {name!r}: expected repository@sha256:<64 hex digits>; "
                "a tag can be moved to another image between two tasks"
            )
        return name

    return check(image) if isinstance(image, str) else _output(image).apply(check)


def secret_statements(containers: Sequence[Sidecar], key_arns: Sequence[pulumi.Input[str]]) -> list[Any]:
    """What the execution role needs to read exactly the containers' secrets, encrypted with `key_arns`."""
    arns = [arn for container in containers for arn in container.secrets.values()]
    secrets_of_arns = sorted({_whole_secret(arn) for arn in arns if isinstance(arn, str)})
    by_action: dict[str, list[str]] = {}
    for arn in secrets_of_arns:
        by_action.setdefault(_reading(arn), []).append(arn)
    statements: list[Any] = [policies.allow([action], secrets) for action, secrets in sorted(by_action.items())]
    # What the program makes itself is known later, and so is which service has it.
    later = [arn for arn in arns if not isinstance(arn, str)]
    statements += [
        _output(arn).apply(lambda arn: policies.allow([_reading(arn)], [_whole_secret(arn)])) for arn in later
    ]
    if key_arns:
        statements.append(policies.allow(["kms:Decrypt"], list(key_arns)))
    return statements


def start_statements(repository_arns: Sequence[pulumi.Input[str]], log_group_arn: pulumi.Input[str]) -> list[Any]:
    """What ECS itself needs to start a task: pull the images, write the log."""
    pull = [
        policies.allow(["ecr:GetAuthorizationToken"], "*"),
        policies.allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            list(repository_arns),
        ),
    ]
    write = policies.allow(["logs:CreateLogStream", "logs:PutLogEvents"], pulumi.Output.concat(log_group_arn, ":*"))
    return [*(pull if repository_arns else []), write]


def check(containers: Sequence[Sidecar], cpu: int, memory: int) -> None:
    """Raises ValueError for containers that ECS would refuse, with the reserved CPU units and MiB of the task."""
    for container in containers:
        _check_one(container)
    names = [container.name for container in containers]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"two containers of a task are called {json.dumps(twice)}: each needs a name of its own")
    ports = [container.port for container in containers if container.port is not None]
    if shared := sorted({port for port in ports if ports.count(port) > 1}):
        raise ValueError(f"two containers of a task listen on {shared}: they share one network, and so its ports")
    for what, of_task, of_containers in (
        ("cpu", cpu, [container.cpu for container in containers]),
        ("memory", memory, [container.memory for container in containers]),
    ):
        if sum(of_containers) >= of_task and any(of_containers):
            raise ValueError(
                f"the sidecars reserve {what}={sum(of_containers)} of a task with {what}={of_task}: nothing is left "
                "for the main container; reserve less, or take a larger task"
            )


def _check_one(container: Sidecar) -> None:
    what = f"container {container.name!r}"
    if not NAME.fullmatch(container.name):
        raise ValueError(f"{what}: expected a name of up to 255 letters, digits, hyphens and underscores")
    pinned(container.image, container.name)
    if both := sorted(set(container.environment) & set(container.secrets)):
        raise ValueError(f"{what}: environment and secrets both name {json.dumps(both)}: a variable has one source")
    if empty := sorted(name for name, value in container.environment.items() if value == ""):
        # "Permanent diff for aws_ecs_task_definition", hashicorp/terraform-provider-aws, issue 39533.
        raise ValueError(
            f"{what}: environment has {json.dumps(empty)} without a value, and ECS keeps no empty variable"
        )
    for name, arn in container.secrets.items():
        if isinstance(arn, str):
            try:
                _reading(arn)
            except ValueError as error:
                # A secret's value pasted where its ARN belongs must not come out in the message.
                raise ValueError(f"{what}: secrets[{name!r}] is {error}") from None
    if container.port is not None and not 1 <= container.port <= 65535:
        raise ValueError(f"{what}: port is {container.port}: expected 1 to 65535")
    if container.cpu < 0 or container.memory < 0 or 0 < container.memory < LEAST_MEMORY_MIB:
        raise ValueError(
            f"{what}: cpu={container.cpu} and memory={container.memory}: expected 0 or more CPU units, and 0 or at "
            f"least {LEAST_MEMORY_MIB} MiB"
        )
    if not 0 <= container.health_start_period_s <= MAX_START_PERIOD_S:
        raise ValueError(
            f"{what}: health_start_period_s is {container.health_start_period_s}: expected 0 to {MAX_START_PERIOD_S}"
        )
    waits = container.main_waits_for
    if waits is not None and waits not in WAITS:
        raise ValueError(f"{what}: main_waits_for is {waits!r}: expected one of {', '.join(WAITS)}")
    if waits == "HEALTHY" and not container.health_command:
        raise ValueError(f"{what}: main_waits_for is HEALTHY, and there is no health_command that could tell")
    if waits in ("COMPLETE", "SUCCESS") and container.essential:
        raise ValueError(f"{what}: main_waits_for is {waits}, but the task ends with an essential container")


def _reading(arn: str) -> str:
    """The action that reads what an ARN names."""
    if re.fullmatch(SECRET_ARN, arn):
        return "secretsmanager:GetSecretValue"
    if re.fullmatch(PARAMETER_ARN, arn):
        return "ssm:GetParameters"
    raise ValueError("no ARN of Secrets Manager (arn:…:secret:…) or SSM Parameter Store (arn:…:parameter/…)")


def _whole_secret(value_from: str) -> str:
    """The secret's ARN without the JSON key, stage and version that `valueFrom` may add to it."""
    return ":".join(value_from.split(":")[:7]) if ":secretsmanager:" in value_from else value_from


def _output(value: Awaitable[str] | pulumi.Output[str]) -> pulumi.Output[str]:
    output: pulumi.Output[str] = pulumi.Output.from_input(value)
    return output
