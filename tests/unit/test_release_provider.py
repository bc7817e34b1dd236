from __future__ import annotations

import json
import types
from typing import Any

import pytest
from botocore.exceptions import ClientError

from release import provider, session
from release.deploy_function import FunctionFailed
from release.drift import Running, RunningService
from release.inputs import RUNS, SERVES
from tests.unit.fake_s3 import FakeS3, refusal

RECORD: dict[str, Any] = {
    "version": "1" * 40,
    "image": "a@sha256:1",
    "taskDefinition": "arn:1",
    "staticManifest": "sha256:1",
    "verifiedAt": "2026-01-02T03:04:05Z",
    "previous": [],
}
SERVICE: dict[str, Any] = {
    "image": "a@sha256:1",
    "taskDefinition": "arn:1",
    "service": "arn:aws:ecs:us-west-2:111111111111:service/easi/backend",
    "network": {"subnets": ["subnet-1", "subnet-2"], "securityGroups": ["sg-1"]},
    "executeCommand": False,
    "counts": {"minimum": 1.0, "maximum": 2.0},
    "deployFunction": "deploy",
    "health": {"passes": 3.0},
}
SITE: dict[str, Any] = {
    "bucket": "site",
    "distributionId": "E1",
    "routes": None,
    "url": "https://a.gov",
    "connectTo": "",
    "manifest": "sha256:1",
    "config": {"environment": "dev"},
    "source": {"folder": "dist"},
}
INPUTS: dict[str, Any] = {
    "environment": "dev",
    "version": "1" * 40,
    "services": {"backend": SERVICE},
    "sites": {"site": SITE},
    "rolloutDeadline": 60.0,
    "recordsBucket": "records",
    "connection": {"profile": "", "assumeRoles": []},
    "release": RECORD,
    "restart": "",
}
FLAT: dict[str, Any] = {
    **{key: value for key, value in INPUTS.items() if key not in ("services", "sites")},
    **SERVICE,
    "staticManifest": "sha256:1",
    "site": {key: value for key, value in SITE.items() if key not in ("manifest", "source")},
    "source": SITE["source"],
}
"""The same as an earlier program stored it."""


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> FakeS3:
    """The records bucket, in which the record is what the state has."""
    made = FakeS3()
    made.objects["release.json"] = json.dumps(RECORD).encode()
    clients = session.Clients(s3=made, cloudfront=None, function=None)
    monkeypatch.setattr("release.provider.session.connect", lambda *_a, **_k: clients)
    return made


def changes(news: dict[str, Any], olds: dict[str, Any] = INPUTS) -> bool:
    return provider.differs(olds, {**INPUTS, **news, "release": None})


def of_service(**news: Any) -> dict[str, Any]:
    return {"services": {"backend": {**SERVICE, **news}}}


def of_site(**news: Any) -> dict[str, Any]:
    return {"sites": {"site": {**SITE, **news}}}


@pytest.mark.parametrize("olds", [INPUTS, FLAT], ids=["this program's", "an earlier one's"])
@pytest.mark.parametrize(
    "news",
    [
        {"version": "another"},
        {"recordsBucket": "another"},
        *(of_service(**{key: "another"}) for key in RUNS),
        *(of_site(**{key: "another"}) for key in SERVES),
        {"services": {}},
        {"services": {"backend": SERVICE, "worker": SERVICE}},
        {"sites": {"site": SITE, "admin": SITE}},
    ],
)
def test_a_change_of_what_runs_is_a_release(news: dict[str, Any], olds: dict[str, Any]) -> None:
    assert changes(news, olds) is True


@pytest.mark.parametrize("olds", [INPUTS, FLAT], ids=["this program's", "an earlier one's"])
@pytest.mark.parametrize(
    "news", [{"rolloutDeadline": 1.0}, of_service(health={"passes": 9.0}), of_site(source={"folder": "b"}), {}]
)
def test_a_change_of_how_it_is_proven_is_none(bucket: FakeS3, news: dict[str, Any], olds: dict[str, Any]) -> None:
    assert changes(news, olds) is False


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


def running(
    *, task_definition: str = "arn:1", manifest: str | None = "sha256:1", denied: str | None = None, **more: Any
) -> Any:
    """For `drift.look`."""
    services = {"backend": RunningService(task_definition=task_definition, **more)}
    return lambda *_: Running(services=services, sites={} if denied else {"site": manifest}, denied=denied)


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
            raise FunctionFailed("error", "it cannot be asked") from cause

    return fail


def test_a_refresh_shows_what_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    outs = read(monkeypatch, running(task_definition="arn:9", manifest="sha256:1 changed: index.html"))
    said = capsys.readouterr().out
    assert "dev: the service is to run arn:9, and ran " in said
    assert "dev: the site is sha256:1 changed: index.html, and was " in said
    assert outs["services"]["backend"]["taskDefinition"] == "arn:9"
    assert outs["sites"]["site"]["manifest"] == "sha256:1 changed: index.html"
    assert outs["release"] == RECORD


def test_a_refresh_shows_the_network_and_exec_of_the_service(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    moved = {"subnets": ["subnet-3"], "securityGroups": ["sg-1"]}
    outs = read(monkeypatch, running(network=moved, execute_command=True))
    service = outs["services"]["backend"]
    assert (service["network"], service["executeCommand"]) == (moved, True)
    assert capsys.readouterr().out.splitlines() == [
        "dev: the service is to run in subnet-3, sg-1, and ran in subnet-1, subnet-2, sg-1",
        "dev: ECS Exec of the service is on",
    ]
    assert changes(outs) is True


@pytest.mark.parametrize("key", ["network", "executeCommand"])
def test_a_state_without_a_network_or_exec_is_refreshed_as_it_is_and_released_once(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.delitem(SERVICE, key)
    network = {"subnets": ["subnet-9"], "securityGroups": []}
    outs = read(monkeypatch, running(network=network, execute_command=True))
    assert key not in outs["services"]["backend"]
    assert changes(of_service(**{key: "first"})) is True


def test_a_role_that_sees_ecs_only_keeps_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    outs = read(monkeypatch, running(task_definition="arn:9", denied="AccessDenied"))
    assert outs == {**INPUTS, **of_service(taskDefinition="arn:9")}
    assert "the record and the site not compared" in capsys.readouterr().out


def test_a_role_that_may_not_look_keeps_what_the_last_release_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert read(monkeypatch, failing(refused("AccessDeniedException"))) == INPUTS
    assert "what runs not compared" in capsys.readouterr().out


def test_another_failure_to_look_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FunctionFailed):
        read(monkeypatch, failing(refused("ServiceException")))
