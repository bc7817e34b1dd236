"""What is verified before a release changes anything: all that can be known from descriptions, in one go.

Each check reads and decides on its own, so that one message names everything that is to be mended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from release.preflight import definition, image, network, secrets, service, targets
from release.registry import ImageError
from release.request import ReleaseRequest
from release.session import Clients, is_denied
from release.static.store import Say

PARALLEL = 8
"""Checks at the same time; each asks AWS a few times, one after the other."""

Check = tuple[str, Callable[[], Iterable[str]]]
"""What is checked, and how: yields what is wrong, one line each."""


def problems(request: ReleaseRequest, clients: Clients, *, interrupted: bool, say: Say) -> tuple[str, ...]:
    """What is wrong, in a stable order; nothing if the release may begin.

    `interrupted`: a release of ours before this one did not end, so that the rollout it left is ours to replace. What
    these credentials may not ask is told to `say`, and no problem.
    """
    described: dict[str, Mapping[str, Any]] = {}
    first: list[Check] = [
        ("the service", partial(service.read, request, clients, described)),
        ("the task definition", partial(definition.read, request, clients, described)),
    ]
    found, denied = _all(first)
    found_then, denied_then = _all([*_checks(request, clients, described, interrupted=interrupted)])
    for note in (*denied, *denied_then):
        say(f"{request.environment}: {note}")
    return (*found, *found_then)


def _checks(
    request: ReleaseRequest, clients: Clients, described: Mapping[str, Mapping[str, Any]], *, interrupted: bool
) -> Iterable[Check]:
    """What can be checked with what was described."""
    yield "the image", partial(image.check, request, clients)
    task, runs = described.get("task"), described.get("service")
    if task:
        for role in definition.roles(task):
            yield f"the role {role}", partial(definition.check_role, clients, role)
        for secret in secrets.used(task, request.region):
            yield f"the secret {secret.arn}", partial(secrets.check, clients, secret)
        for region, names in secrets.parameters(task, request).items():
            yield f"the parameters {', '.join(names)}", partial(secrets.check_parameters, clients, region, names)
    if runs and not interrupted:
        yield "the rollout before", partial(service.check_finished, request, clients, runs)
    if runs and task:
        yield "the container's ports", partial(targets.check_ports, runs, task)
        yield "the target groups", partial(targets.check, clients, runs)
        yield "the way out of the subnets", partial(network.check, request, clients, runs, task)


def _all(checks: list[Check]) -> tuple[list[str], list[str]]:
    """What is wrong, and what could not be checked for lack of permission; each in the order of the checks."""
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="check") as threads:
        results = list(threads.map(_one, checks))
    return [text for found, _ in results for text in found], [text for _, denied in results for text in denied]


def _one(check: Check) -> tuple[list[str], list[str]]:
    what, ask = check
    try:
        return list(ask()), []
    except (ClientError, BotoCoreError, ImageError) as error:
        if is_denied(error):
            return [], [f"{what} was not checked, which this role may not ({error})"]
        return [f"{what} could not be checked: {error}"], []
