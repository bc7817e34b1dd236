"""The phases of one release, and their undoing in reverse.

    copy the image -> stage the static files -> roll the service -> prove the version -> switch the site -> record

Everything before the rollout changes nothing that serves. A phase that fails after it undoes what was done, and proves
the version that ran before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from release import healthcheck, image, record, registry, rollout
from release.record import Proven, Release
from release.request import ReleaseRequest
from release.session import Clients
from release.static import activate, expire, manifest, publish, store

Say = Callable[[str], None]
SHORT = 12
"""Characters of a Git SHA in a message."""


class ReleaseFailedError(Exception):
    """A release that is not proven. The message says what failed, what was undone and what runs now."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What runs: by the record, and by ECS and the site themselves."""

    release: Release | None
    task_definition: str | None
    """What the service runs; None while it has never run anything."""
    static_manifest: str | None
    """What the site serves; None while it is empty."""


def run(request: ReleaseRequest, clients: Clients, say: Say) -> Release:
    """Release, prove, record. Returns the environment's new record.

    Raises ReleaseFailedError. After it, what ran before runs, unless the message says otherwise.
    """
    wanted = request.identity
    title = f"{request.environment}: {wanted.version[:SHORT]}"
    before = record.read(clients.s3, request.site.records_bucket)
    try:
        _prepare(request, clients, say)
    except Exception as error:
        raise ReleaseFailedError(f"{title} was not released: {error}. Nothing that serves was changed") from error

    undo: list[Callable[[], str]] = []
    try:
        undo.append(lambda: _undo_rollout(request, clients, before, say))
        rolled = rollout.roll_out(clients.function, _rollout(request, wanted.task_definition), say)
        say(f"{title} runs: {rolled.desired_count} tasks on {_revision(rolled.task_definition)}")
        proof = healthcheck.prove(request.health, say)
        undo.append(lambda: _undo_site(request, clients, before, say))
        activate.activate(
            s3=clients.s3,
            cloudfront=clients.cloudfront,
            manifest=wanted.static_manifest,
            site=request.site,
            config=request.site_config,
            say=say,
        )
    except Exception as error:
        if isinstance(error, rollout.RolloutFailed):
            for detail in error.details:
                say(detail)
        undone = [_undo_one(step) for step in reversed(undo)]
        raise ReleaseFailedError(f"{title} is not proven: {error}. " + ". ".join(undone)) from error

    proven = Proven(
        version=wanted.version,
        image=wanted.image,
        task_definition=wanted.task_definition,
        static_manifest=wanted.static_manifest,
        verified_at=proof.verified_at,
        reason=request.reason,
    )
    result = before.followed_by(proven, request.keep) if before else record.first(proven)
    record.write(clients.s3, request.site.records_bucket, result)
    say(f"{title} is proven since {proven.verified_at}, backend and site, at {request.site.url}")
    _expire(request, clients, result, say)
    return result


def look(request: ReleaseRequest, clients: Clients) -> Found:
    """What runs now."""
    running = rollout.current(clients.function, request.deploy_function)
    active = store.active(s3=clients.s3, records_bucket=request.site.records_bucket)
    return Found(
        release=record.read(clients.s3, request.site.records_bucket),
        task_definition=running.task_definition,
        static_manifest=active.manifest if active else None,
    )


def _prepare(request: ReleaseRequest, clients: Clients, say: Say) -> None:
    """Bring the image and the static files into the environment. Nothing serves them yet."""
    wanted, source = request.identity, request.source
    if isinstance(source.files, publish.Folder):
        files = manifest.from_folder(source.files.path)
    else:
        files = store.load(s3=clients.s3, records_bucket=source.files.records_bucket, digest=wanted.static_manifest)
    if files.digest != wanted.static_manifest:
        raise ReleaseFailedError(
            f"the frontend is {files.digest[:19]} now and was {wanted.static_manifest[:19]} when this run began: "
            "something built it meanwhile; run again"
        )
    if source.image is not None:
        image.copy_image(
            source=source.image.partition("@")[0],
            target_repository=wanted.image.partition("@")[0],
            digest=wanted.image_digest,
            cpu_architecture=request.cpu_architecture,
            tag=f"{request.environment}-{wanted.version}",
            # One token opens every registry that these credentials may use, the environment's before included.
            credentials=lambda _registry: registry.ecr_credentials(clients.ecr),
            say=say,
        )
    publish.stage(s3=clients.s3, manifest=files, source=source.files, site=request.site, say=say)


def _rollout(request: ReleaseRequest, task_definition: str) -> rollout.RolloutRequest:
    return rollout.RolloutRequest(
        function=request.deploy_function,
        task_definition=task_definition,
        minimum_count=request.minimum_count,
        maximum_count=request.maximum_count,
        deadline_s=request.rollout_deadline_s,
    )


def _undo_rollout(request: ReleaseRequest, clients: Clients, before: Release | None, say: Say) -> str:
    """Bring the service back to the release that is proven, and prove it again.

    That is the record's, and not what ECS ran when this release began: an interrupted one may have left that behind.
    """
    if before is None:
        return "Nothing was proven here before, so there is nothing to return to: mend the cause and release again"
    revision = _revision(before.task_definition)
    say(f"{request.environment}: going back to {revision}, {before.version[:SHORT]}")
    rollout.roll_out(clients.function, _rollout(request, before.task_definition), say)
    healthcheck.prove(dataclasses.replace(request.health, version=before.version), say)
    return f"The backend is back on {revision}, {before.version[:SHORT]}, and proven again"


def _undo_site(request: ReleaseRequest, clients: Clients, before: Release | None, say: Say) -> str:
    """Switch the site back to the files of the release that is proven."""
    if before is None:
        return "The site served nothing proven before"
    activate.activate(
        s3=clients.s3,
        cloudfront=clients.cloudfront,
        manifest=before.static_manifest,
        site=request.site,
        config=request.site_config,
        say=say,
    )
    return f"The site is back on {before.version[:SHORT]}"


def _undo_one(step: Callable[[], str]) -> str:
    """Run one step of the undoing; the others must run also when it fails."""
    try:
        return step()
    except Exception as error:
        return f"Undoing failed, too: {error}. Look at the service's events in ECS"


def _expire(request: ReleaseRequest, clients: Clients, release: Release, say: Say) -> None:
    """Remove the files of releases that no record names any more. The release is proven: this cannot fail it."""
    named = {proven.static_manifest for proven in (release, *release.previous)}
    try:
        expire.expire(s3=clients.s3, site=request.site, say=say, keep=request.keep, named=named)
    except Exception as error:
        say(f"{request.environment}: old static files stay until the next release: {error}")


def _revision(task_definition: str) -> str:
    """`family:revision` of an ARN."""
    return task_definition.rpartition("/")[2]
