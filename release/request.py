"""What a release is asked to do: the inputs of the Pulumi resource as plain, typed values."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from functions.deploy.network import Network
from release.healthcheck import HealthCheck
from release.records import Identity
from release.static.source import Folder, Upstream
from release.static.store import Site


@dataclasses.dataclass(frozen=True, kw_only=True)
class Connection:
    """How AWS is reached: what the `aws:` settings give the AWS provider. The service's ARN has account and region.

    Beside it, the input has `probeSecret`, by which a firewall lets the proof in: all of it that is secret is there.
    """

    profile: str | None
    assume_roles: tuple[Mapping[str, str], ...]
    """Roles to assume, one after the other: `roleArn` and, where given, `externalId` and `sessionName`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """Where image and static files come from. Without `image`, it is in the environment's repository already."""

    files: Folder | Upstream
    image: str | None
    """`repository@sha256:…` of the environment before."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Migration:
    """A command that is run once, in a task of the new image, before the service is moved."""

    command: tuple[str, ...]
    """Empty: there is none."""
    timeout_s: float
    """Seconds after which it is stopped, and the release fails with nothing switched."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReleaseRequest:
    environment: str
    identity: Identity
    source: Source
    service: str
    """ARN of the ECS service."""
    deploy_function: str
    cpu_architecture: str
    """X86_64 or ARM64: what the tasks run on."""
    minimum_count: int
    maximum_count: int
    rollout_deadline_s: float
    site: Site
    site_config: Mapping[str, Any]
    health: HealthCheck
    keep: int
    reason: str | None
    named: bool
    """Somebody named the version, rather than took the working tree's HEAD."""
    connection: Connection
    container: str
    """The container of the task definition that runs the migration."""
    migration: Migration
    restart: str | None
    """Why every task is started anew although nothing changed, for example a rotated secret; None: it is not."""

    @property
    def promoted(self) -> bool:
        """Image and files come from the environment before."""
        files = self.source.files
        return isinstance(files, Upstream) and files.records_bucket != self.site.records_bucket

    @property
    def account(self) -> str:
        return self.service.split(":")[4]

    @property
    def region(self) -> str:
        return self.service.split(":")[3]

    def again(self, *, with_reason: bool = False) -> str:
        """The command that asks for the same again. Without the version, it would release the working tree's HEAD."""
        variables = {
            "EASI_VERSION": self.identity.version if self.named else None,
            "EASI_BREAK_GLASS_REASON": "'why'" if self.reason or with_reason else None,
            "EASI_RESTART": self.restart and "'why'",
        }
        settings = "".join(f"{name}={value} " for name, value in variables.items() if value)
        return f"{settings}pulumi up -s {self.environment}"


IDENTITY = (
    "version",
    "image",
    "taskDefinition",
    "staticManifest",
    "service",
    "network",
    "executeCommand",
    "counts",
    "site",
    "deployFunction",
)
"""Inputs whose change is a release: what runs, where it runs, and how many. The others say how it is proven."""


def from_inputs(inputs: Mapping[str, Any]) -> ReleaseRequest:
    """The request in the resource's inputs; numbers arrive as floats.

    Those that a state stored before there were migrations, restarts, named versions, networks and routes are without
    them.
    """
    site, health, counts = inputs["site"], inputs["health"], inputs["counts"]
    migration = inputs.get("migration") or {}
    connect_to = site["connectTo"] or None
    probe_secret = inputs["connection"].get("probeSecret") or None
    return ReleaseRequest(
        environment=inputs["environment"],
        identity=Identity(
            version=inputs["version"],
            image=inputs["image"],
            task_definition=inputs["taskDefinition"],
            static_manifest=inputs["staticManifest"],
            network=_network(inputs.get("network")),
            execute_command=inputs.get("executeCommand"),
        ),
        source=_source(inputs["source"]),
        service=inputs["service"],
        deploy_function=inputs["deployFunction"],
        cpu_architecture=inputs["cpuArchitecture"],
        minimum_count=int(counts["minimum"]),
        maximum_count=int(counts["maximum"]),
        rollout_deadline_s=float(inputs["rolloutDeadline"]),
        site=Site(
            bucket=site["bucket"],
            records_bucket=inputs["recordsBucket"],
            distribution_id=site["distributionId"],
            routes=site.get("routes"),
            url=site["url"],
            connect_to=connect_to,
            probe_secret=probe_secret,
        ),
        site_config=site["config"],
        health=HealthCheck(
            url=site["url"] + health["path"],
            version=inputs["version"],
            connect_to=connect_to,
            probe_secret=probe_secret,
            passes=int(health["passes"]),
            interval_s=float(health["interval"]),
            deadline_s=float(health["deadline"]),
            require_live_timestamp=bool(health["requireLiveTimestamp"]),
        ),
        keep=int(inputs["keep"]),
        reason=inputs.get("reason") or None,
        named=bool(inputs.get("named")),
        connection=connection(inputs),
        container=inputs.get("container") or "",
        migration=Migration(
            command=tuple(migration.get("command") or ()), timeout_s=float(migration.get("timeout") or 0)
        ),
        restart=inputs.get("restart") or None,
    )


def connection(inputs: Mapping[str, Any]) -> Connection:
    """How AWS is reached, in the resource's inputs, of which others may not be known yet."""
    how = inputs["connection"]
    return Connection(profile=how.get("profile") or None, assume_roles=tuple(how.get("assumeRoles") or ()))


def _network(network: Mapping[str, Any] | None) -> Network | None:
    if not network:
        return None
    return Network(subnets=tuple(network["subnets"]), security_groups=tuple(network["securityGroups"]))


def _source(source: Mapping[str, Any]) -> Source:
    if "folder" in source:
        return Source(files=Folder(path=Path(source["folder"])), image=None)
    return Source(
        files=Upstream(bucket=source["bucket"], records_bucket=source["recordsBucket"]),
        image=source["image"],
    )
