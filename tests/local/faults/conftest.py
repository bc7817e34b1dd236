"""The environment that the failure suite works on, which of its tests run, and the page that it writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.clone import ROOT, Clone
from tests.local.faults.page import Page
from tests.local.faults.world import World, opened

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
    folder = request.config.getoption("--faults-in")
    clone = Clone(Path(folder).resolve()) if folder else request.getfixturevalue("easi")
    assert isinstance(clone, Clone)
    return clone


@pytest.fixture(scope="session")
def page(request: pytest.FixtureRequest) -> Iterator[Page]:
    """What came of every case. A whole run writes it down."""
    page = Page()
    yield page
    if request.config.getoption("--all-faults") and not request.config.getoption("keyword"):
        (ROOT / "docs" / "failures.md").write_text(page.text())


@pytest.fixture(scope="module")
def world(environments: Clone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """`dev`, with the image that misbehaves in its repository."""
    with opened(environments, tmp_path_factory.mktemp("faults")) as world:
        yield world
