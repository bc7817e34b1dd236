"""The local environments that the tests share: brought up when the first test asks for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.clone import Clone, clone_to


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "moves_on: leaves another version than the first in the environments; runs later"
    )
    config.addinivalue_line("markers", "last: ends the local environments; runs last")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that read the first release run before those that release others, and what ends it all runs last."""
    items.sort(key=lambda item: 2 * bool(item.get_closest_marker("last")) + bool(item.get_closest_marker("moves_on")))


@pytest.fixture(scope="session")
def easi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    """All three environments, released by one `up` in a clone of its own, and taken down at the end."""
    clone = clone_to(tmp_path_factory.mktemp("clone") / "easi")
    clone.first_version = clone.version
    try:
        up = clone.local("up", timeout_s=1500)
        assert up.returncode == 0, f"`python -m local up` ended with {up.returncode}:\n{up.stdout[-6000:]}"
        clone.first_up = up.stdout
        yield clone
    finally:
        clone.local("down")
