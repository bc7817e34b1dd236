"""What of a service or site nothing looks at, each with the setting that says so. Pure."""

from __future__ import annotations

from settings.service import Service
from settings.site import Site


def of_service(service: Service) -> list[str]:
    """What neither ECS nor a release looks at, and the setting that says so. Pure."""
    health, migration = service.health, service.migration
    lacks = []
    if not service.rehearsal.enabled:
        lacks.append("a task of a new version before visitors meet it (rehearsal.enabled)")
    elif health.command and not health.command_compares_version:
        lacks.append("which version it is, before visitors meet it (health.commandComparesVersion)")
    if not health.command:
        lacks.append("the inside of the container: ECS runs no health check there (health.command)")
    if not service.paths:
        lacks.append("an answer: it is a worker, which nothing asks; that it runs is proven by its rollout (paths)")
    elif health.status_code_only:
        lacks.append("which version answers: status 200 is enough (health.statusCodeOnly)")
    else:
        if not health.status_member:
            lacks.append("the status in the answer: the version alone is compared (health.statusMember)")
        if not health.require_live_timestamp:
            lacks.append("the time in the answer (health.requireLiveTimestamp)")
    if service.paths and not service.deployment_alarms:
        lacks.append("the service's alarms during a rollout (deploymentAlarms)")
    if not migration.command:
        lacks.append("the database: nothing runs before the tasks of a new version (migration.command)")
    elif not (migration.before.command or migration.before.function):
        lacks.append("a way back for the database: nothing keeps it before a migration (migration.before)")
    return lacks


def of_site(site: Site) -> list[str]:
    """What a release does not read back of a site. Pure."""
    lacks = []
    if not site.folder:
        lacks.append("files: it has none, and only leads to the services (folder)")
    if site.folder and not site.build:
        lacks.append("how the folder is built: something else does it (build)")
    if site.domain and site.connect_to:
        lacks.append(f"whether {site.domain} leads to the distribution: it is asked at another address (connectTo)")
    elif site.domain and site.public_url:
        lacks.append(f"whether {site.domain} leads to the distribution: {site.public_url} is asked (publicUrl)")
    return lacks
