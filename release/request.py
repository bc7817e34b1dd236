"""What a release is asked to do, as plain, typed values; `release.inputs` reads them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from release.healthcheck import HealthCheck
from release.identity import Identity, ServiceIdentity
from release.static.source import Folder, Upstream
from release.static.store import Site


@dataclasses.dataclass(frozen=True, kw_only=True)
class Connection:
    """How AWS is reached: what the `aws:` settings give the AWS provider.

    Beside it, the input has `probeSecret`, by which a firewall lets the proof in: all of it that is secret is there.
    """

    profile: str | None
    assume_roles: tuple[Mapping[str, str], ...]
    """Roles to assume, one after the other: `roleArn` and, where given, `externalId` and `sessionName`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Migration:
    """A command that is run once, in a task of the new image, before the service is moved."""

    command: tuple[str, ...]
    """Empty: there is none."""
    timeout_s: float
    """Seconds after which it, or a command before it, is stopped, and the release fails with nothing switched."""
    before_command: tuple[str, ...]
    """What must succeed before it starts, such as a snapshot of the database, in a task of the new image."""
    before_function: str
    """The same, as the ARN of a Lambda function, which is invoked once."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """How a task of a new revision proves itself beside the service, before the service is moved."""

    asks: Literal["version", "health", "nothing"]
    """What the health command finds out: that version and status are right, that it is healthy; or there is none."""
    passes: int
    """Times in a row that a health command which compares the version asks in one run."""
    stays_s: float
    """Seconds that the task stays healthy, or without a health command running, until it is proven."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ServiceRequest:
    """One service, and how it comes to run what is released."""

    name: str
    identity: ServiceIdentity
    source_image: str | None
    """`repository@sha256:…` of the environment before; None: the environment's repository has it already."""
    arn: str
    """Of the ECS service."""
    deploy_function: str
    cpu_architecture: str
    """X86_64 or ARM64: what the tasks run on."""
    minimum_count: int
    maximum_count: int
    container: str
    """The container of the task definition that runs the program."""
    migration: Migration
    rehearsal: Rehearsal | None
    """None: it is not rehearsed."""
    health: HealthCheck | None
    """None: a worker, of which ECS alone says whether it runs."""

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        return self.arn.split(":")[3]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SiteRequest:
    """One site, and where its files come from."""

    name: str
    manifest: str
    """Digest of the manifest of its files."""
    source: Folder | Upstream
    site: Site
    hashed: tuple[str, ...]
    """Globs of files whose names have a hash of their content."""
    config: Mapping[str, Any]
    """What its config.json says."""


def listed(names: Sequence[str]) -> str:
    """`backend, worker and site`; there is one at least."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvironmentBefore:
    """The environment that has proven the version, as its state was when this update began."""

    name: str
    runs: str
    """Its version; empty where nothing runs."""
    checks: Mapping[str, HealthCheck]
    """By service, how it is asked for the version; none where its state does not say."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReleaseRequest:
    environment: str
    version: str
    services: Mapping[str, ServiceRequest]
    """By name, in the order in which they are released."""
    sites: Mapping[str, SiteRequest]
    account: str
    region: str
    records_bucket: str
    rollout_deadline_s: float
    keep: int
    refuse_findings: str
    """The severity of which, or of a graver one, an image may have no findings: critical, high, medium; empty: any."""
    reason: str | None
    named: bool
    """Somebody named the version, rather than took the working tree's HEAD."""
    connection: Connection
    require_snapshot: bool
    """A migration without something before it is refused."""
    environment_before: EnvironmentBefore | None
    """None: the version is built here, or ran here before."""
    restart: str | None
    """Why every task is started anew although nothing changed, for example a rotated secret; None: it is not."""

    @functools.cached_property
    def identity(self) -> Identity:
        return Identity(
            version=self.version,
            services={name: service.identity for name, service in self.services.items()},
            sites={name: site.manifest for name, site in self.sites.items()},
        )

    @property
    def built(self) -> bool:
        """Images and files were built from a working tree."""
        from_folders = all(isinstance(site.source, Folder) for site in self.sites.values())
        return from_folders and all(service.source_image is None for service in self.services.values())

    @property
    def promoted(self) -> bool:
        """Images and files come from the environment before."""
        elsewhere = any(
            isinstance(site.source, Upstream) and site.source.records_bucket != self.records_bucket
            for site in self.sites.values()
        )
        return elsewhere or any(
            service.source_image and service.source_image.partition("@")[0] != service.identity.image.partition("@")[0]
            for service in self.services.values()
        )

    @property
    def parts(self) -> str:
        """The names of all that is released, for people: `backend and site`."""
        return listed([*self.services, *self.sites])

    @property
    def url(self) -> str:
        """Where people open it; empty where nothing has an address."""
        urls = [site.site.url for site in self.sites.values()]
        return next((url for url in urls if url), "")

    def again(self, *, with_reason: bool = False) -> str:
        """The command that asks for the same again. Without the version, it would release the working tree's HEAD."""
        variables = {
            "RELEASE_VERSION": self.version if self.named else None,
            "RELEASE_REASON": "'why'" if self.reason or with_reason else None,
            "RELEASE_RESTART": self.restart and "'why'",
        }
        settings = "".join(f"{name}={value} " for name, value in variables.items() if value)
        return f"{settings}pulumi up -s {self.environment}"
