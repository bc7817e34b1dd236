"""Whether what runs could be gone back to: a release that fails has to.

Infrastructure is brought up to date before a release begins. Roles that lost a right, a boundary that got narrower or a
secret that was deleted are no fault of the version that comes, and none that undoing it could mend.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from functions.names import revision
from release.identity import ServiceIdentity
from release.preflight import definition, network, roles, secrets
from release.preflight.check import Check, all_of
from release.request import ServiceRequest
from release.session import Clients
from release.version import short


def is_elsewhere(request: ServiceRequest, proven: ServiceIdentity) -> bool:
    """Whether what is gone back to is another revision, or in another network, than what comes."""
    return proven.task_definition != request.identity.task_definition or _in_another_network(request, proven)


def _in_another_network(request: ServiceRequest, proven: ServiceIdentity) -> bool:
    return proven.network is not None and proven.network != request.identity.network


def problems(
    request: ServiceRequest, clients: Clients, version: str, proven: ServiceIdentity
) -> tuple[list[str], list[str]]:
    """Why `proven`, of `version`, could not run again, and what of it could not be checked for lack of permission."""
    described: dict[str, Mapping[str, Any]] = {}
    read = partial(definition.describe, clients, proven.task_definition, described)
    lines, denied = all_of([("the task definition before", partial(_facts, read))])
    found_then, denied_then = all_of([*_checks(request, clients, proven, described)])
    without = f"there is no way back to {short(version)} ({revision(proven.task_definition)})"
    return [f"{without}: {problem}" for problem in (*lines, *found_then)], [*denied, *denied_then]


def _checks(
    request: ServiceRequest, clients: Clients, proven: ServiceIdentity, described: Mapping[str, Mapping[str, Any]]
) -> Iterator[Check]:
    task = described.get("task")
    if task is None:
        return
    platform = task.get("runtimePlatform") or {}
    before = dataclasses.replace(
        request,
        identity=proven,
        source_image=None,
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


def _may_pass(request: ServiceRequest, clients: Clients, task: Mapping[str, Any]) -> Iterator[str]:
    """ECS starts tasks with a role only for those who may pass it; roles that are replaced have others."""
    function = clients.function.get_function_configuration(FunctionName=request.deploy_function)
    passed = roles.of(task)
    decisions = roles.decisions(
        clients, function["Role"], "iam:PassRole", passed, {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    )
    for role in passed:
        if decisions.get(role) != "allowed":
            yield f"the deploy function may not pass its role {role}"
