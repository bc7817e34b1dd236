"""The environment that the failure suite works on, which of its tests run, and the page that it writes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from release import records
from tests.local.clone import ROOT, Clone
from tests.local.faults import image
from tests.local.faults.page import Page
from tests.local.faults.proxy import Proxy
from tests.local.faults.world import World

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "all_faults: takes long; runs with --all-faults only")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A plain run takes the fast ones."""
    if config.getoption("--all-faults"):
        return
    slow = [item for item in items if HERE in item.path.parents and item.get_closest_marker("all_faults")]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item not in slow]


@pytest.fixture(scope="session")
def environments(request: pytest.FixtureRequest) -> Clone:
    """Local environments of which `dev` is up."""
    given = request.config.getoption("--faults-in")
    found = Clone(Path(given).resolve()) if given else request.getfixturevalue("easi")
    assert isinstance(found, Clone)
    return found


@pytest.fixture(scope="session")
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    """What came of every case. A whole run writes it down."""
    page = Page()
    yield page
    if request.config.getoption("--all-faults") and not request.config.getoption("keyword"):
        (ROOT / "docs" / "failures.md").write_text(page.text())


@pytest.fixture(scope="session")
def misbehaving(environments: Clone, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image that misbehaves, in the repository of `dev`."""
    engine = docker.DockerClient(os.environ["DOCKER_HOST"]) if "DOCKER_HOST" in os.environ else docker.from_env()
    repository = str(environments.outputs("dev")["repository"])
    return image.build(engine, tmp_path_factory.mktemp("image"), repository)


@pytest.fixture(scope="module")
def world(environments: Clone, misbehaving: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """`dev`, with the image that misbehaves in its repository. What was proven there is released again at the end."""
    folder = tmp_path_factory.mktemp("faults")
    with Proxy(environments.port) as proxy, Proxy(environments.port) as function_proxy:
        world = World(environments, proxy, function_proxy, folder)
        world.image = misbehaving
        kept = world.aws("s3").get_object(Bucket=world.records, Key=records.RELEASE_KEY)["Body"].read()
        yield world
        world.stop()
        proxy.use([])
        function_proxy.use([])
        ended = world.release({**world.original, "urn": None})
        assert ended.outcome == "proven", ended.said
        # The suite's versions are in no repository: the tests after this one are not to find them in the record.
        world.aws("s3").put_object(
            Bucket=world.records, Key=records.RELEASE_KEY, Body=kept, ContentType="application/json"
        )
