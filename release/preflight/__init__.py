"""What is verified before a release changes anything: all that can be known from descriptions, in one go.

Each check reads and decides on its own, so that one message names everything that is to be mended.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

from release import environment_before, image_scan
from release.preflight import definition, going_back, network, secrets, service
from release.preflight.check import PARALLEL, Check, all_of
from release.progress import Say
from release.records import Proven
from release.request import ReleaseRequest, ServiceRequest, listed
from release.session import Clients


class Problems(NamedTuple):
    """What is wrong, a line each, in a stable order; none if the release may begin."""

    lines: tuple[str, ...] = ()
    all_the_same: str = ""
    """The command that releases without a way back, with what its scan found, or although the environment before is not
    healthy; empty where that is no problem."""


def problems(
    request: ReleaseRequest, clients: Clients, *, proven: Proven | None, interrupted: bool, say: Say
) -> Problems:
    """What is wrong.

    `proven` is what is gone back to if the release fails. That it could be, that the scan of the image is good enough,
    and that the environment before is healthy with the version, is demanded unless there is a reason.
    `interrupted`: a release of ours before this one did not end, so that the rollout it left is ours to replace. What
    these credentials may not ask is told to `say`, and no problem.
    """
    with ThreadPoolExecutor(PARALLEL, thread_name_prefix="service") as threads:
        look = partial(_look, request, clients, proven=proven, interrupted=interrupted)
        looked = dict(zip(request.services, threads.map(look, request.services.values()), strict=True))
    wrong = _named({name: of_it.wrong for name, of_it in looked.items()})
    unless_reason = _named({name: of_it.unless_reason for name, of_it in looked.items()})
    notes = _named({name: of_it.denied for name, of_it in looked.items()})
    # What runs here already is not asked about there: it may be what brings a setting in force.
    if request.environment_before is not None and (proven is None or proven.version != request.version):
        health = environment_before.look(request.environment_before, request.version)
        unless_reason += health.problems
        notes += health.notes
    for note in notes:
        say(f"{request.environment}: {note}")
    if request.reason:
        for note in unless_reason:
            say(f"{request.environment}: {note}; released all the same, for a reason was given")
        unless_reason = []
    return Problems((*wrong, *unless_reason), request.again(with_reason=True) if unless_reason else "")


class _Looked(NamedTuple):
    """What there is to say of one service, a line each."""

    wrong: list[str]
    unless_reason: list[str]
    """What is wrong, too, but for which a reason may be given."""
    denied: list[str]
    """What these credentials may not ask."""


def _look(
    request: ReleaseRequest, clients: Clients, one: ServiceRequest, *, proven: Proven | None, interrupted: bool
) -> _Looked:
    described: dict[str, Mapping[str, Any]] = {}
    undescribed, denied = all_of(
        [
            ("the service", partial(service.read, one, clients, described)),
            ("the task definition", partial(definition.read, one, clients, described)),
        ]
    )
    then = _checks(one, request.records_bucket, clients, described, interrupted=interrupted)
    wrong, denied_then = all_of([*then])
    unless_reason = [*_findings(one, request.refuse_findings, clients)]
    before, denied_back = proven.services.get(one.name) if proven else None, list[str]()
    if proven is not None and before is not None and going_back.is_elsewhere(one, before):
        lines, denied_back = going_back.problems(one, clients, proven.version, before)
        unless_reason += lines
    return _Looked([*undescribed, *wrong], unless_reason, [*denied, *denied_then, *denied_back])


def _named(by_service: Mapping[str, Sequence[str]]) -> list[str]:
    """Each line once. Among several services, it names those that it is about: they may share a subnet, a secret."""
    services: dict[str, list[str]] = {}
    for name, lines in by_service.items():
        for line in dict.fromkeys(lines):
            services.setdefault(line, []).append(name)
    if len(by_service) == 1:
        return [*services]
    return [f"service{'s' if len(names) > 1 else ''} {listed(names)}: {line}" for line, names in services.items()]


def _findings(request: ServiceRequest, severity: str, clients: Clients) -> Iterable[str]:
    """Why the scan of the image refuses it, if the settings ask for it. What is not known is no permission."""
    if severity:
        places = (request.identity.image, request.source_image)
        scan = image_scan.read([image for image in places if image], clients.ecr)
        refused = image_scan.refusal(scan, severity)
        if refused:
            yield refused


def _checks(
    request: ServiceRequest,
    records_bucket: str,
    clients: Clients,
    described: Mapping[str, Mapping[str, Any]],
    *,
    interrupted: bool,
) -> Iterable[Check]:
    """What can be checked with what was described."""
    yield "the image", partial(definition.check_image, request, clients)
    task, runs = described.get("task"), described.get("service")
    if task:
        yield from definition.checks(clients, task)
        yield from secrets.checks(request, clients, task)
    if runs and not interrupted:
        yield "the rollout before", partial(service.check_finished, request, records_bucket, clients, runs)
    if runs and task:
        yield "the container's ports", partial(service.check_ports, runs, task)
        yield "the target groups", partial(service.check_targets, clients, runs)
        yield "the way out of the subnets", partial(network.check, request, clients, runs, task)
