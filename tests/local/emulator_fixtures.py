"""The fixtures over `emulator_world`: a plugin of pytest, so that the modules which name it share one emulator."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import docker
import pytest

from local.emulator.process import EmulatorSettings, start, stop
from tests.local.emulated import free_port
from tests.local.emulator_world import Service, World, make_service, prepared

LAST_LINES = 40


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the emulator's log under a test that failed: it says what the tasks of the test came to."""
    report = yield
    world = getattr(item, "funcargs", {}).get("world")
    if report.failed and isinstance(world, World):
        report.sections.append(("the emulator", what_the_emulator_did(world.folder)))
    return report


def what_the_emulator_did(folder: Path) -> str:
    """The last lines of its log but for what it saved; how busy the machine is, and how long Docker takes to answer."""
    lines = (folder / "log").read_text(errors="replace").splitlines()
    told = [line for line in lines if "[persistence]" not in line][-LAST_LINES:]
    begun = time.monotonic()
    try:
        number = len(docker.from_env().api.containers())
    except (docker.errors.DockerException, OSError) as error:
        answer = f"Docker: {error}"
    else:
        answer = f"Docker listed {number} running containers in {time.monotonic() - begun:.2f} s"
    return "\n".join([*told, f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; {answer}"])


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if shutil.which("go") is None:
        pytest.fail("these tests build a small server: Go is needed on PATH")
    folder = tmp_path_factory.mktemp("emulator")
    emulator = start(EmulatorSettings(folder=folder / "run", port=free_port()), print)
    try:
        yield prepared(emulator, folder / "run", tmp_path_factory.mktemp("server"))
    finally:
        stop(folder / "run", print)
        engine = docker.from_env()
        for pushed in engine.api.images():  # one call: an image of somebody else may go away while this looks
            names = [*(pushed["RepoTags"] or []), *(pushed["RepoDigests"] or [])]
            if any(name.startswith(f"localhost:{emulator.port}/") for name in names):
                engine.images.remove(str(pushed["Id"]), force=True)


@pytest.fixture
def service(world: World, request: pytest.FixtureRequest) -> Iterator[Service]:
    name = re.sub(r"[^a-z0-9]+", "-", str(request.node.name).removeprefix("test_"))
    made = make_service(world, name[:32].strip("-"))
    yield made
    made.delete()
