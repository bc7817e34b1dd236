"""Undoing a release: site and backend go back to what the record says, together, and that is proven again.

What is gone back to is read from the record, and where the service is from ECS: what an interrupted release left
behind, and what Pulumi's state has, is no proof of anything.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from release import healthcheck, progress, records, rollout, tasks
from release.course import Course, revision
from release.deploy_function import Current
from release.healthcheck import NotProven
from release.lease import LeaseLostError
from release.progress import Say
from release.records import Identity, Release
from release.rollout import RollbackRequest, RolloutFailed
from release.static import activate, store
from release.version import short


@dataclasses.dataclass(frozen=True, kw_only=True)
class Undone:
    """What came of it."""

    lines: tuple[str, ...]
    """What was brought back, and what could not be."""
    complete: bool
    """Backend and site are what the record says, and proven; of a first release: nothing runs."""
    runs: str
    """What runs now, as far as that is known."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Step:
    """What one step did. Without a line it had nothing to do."""

    line: str = ""
    good: bool = True


def undo(course: Course, error: Exception) -> Undone:
    """Go back, as far as that is possible. Raises nothing: what fails is told."""
    site = _tried(course, "1/3 undo site", lambda say: _site(course, say))
    if isinstance(error, RolloutFailed) and error.outcome == "superseded":
        steps = [site, _Step(line="the service is left alone: somebody else moves it", good=False)]
    elif course.switching and course.rolled and course.proof and not site.good:
        # The backend that was proven serves either site. The one before serves only its own.
        kept = f"the backend stays on {revision(course.rolled.task_definition)}, which serves both sites"
        steps = [site, _Step(line=kept, good=False)]
    elif course.again and isinstance(error, NotProven):
        steps = [site, _Step(line="it is itself what was proven last: there is nothing to go back to", good=False)]
    else:
        service = _tried(course, "2/3 undo rollout", lambda say: _service(course, error, say))
        steps = [site, service]
        if service.good:
            steps.append(_tried(course, "3/3 prove again", lambda say: _proof(course, say)))
    good = all(step.good for step in steps) and _recorded_as_before(course)
    return Undone(lines=tuple(step.line for step in steps if step.line), complete=good, runs=_runs(course, good))


def _tried(course: Course, title: str, step: Callable[[Say], _Step]) -> _Step:
    """One step; the others are tried also when it fails."""
    number, _, name = title.partition("/3 ")

    try:
        course.lease.check()
        return step(progress.Phase(course.say, name, int(number), 3))
    except LeaseLostError:
        return _Step(line=f"{name}: not tried, the lease is lost", good=False)
    except Exception as error:
        return _Step(line=f"{name} failed, too: {error or type(error).__name__}", good=False)


def _site(course: Course, say: Say) -> _Step:
    """Switch the site back. One read where it was not switched."""
    request, before = course.request, course.proven
    if before is None:
        active = store.active(s3=course.clients.s3, records_bucket=course.bucket)
        if active is None:
            return _Step()
        return _Step(line="the site keeps the new files: no release before had proven any", good=False)
    done = activate.activate(
        s3=course.clients.s3,
        cloudfront=course.clients.cloudfront,
        manifest=before.static_manifest,
        site=request.site,
        config=request.site_config if course.site_config is None else course.site_config,
        say=say,
    )
    if not done.written and done.replaced == before.static_manifest:
        return _Step()
    return _Step(line=f"the site is back on {short(before.version)}")


def _service(course: Course, error: Exception, say: Say) -> _Step:
    request, ours, target = course.request, _ours(course, error), _target(course)
    rolled = rollout.roll_back(
        course.clients.function,
        RollbackRequest(
            function=request.deploy_function,
            task_definition=target.task_definition if target else None,
            network=target.network if target else None,
            execute_command=target.execute_command if target else None,
            deployment=ours,
            minimum_count=request.minimum_count,
            maximum_count=request.maximum_count,
            deadline_s=request.rollout_deadline_s,
            lease=course.lease.id,
        ),
        say,
    )
    if rolled is None:
        return _Step(line="all tasks were ended: nothing was proven here before")
    if ours is None and not rolled.started:
        return _Step()
    return _Step(line=f"the backend is back on {revision(rolled.task_definition)}")


def _target(course: Course) -> Identity | Current | None:
    """What the service is to go back to; None: no task is to run.

    Without a record, what the service ran is kept, unless an interrupted release left it there.
    """
    if course.proven is not None:
        return course.proven_identity
    ran = course.found if course.left is None else None
    return ran if ran and ran.task_definition else None


def _ours(course: Course, error: Exception) -> str | None:
    """The deployment that is to be undone; None if none of ours is there."""
    if course.rolled is not None:
        return course.rolled.deployment
    if isinstance(error, RolloutFailed) and error.deployment is not None:
        return error.deployment
    now = rollout.current(course.clients.function, course.request.deploy_function)
    if course.found is not None and now.deployment == course.found.deployment:
        # Nothing was started. What an interrupted release of ours has left is ours to undo.
        return now.deployment if course.left is not None else None
    # Its answer was lost: under the lease, nobody but us deploys this revision.
    return now.deployment if now.task_definition == course.request.identity.task_definition else None


def _proof(course: Course, say: Say) -> _Step:
    before = course.proven
    if before is None:
        # What ran without a record has no version that could be proven; where nothing runs there is nothing to prove.
        left = _target(course)
        return _Step(line="it has no record: whether it is healthy was not asked" if left else "", good=left is None)
    try:
        check = dataclasses.replace(course.request.health, version=before.version)
        theirs = tasks.of(course.clients.function, course.request.deploy_function, before.task_definition)
        healthcheck.prove(check, say, theirs)
    except NotProven as error:
        return _Step(line=f"{short(before.version)} runs again and is NOT healthy: {error}", good=False)
    return _Step(line=f"{short(before.version)} is proven again")


def _recorded_as_before(course: Course) -> bool:
    """Whether the record is what was gone back to. A failed write of the new one may have arrived all the same."""
    try:
        return records.read_release(course.clients.s3, course.bucket) == course.proven
    except Exception:
        return False


def _runs(course: Course, good: bool) -> str:
    before: Release | None = course.proven
    if good:
        return f"{short(before.version)}, as before, backend and site" if before else "nothing: no task is wanted"
    return f"not settled: python -m release status -s {course.request.environment} shows it"
