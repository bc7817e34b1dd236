"""A release that moves the service to another network, or turns ECS Exec on: what is moved, recorded and undone."""

from __future__ import annotations

from typing import Any

import pytest

from functions.deploy.network import Network
from release import records
from release.deploy_function import FunctionFailed
from release.healthcheck import NotProven
from release.records import MARK_KEY, Release
from tests.unit.one_of_each import backend
from tests.unit.release_world import NEW, OLD, World, identity
from tests.unit.releases import before, failed, released, request, run

world = pytest.fixture(released)

HERE, THERE = (Network(subnets=(subnet,), security_groups=("sg-1",)) for subnet in ("subnet-1", "subnet-2"))
MOVED: dict[str, Any] = {
    **identity(OLD),
    "network": {"subnets": ["subnet-2"], "securityGroups": ["sg-1"]},
    "executeCommand": True,
}
"""What runs, elsewhere and with ECS Exec."""


def there_before() -> Release:
    return before(network=HERE, execute_command=False)


def test_network_and_exec_are_moved_to_proven_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, there_before())

    result = run(world, request(**MOVED))

    assert world.setting == (THERE, True)
    assert (backend(result).network, backend(result).execute_command) == (THERE, True)
    assert world.recorded == result
    assert world.deployment == 2
    assert "prove 1" in world.story


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("prove 1", NotProven("nobody answers")),
        ("roll 1", FunctionFailed("no_tasks", "no task ever ran", (), "d2")),
    ],
)
def test_a_failed_move_of_what_runs_goes_back_to_the_network_and_exec_of_before(
    monkeypatch: pytest.MonkeyPatch, fault: str, error: Exception
) -> None:
    world = World(monkeypatch, there_before())
    world.failing = {fault: error}
    world.meanwhile["back to 1"] = world.failing.clear

    told = failed(world, request(**MOVED))

    assert world.setting == (HERE, False)
    assert "the backend is back on easi-impl:1" in told
    assert "111111111111 is proven again" in told
    assert world.last.outcome == "undone"
    world.runs(OLD)


def test_an_earlier_programs_record_means_the_network_that_the_service_had(world: World) -> None:
    world.setting = (HERE, False)
    world.sick = {NEW}

    failed(world, request(network=MOVED["network"], executeCommand=True))

    assert world.setting == (HERE, False)
    world.runs(OLD)


def test_an_earlier_programs_record_of_what_runs_is_proven_again(world: World) -> None:
    world.setting = (THERE, True)

    result = run(world, request(**MOVED))

    assert (world.deployment, backend(result).network, backend(result).execute_command) == (1, THERE, True)
    assert "switch 1 whole" in world.story


def test_what_an_interrupted_release_left_is_no_network_to_go_back_to(world: World) -> None:
    world.setting = (THERE, True)
    world.bucket.objects[MARK_KEY] = b"{}"
    world.sick = {NEW}

    failed(world, request(network=MOVED["network"], executeCommand=True))

    assert world.setting == (THERE, True)


def test_exec_that_was_off_is_in_the_record() -> None:
    release = there_before()
    written = release.to_json()
    assert written["services"]["backend"]["executeCommand"] is False
    assert written["services"]["backend"]["network"] == {"subnets": ["subnet-1"], "securityGroups": ["sg-1"]}
    assert records.release_from_json(written) == release
