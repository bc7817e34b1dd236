"""The Pulumi resource whose creation and update is a release.

`release.resource.ReleaseProvider` is a permanent path: the state refers to the class by it, so that a change of its
code is no change of the resource, and moving it would break `pulumi destroy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from botocore.exceptions import ClientError
from pulumi import dynamic

from release import drift, engine, git, record, session, stack, unsettled, watch
from release.course import identity
from release.engine_log import EngineLog, engine_address
from release.request import IDENTITY, connection, from_inputs
from release.version import commit


class ReleaseProvider(dynamic.ResourceProvider):
    """Releases on create and update; changes nothing on delete. It has no attributes: it is stored with the state."""

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        """Release for the first time."""
        return dynamic.CreateResult(
            id_=f"{props['environment']}-release", outs=_release(props, EngineLog(props.get("urn")))
        )

    def update(self, _id: str, _olds: dict[str, Any], props: dict[str, Any]) -> dynamic.UpdateResult:
        """Release again. What ran before is read from AWS, not from the state."""
        return dynamic.UpdateResult(outs=_release(props, EngineLog(props.get("urn"))))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        """A release is what changes its identity; how it is proven can change without one.

        So is one that was asked for (`restart`), and one that takes up what an interrupted release left.
        """
        changed = any(olds.get(key) != news.get(key) for key in (*IDENTITY, "recordsBucket"))
        return dynamic.DiffResult(changes=changed or bool(news.get("restart")) or _is_open(olds, news))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        """What really runs, so that a refresh shows drift.

        What the last release left, where the role may not ask: CI's preview role may not read objects.
        """
        request = from_inputs(props)
        clients = session.connect(request.connection, account=request.account, region=request.region)
        try:
            found = drift.look(request, clients)
        except Exception as error:
            if not session.is_denied(error):
                raise
            _not_compared(props, "what runs", error)
            return dynamic.ReadResult(id_, props)
        for line in drift.differences(props["taskDefinition"], props["staticManifest"], found):
            EngineLog(props.get("urn"))(f"{request.environment}: {line}")
        outs = {**props, "taskDefinition": found.task_definition or ""}
        if found.denied is not None:
            _not_compared(props, "the record and the site", found.denied)
            return dynamic.ReadResult(id_, outs)
        outs["staticManifest"] = found.static_manifest or ""
        if found.release is not None:
            outs["release"] = found.release.to_json()
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
            # As a future, not an output: that of a component's child would depend on the child itself.
            "urn": pulumi.create_urn(name, stack.RELEASE, opts.parent if opts else None).future(),
            "release": None,
        }
        super().__init__(ReleaseProvider(), name, inputs, opts)


def _release(props: dict[str, Any], say: EngineLog) -> dict[str, Any]:
    watch.end_with_the_engine(engine_address())
    request = from_inputs(props)
    clients = session.connect(request.connection, account=request.account, region=request.region)
    release = engine.run(request, clients, say, _is_ancestor)
    return {**props, "release": release.to_json()}


def _is_ancestor(older: str, newer: str) -> bool:
    """As far as the clone knows that this runs in. What must be known, the gate has asked already."""
    try:
        return git.is_ancestor(Path.cwd(), commit(older), commit(newer)) is True
    except git.GitError:
        return False


def _is_open(olds: Mapping[str, Any], news: dict[str, Any]) -> bool:
    """Whether a release that is not in the state has changed something: one that was killed, or not recorded by Pulumi.

    No, where these credentials may not know.
    """
    bucket, service = news["recordsBucket"], news["service"].split(":")
    try:
        s3 = session.connect(connection(news), account=service[4], region=service[3]).s3
        if unsettled.read(s3, bucket) is not None:
            return True
        recorded = record.read(s3, bucket)
    except session.WrongAccountError:
        return False
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return True
        if not session.is_denied(error):
            raise
        return False
    if recorded is None:
        return True
    known = olds.get("release")
    return known is not None and identity(record.from_json(known)) != identity(recorded)


def _not_compared(props: Mapping[str, Any], what: str, why: object) -> None:
    EngineLog(props.get("urn"))(f"{props['environment']}: {what} not compared, which this role may not read ({why})")
