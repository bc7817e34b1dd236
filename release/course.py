"""What one release knows as it goes on: what was there before, what it has done, and whether it may go on."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from release import deploy_function, lease, records, rollout, way_back
from release.healthcheck import Proof
from release.progress import Say
from release.records import Attempt, Identity, Release, Stored
from release.request import ReleaseRequest
from release.session import Clients
from release.static import activate
from release.way_back import IsAncestor


@dataclasses.dataclass(kw_only=True)
class Course:
    """One attempt. The phases fill it in; the undoing reads it."""

    request: ReleaseRequest
    clients: Clients
    say: Say
    lease: lease.Lease
    before: Stored
    left: records.UnfinishedMark | None
    """The mark that an earlier release left: what serves is not known to be what the record says."""
    attempt: Attempt
    is_ancestor: IsAncestor
    found: deploy_function.Current | None = None
    """What the service was on, just before it was moved."""
    site_config: Mapping[str, Any] | None = None
    """The config.json that was settled before; None where that is not known."""
    mark: str | None = None
    """ETag of this attempt's own mark; None before it was set."""
    touched: bool = False
    """Something that serves may have been changed by this attempt."""
    rolled: rollout.RolledOut | None = None
    proof: Proof | None = None
    """The version answered as it should."""
    switching: bool = False
    """The site may have been switched by this attempt."""
    switched: activate.Switched | None = None
    result: Release | None = None

    @property
    def bucket(self) -> str:
        """The records bucket."""
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
        if self.found is None or self.left is not None:
            return recorded
        return dataclasses.replace(
            recorded,
            network=recorded.network or self.found.network,
            execute_command=self.found.execute_command
            if recorded.execute_command is None
            else recorded.execute_command,
        )

    @property
    def again(self) -> bool:
        """What is released is what was proven last: it is proven again."""
        return self.proven_identity == self.request.identity


def identity(release: Identity) -> Identity:
    """The identity alone, of whatever else is known of a release."""
    return Identity(**{field.name: getattr(release, field.name) for field in dataclasses.fields(Identity)})


def revision(task_definition: str) -> str:
    """`family:revision` of an ARN."""
    return task_definition.rpartition("/")[2]
