"""What one release knows as it goes on: what was there before, what it has changed, and whether it may go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from release import lease, progress, records, way_back
from release.deploy_function import Current, DeployFunction
from release.healthcheck import Proof
from release.identity import ServiceIdentity, identity_of
from release.progress import Say
from release.records import Attempt, Release, Stored, UnfinishedMark
from release.request import ReleaseRequest, ServiceRequest
from release.session import Clients
from release.static.activate import Switched
from release.way_back import IsAncestor

Part = TypeVar("Part")


@contextmanager
def about(what: str, name: str, among: Collection[object]) -> Iterator[None]:
    """Note at what fails which of several services (`service`) or sites (`site`) it was about."""
    try:
        yield
    except Exception as error:
        if len(among) > 1:
            error.add_note(f"{what} {name}")
        raise


def failed_service(error: Exception, services: Collection[str]) -> str | None:
    """The service that an error is about: the only one, or the one that `about` noted; None where it is another's."""
    notes = getattr(error, "__notes__", ())
    return next((name for name in services if len(services) == 1 or f"service {name}" in notes), None)


def each(what: str, parts: Mapping[str, Part], say: Say, work: Callable[[Part, Say], object]) -> bool:
    """Do a phase's work for each service (`service`) or site (`site`), in their order; False where there is none."""
    for name, part in parts.items():
        with about(what, name, parts):
            work(part, progress.part(say, name, parts))
    return bool(parts)


def reason(error: Exception) -> str:
    """What failed, for people: of which service or site, and why."""
    return ": ".join([*getattr(error, "__notes__", ()), str(error) or type(error).__name__])


@dataclasses.dataclass(kw_only=True)
class ServiceMove:
    """A service is being moved, or was: what its undoing needs. Noted before the move begins."""

    before: Current
    """What the service was on."""
    inherited: bool
    """An interrupted release may have moved it before: then also what this one did not start is to be undone."""
    deployment: str | None = None
    """The deployment that was started; None where there is none, or none is known."""
    tasks: frozenset[str] = frozenset()
    """Ids of its tasks, where the deploy function says them."""
    stays: str = ""
    """Why it is not to be moved back."""


@dataclasses.dataclass(kw_only=True)
class ReleaseContext:
    """One attempt. Each phase notes what it is about to change, and what undoing that needs."""

    request: ReleaseRequest
    clients: Clients
    say: Say
    lease: lease.Lease
    before: Stored
    left: UnfinishedMark | None
    """The mark that an earlier release left: what serves is not known to be what the record says."""
    attempt: Attempt
    is_ancestor: IsAncestor
    mark: UnfinishedMark | None = None
    """This attempt's own mark, with the config.json and the site of an interrupted one; None before it is set."""
    mark_etag: str = ""
    rehearsed: dict[str, str] = dataclasses.field(default_factory=dict)
    """By service, what its rehearsal has proven, or why there was none."""
    begun: bool = False
    """False: nothing that serves was changed by this attempt."""
    moves: dict[str, ServiceMove] = dataclasses.field(default_factory=dict)
    """All services, by name, once the first of them is about to be moved."""
    services_proven: bool = False
    """Every service is proven: they serve the sites of this release and of the one before."""
    switched: dict[str, Switched] = dataclasses.field(default_factory=dict)
    """Sites that were switched, by name."""
    proofs: dict[str, Proof] = dataclasses.field(default_factory=dict)
    """Services whose version answered as it should, by name."""
    result: Release | None = None

    def function(self, service: ServiceRequest, say: Say, deadline_s: float) -> DeployFunction:
        """A service's deploy function, with seconds from now for all that it is asked."""
        return DeployFunction(self.clients.function, service.deploy_function, say, deadline_s)

    @property
    def bucket(self) -> str:
        return self.request.records_bucket

    @property
    def proven(self) -> Release | None:
        """What the environment's record has: what is gone back to."""
        return self.before.release

    @property
    def released(self) -> Release:
        """The new record. Raises LookupError before it was written."""
        if self.result is None:
            raise LookupError(f"the release of {self.request.version} is not recorded yet")
        return self.result

    @property
    def way_back(self) -> str | None:
        """The version that runs again if somebody gives this one up; None where there is none.

        The gate refuses one that has no proof of all that is declared now.
        """
        target = way_back.target(self.proven, self.request.version)
        if target is None or self.request.services.keys() - target.services.keys():
            return None
        return target.version if self.request.sites.keys() <= target.sites.keys() else None

    def proven_service(self, name: str) -> ServiceIdentity | None:
        """What a service is gone back to. An earlier program recorded no network and no ECS Exec: then what it had."""
        recorded = self.proven.services.get(name) if self.proven else None
        move = self.moves.get(name)
        if recorded is None or move is None or move.inherited:
            return recorded
        return dataclasses.replace(
            recorded,
            network=recorded.network or move.before.network,
            execute_command=move.before.execute_command
            if recorded.execute_command is None
            else recorded.execute_command,
        )

    @property
    def again(self) -> bool:
        """What is released is what was proven last: it is proven again."""
        if self.proven is None:
            return False
        before, released = identity_of(self.proven), self.request.identity
        services = {name: self.proven_service(name) for name in before.services}
        same_services = services == dict(released.services)
        return same_services and dataclasses.replace(before, services=released.services) == released

    def is_mixed(self, site: str) -> bool:
        """A site's files may be of two releases: this attempt, or an interrupted one, has begun to switch it."""
        mark = self.mark or self.left
        return mark is not None and mark.site(site).manifest is not None

    def begin_site(self, site: str, manifest: str) -> None:
        """Note in the mark that a site is about to be switched. Raises LeaseLostError."""
        if self.mark is None:
            raise LookupError("a site is switched after the mark was set, and it was not")
        if not self.is_mixed(site):
            # Only the services are guarded by a deploy function. A process that stood still has not heard of its loss.
            self.lease.renew()
            self.lease.check()
            begun = dataclasses.replace(self.mark.site(site), manifest=manifest)
            self.mark = dataclasses.replace(self.mark, sites={**self.mark.sites, site: begun})
            self.mark_etag = records.update_mark(self.clients.s3, self.bucket, self.mark, self.mark_etag)
