"""The phases before anything that serves is changed: what can be known is checked, and all of it is brought here."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

from functions.deploy.requests import RunTask
from release import (
    image,
    image_tags,
    migration,
    preflight,
    progress,
    registry,
    rehearsal,
    rollout,
    slow_start,
    statements,
    veto,
)
from release.context import ReleaseContext, about, each
from release.progress import Say
from release.request import ServiceRequest, SiteRequest
from release.static import builds, publish, store
from release.static.errors import StaticReleaseError
from release.static.source import Folder
from release.version import short

WITHOUT_SNAPSHOT = (
    "the migration would run without anything before it, and requireSnapshot demands that: set the service's "
    "migration.before, a command or a function that takes a snapshot"
)


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
    services = context.request.services if context.request.require_snapshot else {}
    without = tuple(
        (f"service {name}: " if len(services) > 1 else "") + WITHOUT_SNAPSHOT
        for name, service in services.items()
        if _migrates(context, service) and not (service.migration.before_command or service.migration.before_function)
    )
    problems = problems._replace(lines=(*stated_since(context), *problems.lines, *without))
    if problems.lines:
        raise RefusedError(*problems)


def stated_since(context: ReleaseContext) -> tuple[str, ...]:
    """What a person has stated since the gate decided, and keeps the version away; empty where nothing does."""
    kind, reason = context.attempt.kind, context.request.reason
    if not veto.may_be_kept_away(kind, reason):
        # The way back must not depend on what it does not need.
        return ()
    stated = statements.read(context.clients.s3, context.bucket)
    why = veto.since_then(kind, context.request.version, reason, stated)
    return (why,) if why else ()


def stage(context: ReleaseContext, say: Say) -> None:
    """Bring images and static files into the environment. Nothing serves them yet."""
    each("site", context.request.sites, say, partial(_stage_site, context))
    each("service", context.request.services, say, partial(_stage_image, context))


def _stage_site(context: ReleaseContext, site: SiteRequest, say: Say) -> None:
    clients, source = context.clients, site.source
    if isinstance(source, Folder):
        # What may be in it was decided when the digest was taken.
        pages = site.site.pages or "single"
        files = builds.from_folder(
            source.path, allowed=None, pages=pages, hashed=site.hashed, other_origins=site.site.other_origins
        )
    else:
        files = store.load(
            s3=clients.s3, records_bucket=source.records_bucket, digest=site.manifest, prefix=source.prefix
        )
    if files.digest != site.manifest:
        where = source.path if isinstance(source, Folder) else f"s3://{source.bucket}"
        raise StaticReleaseError(
            f"the build in {where} is {files.digest[:19]} now and was "
            f"{site.manifest[:19]} when this run began: something built it meanwhile; run again"
        )
    publish.stage(s3=clients.s3, manifest=files, source=source, site=site.site, say=say)


def _stage_image(context: ReleaseContext, service: ServiceRequest, say: Say) -> None:
    request = context.request
    repository, digest = service.identity.image.partition("@")[0], service.identity.image_digest
    tag = image_tags.tag(request.environment, service.name, request.version)
    image.copy_image(
        source=service.source_image.partition("@")[0] if service.source_image else repository,
        target_repository=repository,
        digest=digest,
        cpu_architecture=service.cpu_architecture,
        # Its own: the tag of a build moves when the commit is built again, and ECR removes what has no tag.
        tag=f"{tag}-{short(digest.removeprefix('sha256:'))}",
        credentials=registry.ecr_credentials(context.clients.ecr),
        say=say,
    )


def migrate(context: ReleaseContext, say: Say) -> bool:
    """Run the migrations of a version that is new here, one after the other; False where none is run."""
    services = context.request.services
    ran = [_migrate(context, service, progress.part(say, service.name, services)) for service in services.values()]
    return any(ran)


def _migrate(context: ReleaseContext, service: ServiceRequest, say: Say) -> bool:
    """Run a service's migration, after what has to be before it; False where none is run."""
    request, its = context.request, service.migration
    if not _migrates(context, service):
        if its.command:
            say(f"not run: {short(request.version)} ran here before")
        return False
    if its.before_function:
        region = its.before_function.split(":")[3]
        event = {"environment": request.environment, "version": request.version, "service": service.name}
        migration.invoke_hook(context.clients.hook(region), its.before_function, event, say)
    elif its.before_command:
        _run_once(context, service, say, its.before_command, migration.HOOK)
    # What is before a migration may take long.
    context.lease.check()
    _run_once(context, service, say, its.command, migration.MIGRATION)
    return True


def _migrates(context: ReleaseContext, service: ServiceRequest) -> bool:
    """A version that ran here before has been migrated to, and what ran since may be ahead of it."""
    before = context.proven.find(context.request.version) if context.proven else None
    return bool(service.migration.command) and (before is None or service.name not in before.services)


def rehearse(context: ReleaseContext, say: Say) -> bool:
    """Run a task of each new revision beside its service until it has proven itself; False where there is none."""
    services, version = context.request.services, context.request.version
    works = []
    for name, service in services.items():
        service_say = progress.part(say, name, services)
        skipped = rehearsal.why_skipped(service, context.proven_service(name), context.proven, version)
        if skipped:
            context.rehearsed[name] = skipped
            service_say(skipped)
        else:
            works.append(_rehearse(context, service, service_say))
    rollout.side_by_side(works)
    return bool(works)


def _rehearse(context: ReleaseContext, service: ServiceRequest, say: Say) -> Generator[float, None, None]:
    plan = service.rehearsal
    if plan is None:
        return
    task = RunTask(
        lease=context.lease.id,
        task_definition=service.identity.task_definition,
        container=service.container,
        environment=rehearsal.variables(plan, context.request.version),
        network=service.identity.network,
    )
    with about("service", service.name, context.request.services):
        function = context.function(service, say, context.request.rollout_deadline_s)
        try:
            context.rehearsed[service.name] = yield from rehearsal.rehearse(function, task, plan)
        except rehearsal.RehearsalFailed as error:
            if error.outcome == "unhealthy":
                error.details = (*error.details, slow_start.of_rehearsal(service.name))
            raise


def _run_once(context: ReleaseContext, service: ServiceRequest, say: Say, command: tuple[str, ...], name: str) -> None:
    task = RunTask(
        lease=context.lease.id,
        task_definition=service.identity.task_definition,
        container=service.container,
        container_command=command,
        network=service.identity.network,
    )
    words = name if len(context.request.services) == 1 else f"{name} of service {service.name}"
    migration.migrate(context.function(service, say, service.migration.timeout_s), task, words)
