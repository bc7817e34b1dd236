"""The language host as an engine sees it: its port, the program's folder, errors as people read them, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent import futures
from importlib import metadata
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2  # type: ignore[import-untyped]  # protobuf ships no types
from pulumi.runtime.proto import (
    engine_pb2,
    engine_pb2_grpc,
    language_pb2,
    language_pb2_grpc,
    resource_pb2,
    resource_pb2_grpc,
)

ROOT = Path(__file__).parents[2]


class FakeEngine(engine_pb2_grpc.EngineServicer, resource_pb2_grpc.ResourceMonitorServicer):
    """Takes errors and stack outputs."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.outputs: dict[str, Any] = {}

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        if request.severity == engine_pb2.ERROR:
            self.said.append(request.message)
        return empty_pb2.Empty()

    def SupportsFeature(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return resource_pb2.SupportsFeatureResponse(hasSupport=False)

    def RegisterResource(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        return resource_pb2.RegisterResourceResponse(urn=f"urn:pulumi:dev::easi::{request.type}::{request.name}")

    def RegisterResourceOutputs(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        self.outputs = dict(request.outputs)
        return empty_pb2.Empty()


@pytest.fixture
def engine() -> Iterator[tuple[FakeEngine, str]]:
    fake = FakeEngine()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    engine_pb2_grpc.add_EngineServicer_to_server(fake, server)
    resource_pb2_grpc.add_ResourceMonitorServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield fake, f"127.0.0.1:{port}"
    server.stop(0)


def start(engine: str, parent: list[str] | None = None) -> subprocess.Popen[str]:
    command = [*(parent or []), sys.executable, "-m", "local.language_host", engine]
    environment = dict(os.environ, PYTHONPATH=str(ROOT))
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def host(engine: tuple[FakeEngine, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with start(engine[1]) as process:
        assert process.stdout is not None
        yield process, f"127.0.0.1:{int(process.stdout.readline())}"
        process.kill()


def run(host: str, engine: str, root: Path, program: Path) -> Any:
    with grpc.insecure_channel(host) as channel:
        return language_pb2_grpc.LanguageRuntimeStub(channel).Run(
            language_pb2.RunRequest(
                project="easi",
                stack="dev",
                pwd=str(program),
                program=".",
                config={"easi:color": "blue"},
                monitor_address=engine,
                info=language_pb2.ProgramInfo(
                    root_directory=str(root), program_directory=str(program), entry_point="."
                ),
            ),
            timeout=60,
        )


def write(folder: Path, text: str) -> Path:
    (folder / "__main__.py").write_text(text)
    return folder


Host = tuple[subprocess.Popen[str], str]
Engine = tuple[FakeEngine, str]


def test_program_runs_in_its_folder_with_its_settings(host: Host, engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("NAME = 'beside'\n")
    write(
        tmp_path,
        "import os, pulumi, beside\n"
        "pulumi.export('seen', ' '.join([os.getcwd(), beside.NAME, pulumi.Config('easi').require('color')]))\n",
    )
    answer = run(host[1], engine[1], tmp_path / ".local" / "project", tmp_path)
    assert (answer.error, answer.bail) == ("", False)
    assert engine[0].outputs["seen"] == f"{tmp_path} beside blue"


def test_a_second_run_sees_what_changed(host: Host, engine: Engine, tmp_path: Path) -> None:
    write(tmp_path, "import pulumi, beside\npulumi.export('seen', beside.NAME)\n")
    for name in ("first", "second"):
        (tmp_path / "beside.py").write_text(f"NAME = {name!r}\n")
        run(host[1], engine[1], tmp_path, tmp_path)
        assert engine[0].outputs["seen"] == name


def test_an_exception_is_shown_once_from_the_programs_own_line_on(host: Host, engine: Engine, tmp_path: Path) -> None:
    write(tmp_path, "def settle():\n    raise ValueError('no such size')\n\nsettle()\n")
    answer = run(host[1], engine[1], tmp_path, tmp_path)
    assert answer.bail
    assert answer.error == ""
    (said,) = engine[0].said
    assert said.startswith("Program failed with an unhandled exception:\nTraceback")
    assert said.rstrip().endswith("ValueError: no such size")
    assert f'File "{tmp_path / "__main__.py"}", line 4' in said
    assert "runpy" not in said
    assert "language_host" not in said


def test_a_run_error_is_one_sentence(host: Host, engine: Engine, tmp_path: Path) -> None:
    write(tmp_path, "import pulumi\nraise pulumi.RunError('the settings cannot be used')\n")
    assert run(host[1], engine[1], tmp_path, tmp_path).bail
    assert engine[0].said == ["the settings cannot be used"]


def test_a_folder_without_a_program_is_named(host: Host, engine: Engine, tmp_path: Path) -> None:
    assert run(host[1], engine[1], tmp_path, tmp_path).bail
    assert engine[0].said == [f"there is no program at {tmp_path / '__main__.py'}"]


def test_install_brings_the_packages_to_what_is_locked_and_says_so(host: Host) -> None:
    with grpc.insecure_channel(host[1]) as channel:
        stub = language_pb2_grpc.LanguageRuntimeStub(channel)
        answers = list(stub.InstallDependencies(language_pb2.InstallDependenciesRequest(), timeout=60))
    assert b"".join(answer.stdout for answer in answers).endswith(
        b"the packages of requirements-dev.lock are installed in .venv\n"
    )


def test_about_lists_what_is_installed(host: Host) -> None:
    with grpc.insecure_channel(host[1]) as channel:
        stub = language_pb2_grpc.LanguageRuntimeStub(channel)
        direct, all_ = (
            stub.GetProgramDependencies(
                language_pb2.GetProgramDependenciesRequest(transitiveDependencies=transitive), timeout=60
            ).dependencies
            for transitive in (False, True)
        )
    assert {item.name: item.version for item in all_}["pulumi"] == metadata.version("pulumi")
    assert 0 < len(direct) < len(all_)


def test_it_ends_at_once_on_interrupt(host: Host) -> None:
    host[0].send_signal(signal.SIGINT)
    assert host[0].wait(timeout=3) == 0
    assert host[0].stderr is not None
    assert host[0].stderr.read() == ""


def test_it_ends_when_its_engine_dies() -> None:
    script = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    with start("127.0.0.1:1", [sys.executable, "-c", script]) as parent:
        assert parent.stdout is not None
        int(parent.stdout.readline())
        command = ["ps", "-o", "pid=", "--ppid", str(parent.pid)]
        listed = subprocess.run(command, capture_output=True, text=True, check=True)
        child = int(listed.stdout)
        parent.kill()
        deadline = time.monotonic() + 10
        while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not Path(f"/proc/{child}").exists()
