"""From the settings of an environment, a service or a site to what its components and its release are given. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from components.aws_location import Location
from components.container import HEALTH_INTERVAL_S, Sidecar
from components.deploy_lambda import DeployLambda
from components.ecs_service import EcsService
from components.load_balancer import LoadBalancer
from components.network import ExistingVpc, NewVpc
from components.static_site import StaticSite
from components.target import Route
from release import stack_outputs
from release.candidate import SiteFiles
from settings import names, priorities
from settings.fields import Settings
from settings.service import Service
from settings.service import Sidecar as SidecarSettings
from settings.site import Site

_ECR = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?/(?P<name>[^@:]+)")


def vpc(settings: Settings, location: Location) -> NewVpc | ExistingVpc:
    """The network of an environment: one of its own, or one that is there."""
    if settings.vpc_cidr:
        return NewVpc(
            zones=location.zones,
            region=location.region,
            cidr=settings.vpc_cidr,
            nat_gateways=settings.nat_gateways,
            flow_log_days=settings.flow_log_days or None,
            keep=settings.protect,
        )
    return ExistingVpc(
        vpc_id=settings.vpc_id or None,
        vpc_tags=settings.vpc_tags,
        private_subnet_ids=settings.private_subnet_ids,
        private_subnet_tags=settings.private_subnet_tags,
    )


def route(name: str, service: Service, balancer: LoadBalancer | None) -> Route | None:
    """How requests reach a service; None for a worker."""
    if balancer is None or not service.paths:
        return None
    health = service.health
    return Route(
        load_balancer=balancer,
        health_path=health.path,
        paths=service.paths,
        priority=priorities.priority(name, service.paths),
        health_interval_s=health.interval,
        health_timeout_s=health.timeout,
        healthy_threshold=health.healthy_threshold,
        unhealthy_threshold=health.unhealthy_threshold,
    )


def variables(service: Service, environment: str) -> dict[str, str]:
    """The environment variables of a service's container."""
    health = {names.HEALTH_PATH_VARIABLE: service.health.path} if service.health.path else {}
    return {**service.environment, names.ENVIRONMENT_VARIABLE: environment, **health}


def sidecars(service: Service) -> list[Sidecar]:
    return [_sidecar(name, sidecar) for name, sidecar in sorted(service.sidecars.items())]


def _sidecar(name: str, sidecar: SidecarSettings) -> Sidecar:
    return Sidecar(
        name=name,
        image=sidecar.image,
        command=sidecar.command,
        environment=sidecar.environment,
        secrets=sidecar.secrets,
        cpu=sidecar.cpu,
        memory=sidecar.memory,
        port=sidecar.port or None,
        health_command=sidecar.health_command,
        essential=sidecar.essential,
        main_waits_for=sidecar.main_waits_for or None,
        user=sidecar.user or None,
        read_only_root=sidecar.read_only_root,
    )


def sidecar_repositories(service: Service, partition: str) -> list[str]:
    """ARNs of the ECR repositories of the containers beside the program; others let anybody pull."""
    matches = [_ECR.match(sidecar.image) for sidecar in service.sidecars.values()]
    return sorted(
        {
            f"arn:{partition}:ecr:{match['region']}:{match['account']}:repository/{match['name']}"
            for match in matches
            if match
        }
    )


def service_inputs(
    service: Service,
    made: EcsService,
    *,
    container: str,
    image: pulumi.Input[str],
    proven: Path | str,
    deploy: DeployLambda,
    url: pulumi.Input[str],
    address: pulumi.Input[str],
) -> dict[str, Any]:
    """A service, as the Release resource takes it: see `release.inputs`."""
    return {
        "image": image,
        "sourceImage": None if isinstance(proven, Path) else proven,
        "taskDefinition": made.task_definition_arn,
        "service": made.service_arn,
        "network": made.network,
        "executeCommand": made.execute_command,
        "deployFunction": deploy.function_name,
        "counts": {"minimum": service.min_count, "maximum": service.max_count},
        "cpuArchitecture": service.cpu_architecture,
        "container": container,
        "migration": _migration(service),
        "rehearsal": _rehearsal(service),
        "paths": service.paths,
        "health": _health(service),
        "url": url,
        "connectTo": address,
    }


def _migration(service: Service) -> dict[str, Any]:
    migration = service.migration
    before = {"command": migration.before.command, "function": migration.before.function}
    return {
        "command": migration.command,
        "timeout": migration.timeout,
        **({"before": before} if any(before.values()) else {}),
    }


def _rehearsal(service: Service) -> dict[str, Any] | None:
    """ECS looks into a container every few seconds: what stays healthy for a while passes as many times."""
    health, rehearsal = service.health, service.rehearsal
    if not rehearsal.enabled:
        return None
    if not health.command:
        asks, stays = "nothing", rehearsal.time
    elif health.command_compares_version:
        asks, stays = "version", HEALTH_INTERVAL_S
    else:
        asks, stays = "health", rehearsal.passes * HEALTH_INTERVAL_S
    return {"asks": asks, "passes": rehearsal.passes, "stays": stays}


def _health(service: Service) -> dict[str, Any] | None:
    health = service.health
    if not service.paths:
        return None
    return {
        "path": health.path,
        "statusMember": health.status_member,
        "versionMember": health.version_member,
        "timestampMember": health.timestamp_member,
        "pass": health.pass_,
        "statusCodeOnly": health.status_code_only,
        "passes": health.passes,
        "interval": health.check_interval,
        "deadline": health.deadline,
        "requireLiveTimestamp": health.require_live_timestamp,
    }


def site_inputs(
    site: Site,
    made: StaticSite,
    files: SiteFiles,
    *,
    environment: str,
    url: pulumi.Input[str],
    address: pulumi.Input[str],
) -> dict[str, Any]:
    """A site with files, as the Release resource takes it."""
    return {
        "bucket": made.bucket,
        "distributionId": made.distribution_id,
        "routes": made.routes,
        "url": url,
        "connectTo": address,
        "config": {"environment": environment, **site.config},
        "manifest": files.manifest,
        "source": files.source,
        "pages": site.pages,
        "hashed": site.hashed,
    }


def service_outputs(
    service: Service, made: EcsService, deploy: DeployLambda, url: pulumi.Input[str]
) -> Mapping[str, Any]:
    """What a stack says of a service: what a database lets in, and what a program beside it needs."""
    outputs: dict[str, Any] = {
        "service": made.service_name,
        "deployFunction": deploy.function_name,
        "securityGroup": made.security_group_id,
        "taskRole": made.task_role_arn,
    }
    if service.paths:
        outputs["targetGroup"] = made.target_group_arn
        outputs["healthcheckUrl"] = pulumi.Output.concat(url, service.health.path)
    return outputs


def site_outputs(made: StaticSite, *, url: pulumi.Input[str], content_security_policy: str) -> Mapping[str, Any]:
    """What a stack says of a site; one without files has no bucket."""
    bucket = {} if made.bucket is None else {"bucket": made.bucket}
    about = {"distributionId": made.distribution_id, "contentSecurityPolicy": content_security_policy}
    return {"url": url, **bucket, **about}


def policy_that_runs(name: str, outputs: Mapping[str, Any], default: str) -> str:
    """The Content-Security-Policy that a site had when the stack was last updated."""
    return str(stack_outputs.of_site(outputs, name).get("contentSecurityPolicy", default))
