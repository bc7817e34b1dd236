"""`evidence` and `proof` of several services and sites."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import pytest

from ci import main
from cli import evidence, outcome
from cli.events import Preview
from cli.outcome import Outcome
from release import healthcheck, session
from release.healthcheck import HealthCheck, NotProven, Proof
from tests.unit import several
from tests.unit.environments import World, released

NEW = "2" * 40


@pytest.fixture
def world(world: World) -> World:
    world.ecs = SimpleNamespace(describe_services=lambda **_: {"services": []})
    several.add(world, "impl", several.several(world.third, manifests={"admin": "sha256:a1"}, same=("reports",)))
    several.add(world, "prod", several.several(world.first, same=("reports",)), promotes_from="impl")
    return world


def preview(stack: str, *, refresh: bool = False) -> Preview:
    return Preview(stack=stack, version="1" * 40, counts={"update": 2}, refresh=refresh)


def scan(monkeypatch: pytest.MonkeyPatch, found: dict[str, dict[str, int]]) -> None:
    """Let the scans of images, by the first letter of their services, have these findings."""

    def describe(*, imageId: dict[str, str], **_: Any) -> Any:  # noqa: N803 - boto3's name
        counts = found.get(imageId["imageDigest"].removeprefix("sha256:")[0], {})
        return {"imageScanStatus": {"status": "COMPLETE"}, "imageScanFindings": {"findingSeverityCounts": counts}}

    ecr = SimpleNamespace(describe_image_scan_findings=describe)
    monkeypatch.setattr(session, "sign_in", lambda *_, **__: SimpleNamespace(client=lambda *_, **__: ecr))
    monkeypatch.setattr(evidence, "create", preview)


def test_the_evidence_has_the_image_the_scan_and_the_files_of_each(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.stacks["prod"]["config"]["easi:refuseFindings"] = {"value": "high"}
    world.write()
    scan(monkeypatch, {"w": {"HIGH": 2}, "b": {"LOW": 4}})

    assert main(["evidence", "-s", "prod"]) == 0

    said, shown = capsys.readouterr().out, world.summary()
    scans = "  scan      backend: 4 low\n            reports: no findings\n            worker: 2 high\n"
    assert scans in said
    assert said.count("the release will be refused") == 1
    assert "  warning   the release will be refused: service worker: registry/repository@sha256:w" in said
    digest = f"sha256:w{world.third[:11]}".ljust(71, "0")
    assert f"            image worker             {digest}\n" in said
    assert "            static files admin       sha256:a1\n" in said
    assert "            task definition reports  easi-reports:1\n" in said
    assert f"| image worker | <code>{digest}</code> |" in shown, "to be copied"
    assert f"| image backend | <code>b{world.third[:11]}, now b{world.first[:11]}</code> |" in shown
    assert "| image reports | <code>the same</code> |" in shown
    assert "| static files site | <code>the same</code> |" in shown
    assert "| static files admin | <code>a1, now 555555555555</code> |" in shown
    assert "| image scan | backend: 4 low; reports: no findings; worker: 2 high |" in shown


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> dict[str, bool]:
    """Whether the answers to the health checks are compared, by path; what is not there does not pass."""
    compared: dict[str, bool] = {}

    def prove(check: HealthCheck, _say: Any, _tasks: Any) -> Proof:
        path = check.url.rpartition("/")[2]
        if path not in compared:
            raise NotProven("no answer")
        return Proof(verified_at="2026-01-02T03:05:00Z", passes=3, last={}, version_compared=compared[path])

    monkeypatch.setattr(healthcheck, "prove", prove)
    return compared


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ({"health": True}, "  answers now              no: service reports: no answer\n"),
        ({"health": False, "reports": True}, f": {healthcheck.NOT_COMPARED}\n"),
    ],
)
def test_the_proof_says_which_service_does_not_answer_and_is_no_stronger_than_the_weakest(
    world: World,
    checks: dict[str, bool],
    capsys: pytest.CaptureFixture[str],
    answers: dict[str, bool],
    says: str,
) -> None:
    several.add(world, "dev", several.several(world.third))
    inputs = world.stacks["dev"]["export"]["deployment"]["resources"][-1]["inputs"]
    inputs["services"]["reports"]["health"] = {**inputs["services"]["reports"]["health"], "path": "/reports"}
    world.write()
    checks.update(answers)
    main(["proof", "-s", "dev"])
    assert says in capsys.readouterr().out


def test_where_one_does_not_answer_the_logs_of_all_are_named() -> None:
    failed = Outcome(environment="dev", version=NEW, release=several.several(NEW), miss="service reports: no answer")
    names = "service backend, service reports and service worker"
    assert f"(and look at the logs of {names})" in "\n".join(outcome.story(failed))
    one = dataclasses.replace(failed, release=released(NEW))
    assert "(and look at the logs of the backend)" in "\n".join(outcome.story(one))
