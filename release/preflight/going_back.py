"""Whether what runs could be gone back to: a release that fails has to.

Infrastructure is brought up to date before a release begins. Roles that lost a right, a boundary that got narrower or a
secret that was deleted are no fault of the version that comes, and none that undoing it could mend.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from functions.aws_errors import code
from functions.names import revision
from release.context import identity
from release.preflight import definition, network, roles, secrets
from release.preflight.check import Check, all_of
from release.records import Proven
from release.request import ReleaseRequest
from release.session import Clients
from release.version import short


def is_elsewhere(request: ReleaseRequest, proven: Proven) -> bool:
    """Whether what is gone back to is another revision, or in another network, than what comes."""
    return proven.task_definition != request.identity.task_definition or _in_another_network(request, proven)


def _in_another_network(request: ReleaseRequest, proven: Proven) -> bool:
    return proven.network is not None and proven.network != request.identity.network


def problems(request: ReleaseRequest, clients: Clients, proven: Proven) -> tuple[list[str], list[str]]:
    """Why `proven` could not run again, and what of it could not be checked for lack of permission."""
    described: dict[str, Mapping[str, Any]] = {}
    lines, denied = all_of([("the task definition before", partial(_read, clients, proven, described))])
    found_then, denied_then = all_of([*_checks(request, clients, proven, described)])
    without = f"there is no way back to {short(proven.version)} ({revision(proven.task_definition)})"
    return [f"{without}: {problem}" for problem in (*lines, *found_then)], [*denied, *denied_then]


def _read(clients: Clients, proven: Proven, described: dict[str, Mapping[str, Any]]) -> Iterator[str]:
    try:
        definition = clients.ecs.describe_task_definition(taskDefinition=proven.task_definition)["taskDefinition"]
    except ClientError as error:
        if code(error) != "ClientException":
            raise
        yield "its task definition does not exist"
        return
    described["task"] = definition
    if definition["status"] != "ACTIVE":
        yield f"its task definition is {definition['status']}, and ECS runs ACTIVE ones only"


def _checks(
    request: ReleaseRequest, clients: Clients, proven: Proven, described: Mapping[str, Mapping[str, Any]]
) -> Iterator[Check]:
    task = described.get("task")
    if task is None:
        return
    platform = task.get("runtimePlatform") or {}
    before = dataclasses.replace(
        request,
        identity=identity(proven),
        source=dataclasses.replace(request.source, image=None),
        cpu_architecture=platform.get("cpuArchitecture") or request.cpu_architecture,
    )
    if _in_another_network(request, proven):
        yield "the network before", partial(_facts, partial(network.check, before, clients, {}, task))
    if proven.task_definition == request.identity.task_definition:
        return
    yield "the image before", partial(_facts, partial(definition.check_image, before, clients))
    for what, ask in (*definition.checks(clients, task), *secrets.checks(before, clients, task)):
        yield what, partial(_facts, ask)
    yield "whether the deploy function may start it", partial(_may_pass, request, clients, task)


def _facts(ask: Callable[[], Iterable[str]]) -> Iterator[str]:
    """What is wrong without how it is mended, which is about what comes."""
    for problem in ask():
        yield problem.partition(": ")[0]


def _may_pass(request: ReleaseRequest, clients: Clients, task: Mapping[str, Any]) -> Iterator[str]:
    """ECS starts tasks with a role only for those who may pass it; roles that are replaced have others."""
    function = clients.function.get_function_configuration(FunctionName=request.deploy_function)
    passed = roles.of(task)
    decisions = roles.decisions(
        clients, function["Role"], "iam:PassRole", passed, {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    )
    for role in passed:
        if decisions.get(role) != "allowed":
            yield f"the deploy function may not pass its role {role}"
