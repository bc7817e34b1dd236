from __future__ import annotations

import types
from typing import Any

import dill
import pytest
from botocore.exceptions import ClientError

from release.request import IDENTITY
from release.resource import ReleaseProvider
from release.rollout import RolloutFailed

INPUTS: dict[str, Any] = {
    "version": "1" * 40,
    "image": "a@sha256:1",
    "taskDefinition": "arn:1",
    "staticManifest": "sha256:1",
    "service": "arn:service",
    "counts": {"minimum": 1.0, "maximum": 2.0},
    "site": {"config": {"environment": "dev"}},
    "deployFunction": "deploy",
    "rolloutDeadline": 60.0,
    "health": {"passes": 3.0},
}


def changes(news: dict[str, Any]) -> bool | None:
    return ReleaseProvider().diff("id", INPUTS, {**INPUTS, **news}).changes


@pytest.mark.parametrize("key", IDENTITY)
def test_a_change_of_what_runs_is_a_release(key: str) -> None:
    assert changes({key: "another"}) is True


@pytest.mark.parametrize("key", ["rolloutDeadline", "health"])
def test_a_change_of_how_it_is_proven_is_none(key: str) -> None:
    assert changes({key: "another"}) is False


def test_nothing_changed_is_no_release() -> None:
    assert changes({}) is False


def test_provider_is_stored_by_its_permanent_path() -> None:
    stored = dill.dumps(ReleaseProvider())
    assert b"release.resource" in stored
    assert len(stored) < 100, "the state must refer to the class and not contain its code"
    assert vars(ReleaseProvider()) == {}


def test_delete_leaves_what_runs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_arguments: Any, **_more: Any) -> None:
        raise AssertionError("delete must not talk to AWS")

    monkeypatch.setattr("release.resource.session.connect", forbidden)
    ReleaseProvider().delete("id", INPUTS)


def refused(code: str) -> Any:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Invoke")


def read(monkeypatch: pytest.MonkeyPatch, error: Exception) -> dict[str, Any]:
    """The outputs of a refresh in which looking at what runs fails."""

    def fail(*_arguments: Any) -> None:
        try:
            raise error
        except ClientError as cause:
            raise RolloutFailed("error", "the function cannot be invoked") from cause

    request = types.SimpleNamespace(connection=None, account="1", region="r", environment="dev")
    monkeypatch.setattr("release.resource.from_inputs", lambda _props: request)
    monkeypatch.setattr("release.resource.session.connect", lambda *_a, **_k: None)
    monkeypatch.setattr("release.resource.engine.look", fail)
    return dict(ReleaseProvider().read("id", INPUTS).outs or {})


def test_a_role_that_may_not_look_keeps_what_the_last_release_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(monkeypatch, refused("AccessDeniedException")) == INPUTS
    assert "not compared with what runs" in capsys.readouterr().err


def test_another_failure_to_look_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RolloutFailed):
        read(monkeypatch, refused("ServiceException"))
