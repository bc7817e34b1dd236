"""What the tests of the local environments share: a Docker engine, and a clone that was brought up with one command."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from local import docker_engine, preflight
from local.layout import here
from tests.local import parts, site_world
from tests.local.clone import Clone, clone_to


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "moves_on: leaves another version than the first in the environments; runs later"
    )
    config.addinivalue_line("markers", "last: ends the local environments; runs last")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests that read the first release run before those that release others, and what ends it all runs last."""
    if part := config.getoption("--part"):
        items[:], others = parts.select(items, part)
        config.hook.pytest_deselected(items=others)
    items.sort(key=lambda item: 2 * bool(item.get_closest_marker("last")) + bool(item.get_closest_marker("moves_on")))
    if hasattr(config, "workerinput"):  # of xdist: its workers share no world, and take groups in their order
        items.sort(key=lambda item: parts.rank(item.nodeid))


class ByWorld(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Workers of xdist that share no world. Its own `--dist loadgroup` (3.8) leaves groups out of pytest 9.2's ids."""

    def _split_scope(self, nodeid: str) -> str:
        return parts.group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByWorld:
    config.option.loadscopereorder = False  # by the number of tests
    return ByWorld(config, log)


@pytest.fixture(scope="session", autouse=True)
def docker_host() -> None:
    """An engine for every test here, found or started as `make up` does it; `make down` ends one that was started."""
    with (here().local / "tests.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of workers that begin together, one starts it
        host = docker_engine.ensure(here(), print)
    if host != f"unix://{preflight.DEFAULT_SOCKET}":
        os.environ["DOCKER_HOST"] = host


@pytest.fixture(scope="session")
def site_endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An emulator for sites; each test has buckets of its own."""
    yield from site_world.emulator(tmp_path_factory.mktemp("emulator"))


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
