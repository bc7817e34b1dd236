"""The order of a release's phases, and of their undoing, with the phases themselves replaced."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from release import engine, record
from release.record import Identity, Release
from release.request import ReleaseRequest, from_inputs
from release.session import Clients

OLD, NEW = "1" * 40, "2" * 40
ACCOUNT = "arn:aws:ecs:us-west-2:111111111111"


def identity(version: str) -> dict[str, str]:
    return {
        "version": version,
        "image": f"repository@sha256:{version[0] * 64}",
        "taskDefinition": f"{ACCOUNT}:task-definition/easi-impl:{version[0]}",
        "staticManifest": f"sha256:{version[0] * 64}",
    }


def request(**changes: Any) -> ReleaseRequest:
    inputs = {
        **identity(NEW),
        "environment": "impl",
        "source": {"image": "upstream@sha256:x", "bucket": "dev-site", "recordsBucket": "dev-records"},
        "service": f"{ACCOUNT}:service/easi-impl/easi-impl",
        "deployFunction": "easi-impl-deploy",
        "cpuArchitecture": "ARM64",
        "counts": {"minimum": 1.0, "maximum": 2.0},
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


class Phases:
    """Stands for everything that talks to AWS; tells the story and fails where it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, before: Release | None) -> None:
        self.story: list[str] = []
        self.failing: set[str] = set()
        self.record = before
        replace = monkeypatch.setattr
        replace(record, "read", lambda _s3, _bucket: self.record)
        replace(record, "write", self.write)
        replace("release.engine.image.copy_image", lambda **arguments: self.did(f"copy {arguments['digest'][7]}"))
        replace("release.engine.store.load", lambda **arguments: Files(arguments["digest"]))
        replace(
            "release.engine.publish.stage", lambda **arguments: self.did(f"stage {arguments['manifest'].digest[7]}")
        )
        replace("release.engine.rollout.roll_out", self.roll_out)
        replace("release.engine.healthcheck.prove", self.prove)
        replace("release.engine.activate.activate", lambda **arguments: self.did(f"switch {arguments['manifest'][7]}"))
        replace("release.engine.expire.expire", lambda **_arguments: self.did("expire"))

    def did(self, what: str) -> None:
        self.story.append(what)
        if what in self.failing:
            raise RuntimeError(f"{what} failed")

    def roll_out(self, _client: Any, asked: Any, _say: Any) -> Any:
        self.did(f"roll {asked.task_definition[-1]}")
        return Rolled(asked.task_definition, asked.minimum_count)

    def prove(self, check: Any, _say: Any) -> Any:
        self.did(f"prove {check.version[0]}")
        return Proof("2026-01-02T03:04:05Z")

    def write(self, _s3: Any, _bucket: str, release: Release) -> None:
        self.did(f"record {release.version[0]}")
        self.record = release


@dataclasses.dataclass
class Files:
    digest: str


@dataclasses.dataclass
class Rolled:
    task_definition: str
    desired_count: int


@dataclasses.dataclass
class Proof:
    verified_at: str


def before() -> Release:
    values = identity(OLD)
    return Release(
        version=values["version"],
        image=values["image"],
        task_definition=values["taskDefinition"],
        static_manifest=values["staticManifest"],
        verified_at="2026-01-01T00:00:00Z",
    )


CLIENTS = Clients(s3=None, cloudfront=None, ecr=None, function=None)


def run(asked: ReleaseRequest) -> Release:
    return engine.run(asked, CLIENTS, lambda _message: None)


def test_image_must_fit_the_processors_of_the_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    Phases(monkeypatch, before())
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("release.engine.image.copy_image", lambda **arguments: asked.append(arguments))
    run(request(cpuArchitecture="ARM64"))
    run(request(cpuArchitecture="X86_64"))
    assert [arguments["cpu_architecture"] for arguments in asked] == ["ARM64", "X86_64"]


def test_backend_is_proven_before_the_site_is_switched(monkeypatch: pytest.MonkeyPatch) -> None:
    phases = Phases(monkeypatch, before())
    result = run(request())
    assert phases.story == ["copy 2", "stage 2", "roll 2", "prove 2", "switch 2", "record 2", "expire"]
    assert [item.version for item in result.previous] == [OLD]
    assert result.verified_at == "2026-01-02T03:04:05Z"


@pytest.mark.parametrize("phase", ["copy 2", "stage 2"])
def test_nothing_that_serves_changes_when_preparing_fails(monkeypatch: pytest.MonkeyPatch, phase: str) -> None:
    phases = Phases(monkeypatch, before())
    phases.failing = {phase}
    with pytest.raises(engine.ReleaseFailedError, match="Nothing that serves was changed"):
        run(request())
    assert not any(step.startswith(("roll", "switch", "record")) for step in phases.story)


@pytest.mark.parametrize(
    ("phase", "undone"),
    [
        ("roll 2", ["roll 1", "prove 1"]),
        ("prove 2", ["roll 1", "prove 1"]),
        ("switch 2", ["switch 1", "roll 1", "prove 1"]),
    ],
)
def test_what_was_done_is_undone_in_reverse(monkeypatch: pytest.MonkeyPatch, phase: str, undone: list[str]) -> None:
    phases = Phases(monkeypatch, before())
    phases.failing = {phase}
    with pytest.raises(engine.ReleaseFailedError) as raised:
        run(request())
    assert phases.story[phases.story.index(phase) + 1 :] == undone
    assert phases.record == before()
    assert f"{phase} failed" in str(raised.value)
    assert "The backend is back on easi-impl:1, 111111111111, and proven again" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_an_undoing_that_fails_is_said_and_the_others_run(monkeypatch: pytest.MonkeyPatch) -> None:
    phases = Phases(monkeypatch, before())
    phases.failing = {"switch 2", "switch 1"}
    with pytest.raises(engine.ReleaseFailedError) as raised:
        run(request())
    assert phases.story[-2:] == ["roll 1", "prove 1"]
    assert "Undoing failed, too: switch 1 failed" in str(raised.value)


def test_a_first_release_has_nothing_to_return_to(monkeypatch: pytest.MonkeyPatch) -> None:
    phases = Phases(monkeypatch, None)
    phases.failing = {"prove 2"}
    with pytest.raises(engine.ReleaseFailedError, match="nothing to return to"):
        run(request())
    assert phases.story[-1] == "prove 2"


def test_files_that_do_not_expire_fail_no_release(monkeypatch: pytest.MonkeyPatch) -> None:
    phases = Phases(monkeypatch, before())
    phases.failing = {"expire"}
    assert run(request()).version == NEW


def test_a_frontend_that_changed_meanwhile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    phases = Phases(monkeypatch, before())
    monkeypatch.setattr("release.engine.store.load", lambda **_arguments: Files("sha256:" + "9" * 64))
    with pytest.raises(engine.ReleaseFailedError, match="something built it meanwhile"):
        run(request())
    assert phases.story == []


def test_request_takes_its_account_and_region_from_the_service() -> None:
    asked = request()
    assert (asked.account, asked.region) == ("111111111111", "us-west-2")
    assert asked.identity == Identity(
        version=NEW,
        image=identity(NEW)["image"],
        task_definition=identity(NEW)["taskDefinition"],
        static_manifest=identity(NEW)["staticManifest"],
    )
    assert asked.health.url == "https://impl.example.gov/api/v1/healthcheck"
    assert (asked.minimum_count, asked.maximum_count) == (1, 2)
