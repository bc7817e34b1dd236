"""The inputs of the Release resource: as the program writes them, and as states of earlier programs have them.

    environment, version, account, region, recordsBucket, rolloutDeadline, keep, refuseFindings, requireSnapshot,
    reason, named, connection, environmentBefore, restart
    services: name to order, image, sourceImage, taskDefinition, service, network, executeCommand, deployFunction,
              counts, cpuArchitecture, container, migration, rehearsal, paths, health, url, connectTo
    sites:    name to order, bucket, distributionId, routes, url, connectTo, config, manifest, source, pages, hashed
    environmentBefore: name, runs, services (name to health, url, connectTo); only of a version that is promoted

An earlier program had one service and one site, and no names of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from functions.deploy.network import Network
from release.health_answer import AnswerForm
from release.healthcheck import HealthCheck
from release.identity import ServiceIdentity, site_prefix
from release.request import (
    Connection,
    EnvironmentBefore,
    Migration,
    Rehearsal,
    ReleaseRequest,
    ServiceRequest,
    SiteRequest,
)
from release.static.source import Folder, Upstream
from release.static.store import Site
from settings.own_names import MAIN_SERVICE, MAIN_SITE
from settings.site_build import HASHED

Inputs = Mapping[str, Any]

RUNS: Final = ("image", "taskDefinition", "service", "network", "executeCommand", "counts", "deployFunction")
"""Inputs of a service whose change is a release: what runs, where it runs, how many. Others say how it is proven."""
SERVES: Final = ("manifest", "bucket", "distributionId", "routes", "url", "connectTo", "config")
"""The same of a site."""
_OF_SERVICES: Final = (*RUNS, "cpuArchitecture", "container", "migration", "rehearsal")


def upgraded(inputs: Inputs) -> dict[str, Any]:
    """The inputs, or the outputs, of a Release resource in the form of this program."""
    if "services" in inputs:
        return dict(inputs)
    site, source = inputs["site"], inputs["source"]
    address = {"url": site["url"], "connectTo": site["connectTo"]}
    service = {key: inputs[key] for key in _OF_SERVICES if key in inputs}
    service |= {"sourceImage": source.get("image"), "health": inputs["health"], **address}
    files = {"folder": source["folder"]} if "folder" in source else {key: source[key] for key in _OF_UPSTREAM}
    rest = {key: value for key, value in inputs.items() if key not in (*_OF_SERVICES, *_FLAT)}
    return {
        **rest,
        "services": {MAIN_SERVICE: service},
        "sites": {MAIN_SITE: {**site, "manifest": inputs["staticManifest"], "source": files}},
    }


_FLAT: Final = ("site", "source", "health", "staticManifest")
_OF_UPSTREAM: Final = ("bucket", "recordsBucket")


def differs(olds: Inputs, news: Inputs) -> bool:
    """Whether another release is wanted. How it is proven can change without one."""
    return bool(_compared(upgraded(olds)) != _compared(upgraded(news)))


def _compared(inputs: Inputs) -> Any:
    kinds = ((inputs["services"], RUNS), (inputs["sites"], SERVES))
    return (
        inputs.get("version"),
        inputs.get("recordsBucket"),
        *({name: [one.get(key) for key in keys] for name, one in by_name.items()} for by_name, keys in kinds),
    )


def from_inputs(inputs: Inputs) -> ReleaseRequest:
    """The request in the resource's inputs; numbers arrive as floats.

    Those that a state stored before there were migrations, restarts, named versions, networks, routes and paths are
    without them.
    """
    inputs = upgraded(inputs)
    account, region = location(inputs)
    return ReleaseRequest(
        environment=inputs["environment"],
        version=inputs["version"],
        services={name: _service(name, one, inputs) for name, one in _ordered(inputs["services"])},
        sites={name: _site(name, one, inputs) for name, one in _ordered(inputs["sites"])},
        account=account,
        region=region,
        records_bucket=inputs["recordsBucket"],
        rollout_deadline_s=float(inputs["rolloutDeadline"]),
        keep=int(inputs["keep"]),
        refuse_findings=inputs.get("refuseFindings") or "",
        require_snapshot=bool(inputs.get("requireSnapshot")),
        reason=inputs.get("reason") or None,
        named=bool(inputs.get("named")),
        connection=connection(inputs),
        environment_before=_environment_before(inputs),
        restart=inputs.get("restart") or None,
    )


def connection(inputs: Inputs) -> Connection:
    """How AWS is reached, in the resource's inputs, of which others may not be known yet."""
    how = inputs["connection"]
    return Connection(profile=how.get("profile") or None, assume_roles=tuple(how.get("assumeRoles") or ()))


def location(inputs: Inputs) -> tuple[str, str]:
    """Account and region; the ARN of a service has them in what an earlier program stored."""
    if inputs.get("account"):
        return inputs["account"], inputs["region"]
    service = inputs if "services" not in inputs else next(iter(inputs["services"].values()))
    arn = service["service"].split(":")
    return arn[4], arn[3]


def _ordered(by_name: Mapping[str, Inputs]) -> Iterable[tuple[str, Inputs]]:
    """In the order of their description, which a state does not keep."""
    return sorted(by_name.items(), key=lambda item: (item[1].get("order") or 0, item[0]))


def _service(name: str, service: Inputs, inputs: Inputs) -> ServiceRequest:
    counts, migration = service["counts"], service.get("migration") or {}
    before = migration.get("before") or {}
    return ServiceRequest(
        name=name,
        identity=ServiceIdentity(
            image=service["image"],
            task_definition=service["taskDefinition"],
            network=_network(service.get("network")),
            execute_command=service.get("executeCommand"),
        ),
        source_image=service.get("sourceImage") or None,
        arn=service["service"],
        deploy_function=service["deployFunction"],
        cpu_architecture=service["cpuArchitecture"],
        minimum_count=int(counts["minimum"]),
        maximum_count=int(counts["maximum"]),
        container=service.get("container") or "",
        migration=Migration(
            command=tuple(migration.get("command") or ()),
            timeout_s=float(migration.get("timeout") or 0),
            before_command=tuple(before.get("command") or ()),
            before_function=before.get("function") or "",
        ),
        rehearsal=_rehearsal(service.get("rehearsal")),
        health=_health(service, inputs["version"], inputs["connection"].get("probeSecret")),
    )


def _rehearsal(rehearsal: Inputs | None) -> Rehearsal | None:
    if not rehearsal:
        return None
    return Rehearsal(asks=rehearsal["asks"], passes=int(rehearsal["passes"]), stays_s=float(rehearsal["stays"]))


def _environment_before(inputs: Inputs) -> EnvironmentBefore | None:
    before = inputs.get("environmentBefore")
    if not before:
        return None
    secret = inputs["connection"].get("probeSecretBefore")
    checks = {name: _health(one, inputs["version"], secret) for name, one in before["services"].items()}
    return EnvironmentBefore(
        name=before["name"],
        runs=before["runs"],
        checks={name: check for name, check in checks.items() if check is not None},
    )


def questions(inputs: Inputs | None) -> dict[str, Any]:
    """How each service is asked that has a health check, in the inputs or outputs of a Release resource."""
    services = upgraded(inputs)["services"] if inputs else {}
    return {
        name: {key: one.get(key) for key in ("health", "url", "connectTo")}
        for name, one in services.items()
        if one.get("health")
    }


def _health(service: Inputs, version: str, probe_secret: str | None) -> HealthCheck | None:
    health = service.get("health")
    if not health:
        return None
    return HealthCheck(
        url=service["url"] + health["path"],
        version=version,
        connect_to=service.get("connectTo") or None,
        probe_secret=probe_secret or None,
        passes=int(health["passes"]),
        interval_s=float(health["interval"]),
        deadline_s=float(health["deadline"]),
        require_live_timestamp=bool(health["requireLiveTimestamp"]),
        form=AnswerForm.of(health),
    )


def _site(name: str, site: Inputs, inputs: Inputs) -> SiteRequest:
    source, prefix = site["source"], site_prefix(name)
    files = Folder(path=Path(source["folder"])) if "folder" in source else None
    return SiteRequest(
        name=name,
        manifest=site["manifest"],
        source=files or Upstream(bucket=source["bucket"], records_bucket=source["recordsBucket"], prefix=prefix),
        site=Site(
            bucket=site["bucket"],
            records_bucket=inputs["recordsBucket"],
            distribution_id=site["distributionId"],
            routes=site.get("routes"),
            prefix=prefix,
            pages=site.get("pages"),
            other_origins=tuple(path for one in inputs["services"].values() for path in one.get("paths") or ()),
            url=site["url"],
            connect_to=site.get("connectTo") or None,
            probe_secret=inputs["connection"].get("probeSecret") or None,
        ),
        hashed=tuple(site["hashed"]) if "hashed" in site else HASHED,
        config=site["config"],
    )


def _network(network: Inputs | None) -> Network | None:
    if not network:
        return None
    return Network(subnets=tuple(network["subnets"]), security_groups=tuple(network["securityGroups"]))
