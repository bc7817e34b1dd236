"""One-off tasks as the deploy function runs them: migrations and commands, real and in containers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from release.one_off import TaskFailed
from tests.local.deployed_service import Aws, Service, deployed, emulated
from tests.local.emulator_world import wait_for


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with emulated(tmp_path_factory) as made:
        yield made


service = pytest.fixture(deployed)


def test_migration_runs_once_in_a_task_of_its_own(service: Service) -> None:
    revision = service.register("one")

    service.migrate(revision, "exit", "0")

    (task,) = service.one_offs()
    assert task["taskDefinitionArn"] == revision
    assert task["overrides"]["containerOverrides"] == [{"name": "backend", "command": ["exit", "0"]}]
    assert service.on() is None


def test_failed_migration_tells_its_exit_code_and_what_it_wrote_but_no_secret(service: Service) -> None:
    with pytest.raises(TaskFailed) as caught:
        service.migrate(service.register("one"), "exit", "3")

    assert caught.value.outcome == "failed"
    assert "exit code 3" in caught.value.message
    assert any("backend | migrating with password=[hidden] in [MODE]" in line for line in caught.value.details)
    assert "hunter2" not in repr(caught.value.details)


@pytest.mark.parametrize("code", [0, 3])
def test_command_shows_what_it_writes_but_no_secret_and_has_its_exit_code(code: int, service: Service) -> None:
    ended, written = service.run(service.register("one"), "exit", str(code))
    assert (ended, written) == (code, ["migrating with password=[hidden] in [MODE]"])


def test_command_that_does_not_end_is_stopped_and_has_the_exit_code_of_timeout(service: Service) -> None:
    ended, written = service.run(service.register("one"), "hang", timeout_s=8)
    assert (ended, written[:1]) == (124, ["migrating with password=[hidden] in [MODE]"])
    (task,) = service.one_offs()
    assert (task["lastStatus"], task["stopCode"]) == ("STOPPED", "UserInitiated")


def test_migration_that_hangs_is_stopped(service: Service) -> None:
    with pytest.raises(TaskFailed) as caught:
        service.migrate(service.register("one"), "hang", timeout_s=6)

    assert caught.value.outcome == "timed_out"
    (task,) = service.one_offs()
    assert (task["lastStatus"], task["stopCode"]) == ("STOPPED", "UserInitiated")


def test_task_that_ends_well_because_it_was_told_to_has_failed(service: Service) -> None:
    run = {"taskDefinition": service.register("one"), "container": "backend", "containerCommand": ["hang"]}
    with service.lease() as held:
        task = service.ask("run_task", lease=held.id, **run)["task"]
        assert wait_for(lambda: any("migrating" in line for line in asked(service, task)["details"]))
        service.ask("stop_task", lease=held.id, task=task, reason="enough")

    assert wait_for(lambda: asked(service, task)["outcome"] != "in_progress")

    answer = asked(service, task)
    assert (answer["outcome"], answer["exitCode"], answer["reason"]) == ("failed", 0, "stopped: enough")


def asked(service: Service, task: str) -> dict[str, Any]:
    return service.ask("task_status", task=task, container="backend", explain=True)


def test_repeated_run_task_finds_its_task_also_when_it_has_ended(service: Service) -> None:
    revision = service.register("one")
    with service.lease() as held:
        command = {"lease": held.id, "taskDefinition": revision, "container": "backend"}
        first = service.ask("run_task", containerCommand=["exit", "3"], **command)
        assert wait_for(lambda: asked(service, first["task"])["outcome"] != "in_progress")
        again = service.ask("run_task", containerCommand=["exit", "3"], **command)

    assert (first["started"], again["started"]) == (True, False)
    assert first["task"] == again["task"]
    with service.lease() as held:
        anew = service.ask("run_task", containerCommand=["exit", "3"], **command | {"lease": held.id})
    assert anew["started"]


def test_task_that_still_runs_is_adopted_and_another_revision_waits_for_it(service: Service) -> None:
    revision, other = service.register("one"), service.register("two")
    run = {"container": "backend", "containerCommand": ["hang"]}
    with service.lease() as held:
        first = service.ask("run_task", lease=held.id, taskDefinition=revision, **run)
    with service.lease() as held:
        adopted = service.ask("run_task", lease=held.id, taskDefinition=revision, **run)
        waiting = service.ask("run_task", lease=held.id, taskDefinition=other, **run)
        stopped = [service.ask("stop_task", lease=held.id, task=first["task"], reason="test") for _ in range(2)]

    assert (adopted["started"], adopted["task"]) == (False, first["task"])
    task, name = first["task"].rpartition("/")[2], revision.rpartition("/")[2]
    assert waiting["errorMessage"].startswith(f"unavailable: one-off task {task} of {name} still runs")
    assert [answer["outcome"] for answer in stopped] == ["stopping", "stopping"]
