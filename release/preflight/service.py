"""The service that is to be released to, and whether what was rolled out before has ended."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from functions.names import name_in
from release import records
from release.request import ReleaseRequest
from release.session import Clients


def read(request: ReleaseRequest, clients: Clients, described: MutableMapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Describe the service as `service`."""
    cluster = request.service.split("/")[-2]
    found = clients.ecs.describe_services(cluster=cluster, services=[request.service])["services"]
    if found and found[0]["status"] == "ACTIVE":
        described["service"] = found[0]
    else:
        status = f"is {found[0]['status']}" if found else "does not exist"
        yield f"the service {request.service} {status}: `pulumi up --refresh` makes it again"


def check_finished(request: ReleaseRequest, clients: Clients, service: Mapping[str, Any]) -> Iterator[str]:
    """What ECS still rolls out, unless it is what is wanted or what was proven.

    Somebody may have had ECS deploy the revision again that it runs.
    """
    rolling = [
        one for one in service["deployments"] if one.get("rolloutState") == "IN_PROGRESS" and one["desiredCount"]
    ]
    if not rolling:
        return
    proven = records.read_release(clients.s3, request.site.records_bucket)
    known = {request.identity.task_definition, proven.task_definition if proven else ""}
    for one in rolling:
        if one["taskDefinition"] not in known:
            revision = name_in(one["taskDefinition"])
            yield (
                f"the service still rolls out {revision} since {one['createdAt']:%Y-%m-%d %H:%M:%S} UTC "
                f"({one['runningCount']} of {one['desiredCount']} tasks; {one['id']}), which is neither "
                "what is released nor what is proven: wait for its end, or stop it with "
                "`aws ecs stop-service-deployment`, then release again"
            )
