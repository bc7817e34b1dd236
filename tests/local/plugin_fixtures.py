"""The local AWS plugin on an emulator without containers: for the modules that name this plugin of pytest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from local.aws.provider import AwsProvider
from local.aws.session import Aws
from local.emulator.process import EmulatorSettings, start, stop
from tests.local.emulator_world import free_port


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
