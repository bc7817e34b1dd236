"""The Pulumi resource whose creation and update is a release; release/servicer.py is its provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from release import stack


class Release(pulumi.CustomResource):
    """The release of one environment. `release` is its record: version, image, manifest, proof and predecessors."""

    release: pulumi.Output[Mapping[str, Any]]

    def __init__(
        self,
        name: str,
        *,
        environment: str,
        version: pulumi.Input[str],
        image: pulumi.Input[str],
        task_definition: pulumi.Input[str],
        static_manifest: pulumi.Input[str],
        source: pulumi.Input[Mapping[str, Any]],
        service: pulumi.Input[str],
        network: pulumi.Input[Mapping[str, Any]],
        execute_command: bool,
        deploy_function: pulumi.Input[str],
        cpu_architecture: str,
        counts: Mapping[str, int],
        rollout_deadline: int,
        site: Mapping[str, Any],
        health: Mapping[str, Any],
        records_bucket: pulumi.Input[str],
        keep: int,
        reason: str | None,
        named: bool,
        connection: Mapping[str, Any],
        container: str,
        migration: Mapping[str, Any],
        restart: str,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """See `release.request.ReleaseRequest` for what each input is."""
        inputs = {
            "environment": environment,
            "version": version,
            "image": image,
            "taskDefinition": task_definition,
            "staticManifest": static_manifest,
            "source": source,
            "service": service,
            "network": network,
            "executeCommand": execute_command,
            "deployFunction": deploy_function,
            "cpuArchitecture": cpu_architecture,
            "counts": counts,
            "rolloutDeadline": rollout_deadline,
            "site": site,
            "health": health,
            "recordsBucket": records_bucket,
            "keep": keep,
            "reason": reason,
            "named": named,
            "connection": connection,
            "container": container,
            "migration": migration,
            "restart": restart,
            "release": None,
        }
        before = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_=stack.BEFORE)])
        super().__init__(stack.RELEASE, name, inputs, pulumi.ResourceOptions.merge(before, opts))
