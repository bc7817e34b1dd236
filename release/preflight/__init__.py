"""What is verified before a release changes anything: all that can be known from descriptions, in one go.

Each check reads and decides on its own, so that one message names everything that is to be mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from release.preflight import definition, going_back, network, secrets, service
from release.preflight.check import Check, all_of
from release.progress import Say
from release.records import Proven
from release.request import ReleaseRequest
from release.session import Clients


class Problems(NamedTuple):
    """What is wrong, a line each, in a stable order; none if the release may begin."""

    lines: tuple[str, ...] = ()
    all_the_same: str = ""
    """The command that releases without a way back; empty where a lack of one is no problem."""


def problems(
    request: ReleaseRequest, clients: Clients, *, proven: Proven | None, interrupted: bool, say: Say
) -> Problems:
    """What is wrong.

    `proven` is what is gone back to if the release fails; that it could be is demanded, unless there is a reason.
    `interrupted`: a release of ours before this one did not end, so that the rollout it left is ours to replace. What
    these credentials may not ask is told to `say`, and no problem.
    """
    described: dict[str, Mapping[str, Any]] = {}
    first: list[Check] = [
        ("the service", partial(service.read, request, clients, described)),
        ("the task definition", partial(definition.read, request, clients, described)),
    ]
    undescribed, denied = all_of(first)
    wrong, denied_then = all_of([*_checks(request, clients, described, interrupted=interrupted)])
    without: list[str] = []
    if proven is not None and going_back.is_elsewhere(request, proven):
        without, denied_back = going_back.problems(request, clients, proven)
        denied += denied_back
    for note in (*denied, *denied_then):
        say(f"{request.environment}: {note}")
    if without and request.reason:
        for note in without:
            say(f"{request.environment}: {note}; released all the same, for a reason was given")
        without = []
    return Problems((*undescribed, *wrong, *without), request.again(with_reason=True) if without else "")


def _checks(
    request: ReleaseRequest, clients: Clients, described: Mapping[str, Mapping[str, Any]], *, interrupted: bool
) -> Iterable[Check]:
    """What can be checked with what was described."""
    yield "the image", partial(definition.check_image, request, clients)
    task, runs = described.get("task"), described.get("service")
    if task:
        yield from definition.checks(clients, task)
        yield from secrets.checks(request, clients, task)
    if runs and not interrupted:
        yield "the rollout before", partial(service.check_finished, request, clients, runs)
    if runs and task:
        yield "the container's ports", partial(service.check_ports, runs, task)
        yield "the target groups", partial(service.check_targets, clients, runs)
        yield "the way out of the subnets", partial(network.check, request, clients, runs, task)
