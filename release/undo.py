"""Undoing a release: sites and services go back to what the record says, together, and that is proven again.

What is gone back to is read from the record, and where the service is from ECS: what an interrupted release left
behind, and what Pulumi's state has, is no proof of anything. What was changed, the phases have noted.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Generator
from functools import partial

from functions.deploy.requests import Rollback
from functions.names import revision
from release import healthcheck, progress, records, rollout, tasks
from release.context import ReleaseContext, ServiceMove
from release.deploy_function import Current
from release.healthcheck import NotProven
from release.identity import ServiceIdentity, label_of, service_words, site_words
from release.lease import LeaseLostError
from release.progress import Say
from release.request import ReleaseRequest, ServiceRequest, SiteRequest, listed
from release.static import activate, store
from release.version import short


@dataclasses.dataclass(frozen=True, kw_only=True)
class Undone:
    lines: tuple[str, ...]
    """What was brought back, and what could not be."""
    complete: bool
    """Services and sites are what the record says, and proven; of a first release: nothing runs."""
    runs: str
    """What runs now, as far as that is known."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Step:
    """What one step did. Without a line it had nothing to do."""

    line: str = ""
    good: bool = True


def undo(context: ReleaseContext) -> Undone:
    """Go back in reverse, as far as that is possible. Raises nothing: what fails is told."""
    request = context.request
    sites, services = [*request.sites.values()][::-1], [*request.services.values()][::-1]
    numbers = itertools.count(1)

    def begin(what: str, name: str, among: Collection[str]) -> Say:
        """What one step says. Raises LeaseLostError where it may not begin."""
        context.lease.check()
        phase = progress.Phase(context.say, what, next(numbers), len(sites) + 2 * len(services))
        return progress.part(phase, name, among)

    def undo_site(site: SiteRequest) -> _Step:
        try:
            return _site(context, site, begin("undo site", site.name, request.sites))
        except Exception as error:
            return _failed(label_of("undo site", site.name, sites), error)

    def undo_rollout(service: ServiceRequest) -> Generator[float, None, _Step]:
        try:
            return (yield from _service(context, service, begin("undo rollout", service.name, request.services)))
        except Exception as error:
            return _failed(label_of("undo rollout", service.name, services), error)

    def prove_again(service: ServiceRequest) -> _Step:
        try:
            return _proof(context, service, begin("prove again", service.name, request.services))
        except Exception as error:
            return _failed(label_of("prove again", service.name, services), error)

    # What fails keeps none of the others from being tried.
    steps = [undo_site(site) for site in sites]
    # A site that was proven before and could not go back needs the services of its release. A new one has no visitors.
    proven_sites = context.proven.sites if context.proven else request.sites
    stuck = [site.name for site, step in zip(sites, steps, strict=True) if not step.good and site.name in proven_sites]
    if context.services_proven and stuck:
        steps.append(_Step(line=_serve_both(request), good=False))
    else:
        steps += rollout.side_by_side([undo_rollout(service) for service in services])
        if all(step.good for step in steps[len(sites) :]):
            steps += [prove_again(service) for service in reversed(services)]
    good = all(step.good for step in steps) and _recorded_as_before(context)
    lines = dict.fromkeys(step.line for step in steps if step.line)
    return Undone(lines=tuple(lines), complete=good, runs=_runs(context, good))


def _failed(label: str, error: Exception) -> _Step:
    if isinstance(error, LeaseLostError):
        return _Step(line=f"{label}: not tried, the lease is lost", good=False)
    return _Step(line=f"{label} failed, too: {error or type(error).__name__}", good=False)


def _site(context: ReleaseContext, site: SiteRequest, say: Say) -> _Step:
    """Switch a site back. One read where it was not switched."""
    s3, before = context.clients.s3, context.proven
    manifest = before.sites.get(site.name) if before else None
    words = site_words(site.name, context.request.sites)
    if before is None or manifest is None:
        active = store.active(s3=s3, records_bucket=context.bucket, prefix=site.site.prefix)
        if active is None and not context.is_mixed(site.name):
            return _Step()
        return _Step(line=f"{words} keeps the new files: no release before had proven any", good=False)
    config = context.mark.site(site.name).config if context.mark else None
    done = activate.activate(
        s3=s3,
        cloudfront=context.clients.cloudfront,
        routes_client=lambda: context.clients.routes,
        manifest=manifest,
        site=site.site,
        config=site.config if config is None else config,
        say=say,
        begins=partial(context.begin_site, site.name, manifest),
        rewrite=context.is_mixed(site.name),
    )
    if not done.written and done.replaced == manifest:
        return _Step()
    return _Step(line=f"{words} is back on {short(before.version)}")


def _serve_both(request: ReleaseRequest) -> str:
    """Why no service goes back where a site cannot."""
    on = ", ".join(revision(service.identity.task_definition) for service in request.services.values())
    if len(request.services) == 1:
        (name,) = request.services
        return f"{service_words(name, request.services)} stays on {on}, which serves both sites"
    return f"the services stay on {on}, which serve the sites of either release"


def _service(context: ReleaseContext, service: ServiceRequest, say: Say) -> Generator[float, None, _Step]:
    """Bring a service back to what it is to run. Yields seconds to wait."""
    move = context.moves[service.name]
    if move.stays:
        return _Step(line=move.stays, good=False)
    words = service_words(service.name, context.request.services)
    deployment, back_to = _deployment(context, service, move), _back_to(context, service.name)
    rolled = yield from rollout.roll_back(
        context.function(service, say, context.request.rollout_deadline_s),
        Rollback(
            lease=context.lease.id,
            task_definition=back_to.task_definition if back_to else None,
            network=back_to.network if back_to else None,
            execute_command=back_to.execute_command if back_to else None,
            deployment=deployment,
            minimum_count=service.minimum_count,
            maximum_count=service.maximum_count,
        ),
    )
    if rolled is None:
        which = "" if len(context.request.services) == 1 else f"{words} is "
        return _Step(line=f"{which}scaled to 0: there is no proven release to return to")
    if deployment is None and not rolled.started:
        return _Step()
    return _Step(line=f"{words} is back on {revision(rolled.task_definition)}")


def _back_to(context: ReleaseContext, name: str) -> ServiceIdentity | Current | None:
    """What a service is to go back to; None: no task is to run.

    Without a record, what the service ran is kept, unless an interrupted release left it there.
    """
    proven, move = context.proven_service(name), context.moves[name]
    if proven is not None:
        return proven
    return move.before if move.before.task_definition and not move.inherited else None


def _deployment(context: ReleaseContext, service: ServiceRequest, move: ServiceMove) -> str | None:
    """The deployment that is to be undone; None where none was started by this release or an interrupted one."""
    if move.deployment is not None:
        return move.deployment
    now = rollout.current(context.clients.function, service.deploy_function)
    if now.deployment == move.before.deployment:
        return now.deployment if move.inherited else None
    # Its answer was lost: under the lease, only this release deploys this revision.
    return now.deployment if now.task_definition == service.identity.task_definition else None


def _proof(context: ReleaseContext, service: ServiceRequest, say: Say) -> _Step:
    """Prove what runs again."""
    proven, before = context.proven_service(service.name), context.proven
    if before is None or proven is None:
        # What ran without a record has no version that could be proven; where nothing runs there is nothing to prove.
        runs = _back_to(context, service.name) is not None
        words = "it" if len(context.request.services) == 1 else f"service {service.name}"
        return _Step(line=f"{words} has no record: whether it is healthy was not asked" if runs else "", good=not runs)
    if service.health is None:
        return _Step()
    is_only = len(context.request.services) == 1
    its_version = short(before.version) + ("" if is_only else f" of service {service.name}")
    try:
        check = dataclasses.replace(service.health, version=before.version)
        its_tasks = tasks.of(context.clients.function, service.deploy_function, proven.task_definition)
        healthcheck.prove(check, say, its_tasks)
    except NotProven as error:
        return _Step(line=f"{its_version} runs again and is NOT healthy: {error}", good=False)
    return _Step(line=f"{its_version} is proven again")


def _recorded_as_before(context: ReleaseContext) -> bool:
    """Whether the record is what was gone back to. A failed write of the new one may have arrived all the same."""
    try:
        return records.read_release(context.clients.s3, context.bucket) == context.proven
    except Exception:
        return False


def _runs(context: ReleaseContext, good: bool) -> str:
    request, before = context.request, context.proven
    if not good:
        return f"unknown; run: python -m release status -s {request.environment}"
    if before is None:
        return "nothing: no task is wanted"
    # What is new in this release did not run before, and does not now.
    names = [name for name in request.services if name in before.services]
    names += [name for name in request.sites if name in before.sites]
    return f"{short(before.version)}, as before" + (f", {listed(names)}" if names else "")
