"""Undoing a release: site and backend go back to what the record says, together, and that is proven again.

What is gone back to is read from the record, and where the service is from ECS: what an interrupted release left
behind, and what Pulumi's state has, is no proof of anything. What was changed, the phases have noted.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

from functions.deploy.requests import Rollback
from functions.names import revision
from release import healthcheck, progress, records, rollout, tasks
from release.context import ReleaseContext, ServiceMove
from release.deploy_function import Current
from release.healthcheck import NotProven
from release.lease import LeaseLostError
from release.progress import Say
from release.records import Identity
from release.static import activate, store
from release.version import short


@dataclasses.dataclass(frozen=True, kw_only=True)
class Undone:
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


def undo(context: ReleaseContext, move: ServiceMove) -> Undone:
    """Go back, as far as that is possible. Raises nothing: what fails is told."""
    steps = [_tried(context, "1/3 undo site", lambda say: _site(context, say))]
    stays = move.stays or ("" if steps[0].good else move.serves_both)
    if stays:
        steps.append(_Step(line=stays, good=False))
    else:
        steps.append(_tried(context, "2/3 undo rollout", lambda say: _service(context, move, say)))
        if steps[1].good:
            steps.append(_tried(context, "3/3 prove again", lambda say: _proof(context, move, say)))
    good = all(step.good for step in steps) and _recorded_as_before(context)
    return Undone(lines=tuple(step.line for step in steps if step.line), complete=good, runs=_runs(context, good))


def _tried(context: ReleaseContext, title: str, step: Callable[[Say], _Step]) -> _Step:
    """One step; the others are tried also when it fails."""
    number, _, name = title.partition("/3 ")

    try:
        context.lease.check()
        return step(progress.Phase(context.say, name, int(number), 3))
    except LeaseLostError:
        return _Step(line=f"{name}: not tried, the lease is lost", good=False)
    except Exception as error:
        return _Step(line=f"{name} failed, too: {error or type(error).__name__}", good=False)


def _site(context: ReleaseContext, say: Say) -> _Step:
    """Switch the site back. One read where it was not switched."""
    config = context.mark.site_config if context.mark else None
    request, before = context.request, context.proven
    if before is None:
        active = store.active(s3=context.clients.s3, records_bucket=context.bucket)
        if active is None and not context.site_is_mixed:
            return _Step()
        return _Step(line="the site keeps the new files: no release before had proven any", good=False)
    done = activate.activate(
        s3=context.clients.s3,
        cloudfront=context.clients.cloudfront,
        routes_client=lambda: context.clients.routes,
        manifest=before.static_manifest,
        site=request.site,
        config=request.site_config if config is None else config,
        say=say,
        begins=functools.partial(context.begin_site, before.static_manifest),
        rewrite=context.site_is_mixed,
    )
    if not done.written and done.replaced == before.static_manifest:
        return _Step()
    return _Step(line=f"the site is back on {short(before.version)}")


def _service(context: ReleaseContext, move: ServiceMove, say: Say) -> _Step:
    request, deployment, back_to = context.request, _deployment(context, move), _back_to(context, move)
    rolled = rollout.roll_back(
        context.function(say, request.rollout_deadline_s),
        Rollback(
            lease=context.lease.id,
            task_definition=back_to.task_definition if back_to else None,
            network=back_to.network if back_to else None,
            execute_command=back_to.execute_command if back_to else None,
            deployment=deployment,
            minimum_count=request.minimum_count,
            maximum_count=request.maximum_count,
        ),
    )
    if rolled is None:
        return _Step(line="scaled to 0: there is no proven release to return to")
    if deployment is None and not rolled.started:
        return _Step()
    return _Step(line=f"the backend is back on {revision(rolled.task_definition)}")


def _back_to(context: ReleaseContext, move: ServiceMove) -> Identity | Current | None:
    """What the service is to go back to; None: no task is to run.

    Without a record, what the service ran is kept, unless an interrupted release left it there.
    """
    if context.proven is not None:
        return context.proven_identity
    return move.before if move.before.task_definition and not move.inherited else None


def _deployment(context: ReleaseContext, move: ServiceMove) -> str | None:
    """The deployment that is to be undone; None where none was started by this release or an interrupted one."""
    if move.deployment is not None:
        return move.deployment
    now = rollout.current(context.clients.function, context.request.deploy_function)
    if now.deployment == move.before.deployment:
        return now.deployment if move.inherited else None
    # Its answer was lost: under the lease, only this release deploys this revision.
    return now.deployment if now.task_definition == context.request.identity.task_definition else None


def _proof(context: ReleaseContext, move: ServiceMove, say: Say) -> _Step:
    before = context.proven
    if before is None:
        # What ran without a record has no version that could be proven; where nothing runs there is nothing to prove.
        runs = _back_to(context, move) is not None
        return _Step(line="it has no record: whether it is healthy was not asked" if runs else "", good=not runs)
    try:
        check = dataclasses.replace(context.request.health, version=before.version)
        its_tasks = tasks.of(context.clients.function, context.request.deploy_function, before.task_definition)
        healthcheck.prove(check, say, its_tasks)
    except NotProven as error:
        return _Step(line=f"{short(before.version)} runs again and is NOT healthy: {error}", good=False)
    return _Step(line=f"{short(before.version)} is proven again")


def _recorded_as_before(context: ReleaseContext) -> bool:
    """Whether the record is what was gone back to. A failed write of the new one may have arrived all the same."""
    try:
        return records.read_release(context.clients.s3, context.bucket) == context.proven
    except Exception:
        return False


def _runs(context: ReleaseContext, good: bool) -> str:
    before = context.proven
    if good:
        return f"{short(before.version)}, as before, backend and site" if before else "nothing: no task is wanted"
    return f"unknown; run: python -m release status -s {context.request.environment}"
