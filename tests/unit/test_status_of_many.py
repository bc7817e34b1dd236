"""`status` of an environment with several services and sites: which of them differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from cli import diagnosis
from cli.observed import Health, Observed, Service
from cli.status import as_json
from release.identity import ServiceIdentity
from release.records import Release

NOW = datetime(2026, 1, 2, 3, 5, 5, tzinfo=UTC)
VERSION = "2" * 40
URL = "https://example.org/api/health"
RECORD = Release(
    version=VERSION,
    services={
        name: ServiceIdentity(image=f"r@sha256:{'1' * 64}", task_definition=f"arn/{name}:2")
        for name in ("api", "search", "worker")
    },
    sites={"pages": f"sha256:{'5' * 64}", "admin": f"sha256:{'6' * 64}"},
    verified_at="2026-01-02T03:04:05Z",
)
FINE = Observed(
    environment="prod",
    stack=RECORD,
    record=RECORD,
    services={name: Service(task_definition=f"arn/{name}:2", desired=2, running=2) for name in RECORD.services},
    sites=dict(RECORD.sites),
    health={name: Health(url=URL, version=VERSION, miss=None) for name in ("api", "search")},
)


def but(**changes: Mapping[str, Any]) -> Observed:
    """All is as proven, except for single services, sites and health checks."""
    by_name: dict[str, Any] = {kind: {**getattr(FINE, kind), **values} for kind, values in changes.items()}
    return dataclasses.replace(FINE, **by_name)


def test_all_of_them_are_shown_with_their_names() -> None:
    finding = diagnosis.diagnose(FINE, NOW)
    assert finding.good
    assert [(row.name, row.value, row.remark) for row in finding.rows[:-2]] == [
        ("record", "222222222222, proven 2026-01-02 03:04:05 UTC (60 s ago)", "api:2, search:2, worker:2"),
        ("ECS api", "api:2, 2 of 2 tasks", "as recorded"),
        ("ECS search", "search:2, 2 of 2 tasks", "as recorded"),
        ("ECS worker", "worker:2, 2 of 2 tasks", "as recorded"),
        ("site pages", "manifest 555555555555", "as recorded"),
        ("site admin", "manifest 666666666666", "as recorded"),
        ("health api", "pass, 222222222222", URL),
        ("health search", "pass, 222222222222", URL),
    ]


@pytest.mark.parametrize(
    ("observed", "code", "what"),
    [
        (
            but(services={"worker": Service(task_definition="arn/worker:1", desired=1, running=1)}),
            "service differs",
            "service worker: ECS runs worker:1, and worker:2 is proven",
        ),
        (but(services={"search": None}), "service missing", "service search is not there"),
        (
            but(services={"new": Service(task_definition="arn/new:1", desired=1, running=1)}),
            "service differs",
            "service new runs new:1, and was never proven here",
        ),
        (
            but(services={"api": Service(task_definition="arn/api:2", desired=2, running=1)}),
            "tasks missing",
            "service api: only 1 of 2 tasks run",
        ),
        (but(sites={"admin": None}), "site differs", "site admin serves nothing, and 666666666666 is proven"),
        (
            but(sites={"new": f"sha256:{'7' * 64}"}),
            "site differs",
            "site new serves 777777777777, and was never proven here",
        ),
        (
            but(health={"search": Health(url=URL, version=None, miss="no route")}),
            "unhealthy",
            "the health check of search does not pass: no route",
        ),
    ],
)
def test_the_one_that_differs_is_named(observed: Observed, code: str, what: str) -> None:
    finding = diagnosis.diagnose(observed, NOW)
    assert [(problem.code, problem.what) for problem in finding.problems] == [(code, what)]


def test_a_service_that_was_taken_out_of_the_description_by_a_release_that_failed_is_told() -> None:
    services = {name: service for name, service in FINE.services.items() if name != "worker"}
    finding = diagnosis.diagnose(dataclasses.replace(FINE, services=services), NOW)
    assert [problem.what for problem in finding.problems] == [
        "service worker is recorded, and the last release was without it"
    ]


def test_a_new_service_that_runs_no_task_is_as_it_should_be() -> None:
    new = Service(task_definition="arn/new:1", desired=0, running=0)
    assert diagnosis.diagnose(but(services={"new": new}), NOW).good


def test_one_that_cannot_be_read_is_named_and_the_others_are_compared() -> None:
    observed = dataclasses.replace(but(services={"api": None}), unread={"ECS api": "AccessDenied"})
    finding = diagnosis.diagnose(observed, NOW)
    assert [problem.what for problem in finding.problems] == ["ECS api could not be read: AccessDenied"]
    assert as_json(observed, finding)["services"]["api"] is None
    assert as_json(observed, finding)["services"]["search"]["asRecorded"] is True
