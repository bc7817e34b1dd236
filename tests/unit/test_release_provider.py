from __future__ import annotations

import json
import types
from typing import Any

import pytest
from botocore.exceptions import ClientError

from release import provider, session
from release.drift import Found
from release.request import IDENTITY
from release.rollout import RolloutFailed
from tests.unit.fake_s3 import FakeS3, refusal

RECORD: dict[str, Any] = {
    "version": "1" * 40,
    "image": "a@sha256:1",
    "taskDefinition": "arn:1",
    "staticManifest": "sha256:1",
    "verifiedAt": "2026-01-02T03:04:05Z",
    "previous": [],
}
INPUTS: dict[str, Any] = {
    "environment": "dev",
    "version": "1" * 40,
    "image": "a@sha256:1",
    "taskDefinition": "arn:1",
    "staticManifest": "sha256:1",
    "service": "arn:aws:ecs:us-west-2:111111111111:service/easi/backend",
    "network": {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]},
    "executeCommand": False,
    "counts": {"minimum": 1.0, "maximum": 2.0},
    "site": {"config": {"environment": "dev"}},
    "deployFunction": "deploy",
    "rolloutDeadline": 60.0,
    "health": {"passes": 3.0},
    "recordsBucket": "records",
    "connection": {"profile": "", "assumeRoles": []},
    "release": RECORD,
    "restart": "",
}


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> FakeS3:
    """The records bucket, in which the record is what the state has."""
    made = FakeS3()
    made.objects["release.json"] = json.dumps(RECORD).encode()
    clients = session.Clients(s3=made, cloudfront=None, function=None)
    monkeypatch.setattr("release.provider.session.connect", lambda *_a, **_k: clients)
    return made


def changes(news: dict[str, Any]) -> bool:
    return provider.differs(INPUTS, {**INPUTS, **news, "release": None})


@pytest.mark.parametrize("key", [*IDENTITY, "recordsBucket"])
def test_a_change_of_what_runs_is_a_release(key: str) -> None:
    assert changes({key: "another"}) is True


@pytest.mark.parametrize("key", ["rolloutDeadline", "health"])
def test_a_change_of_how_it_is_proven_is_none(bucket: FakeS3, key: str) -> None:
    assert changes({key: "another"}) is False


def test_nothing_changed_is_no_release(bucket: FakeS3) -> None:
    assert changes({}) is False


def test_a_restart_that_is_asked_for_is_a_release() -> None:
    assert changes({"restart": "rotated"}) is True


def test_what_an_interrupted_release_left_is_a_release(bucket: FakeS3) -> None:
    bucket.objects["unsettled.json"] = b"{}"
    assert changes({}) is True


def test_a_release_that_pulumi_never_stored_is_a_release(bucket: FakeS3) -> None:
    """It was killed after all was recorded in AWS, and before its outputs reached the state."""
    bucket.objects["release.json"] = json.dumps(RECORD | {"version": "2" * 40}).encode()
    assert changes({}) is True


def test_another_proof_of_the_same_release_is_none(bucket: FakeS3) -> None:
    bucket.objects["release.json"] = json.dumps(RECORD | {"verifiedAt": "2026-11-24T00:00:00Z"}).encode()
    assert changes({}) is False


def test_a_record_that_is_gone_is_a_release(bucket: FakeS3) -> None:
    del bucket.objects["release.json"]
    assert changes({}) is True


def test_credentials_that_may_not_look_see_no_release(bucket: FakeS3, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(_operation: str, _key: str) -> None:
        raise refusal("AccessDenied")

    bucket.before = denied
    assert changes({}) is False

    def nobody(*_arguments: Any, **_more: Any) -> None:
        raise session.WrongAccountError("sign in")

    monkeypatch.setattr("release.provider.session.connect", nobody)
    assert changes({}) is False


def test_a_bucket_that_does_not_answer_is_told(bucket: FakeS3) -> None:
    def down(_operation: str, _key: str) -> None:
        raise refusal("InternalError")

    bucket.before = down
    with pytest.raises(ClientError):
        changes({})


def refused(code: str) -> Any:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Invoke")


def read(monkeypatch: pytest.MonkeyPatch, look: Any) -> dict[str, Any]:
    """The outputs of a refresh."""
    request = types.SimpleNamespace(connection=None, account="1", region="r", environment="dev")
    monkeypatch.setattr("release.provider.from_inputs", lambda _props: request)
    monkeypatch.setattr("release.provider.session.connect", lambda *_a, **_k: None)
    monkeypatch.setattr("release.provider.drift.look", look)
    return provider.read(INPUTS, print)


def failing(error: Exception) -> Any:
    def fail(*_arguments: Any) -> None:
        try:
            raise error
        except ClientError as cause:
            raise RolloutFailed("error", "it cannot be asked") from cause

    return fail


def test_a_refresh_shows_what_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    found = Found(release=None, task_definition="arn:9", static_manifest="sha256:1 changed: index.html")
    outs = read(monkeypatch, lambda *_: found)
    said = capsys.readouterr().out
    assert "dev: the service is to run arn:9, and ran " in said
    assert "dev: the site is sha256:1 changed: index.html, and was " in said
    assert (outs["taskDefinition"], outs["staticManifest"]) == ("arn:9", "sha256:1 changed: index.html")
    assert outs["release"] == RECORD


def test_a_refresh_shows_the_network_and_exec_of_the_service(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = {"subnets": ["subnet-3"], "securityGroups": ["sg-1"]}
    found = Found(
        release=None, task_definition="arn:1", static_manifest="sha256:1", network=moved, execute_command=True
    )
    outs = read(monkeypatch, lambda *_: found)
    assert (outs["network"], outs["executeCommand"]) == (moved, True)
    assert capsys.readouterr().out.splitlines() == [
        "dev: the service is to run in subnet-3, sg-1, and ran in subnet-1, subnet-2, sg-1",
        "dev: ECS Exec of the service is on",
    ]
    assert changes(outs | {"network": moved}) is True


@pytest.mark.parametrize("key", ["network", "executeCommand"])
def test_a_state_without_a_network_or_exec_is_refreshed_as_it_is_and_released_once(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.delitem(INPUTS, key)
    found = Found(
        release=None,
        task_definition="arn:1",
        static_manifest="sha256:1",
        network={"subnets": ["subnet-9"], "securityGroups": []},
        execute_command=True,
    )
    assert key not in read(monkeypatch, lambda *_: found)
    assert changes({key: "first"}) is True


def test_a_role_that_sees_ecs_only_keeps_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Found(release=None, task_definition="arn:9", static_manifest=None, denied="AccessDenied")
    assert read(monkeypatch, lambda *_: found) == {**INPUTS, "taskDefinition": "arn:9"}
    assert "the record and the site not compared" in capsys.readouterr().out


def test_a_role_that_may_not_look_keeps_what_the_last_release_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(monkeypatch, failing(refused("AccessDeniedException"))) == INPUTS
    assert "what runs not compared" in capsys.readouterr().out


def test_another_failure_to_look_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RolloutFailed):
        read(monkeypatch, failing(refused("ServiceException")))
