"""The release's provider as Pulumi's engine talks to it: values in, values out, messages as they are."""

from __future__ import annotations

import base64
import os
import re
import types
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import dill
import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2  # type: ignore[import-untyped]  # protobuf ships no types
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc

from release import engine_log
from release.engine import ReleaseFailedError
from release.servicer import Servicer
from release.stack import BEFORE, RELEASE

URN = "urn:pulumi:dev::easi::{}::release"
NEWS = {"environment": "dev", "version": "1", "services": {"backend": {"image": "i"}}, "sites": {}, "restart": ""}


class Bomb:
    """What somebody who may write the state puts in the place of a dynamic resource's provider."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.file),)


def struct(values: dict[str, Any]) -> Any:
    return json_format.ParseDict(values, struct_pb2.Struct())


@pytest.fixture
def engine() -> Iterator[Any]:
    """The engine's side of a provider."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)
    server.stop(0)


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, bool]]:
    """What is said: at which resource, what, and whether the next line replaces it."""
    said: list[tuple[str, str, bool]] = []
    log = types.SimpleNamespace(Log=lambda line: said.append((line.urn, line.message, line.ephemeral)))
    monkeypatch.setattr(engine_log, "_engine", lambda: log)
    return said


def released_by(monkeypatch: pytest.MonkeyPatch, run: Any) -> None:
    request = types.SimpleNamespace(connection=None, account="", region="")
    monkeypatch.setattr("release.provider.from_inputs", lambda _inputs: request)
    monkeypatch.setattr("release.provider.session.connect", lambda *_a, **_k: None)
    monkeypatch.setattr("release.provider.engine.run", run)


def test_a_release_is_created_and_updated_and_says_its_lines_at_its_row(
    engine: Any, lines: list[tuple[str, str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(_request: Any, _clients: Any, say: Any, *_: Any) -> Any:
        say.passing("1 of 2 tasks")
        engine.Cancel(empty_pb2.Empty())
        engine.Cancel(empty_pb2.Empty())
        say("proven")
        return types.SimpleNamespace(to_json=lambda: {"version": "a"})

    released_by(monkeypatch, run)
    urn = URN.format(RELEASE)
    made = engine.Create(provider_pb2.CreateRequest(urn=urn, properties=struct(NEWS)))
    again = engine.Update(provider_pb2.UpdateRequest(urn=urn, id=made.id, news=struct(NEWS)))
    assert made.id == "dev-release"
    for answer in (made, again):
        assert json_format.MessageToDict(answer.properties) == NEWS | {"release": {"version": "a"}}
    assert [(where, passing) for where, _, passing in lines] == [(urn, True), (urn, False), (urn, False)] * 2
    assert "goes on to its end" in lines[1][1]


def test_another_network_and_exec_are_said_at_the_row_of_the_release(
    engine: Any, lines: list[tuple[str, str, bool]]
) -> None:
    def differs(news: dict[str, Any], olds: dict[str, Any]) -> list[str]:
        lines.clear()
        request = provider_pb2.DiffRequest(urn=urn, olds=struct(of(olds)), news=struct(of(news)))
        assert engine.Diff(request).changes == provider_pb2.DiffResponse.DIFF_SOME
        assert {where for where, *_ in lines} <= {urn}
        return [line for _, line, _ in lines]

    def of(service: dict[str, Any]) -> dict[str, Any]:
        return {**NEWS, "services": {"backend": service}}

    urn = URN.format(RELEASE)
    here = {"network": {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}, "executeCommand": False}
    there = {"network": {"subnets": ["subnet-2", "subnet-3"], "securityGroups": ["sg-1"]}, "executeCommand": True}
    assert differs(there, here) == [
        "dev: `pulumi up` moves the tasks from subnet-1, sg-1 to subnet-2, subnet-3, sg-1",
        "dev: `pulumi up` turns ECS Exec on",
    ]
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    for network in (unknown, {"subnets": unknown, "securityGroups": ["sg-1"]}, {"subnets": [unknown]}):
        assert differs(here | {"network": network}, here) == [
            "dev: `pulumi up` moves the tasks from subnet-1, sg-1 to a network that is not known yet"
        ]
    assert differs(here, {}) == []


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ReleaseFailedError("dev: a1 was not released"), "dev: a1 was not released"),
        (KeyError("site"), r"error in the release's program, .*test_release_servicer\.py:\d+: KeyError: 'site'"),
    ],
)
def test_a_failure_is_told_as_it_is(
    engine: Any, monkeypatch: pytest.MonkeyPatch, error: Exception, message: str
) -> None:
    def run(*_: Any) -> None:
        raise error

    released_by(monkeypatch, run)
    with pytest.raises(grpc.RpcError) as refused:
        engine.Create(provider_pb2.CreateRequest(urn=URN.format(RELEASE), properties=struct(NEWS)))
    # The whole of it: gRPC's own words would be "Exception calling application: ...".
    assert re.fullmatch(message, refused.value.details())


def test_code_in_the_state_is_not_run(engine: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    code = base64.b64encode(dill.dumps(Bomb(ran))).decode()
    olds = struct(NEWS | {"__provider": code})
    monkeypatch.setattr("release.provider.differs", lambda olds, news: olds != news)
    monkeypatch.setattr("release.provider.read", lambda olds, _say: olds)
    old = URN.format(BEFORE)
    same = engine.Diff(provider_pb2.DiffRequest(urn=URN.format(RELEASE), olds=olds, news=struct(NEWS)))
    assert same.changes == provider_pb2.DiffResponse.DIFF_NONE
    seen = engine.Read(provider_pb2.ReadRequest(urn=old, id="dev-release", properties=olds))
    assert json_format.MessageToDict(seen.properties) == NEWS
    engine.Delete(provider_pb2.DeleteRequest(urn=old, id="dev-release", properties=olds))
    planted = URN.format("pulumi-python:dynamic:Resource")
    with pytest.raises(grpc.RpcError) as refused:
        engine.Delete(provider_pb2.DeleteRequest(urn=planted, id="x", properties=olds))
    assert f"pulumi state delete -s dev '{planted}'" in refused.value.details()
    assert not ran.exists()
