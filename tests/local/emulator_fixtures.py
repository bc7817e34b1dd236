"""The fixtures over `emulator_world`: a plugin of pytest, so that the modules which name it share one emulator."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import docker
import pytest

from local.emulator.process import EmulatorSettings, start, stop
from tests.local.emulator_world import Service, World, free_port, make_service, push_server


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if shutil.which("go") is None:
        pytest.fail("these tests build a small server: Go is needed on PATH")
    folder = tmp_path_factory.mktemp("emulator")
    emulator = start(EmulatorSettings(folder=folder / "run", port=free_port()), print)
    try:
        world = World(emulator=emulator, image="", balancer={}, folder=folder / "run")
        image = push_server(world, tmp_path_factory.mktemp("server"))
        balancer = world.client("elbv2").create_load_balancer(Name="lb", Subnets=["subnet-1", "subnet-2"])
        world.client("ecs").create_cluster(clusterName="tests")
        world.client("logs").create_log_group(logGroupName="/ecs/tests")
        yield World(emulator=emulator, image=image, balancer=balancer["LoadBalancers"][0], folder=folder / "run")
    finally:
        stop(folder / "run", print)
        engine = docker.from_env()
        for pushed in engine.images.list():
            names = [*pushed.attrs["RepoTags"], *pushed.attrs["RepoDigests"]]
            if any(name.startswith(f"localhost:{emulator.port}/") for name in names):
                engine.images.remove(str(pushed.id), force=True)


@pytest.fixture
def service(world: World, request: pytest.FixtureRequest) -> Iterator[Service]:
    name = str(request.node.name).removeprefix("test_").replace("_", "-")
    made = make_service(world, name[:32].strip("-"))
    yield made
    made.delete()
