"""What serves in an environment, and what its last release left behind: what each source says now."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from cli.environment import Environment
from cli.errors import EXPECTED, message_of
from functions import strict_json
from functions.names import revision
from release import drift, healthcheck, lease, records, statements
from release.identity import ServiceIdentity, label_of
from release.lease import Held
from release.records import Attempt, Purge, Release, UnfinishedMark
from release.request import ServiceRequest
from release.session import Clients
from release.statements import Hold, Statement
from release.static import drift as site_drift

Read = TypeVar("Read")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Service:
    """What ECS says of the service."""

    task_definition: str
    """ARN of its revision, also while it runs no task."""
    desired: int
    running: int
    network: Mapping[str, Any] | None = None
    """Subnets and security groups, as the release has them in its inputs."""
    execute_command: bool | None = None

    def differs(self, proven: ServiceIdentity) -> str:
        """How it differs from what is proven, as a sentence; empty if it does not."""
        if self.desired == 0 or self.task_definition != proven.task_definition:
            runs = f"ECS runs {revision(self.task_definition)}" if self.desired else "ECS is scaled to 0 tasks"
            return f"{runs}, and {revision(proven.task_definition)} is proven"
        # Earlier programs recorded neither of these.
        network = strict_json.fields(proven.network) if proven.network else None
        if network and self.network and network != self.network:
            return f"the tasks run in {drift.place(self.network)}, and were proven in {drift.place(network)}"
        if None not in (proven.execute_command, self.execute_command) and (
            proven.execute_command != self.execute_command
        ):
            return f"ECS Exec is {'on' if self.execute_command else 'off'}, and was not when it was proven"
        return ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Health:
    """One answer of the health check through the public address."""

    url: str
    version: str | None
    """The version in the answer; None if it has none."""
    miss: str | None
    """Why the answer does not prove the recorded version; None if it does."""
    version_compared: bool = True
    """False: status 200 is all that was asked for."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Observed:
    """What each source says. None is "nothing there", or unreadable for the reason in `unread`."""

    environment: str
    stack: Release | None
    """The stack's output `release`."""
    pending: tuple[str, ...] = ()
    record: Release | None
    services: Mapping[str, Service | None]
    """By name, those of the last release."""
    sites: Mapping[str, str | None]
    """By name, the digest of the manifest that the site serves, followed by how many files differ from it."""
    health: Mapping[str, Health]
    """By name, of the services that have a health check."""
    lease: Held | None = None
    purge: Purge | None = None
    """The purge that took the lease; None if a release did."""
    unfinished: UnfinishedMark | None = None
    last: Attempt | None = None
    statements: tuple[Statement, ...] = ()
    unread: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def hold(self) -> Hold | None:
        """What keeps releases away."""
        return statements.standing(self.record, self.statements)

    def source(self, kind: str, name: str) -> str:
        """What a service (`ECS`, `health`) or a site (`site`) is called as a source."""
        return label_of(kind, name, self.sites if kind == "site" else self.services)


def look(environment: Environment) -> Observed:
    """Ask every source at the same time. Why one cannot be read is in `unread`."""
    request, clients = environment.released(), environment.clients
    bucket = request.records_bucket
    unread: dict[str, str] = {}

    def read(name: str, ask: Callable[[], Read]) -> Read | None:
        try:
            return ask()
        except EXPECTED as error:
            unread[name] = message_of(error)
            return None

    # Not a context manager, which would wait for all answers after Ctrl-C.
    pool = ThreadPoolExecutor(8, thread_name_prefix="status")
    recorded = pool.submit(read, "record", lambda: records.read_release(clients.s3, bucket))
    services = {
        name: pool.submit(read, label_of("ECS", name, request.services), partial(_service, service, clients))
        for name, service in request.services.items()
    }
    sites = {
        name: pool.submit(
            read, label_of("site", name, request.sites), partial(site_drift.look, s3=clients.s3, site=site.site)
        )
        for name, site in request.sites.items()
    }
    held = pool.submit(read, "lease", lambda: _lease(clients, bucket))
    mark = pool.submit(read, "unfinished", lambda: records.read_mark(clients.s3, bucket))
    last = pool.submit(read, "last attempt", lambda: records.list_attempts(clients.s3, bucket, 1))
    stated = pool.submit(read, "statements", lambda: statements.read(clients.s3, bucket))
    answers = {
        name: pool.submit(lambda name: health(environment, recorded.result(), name), name)
        for name in environment.health_checks
    }
    pool.shutdown(wait=False)
    newest, (holder, purge) = last.result(), held.result() or (None, None)
    return Observed(
        environment=environment.name,
        stack=environment.release,
        pending=environment.stack.pending,
        record=recorded.result(),
        services={name: answer.result() for name, answer in services.items()},
        sites={name: answer.result() for name, answer in sites.items()},
        health={name: answer.result() for name, answer in answers.items()},
        lease=holder,
        purge=purge,
        unfinished=mark.result(),
        last=newest[0] if newest else None,
        statements=stated.result() or (),
        unread=unread,
    )


def _lease(clients: Clients, bucket: str) -> tuple[Held | None, Purge | None]:
    """The lease, and the purge that took it, if one did."""
    held = lease.look(clients.s3, bucket)
    purges = records.list_purges(clients.s3, bucket, 1) if held else ()
    return held, next((purge for purge in purges if held and purge.id == held.holder.id), None)


def _service(request: ServiceRequest, clients: Clients) -> Service | None:
    service = drift.service_of(request, clients.ecs)
    if service is None:
        return None
    return Service(
        task_definition=service["taskDefinition"],
        desired=service["desiredCount"],
        running=service["runningCount"],
        network=drift.network_of(service),
        execute_command=bool(service.get("enableExecuteCommand")),
    )


def health(environment: Environment, release: Release | None, service: str) -> Health:
    """One probe for the proven version; before the first one, for that of the last request."""
    check = environment.health_checks[service]
    if release is None:
        answer = healthcheck.probe(check)
    else:
        check = dataclasses.replace(check, version=release.version)
        answer = healthcheck.probe(check, environment.tasks(release, service))
    return Health(
        url=check.url, version=answer.version, miss=answer.miss, version_compared=not check.form.status_code_only
    )
