"""The Pulumi resource whose creation and update is a release.

`release.resource.ReleaseProvider` is a permanent path: the state refers to the class by it, so that a change of its
code is no change of the resource, and moving it would break `pulumi destroy`.
"""

from __future__ import annotations

import functools
import os
import socket
import threading
import time
from collections.abc import Mapping
from typing import Any

import pulumi
from botocore.exceptions import ClientError
from pulumi import dynamic

from release import engine, session, stack
from release.engine_log import EngineLog, engine_address
from release.request import IDENTITY, from_inputs


class ReleaseProvider(dynamic.ResourceProvider):
    """Releases on create and update; changes nothing on delete. It has no attributes: it is stored with the state."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Release for the first time."""
        return dynamic.CreateResult(id_=f"{props['environment']}-release", outs=_release(props))

    def update(self, _id: str, _olds: dict[str, Any], props: dict[str, Any]) -> dynamic.UpdateResult:
        """Release again. What ran before is read from AWS, not from the state."""
        return dynamic.UpdateResult(outs=_release(props))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        """A release is what changes its identity; how it is proven can change without one."""
        return dynamic.DiffResult(changes=any(olds.get(key) != news.get(key) for key in IDENTITY))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """What really runs, so that a refresh shows drift.

        What the last release left, where the role may not ask: CI's preview role can neither call the deploy function,
        which changes things, nor read objects.
        """
        request = from_inputs(props)
        clients = session.connect(request.connection, account=request.account, region=request.region)
        try:
            found = engine.look(request, clients)
        except Exception as error:
            if not _is_denied(error):
                raise
            EngineLog(props.get("urn"))(
                f"{request.environment}: not compared with what runs, which this role may not read ({error})"
            )
            return dynamic.ReadResult(id_, props)
        outs = {
            **props,
            "taskDefinition": found.task_definition or "",
            "staticManifest": found.static_manifest or "",
        }
        if found.release is not None:
            outs |= {"release": found.release.to_json()}
        return dynamic.ReadResult(id_, outs)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Leave what runs alone: its service and bucket are other resources."""


class Release(dynamic.Resource, module="release", name="Release"):
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
        deploy_function: pulumi.Input[str],
        cpu_architecture: str,
        counts: Mapping[str, int],
        rollout_deadline: int,
        site: Mapping[str, Any],
        health: Mapping[str, Any],
        records_bucket: pulumi.Input[str],
        keep: int,
        reason: str | None,
        connection: Mapping[str, Any],
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
            "deployFunction": deploy_function,
            "cpuArchitecture": cpu_architecture,
            "counts": counts,
            "rolloutDeadline": rollout_deadline,
            "site": site,
            "health": health,
            "recordsBucket": records_bucket,
            "keep": keep,
            "reason": reason,
            "connection": connection,
            # As a future, not an output: that of a component's child would depend on the child itself.
            "urn": pulumi.create_urn(name, stack.RELEASE, opts.parent if opts else None).future(),
            "release": None,
        }
        super().__init__(ReleaseProvider(), name, inputs, opts)


def _release(props: dict[str, Any]) -> dict[str, Any]:
    _end_with_the_engine()
    request = from_inputs(props)
    clients = session.connect(request.connection, account=request.account, region=request.region)
    release = engine.run(request, clients, EngineLog(props.get("urn")))
    return {**props, "release": release.to_json()}


def _is_denied(error: BaseException) -> bool:
    cause = error.__cause__ or error
    return isinstance(cause, ClientError) and cause.response["Error"]["Code"].startswith("AccessDenied")


@functools.cache
def _end_with_the_engine() -> None:
    """End this process when the engine is gone: nobody would watch or record the release it goes on with."""
    address = engine_address()
    if address is None:
        return
    host, _, port = address.rpartition(":")

    def watch() -> None:
        while True:
            time.sleep(1)
            try:
                socket.create_connection((host, int(port)), timeout=5).close()
            except ConnectionRefusedError:
                os._exit(1)
            except OSError:
                continue

    threading.Thread(target=watch, daemon=True).start()
