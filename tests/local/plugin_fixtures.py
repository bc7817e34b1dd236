"""The local plugins on an emulator without containers: for the modules that name this plugin of pytest."""

from __future__ import annotations

from collections.abc import Iterator

import docker
import pytest

from local.aws.provider import AwsProvider
from local.aws.session import Aws
from local.emulator.process import EmulatorSettings, Running, start, stop
from tests.local.emulated import client, free_port


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("emulator")
    try:
        yield start(EmulatorSettings(folder=folder, port=free_port()), print).endpoint
    finally:
        stop(folder, print)


@pytest.fixture
def provider(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> AwsProvider:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    made = AwsProvider()
    made.configure({"region": "us-west-2"})
    return made


@pytest.fixture
def aws(provider: AwsProvider) -> Aws:
    return provider.aws


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("registry")
    running = start(EmulatorSettings(folder=folder, port=free_port()), print)
    client(running.endpoint, "ecr").create_repository(repositoryName="app")
    yield running
    stop(folder, print)
    engine = docker.from_env()
    for image in engine.images.list():
        names = [*image.attrs["RepoTags"], *image.attrs["RepoDigests"]]
        if any(name.startswith(f"localhost:{running.port}/") for name in names):
            engine.images.remove(str(image.id), force=True)
