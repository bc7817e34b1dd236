"""The phases of one release in their order, and what becomes of it.

Everything before the rollout changes nothing that serves. What fails after it is undone in reverse, and what ran before
is proven again. A process may die anywhere: decisions/0010 says what is then true.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Collection
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from functions.strict_json import DamagedError
from release import failure_report, image_tags, lease, phases, preparation, progress, records, undo, way_back, whole_log
from release.context import ReleaseContext, failed_service, reason
from release.deploy_function import FunctionFailed
from release.failure_report import FailureReport
from release.identity import identity_of
from release.lease import LeaseError, LeaseLostError
from release.progress import Say
from release.records import Attempt, Phase, RecordChangedError, Release
from release.rehearsal import RehearsalFailed
from release.request import ReleaseRequest
from release.session import Clients
from release.static import expire
from release.version import short
from release.way_back import IsAncestor
from release.who import who

PHASES: Final[tuple[tuple[str, Callable[[ReleaseContext, Say], bool | None]], ...]] = (
    ("check", preparation.check),
    ("stage", preparation.stage),
    ("migrate", preparation.migrate),
    ("rehearse", preparation.rehearse),
    ("roll out", phases.roll_out),
    ("prove", phases.prove),
    ("activate site", phases.activate_site),
    ("prove site", phases.prove_site),
    ("record", phases.keep_record),
)
"""In order. One that answers False had nothing to do."""


DETAILS: Final = 12
"""Details of one failure that its report has: ends of containers, six lines of a log, and how to see all of it."""


class ReleaseFailedError(Exception):
    """A release that is not proven: what runs now. Why, and what to do, was said before."""


def run(request: ReleaseRequest, clients: Clients, say: Say, is_ancestor: IsAncestor = way_back.no_git) -> Release:
    """Release, prove, record. Returns the environment's new record.

    Raises ReleaseFailedError. After it, what ran before runs, unless the message says otherwise.
    """
    nothing = f"{request.environment}: {short(request.version)} was not released, nothing was changed"
    try:
        held = lease.acquire(
            clients.s3,
            request.records_bucket,
            environment=request.environment,
            version=request.version,
            who=who(clients.caller, os.environ),
            say=say,
        )
    except (LeaseError, ClientError, BotoCoreError) as error:
        raise ReleaseFailedError(f"{nothing}: {error}") from error
    with held:
        try:
            context = _begin(request, clients, say, held, is_ancestor)
        except DamagedError as error:
            raise ReleaseFailedError(f"{nothing}: {error}") from error
        except Exception as error:
            text = f"{nothing}: the records bucket does not answer as it should: {error}"
            raise ReleaseFailedError(text) from error
        return _run(context)


def _begin(
    request: ReleaseRequest, clients: Clients, say: Say, held: lease.Lease, is_ancestor: IsAncestor
) -> ReleaseContext:
    bucket, version = request.records_bucket, request.version
    before = records.read_stored(clients.s3, bucket)
    attempt = Attempt(
        **vars(identity_of(request.identity)),
        id=held.id,
        environment=request.environment,
        who=who(clients.caller, os.environ),
        reason=request.reason,
        restart=request.restart,
        replaces=before.release.version if before.release else None,
        started_at=records.now(),
        kind=way_back.kind(
            version,
            here=before.release,
            asked=request.named or request.reason is not None,
            promoted=request.promoted,
            restart=request.restart is not None,
            is_ancestor=is_ancestor,
        ),
    )
    left = records.read_mark(clients.s3, bucket)
    records.begin(clients.s3, bucket, attempt)
    if left is not None:
        which = short(left.version) or f"a version that s3://{bucket}/{records.MARK_KEY} does not name"
        say(f"{request.environment}: the release of {which} was neither proven nor undone: what serves is proven again")
    return ReleaseContext(
        request=request,
        clients=clients,
        say=say,
        lease=held,
        before=before,
        left=left,
        attempt=attempt,
        is_ancestor=is_ancestor,
    )


def _run(context: ReleaseContext) -> Release:
    done: list[Phase] = []
    for number, (name, phase) in enumerate(PHASES, 1):
        say = progress.Phase(context.say, name, number, len(PHASES))
        began, outcome = time.monotonic(), "failed"
        try:
            context.lease.check()
            say("begins")
            outcome = "skipped" if phase(context, say) is False else "done"
        except Exception as error:
            done.append(Phase(name=name, seconds=round(time.monotonic() - began, 3), outcome=outcome))
            raise _failed(context, error, name, done) from error
        done.append(Phase(name=name, seconds=round(time.monotonic() - began, 3), outcome=outcome))
    progress.kept(context.say, phases.proven_line(context, {phase.name: phase.seconds for phase in done}))
    _end(context, "proven", "", done, ())
    _expire(context, context.released)
    return context.released


def _failed(context: ReleaseContext, error: Exception, name: str, done: list[Phase]) -> ReleaseFailedError:
    """Undo what can be, say and keep the report; the exception to raise."""
    outcome, report, undone = _finish(context, error, name)
    message = "\n".join(failure_report.lines(report))
    progress.kept(context.say, message)
    _end(context, outcome, message, done, undone)
    return ReleaseFailedError(failure_report.exception(report))


def _finish(context: ReleaseContext, error: Exception, name: str) -> tuple[str, FailureReport, tuple[str, ...]]:
    """What the attempt comes to, its report, and what was undone."""
    request, version = context.request, context.way_back
    again = f"fix the cause, then:  {request.again()}"
    if isinstance(error, preparation.RefusedError) and error.all_the_same:
        again += f"   (or, all the same:  {error.all_the_same})"
    ran = "what ran before" if context.proven else "nothing was ever proven here"
    report = FailureReport(
        environment=request.environment,
        version=request.version,
        phase=name,
        why=reason(error),
        details=_details(error, request.services),
        runs=f"{ran}: nothing that serves was changed",
        to_do=again,
    )
    back = f"RELEASE_VERSION={version} pulumi up -s {request.environment}" if version else again
    if isinstance(error, LeaseLostError | RecordChangedError):
        if not context.begun:
            return "failed", report, ()
        look = f"python -m release status -s {request.environment}"
        return "failed", dataclasses.replace(report, runs=f"unknown; run: {look}", to_do=f"{look}, then {back}"), ()
    if not context.begun:
        if context.left is not None:
            runs = f"what an earlier release left, neither proven nor undone; this one changed nothing. To do: {back}"
            report = dataclasses.replace(report, runs=runs)
        refused = isinstance(error, preparation.RefusedError | RehearsalFailed)
        return ("refused" if refused else "failed"), report, ()
    progress.passing(context.say, f"{name} failed: {report.why}. Undoing")
    undone = undo.undo(context)
    report = dataclasses.replace(report, undone=undone.lines, runs=undone.runs)
    if undone.complete:
        return "undone", report, undone.lines
    to_do = f"{again}   (or to go back:  {back})" if version else again
    return "failed", dataclasses.replace(report, to_do=to_do), undone.lines


def _details(error: Exception, services: Collection[str]) -> tuple[str, ...]:
    if isinstance(error, preparation.RefusedError):
        return error.problems if len(error.problems) > 1 else ()
    if not isinstance(error, FunctionFailed):
        return ()
    # The function has put the most telling first, and the lines of a log in its order.
    return tuple(whole_log.as_shown_here(error.details, failed_service(error, services), os.environ))[:DETAILS]


def _end(context: ReleaseContext, outcome: str, message: str, done: list[Phase], undone: tuple[str, ...]) -> None:
    """Keep what became of it, and remove the mark if it is finished. What fails here changes no outcome."""
    environment, s3 = context.request.environment, context.clients.s3
    attempt = dataclasses.replace(
        context.attempt,
        ended_at=records.now(),
        outcome=outcome,
        message=message,
        phases=tuple(done),
        undone=undone,
        rehearsed=context.rehearsed,
    )
    try:
        records.end(s3, context.bucket, attempt)
    except Exception as error:
        context.say(f"{environment}: how this attempt ended is not kept, the history calls it interrupted: {error}")
    if outcome not in ("proven", "undone") or context.mark is None:
        return
    try:
        records.remove_mark(s3, context.bucket, context.mark_etag)
    except Exception as error:
        context.say(
            f"{environment}: s3://{context.bucket}/{records.MARK_KEY} stays, the next run proves again: {error}"
        )


def _expire(context: ReleaseContext, release: Release) -> None:
    """Remove files and images of releases that no record names any more."""
    kept = (release, *release.previous)
    digests = {service.image_digest for proven in kept for service in proven.services.values()}
    request, clients, say = context.request, context.clients, context.say
    try:
        for name, site in request.sites.items():
            named = {proven.sites[name] for proven in kept if name in proven.sites}
            context.lease.check()
            expire.expire(s3=clients.s3, site=site.site, say=say, keep=request.keep, named=named)
    except Exception as error:
        say(f"{request.environment}: old static files stay until the next release: {error}")
    try:
        # One of an environment has the images of all its services.
        for repository in dict.fromkeys(one.identity.image.partition("@")[0] for one in request.services.values()):
            context.lease.check()
            image_tags.expire(clients.ecr(), repository, environment=request.environment, named=digests, say=say)
    except Exception as error:
        say(f"{request.environment}: old images stay until the next release: {error}")
