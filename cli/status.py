"""`status`: do record, ECS, site and health check agree? If not, what is wrong and what to do."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from cli import NO, YES, diagnosis, history
from cli.diagnosis import Diagnosis, Health, Observed, Service
from cli.environment import Environment, add_stack, read_environment
from cli.errors import EXPECTED, message_of
from cli.text import bold, table
from release import drift as service_drift
from release import healthcheck, lease, records
from release.lease import Held
from release.records import Purge, Release
from release.request import ReleaseRequest
from release.session import Clients
from release.static import drift

JSON_NAMES: Final = {"ECS": "ecs", "last attempt": "lastAttempt"}
"""Names of sources in JSON, where they differ from those in messages."""
Read = TypeVar("Read")


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Compare the record of the last proven release with what ECS runs, what the site serves and what the health "
        "check answers now, and say whether somebody releases. Nothing is changed."
    )
    parser.epilog = "Exit status: 0 all of it agrees, 1 it does not or cannot be read, 2 wrong usage."
    add_stack(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    environment = read_environment(options.stack)
    observed = look(environment, environment.clients)
    finding = diagnosis.diagnose(observed, datetime.now(UTC))
    if options.json:
        print(json.dumps(as_json(observed, finding), indent=2))
    else:
        print(bold(finding.headline))
        cells = [(row.name, row.value, row.remark) if row.remark else (row.name, row.value) for row in finding.rows]
        print("\n".join(table(cells)))
    return YES if finding.good else NO


def look(environment: Environment, clients: Clients) -> Observed:
    """Ask every source at the same time. Why one cannot be read is in `unread`."""
    request = environment.released()
    bucket = request.site.records_bucket
    unread: dict[str, str] = {}

    def read(name: str, ask: Callable[[], Read]) -> Read | None:
        try:
            return ask()
        except EXPECTED as error:
            unread[name] = message_of(error)
            return None

    # Not a context manager, which would wait for all answers after Ctrl-C.
    pool = ThreadPoolExecutor(8, thread_name_prefix="status")
    recorded = pool.submit(read, "record", lambda: records.read_release(clients.s3, bucket))
    current = pool.submit(read, "ECS", lambda: _service(request, clients))
    site = pool.submit(read, "site", lambda: drift.look(s3=clients.s3, site=request.site))
    held = pool.submit(read, "lease", lambda: _lease(clients, bucket))
    mark = pool.submit(read, "unfinished", lambda: records.read_mark(clients.s3, bucket))
    last = pool.submit(read, "last attempt", lambda: records.list_attempts(clients.s3, bucket, 1))
    answer = pool.submit(lambda: health(environment, recorded.result()))
    pool.shutdown(wait=False)
    newest, (holder, purge) = last.result(), held.result() or (None, None)
    return Observed(
        environment=environment.name,
        stack=environment.release,
        pending=environment.stack.pending,
        record=recorded.result(),
        ecs=current.result(),
        static_manifest=site.result(),
        health=answer.result(),
        lease=holder,
        purge=purge,
        unfinished=mark.result(),
        last=newest[0] if newest else None,
        unread=unread,
    )


def _lease(clients: Clients, bucket: str) -> tuple[Held | None, Purge | None]:
    """The lease, and the purge that took it, if one did."""
    held = lease.look(clients.s3, bucket)
    purges = records.list_purges(clients.s3, bucket, 1) if held else ()
    return held, next((purge for purge in purges if held and purge.id == held.holder.id), None)


def as_json(observed: Observed, finding: Diagnosis) -> dict[str, Any]:
    """The answer for programs: docs/json.md. Pure."""
    recorded, ecs, held, mark = observed.record, observed.ecs, observed.lease, observed.unfinished
    site, _, differences = (observed.static_manifest or "").partition(" ")
    return {
        "environment": observed.environment,
        "good": finding.good,
        "headline": finding.headline,
        "wrong": [{"code": problem.code, "what": problem.what, "toDo": problem.to_do} for problem in finding.problems],
        "record": records.proof_json(recorded) if recorded else None,
        "ecs": {
            "taskDefinition": ecs.task_definition,
            "desired": ecs.desired,
            "running": ecs.running,
            "asRecorded": recorded is not None and not ecs.differs(recorded),
        }
        if ecs
        else None,
        "site": {
            "staticManifest": site,
            "differences": differences or None,
            "asRecorded": recorded is not None and observed.static_manifest == recorded.static_manifest,
        }
        if site
        else None,
        "health": {
            "url": observed.health.url,
            "passes": observed.health.miss is None,
            "version": observed.health.version,
            "why": observed.health.miss,
        },
        "stack": {
            "version": observed.stack.version if observed.stack else None,
            "pending": list(observed.pending),
            "asRecorded": recorded is not None
            and observed.stack is not None
            and observed.stack.version == recorded.version,
        },
        "lease": {
            "version": held.holder.version,
            "who": held.holder.who,
            "since": held.holder.since,
            "alive": held.alive,
            "renewedSecondsAgo": round(held.age_s, 1),
        }
        if held
        else None,
        "unfinished": {"version": mark.version, "attempt": mark.attempt, "startedAt": mark.started_at}
        if mark
        else None,
        "lastAttempt": history.attempt_json(observed.last, held) if observed.last else None,
        "unread": {JSON_NAMES.get(source, source): why for source, why in observed.unread.items()},
    }


def _service(request: ReleaseRequest, clients: Clients) -> Service | None:
    cluster = request.service.split("/")[-2]
    services = clients.ecs.describe_services(cluster=cluster, services=[request.service])["services"]
    if not services or services[0]["status"] != "ACTIVE":
        return None
    service = services[0]
    return Service(
        task_definition=service["taskDefinition"],
        desired=service["desiredCount"],
        running=service["runningCount"],
        network=service_drift.network_of(service),
        execute_command=bool(service.get("enableExecuteCommand")),
    )


def health(environment: Environment, release: Release | None) -> Health:
    """One probe for the proven version; before the first one, for that of the last request."""
    check = environment.released().health
    if release is None:
        answer = healthcheck.probe(check)
    else:
        answer = healthcheck.probe(dataclasses.replace(check, version=release.version), environment.tasks(release))
    version = answer.body.get("version")
    return Health(url=check.url, version=version if isinstance(version, str) else None, miss=answer.miss)
