"""Releases in `release_world`: one that ends, one that fails, one that is killed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from release import engine, failure_report
from release.deploy_function import FunctionFailed
from release.inputs import from_inputs
from release.records import Release
from release.request import ReleaseRequest
from release.session import Clients
from tests.unit.one_of_each import one_of_each
from tests.unit.release_services import Killed
from tests.unit.release_world import ACCOUNT, NEW, OLD, World, identity

MIGRATION = {"command": ["/migrate"], "timeout": 900.0}
ROLL_FAILED = FunctionFailed("rolled_back", "ECS took easi-impl:2 back", ("exit code 1", "a", "b", "c"), "d2")
CHANGES = ("copy", "stage", "migrate", "rehearse", "roll", "prove", "switch", "read", "back", "put", "delete", "expire")
"""How the steps begin that change something or prove it."""
SAID: list[str] = []


def request(**changes: Any) -> ReleaseRequest:
    inputs = {
        **identity(NEW),
        "environment": "impl",
        "source": {"image": "upstream@sha256:x", "bucket": "dev-site", "recordsBucket": "dev-records"},
        "service": f"{ACCOUNT}:service/easi-impl/easi-impl",
        "deployFunction": "easi-impl-deploy",
        "cpuArchitecture": "ARM64",
        "counts": {"minimum": 1.0, "maximum": 2.0},
        "rehearsal": {"asks": "version", "passes": 3.0, "stays": 5.0},
        "rolloutDeadline": 60.0,
        "site": {
            "bucket": "impl-site",
            "distributionId": "E1",
            "url": "https://impl.example.gov",
            "connectTo": "",
            "config": {"environment": "impl"},
        },
        "health": {
            "path": "/api/v1/healthcheck",
            "passes": 3.0,
            "interval": 1.0,
            "deadline": 60.0,
            "requireLiveTimestamp": True,
        },
        "recordsBucket": "impl-records",
        "keep": 10.0,
        "reason": None,
        "connection": {"profile": "", "assumeRoles": []},
        **changes,
    }
    return from_inputs(inputs)


def before(**changes: Any) -> Release:
    values = identity(OLD)
    one = one_of_each(
        version=values["version"],
        image=values["image"],
        task_definition=values["taskDefinition"],
        static_manifest=values["staticManifest"],
        **changes,
    )
    return Release(**one, verified_at="2026-01-01T00:00:00Z")


def released(monkeypatch: pytest.MonkeyPatch) -> World:
    """For a fixture: the old version runs, proven."""
    return World(monkeypatch, before())


def run(world: World, asked: ReleaseRequest | None = None) -> Release:
    SAID.clear()
    clients = Clients(s3=world.bucket, cloudfront=None, function=None, make=lambda *_: None)
    return engine.run(asked or request(), clients, SAID.append)


def failed(world: World, asked: ReleaseRequest | None = None) -> str:
    """The story of a release that fails, in one line. The exception is shorter, and says what runs."""
    with pytest.raises(engine.ReleaseFailedError) as raised:
        run(world, asked)
    assert "\n" not in str(raised.value)
    told = world.last.message
    assert len(told.splitlines()) <= failure_report.LINES
    (runs,) = re.findall(r"\n  runs now +(.*)", told)
    assert str(raised.value).endswith(f"is not released, see the lines above. Runs now: {runs.rstrip('.')}")
    for row, begins in (("why", ": "), ("undone", ". "), ("runs now", ". Runs now: "), ("to do", ". To do: ")):
        told = re.sub(rf"\n  {row} +", begins, told)
    return re.sub(r"\n +", "; ", told)


def killed(world: World, where: str) -> None:
    """A release of which nothing is left but what has arrived."""
    world.kill = where
    with pytest.raises(Killed):
        run(world)
    world.kill = None


def changed(world: World) -> list[str]:
    """The story without what only looks."""
    return [step for step in world.story if step.startswith(CHANGES)]
