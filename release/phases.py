"""The phases that change what serves, and prove it, each a function of the release's context. The engine has the order.

A phase that finds its work done finds so quickly: a release is taken up by running it again.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from functions import strict_json
from functions.deploy.requests import Deploy
from release import (
    healthcheck,
    preparation,
    progress,
    records,
    rollout,
    slow_start,
    tasks,
    way_back,
)
from release.context import ReleaseContext, ServiceMove, about, each
from release.deploy_function import FunctionFailed
from release.healthcheck import Disproven, NotProven
from release.identity import identity_of
from release.progress import Say
from release.records import MarkedSite, Proven, UnfinishedMark
from release.request import ServiceRequest, SiteRequest
from release.rollout import Rollout
from release.static import activate, store
from release.static.content import CONFIG
from release.static.store import Site
from release.tasks import Tasks
from release.version import short

QUICK_ANSWER_S = 1.0
"""Seconds that an answer may take while rollouts are watched: one that hangs keeps them all from being looked at."""


def roll_out(context: ReleaseContext, say: Say) -> bool:
    """Set the mark, start the rollouts of all services, and watch them; False where there is no service.

    Raises RefusedError where somebody has stated meanwhile that the version is not to be released.
    """
    request, clients, left = context.request, context.clients, context.left
    if stated := preparation.stated_since(context):
        raise preparation.RefusedError(stated, "")
    services = request.services
    before = {name: rollout.current(clients.function, one.deploy_function) for name, one in services.items()}
    context.mark = UnfinishedMark(
        attempt=context.attempt.id,
        version=request.version,
        started_at=context.attempt.started_at,
        # What an earlier mark knows of the time before is older than what is there now.
        sites={
            name: left.site(name) if left else MarkedSite(config=_proven_config(context, site.site))
            for name, site in request.sites.items()
        },
    )
    context.mark_etag = records.set_mark(clients.s3, context.bucket, context.mark)
    context.lease.check()
    context.begun = True
    context.moves = {name: ServiceMove(before=before[name], inherited=left is not None) for name in services}
    rollouts = {}
    for name, service in services.items():
        with _noting(context, name):
            rollouts[name] = _start(context, service, progress.part(say, name, services))
        context.moves[name].deployment = rollouts[name].began.deployment
    # Side by side: the first that fails ends it, and the slowest decides how long it takes.
    rollout.side_by_side([_watch(context, services[name], under_way) for name, under_way in rollouts.items()])
    return bool(services)


def _watch(context: ReleaseContext, service: ServiceRequest, under_way: Rollout) -> Generator[float, None, None]:
    with _noting(context, service.name):
        rolled = yield from under_way.until_decided(functools.partial(_disprove, context, service))
    context.moves[service.name].tasks = rolled.tasks


def _disprove(context: ReleaseContext, service: ServiceRequest, ids: frozenset[str]) -> None:
    """Visitors get answers of the new tasks before the rollout ends: one that shows a bad version ends it. Proves none.

    What is proven again has nothing to go back to.
    """
    if service.health is None or context.again:
        return
    check = dataclasses.replace(service.health, timeout_s=QUICK_ANSWER_S)
    # An answer by any other task decides nothing: whose it is need not be asked.
    healthcheck.disprove(check, Tasks(ids=ids, look_up=frozenset))


def _start(context: ReleaseContext, service: ServiceRequest, say: Say) -> Rollout:
    deploy = Deploy(
        lease=context.lease.id,
        task_definition=service.identity.task_definition,
        minimum_count=service.minimum_count,
        maximum_count=service.maximum_count,
        network=service.identity.network,
        execute_command=service.identity.execute_command,
        expected_deployment=rollout.replaced(context.moves[service.name].before),
        force=context.request.restart is not None,
    )
    return rollout.start(context.function(service, say, context.request.rollout_deadline_s), deploy)


@contextmanager
def _noting(context: ReleaseContext, name: str) -> Iterator[None]:
    """Note which deployment a failed rollout has started, and whether it is to be undone."""
    move, services = context.moves[name], context.request.services
    try:
        with about("service", name, services):
            yield
    except FunctionFailed as error:
        move.deployment = error.deployment or move.deployment
        advice = slow_start.of_rollout(name, error.outcome, error.details, context.request.rollout_deadline_s)
        error.details = (*advice, *error.details)
        if error.outcome == "superseded":
            words = "the service" if len(services) == 1 else f"service {name}"
            move.stays = f"{words} is left alone: somebody else moves it"
        raise


def prove(context: ReleaseContext, say: Say) -> bool:
    """Prove the version of each service; False where there is none."""
    return each("service", context.request.services, say, functools.partial(_prove, context))


def _prove(context: ReleaseContext, service: ServiceRequest, say: Say) -> None:
    """Through the public address: by tasks of this rollout, where the service says which they are."""
    move, client = context.moves[service.name], context.clients.function
    if service.health is None:
        say(f"nothing to ask it: its tasks run {short(context.request.version)}, says ECS")
        return
    at_deadline = "gives up" if context.again else "goes back" if context.proven else "ends all tasks"
    its_tasks = tasks.of(client, service.deploy_function, service.identity.task_definition, move.tasks)
    check = dataclasses.replace(service.health, at_deadline=at_deadline)
    try:
        context.proofs[service.name] = healthcheck.prove(check, say, its_tasks)
    except NotProven as error:
        if context.again:
            for other in context.moves.values():
                other.stays = "nothing to undo: this is the last proven release"
        if isinstance(error, Disproven):
            raise
        raise NotProven(f"{error}; {slow_start.of_proof(service.name, check.deadline_s)}") from error


def activate_site(context: ReleaseContext, say: Say) -> bool:
    """Switch all sites; False where there is none.

    What is proven again may have been changed by hand: then every file is written, not only those that differ between
    two manifests.
    """
    # The proven services serve the sites of either release. Those before serve only their own.
    context.services_proven = True
    return each("site", context.request.sites, say, functools.partial(_activate, context))


def _activate(context: ReleaseContext, site: SiteRequest, say: Say) -> None:
    context.switched[site.name] = activate.switch(
        s3=context.clients.s3,
        cloudfront=context.clients.cloudfront,
        routes_client=lambda: context.clients.routes,
        manifest=site.manifest,
        site=site.site,
        config=site.config,
        say=say,
        begins=functools.partial(context.begin_site, site.name, site.manifest),
        rewrite=context.again or context.is_mixed(site.name),
        source=site.source,
    )


def prove_site(context: ReleaseContext, say: Say) -> bool:
    """Read the sites back as visitors get them; False where there is none."""

    def prove_one(site: SiteRequest, say: Say) -> None:
        activate.prove(switched=context.switched[site.name], site=site.site, say=say)

    return each("site", context.request.sites, say, prove_one)


def keep_record(context: ReleaseContext, _say: Say) -> None:
    """Write down that it is proven: from now on this is what is gone back to."""
    request, attempt = context.request, context.attempt
    unproven = {name for name, one in request.services.items() if one.health} - context.proofs.keys()
    if unproven or request.sites.keys() != context.switched.keys():
        raise LookupError("a release is recorded after all of it was proven, and this one was not")
    proven = Proven(
        **vars(identity_of(request.identity)),
        verified_at=max((proof.verified_at for proof in context.proofs.values()), default=records.now()),
        reason=request.reason,
        kind=attempt.kind,
        not_compared=tuple(name for name, proof in context.proofs.items() if not proof.version_compared),
    )
    result = way_back.recorded(
        context.proven,
        proven,
        keep=request.keep,
        attempt=attempt.id,
        who=attempt.who,
        is_ancestor=context.is_ancestor,
    )
    records.write_release(context.clients.s3, context.bucket, result, context.before)
    context.result = result


def _proven_config(context: ReleaseContext, site: Site) -> Mapping[str, Any] | None:
    """A site's config.json, if it is the one that was activated."""
    s3 = context.clients.s3
    active = store.active(s3=s3, records_bucket=site.records_bucket, prefix=site.prefix)
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
        f"{request.environment}: {short(proven.version)} is proven since {proven.verified_at}, {request.parts}"
        + (f", at {request.url}" if request.url else "")
        + (f"; {', '.join(proven.not_compared)} {healthcheck.NOT_COMPARED}" if proven.not_compared else "")
        + (f" ({took})" if took else "")
    )
