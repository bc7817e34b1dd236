"""Compare the record of the last proven release with what ECS runs, the site serves and the health check answers now.

Says what is wrong and what to do, and whether somebody releases. Nothing is changed.

Exit status: 0 all of it agrees, 1 it does not or cannot be read, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
from datetime import UTC, datetime
from typing import Any, Final

from cli import NO, YES, diagnosis, history
from cli.diagnosis import Diagnosis
from cli.environment import add_stack, read_environment
from cli.hold import hold_json
from cli.observed import Observed, Service, look
from cli.text import bold, table
from functions.strict_json import fields
from release import records
from release.identity import ServiceIdentity

JSON_NAMES: Final = {"last attempt": "lastAttempt"}
"""Names of sources in JSON, where they differ from those in messages."""


def add(parser: argparse.ArgumentParser) -> None:
    add_stack(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    environment = read_environment(options.stack)
    observed = look(environment)
    finding = diagnosis.diagnose(observed, datetime.now(UTC))
    if options.json:
        print(json.dumps(as_json(observed, finding), indent=2))
    else:
        print(bold(finding.headline))
        cells = [(row.name, row.value, row.remark) if row.remark else (row.name, row.value) for row in finding.rows]
        print("\n".join(table(cells)))
    return YES if finding.good else NO


def as_json(observed: Observed, finding: Diagnosis) -> dict[str, Any]:
    """The answer for programs: docs/json.md. Pure."""
    recorded, held, mark = observed.record, observed.lease, observed.unfinished
    return {
        "environment": observed.environment,
        "good": finding.good,
        "headline": finding.headline,
        "wrong": [fields(problem) for problem in finding.problems],
        "record": records.proof_json(recorded) if recorded else None,
        "services": {
            name: _service_json(service, recorded.services.get(name) if recorded else None)
            for name, service in observed.services.items()
        },
        "sites": {
            name: _site_json(serves, recorded.sites.get(name) if recorded else None)
            for name, serves in observed.sites.items()
        },
        "health": {
            name: {
                "url": health.url,
                "passes": health.miss is None,
                "version": health.version,
                "versionCompared": health.version_compared,
                "why": health.miss,
            }
            for name, health in observed.health.items()
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
        "hold": hold_json(observed.hold),
        "lastAttempt": history.attempt_json(observed.last, held) if observed.last else None,
        "unread": {JSON_NAMES.get(source, source): why for source, why in observed.unread.items()},
    }


def _service_json(service: Service | None, proven: ServiceIdentity | None) -> dict[str, Any] | None:
    if service is None:
        return None
    return {
        "taskDefinition": service.task_definition,
        "desired": service.desired,
        "running": service.running,
        "asRecorded": proven is not None and not service.differs(proven),
    }


def _site_json(serves: str | None, proven: str | None) -> dict[str, Any] | None:
    if serves is None:
        return None
    manifest, _, differences = serves.partition(" ")
    return {"staticManifest": manifest, "differences": differences or None, "asRecorded": serves == proven}
