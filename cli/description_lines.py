"""The lines of `describe`: how each service and site is understood. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from cli.text import bold, table
from settings import unchecked
from settings.description import Description
from settings.service import Service
from settings.site import Site


def of(description: Description) -> list[str]:
    services = {
        f"service {name}": (_of_service(service), unchecked.of_service(service))
        for name, service in description.services.items()
    }
    sites = {
        f"site {name}": (_of_site(site, description), unchecked.of_site(site))
        for name, site in description.sites.items()
    }
    shown: list[str] = []
    for title, (rows, lacks) in (services | sites).items():
        not_checked = [("not checked" if at == 0 else "", text) for at, text in enumerate(lacks)]
        shown += ["", bold(title), *table([*(row for row in rows if row[1]), *not_checked])]
    return shown


def _of_service(service: Service) -> list[tuple[str, str]]:
    """Label and text of each line; those without a text are not shown."""
    arguments = _names(service.build.arguments)
    image = f"{service.build.context}, by its {service.build.dockerfile}, for {service.cpu_architecture}"
    command = shlex.join(service.command) or "what the image starts"
    root = "a read-only root" if service.read_only_root else "a root that it can write to"
    migration = "none"
    if service.migration.command:
        migrates = shlex.join(service.migration.command)
        migration = f"{migrates}, once before the tasks of a new version, for {service.migration.timeout} s"
    sidecars = [f"{name} ({sidecar.image})" for name, sidecar in service.sidecars.items()]
    return [
        ("image", image + (f", with the build arguments {arguments}" if arguments else "")),
        ("runs", f"{command}, as {service.user or 'the user of the image'}, on {root}"),
        ("port", str(service.port)),
        ("paths", ", ".join(service.paths) or "none: a worker without a load balancer"),
        *_asked(service),
        ("rehearsal", _rehearsal(service)),
        ("migration", migration),
        ("size", f"{service.cpu} CPU units, {service.memory} MiB"),
        ("tasks", _tasks(service)),
        ("stops", f"SIGTERM, and SIGKILL after {service.stop_timeout} s"),
        ("variables", _names(service.environment) or "none"),
        ("secrets", _names(service.secrets) or "none"),
        ("sidecars", ", ".join(sidecars)),
        ("IAM", f"{len(service.statements)} statements of its task role" if service.statements else ""),
        ("network", f"also in {', '.join(service.security_group_ids)}" if service.security_group_ids else ""),
        ("shell", "aws ecs execute-command is allowed" if service.execute_command else ""),
    ]


def _asked(service: Service) -> list[tuple[str, str]]:
    """Who asks whether it is healthy, and what follows."""
    health = service.health
    in_container = f"runs {shlex.join(health.command)} in the container; what fails in the first"
    ecs = ("ECS", f"{in_container} {health.start_period} s does not count" if health.command else "")
    if not service.paths:
        return [ecs, ("release", "asks nothing: it counts that ECS has brought all tasks up")]
    asks = (
        f"asks {health.path} every {health.interval} s; a task gets requests after {health.healthy_threshold} answers"
    )
    misses = f"{health.unhealthy_threshold} misses in a row end a task, from {health.grace} s after its start"
    release = f"asks it through a site until {_passes(service)}; gives up after {health.deadline} s"
    return [ecs, ("balancer", f"{asks} 200 in a row"), ("", misses), ("release", release)]


def _of_site(site: Site, whole: Description) -> list[tuple[str, str]]:
    """As of a service."""
    leads = [f"{path} to {name}" for name, service in whole.services.items() for path in service.paths]
    rows = [("address", f"{site.domain or 'the name that CloudFront gives'}{_proven_at(site)}")]
    if site.folder:
        where = f", in {site.build_folder}" if site.build_folder else ""
        page = "the application's page" if site.pages == "single" else "the page 404.html"
        rows += [
            ("files", f"{site.folder}{f', built by {site.build}{where}' if site.build else ''}"),
            ("pages", f"{site.pages}: a path without a file is {page}"),
            ("hashed", f"{', '.join(site.hashed) or 'none'}: caches keep these for a year"),
            ("config.json", f"{', '.join(['environment', *sorted(site.config)])}: every visitor can read it"),
        ]
    return [*rows, ("leads", ", ".join(leads) or "to no service")]


def _proven_at(site: Site) -> str:
    at = [f"at {site.public_url}"] if site.public_url else []
    by = [f"by way of {site.connect_to}"] if site.connect_to else []
    return f", proven {' '.join([*at, *by])}" if at or by else ""


def _passes(service: Service) -> str:
    health = service.health
    if health.status_code_only:
        answer = "status 200"
    else:
        status = f"{health.status_member} {' or '.join(health.pass_)} and " if health.status_member else ""
        answer = f"{status}{health.version_member} the version"
    return f"{health.passes} answers in a row have {answer}"


def _rehearsal(service: Service) -> str:
    health, rehearsal = service.health, service.rehearsal
    if not rehearsal.enabled:
        return "none: the first task of a new revision is one of the service"
    if not health.command:
        until = f"has run for {rehearsal.time} s"
    elif health.command_compares_version:
        until = f"has status and version right {rehearsal.passes} times in a row"
    else:
        until = f"is healthy {rehearsal.passes} times in a row"
    return f"one task of a new revision, beside the service, until it {until}"


def _tasks(service: Service) -> str:
    if service.max_count > service.min_count:
        return f"{service.min_count} to {service.max_count}, at {service.scale_at_cpu_percent} % CPU"
    return f"{service.min_count}, always"


def _names(values: Mapping[str, Any]) -> str:
    return ", ".join(sorted(values))
