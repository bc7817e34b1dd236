"""What one release knows as it goes on: what was there before, what it has changed, and whether it may go on."""

from __future__ import annotations

import dataclasses

from release import lease, records, way_back
from release.deploy_function import Current, DeployFunction
from release.healthcheck import Proof
from release.progress import Say
from release.records import Attempt, Identity, Release, Stored, UnfinishedMark
from release.request import ReleaseRequest
from release.session import Clients
from release.static.activate import Switched
from release.way_back import IsAncestor


@dataclasses.dataclass(kw_only=True)
class ServiceMove:
    """The service is being moved, or was: what its undoing needs. Noted before the move begins."""

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
    serves_both: str = ""
    """Why it is not to be moved back where the site cannot be."""


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
    move: ServiceMove | None = None
    """None: nothing that serves was changed by this attempt."""
    switched: Switched | None = None
    proof: Proof | None = None
    """The version answered as it should."""
    result: Release | None = None

    def function(self, say: Say, deadline_s: float) -> DeployFunction:
        """The deploy function, with seconds from now for all that it is asked."""
        return DeployFunction(self.clients.function, self.request.deploy_function, say, deadline_s)

    @property
    def bucket(self) -> str:
        return self.request.site.records_bucket

    @property
    def proven(self) -> Release | None:
        """What the environment's record has: what is gone back to."""
        return self.before.release

    @property
    def released(self) -> Release:
        """The new record. Raises LookupError before it was written."""
        if self.result is None:
            raise LookupError(f"the release of {self.request.identity.version} is not recorded yet")
        return self.result

    @property
    def way_back(self) -> str | None:
        """The version that runs again if somebody gives this one up; None where there is none."""
        target = way_back.target(self.proven, self.request.identity.version)
        return target.version if target else None

    @property
    def proven_identity(self) -> Identity | None:
        """What is gone back to. An earlier program recorded no network and no ECS Exec: then what the service had."""
        if self.proven is None:
            return None
        recorded = identity(self.proven)
        if self.move is None or self.move.inherited:
            return recorded
        service = self.move.before
        return dataclasses.replace(
            recorded,
            network=recorded.network or service.network,
            execute_command=service.execute_command if recorded.execute_command is None else recorded.execute_command,
        )

    @property
    def again(self) -> bool:
        """What is released is what was proven last: it is proven again."""
        return self.proven_identity == self.request.identity

    @property
    def site_is_mixed(self) -> bool:
        """The site's files may be of two releases: this attempt, or an interrupted one, has begun to switch them."""
        mark = self.mark or self.left
        return mark is not None and mark.site is not None

    def begin_site(self, manifest: str) -> None:
        """Note in the mark that the site is about to be switched. Raises LeaseLostError."""
        if self.mark is None:
            raise LookupError("the site is switched after the mark was set, and it was not")
        if self.mark.site is None:
            # Only the service is guarded by the deploy function. A process that stood still has not heard of its loss.
            self.lease.renew()
            self.lease.check()
            self.mark = dataclasses.replace(self.mark, site=manifest)
            self.mark_etag = records.update_mark(self.clients.s3, self.bucket, self.mark, self.mark_etag)


def identity(release: Identity) -> Identity:
    """The identity alone, of whatever else is known of a release."""
    return Identity(**{field.name: getattr(release, field.name) for field in dataclasses.fields(Identity)})
