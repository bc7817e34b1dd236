"""The phases of a release, each as a function of the release's context. Their order is the engine's.

A phase that finds its work done finds so quickly: a release is taken up by running it again.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Mapping
from typing import Any

from functions import strict_json
from functions.deploy.requests import Deploy, RunTask
from functions.names import revision
from release import healthcheck, image, migration, preflight, records, registry, rollout, tasks, way_back
from release.context import ReleaseContext, ServiceMove
from release.healthcheck import NotProven
from release.progress import Say
from release.records import Proven, UnfinishedMark
from release.rollout import RolloutFailed
from release.static import activate, manifest, publish, store
from release.static.content import CONFIG
from release.static.errors import StaticReleaseError
from release.static.source import Folder
from release.version import short


class RefusedError(Exception):
    """The checks found something. `problems` has one line each; `all_the_same` is as in `preflight.Problems`."""

    def __init__(self, problems: tuple[str, ...], all_the_same: str) -> None:
        super().__init__(f"{len(problems)} problems" if len(problems) > 1 else problems[0])
        self.problems, self.all_the_same = problems, all_the_same


def check(context: ReleaseContext, say: Say) -> None:
    """Verify what can be known before anything is changed. Raises RefusedError with all that is wrong."""
    problems = preflight.problems(
        context.request, context.clients, proven=context.proven, interrupted=context.left is not None, say=say
    )
    if problems.lines:
        raise RefusedError(*problems)


def stage(context: ReleaseContext, say: Say) -> None:
    """Bring image and static files into the environment. Nothing serves them yet."""
    request, clients = context.request, context.clients
    identity, source = request.identity, request.source
    if isinstance(source.files, Folder):
        # What may be in it was decided when the digest was taken.
        files = manifest.from_folder(source.files.path, allowed=None)
    else:
        files = store.load(s3=clients.s3, records_bucket=source.files.records_bucket, digest=identity.static_manifest)
    if files.digest != identity.static_manifest:
        raise StaticReleaseError(
            f"the frontend is {files.digest[:19]} now and was {identity.static_manifest[:19]} when this run began: "
            "something built it meanwhile; run again"
        )
    publish.stage(s3=clients.s3, manifest=files, source=source.files, site=request.site, say=say)
    repository, digest = identity.image.partition("@")[0], identity.image_digest
    image.copy_image(
        source=source.image.partition("@")[0] if source.image else repository,
        target_repository=repository,
        digest=digest,
        cpu_architecture=request.cpu_architecture,
        # Its own: the tag of a build moves when the commit is built again, and ECR removes what has no tag.
        tag=f"{request.environment}-{identity.version}-{short(digest.removeprefix('sha256:'))}",
        credentials=registry.ecr_credentials(clients.ecr),
        say=say,
    )


def migrate(context: ReleaseContext, say: Say) -> bool:
    """Run the migration of a version that is new here; False where none is run.

    A version that ran here before has been migrated to, and what ran since may be ahead of it.
    """
    request = context.request
    version = request.identity.version
    if not request.migration.command:
        return False
    if context.proven is not None and context.proven.find(version) is not None:
        say(f"not run: {short(version)} ran here before")
        return False
    task = RunTask(
        lease=context.lease.id,
        task_definition=request.identity.task_definition,
        container=request.container,
        container_command=request.migration.command,
        network=request.identity.network,
    )
    migration.migrate(context.function(say, request.migration.timeout_s), task)
    return True


def roll_out(context: ReleaseContext, say: Say) -> None:
    """Set the mark, and move the service."""
    request, clients, left = context.request, context.clients, context.left
    before = rollout.current(clients.function, request.deploy_function)
    context.mark = UnfinishedMark(
        attempt=context.attempt.id,
        version=request.identity.version,
        started_at=context.attempt.started_at,
        # What an earlier mark knows of the time before is older than what is there now.
        site_config=left.site_config if left else _proven_config(context),
        site=left.site if left else None,
    )
    context.mark_etag = records.set_mark(clients.s3, context.bucket, context.mark)
    context.lease.check()
    context.move = ServiceMove(before=before, inherited=left is not None)
    deploy = Deploy(
        lease=context.lease.id,
        task_definition=request.identity.task_definition,
        minimum_count=request.minimum_count,
        maximum_count=request.maximum_count,
        network=request.identity.network,
        execute_command=request.identity.execute_command,
        expected_deployment=rollout.replaced(before),
        force=request.restart is not None,
    )
    try:
        rolled = rollout.roll_out(context.function(say, request.rollout_deadline_s), deploy)
    except RolloutFailed as error:
        context.move.deployment = error.deployment
        if error.outcome == "superseded":
            context.move.stays = "the service is left alone: somebody else moves it"
        raise
    context.move.deployment, context.move.tasks = rolled.deployment, rolled.tasks


def prove(context: ReleaseContext, say: Say) -> None:
    """Prove the version through the public address: by tasks of this rollout, where the backend says which they are."""
    request, move = context.request, _moved(context)
    at_deadline = "gives up" if context.again else "goes back" if context.proven else "ends all tasks"
    its_tasks = tasks.of(
        context.clients.function, request.deploy_function, request.identity.task_definition, move.tasks
    )
    try:
        context.proof = healthcheck.prove(dataclasses.replace(request.health, at_deadline=at_deadline), say, its_tasks)
    except NotProven:
        if context.again:
            move.stays = "nothing to undo: this is the last proven release"
        raise


def activate_site(context: ReleaseContext, say: Say) -> None:
    """Switch the site.

    What is proven again may have been changed by hand: then every file is written, not only those that differ between
    two manifests.
    """
    request = context.request
    # The proven backend serves the site of either release. The one before serves only its own.
    move = _moved(context)
    move.serves_both = f"the backend stays on {revision(request.identity.task_definition)}, which serves both sites"
    context.switched = activate.switch(
        s3=context.clients.s3,
        cloudfront=context.clients.cloudfront,
        routes_client=lambda: context.clients.routes,
        manifest=request.identity.static_manifest,
        site=request.site,
        config=request.site_config,
        say=say,
        begins=functools.partial(context.begin_site, request.identity.static_manifest),
        rewrite=context.again or context.site_is_mixed,
        source=request.source.files,
    )


def prove_site(context: ReleaseContext, say: Say) -> None:
    """Read the site back as visitors get it."""
    if context.switched is None:
        raise LookupError("a site is proven after it was switched, and this one was not")
    activate.prove(switched=context.switched, site=context.request.site, say=say)


def keep_record(context: ReleaseContext, _say: Say) -> None:
    """Write down that it is proven: from now on this is what is gone back to."""
    if context.proof is None:
        raise LookupError("a release is recorded after its version was proven, and this one was not")
    attempt = context.attempt
    proven = Proven(
        **vars(context.request.identity),
        verified_at=context.proof.verified_at,
        reason=context.request.reason,
        kind=attempt.kind,
    )
    result = way_back.recorded(
        context.proven,
        proven,
        keep=context.request.keep,
        attempt=attempt.id,
        who=attempt.who,
        is_ancestor=context.is_ancestor,
    )
    records.write_release(context.clients.s3, context.bucket, result, context.before)
    context.result = result


def _moved(context: ReleaseContext) -> ServiceMove:
    if context.move is None:
        raise LookupError("this phase comes after the service was moved, and it was not")
    return context.move


def _proven_config(context: ReleaseContext) -> Mapping[str, Any] | None:
    """The site's config.json, if it is the one that was activated."""
    s3, site = context.clients.s3, context.request.site
    active = store.active(s3=s3, records_bucket=site.records_bucket)
    if active is None or active.unsettled is not None:
        return None
    body = store.get(s3, site.bucket, CONFIG)
    if body is None or hashlib.sha256(body).hexdigest() != active.config_sha256:
        return None
    return dict(strict_json.decode(body))


def proven_line(context: ReleaseContext, seconds: Mapping[str, float]) -> str:
    """What a release ends with."""
    took = ", ".join(f"{name} {value:.0f} s" for name, value in seconds.items() if value >= 1)
    request, proven = context.request, context.released
    return (
        f"{request.environment}: {short(proven.version)} is proven since {proven.verified_at}, backend and site, at "
        f"{request.site.url}" + (f" ({took})" if took else "")
    )
