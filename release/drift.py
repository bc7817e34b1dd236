"""What really runs, compared with what the last release left: how a change by hand is seen."""

from __future__ import annotations

import dataclasses
from typing import Any

from release import record
from release.record import Release
from release.request import ReleaseRequest
from release.session import Clients, is_denied
from release.static import drift as site_drift


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What runs: by the record, and by ECS and the site themselves."""

    release: Release | None
    task_definition: str | None
    """The revision that the service is to run, with a remark if it is to run no task of it; None without a service."""
    static_manifest: str | None
    """What the site serves, with what differs from it by name; None while it is empty."""
    denied: str | None = None
    """Why the record and the site are not known: the role may not read them. None where it may."""


def look(request: ReleaseRequest, clients: Clients) -> Found:
    """What runs now. Reads only; a role that may read ECS but no object still sees the service.

    Raises ClientError, StaticReleaseError where AWS does not answer.
    """
    running = _running(request, clients.ecs)
    try:
        return Found(
            release=record.read(clients.s3, request.site.records_bucket),
            task_definition=running,
            static_manifest=site_drift.look(s3=clients.s3, site=request.site),
        )
    except Exception as error:
        if not is_denied(error):
            raise
        return Found(release=None, task_definition=running, static_manifest=None, denied=str(error))


def differences(task_definition: str, static_manifest: str, found: Found) -> tuple[str, ...]:
    """What is another than was known of revision and manifest, a line each: for people who read no diff."""
    lines = []
    if (found.task_definition or "") != task_definition:
        now = _revision(found.task_definition or "nothing: it is gone")
        lines.append(f"the service is to run {now}, and ran {_revision(task_definition)}")
    if found.denied is None and (found.static_manifest or "") != static_manifest:
        lines.append(f"the site is {found.static_manifest or 'empty'}, and was {static_manifest}")
    return tuple(lines)


def _revision(task_definition: str) -> str:
    """`family:revision` of an ARN, with what was remarked of it."""
    return task_definition.rpartition("/")[2]


def _running(request: ReleaseRequest, ecs: Any) -> str | None:
    cluster = request.service.split("/")[-2]
    found = ecs.describe_services(cluster=cluster, services=[request.service])["services"]
    if not found or found[0]["status"] != "ACTIVE":
        return None
    revision: str = found[0]["taskDefinition"]
    stopped = found[0]["desiredCount"] == 0 and request.minimum_count > 0
    return f"{revision} scaled to 0 tasks" if stopped else revision
