"""The local Docker plugin as Pulumi's engine meets it: its process, its protocol, real builds, a real registry."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import docker
import grpc
import pytest
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # it has no types
from pulumi.runtime.proto import engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from local.emulator.process import Running
from local.plugin.wire import UNKNOWN, read_struct, write_struct

pytest_plugins = ["tests.local.plugin_fixtures"]

ROOT = Path(__file__).parents[2]
URN = "urn:pulumi:dev::easi::docker:index/image:Image::backend"


class Engine(engine_pb2_grpc.EngineServicer):
    """Keeps the lines that a plugin sends."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def Log(self, request: Any, _context: Any) -> Any:  # noqa: N802 - the protocol's name
        if not request.ephemeral:
            self.lines.append(request.message)
        return empty_pb2.Empty()


class Plugin:
    """One plugin process and a connection to it."""

    def __init__(self, process: subprocess.Popen[str], engine: Engine) -> None:
        assert process.stdout is not None
        self.process, self.engine = process, engine
        self._stub = provider_pb2_grpc.ResourceProviderStub(
            grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}")
        )
        self.configured = self._stub.Configure(provider_pb2.ConfigureRequest(acceptSecrets=True))

    def check(self, **inputs: Any) -> dict[str, Any]:
        answer = self._stub.Check(provider_pb2.CheckRequest(urn=URN, news=write_struct(inputs)))
        assert not answer.failures
        return read_struct(answer.inputs)

    def diff(self, old: dict[str, Any], new: dict[str, Any]) -> Any:
        request = provider_pb2.DiffRequest(
            urn=URN, id="x", olds=write_struct({}), old_inputs=write_struct(old), news=write_struct(new)
        )
        return self._stub.Diff(request)

    def create(self, inputs: dict[str, Any], *, preview: bool = False) -> dict[str, Any]:
        request = provider_pb2.CreateRequest(urn=URN, properties=write_struct(inputs), preview=preview)
        return read_struct(self._stub.Create(request).properties)

    def delete(self, outputs: dict[str, Any]) -> None:
        self._stub.Delete(provider_pb2.DeleteRequest(urn=URN, id="x", properties=write_struct(outputs)))


@pytest.fixture
def plugin() -> Iterator[Plugin]:
    with _plugin() as started:
        yield started


@contextlib.contextmanager
def _plugin(**environment: str) -> Iterator[Plugin]:
    engine = Engine()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    engine_pb2_grpc.add_EngineServicer_to_server(engine, server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    process = subprocess.Popen(
        [sys.executable, "-m", "local.docker", "-v=9", address],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Plugin(process, engine)
    finally:
        process.kill()
        process.wait()
        server.stop(None)


@pytest.fixture
def inputs(registry: Running, tmp_path: Path) -> Iterator[dict[str, Any]]:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nARG VERSION\nLABEL version=${VERSION}\nCOPY file /file\n")
    (tmp_path / "file").write_text(str(tmp_path))
    name = f"localhost:{registry.port}/app:{tmp_path.name}".lower()
    yield {
        "imageName": name,
        "build": {"context": str(tmp_path), "args": {"VERSION": "1"}},
        "registry": {"server": f"localhost:{registry.port}", "username": "AWS", "password": "hunter2"},
    }
    with contextlib.suppress(docker.errors.ImageNotFound):
        docker.from_env().images.remove(name)


def _pull(reference: str) -> Any:
    return docker.from_env().images.pull(reference)


def test_image_is_built_pushed_and_known_by_its_digest(plugin: Plugin, inputs: dict[str, Any]) -> None:
    outputs = plugin.create(plugin.check(**inputs))
    repository, _, digest = outputs["repoDigest"].partition("@")
    assert repository == inputs["imageName"].rpartition(":")[0]
    assert digest.startswith("sha256:")
    assert _pull(outputs["repoDigest"]).labels == {"version": "1"}
    assert outputs["imageName"] == outputs["baseImageName"] == inputs["imageName"]
    assert outputs["registryServer"] == inputs["registry"]["server"]
    assert [line.split()[0] for line in plugin.engine.lines] == ["Built", "Pushed"]
    assert "hunter2" not in str(outputs) + str(plugin.engine.lines)


def test_time_that_was_given_is_that_of_the_image_and_not_of_its_files(plugin: Plugin, inputs: dict[str, Any]) -> None:
    build = {**inputs["build"], "args": {"VERSION": "1", "SOURCE_DATE_EPOCH": "86400"}}
    os.utime(Path(build["context"]) / "file", (172800, 172800))
    pulled = _pull(plugin.create(plugin.check(**{**inputs, "build": build}))["repoDigest"])
    assert pulled.attrs["Created"] == "1970-01-02T00:00:00Z"
    assert {step["Created"] for step in pulled.history()} == {86400}
    assert pulled.labels == {"version": "1"}
    container = docker.from_env().containers.create(pulled, "none")
    try:
        _, file = container.get_archive("/file")
    finally:
        container.remove()
        docker.from_env().images.prune(filters={"dangling": True, "label": "version=1"})
    assert file is not None
    assert file["mtime"].startswith("1970-01-03T")


def test_time_that_is_no_number_of_seconds_is_refused(plugin: Plugin, inputs: dict[str, Any]) -> None:
    build = {**inputs["build"], "args": {"SOURCE_DATE_EPOCH": "yesterday"}}
    with pytest.raises(grpc.RpcError, match="SOURCE_DATE_EPOCH is 'yesterday': expected whole seconds since 1970"):
        plugin.create(plugin.check(**{**inputs, "build": build}))


def test_unchanged_context_is_no_difference_and_a_changed_one_is(plugin: Plugin, inputs: dict[str, Any]) -> None:
    old = plugin.check(**inputs)
    registry = {**inputs["registry"], "password": "another"}
    assert (
        plugin.diff(old, plugin.check(**{**inputs, "registry": registry})).changes
        == provider_pb2.DiffResponse.DIFF_NONE
    )
    (Path(inputs["build"]["context"]) / "file").write_text("changed")
    changed = plugin.diff(old, plugin.check(**inputs))
    assert changed.changes == provider_pb2.DiffResponse.DIFF_SOME
    assert list(changed.detailedDiff) == ["build.contextDigest"]
    assert not changed.replaces


def test_preview_neither_builds_nor_knows_the_digest(plugin: Plugin, inputs: dict[str, Any]) -> None:
    outputs = plugin.create(plugin.check(**inputs), preview=True)
    assert outputs["repoDigest"] == UNKNOWN
    assert outputs["imageName"] == inputs["imageName"]
    assert plugin.engine.lines == []


def test_build_that_fails_says_what_docker_said(plugin: Plugin, inputs: dict[str, Any]) -> None:
    (Path(inputs["build"]["context"]) / "Dockerfile").write_text("FROM scratch\nCOPY nowhere /nowhere\n")
    with pytest.raises(grpc.RpcError) as error:
        plugin.create(plugin.check(**inputs))
    message = error.value.details()
    assert "could not be built" in message
    assert "nowhere" in message
    assert "Traceback" not in message


def test_push_to_a_repository_that_is_not_there_fails(plugin: Plugin, inputs: dict[str, Any]) -> None:
    missing = {**inputs, "imageName": inputs["imageName"].replace("/app:", "/missing:")}
    with pytest.raises(grpc.RpcError, match="could not be pushed"):
        plugin.create(plugin.check(**missing))
    docker.from_env().images.remove(missing["imageName"])


def test_image_that_is_not_pushed_is_known_by_its_id(plugin: Plugin, inputs: dict[str, Any]) -> None:
    outputs = plugin.create(plugin.check(**inputs, skipPush=True))
    assert outputs["repoDigest"] == docker.from_env().images.get(inputs["imageName"]).id


def test_deleted_image_loses_its_name_here_and_stays_in_the_registry(plugin: Plugin, inputs: dict[str, Any]) -> None:
    outputs = plugin.create(plugin.check(**inputs))
    plugin.delete(outputs)
    with pytest.raises(docker.errors.ImageNotFound):
        docker.from_env().images.get(inputs["imageName"])
    _pull(outputs["repoDigest"])


def test_docker_that_does_not_answer_is_named(inputs: dict[str, Any]) -> None:
    with _plugin(DOCKER_HOST="unix:///nowhere.sock") as plugin, pytest.raises(grpc.RpcError) as error:
        plugin.create(plugin.check(**inputs))
    assert "Docker does not answer" in error.value.details()


@pytest.mark.parametrize(
    "config",
    [
        {"credsStore": "nowhere"},
        {"credHelpers": {"registry.example": "nowhere"}},
        {"auths": {"localhost": {}}, "credsStore": "broken"},
    ],
)
def test_credential_helper_that_does_not_answer_is_not_missed(
    inputs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory, config: dict[str, Any]
) -> None:
    folder = tmp_path_factory.mktemp("docker")
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "docker-credential-broken").write_text("#!/bin/sh\necho no agent\nexit 1\n")
    (folder / "docker-credential-broken").chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    with _plugin(DOCKER_CONFIG=str(folder), PATH=path) as plugin:
        outputs = plugin.create(plugin.check(**inputs))
    assert _pull(outputs["repoDigest"]).labels == {"version": "1"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_plugin_leaves_at_once_and_quietly(plugin: Plugin, how: signal.Signals) -> None:
    begun = time.monotonic()
    plugin.process.send_signal(how)
    assert plugin.process.wait(timeout=5) == 0
    assert time.monotonic() - begun < 1


def test_plugin_ends_with_the_engine_that_started_it() -> None:
    code = "import subprocess, sys; print(subprocess.Popen(sys.argv[1:]).pid, flush=True); sys.stdin.read()"
    parent = subprocess.Popen(
        [sys.executable, "-c", code, sys.executable, "-m", "local.docker", "127.0.0.1:1"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert int(parent.stdout.readline()) > 0  # it serves
    parent.kill()
    parent.wait()
    assert _until(lambda: not _alive(pid))


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _until(what: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 5
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
