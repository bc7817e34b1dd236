"""The emulator as a release meets it: only a task that really serves becomes a healthy deployment."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.emulator.process import EmulatorSettings, running, start, stop
from tests.local.emulator_world import Service, World, make_service, wait_for

pytest_plugins = ["tests.local.emulator_fixtures"]


def test_healthy_task_completes_and_is_served(service: Service) -> None:
    service.create(service.revision("healthy"))
    deployment = service.deploy(service.revision("healthy", "2"))
    assert service.get()[0] == 503  # before the first passed check
    assert service.outcome(deployment) == "COMPLETED"
    assert service.get() == (200, "2 uid=65532")
    assert ("healthy", "") in service.targets()


FAILURES: dict[str, tuple[dict[str, Any], str]] = {
    "crash": ({}, "Essential container exited"),
    "crash-later": ({}, "Essential container exited"),
    "deaf": ({}, "Task failed ELB health checks in (target-group "),
    "500": ({}, "Task failed ELB health checks in (target-group "),
    "healthy": (
        {"healthCheck": {"command": ["CMD", "/server", "probe", "wrong"], "interval": 5, "timeout": 2, "retries": 1}},
        "Task failed container health checks",
    ),
}


@pytest.fixture(scope="module")
def failing(world: World) -> Iterator[dict[str, tuple[Service, str]]]:
    """One service per way to fail, all deployed at once: the slow ones take half a minute by AWS's own minimums."""
    started = {}
    for mode, (settings, _) in FAILURES.items():
        made = make_service(world, f"fails-{mode}")
        made.create(made.revision("healthy"))
        started[mode] = (made, made.deploy(made.revision(mode, "1", **settings)))
    yield started
    for made, _ in started.values():
        made.delete()


@pytest.mark.parametrize("mode", FAILURES)
def test_task_that_does_not_serve_fails_its_deployment(failing: dict[str, tuple[Service, str]], mode: str) -> None:
    service, deployment = failing[mode]
    assert service.outcome(deployment) == "FAILED"
    reason = FAILURES[mode][1]
    tasks = service.stopped()
    assert tasks
    assert all(task["stoppedReason"].startswith(reason) for task in tasks), tasks


def test_crash_loop_without_a_deployment_is_slowed_down(service: Service) -> None:
    service.create(service.revision("crash"), count=1)  # such a deployment has completed before its first task
    slowed = "is unable to consistently start tasks successfully"
    assert wait_for(lambda: any(slowed in event["message"] for event in service.describe()["events"]))
    before = len(service.stopped())
    time.sleep(4)
    assert len(service.stopped()) - before <= 2
    assert service.get()[0] == 503


def test_failed_deployment_goes_back_to_the_one_before(service: Service) -> None:
    service.create(service.revision("healthy"))
    good = service.revision("healthy", "good")
    assert service.outcome(service.deploy(good)) == "COMPLETED"
    assert service.outcome(service.deploy(service.revision("crash", "bad"))) == "FAILED"
    assert service.describe()["taskDefinition"] == good
    assert service.get() == (200, "good uid=65532")


def test_target_that_turns_unhealthy_is_replaced(service: Service) -> None:
    service.create(service.revision("healthy"))
    deployment = service.deploy(service.revision("turns"))
    assert service.outcome(deployment) == "COMPLETED"
    assert service.get()[0] == 200
    assert wait_for(lambda: any("ELB health checks" in task["stoppedReason"] for task in service.stopped()))
    assert wait_for(lambda: service.get()[0] == 200)  # the replacement, which is well for a while again
    assert any("is unhealthy in" in event["message"] for event in service.describe()["events"])


def test_rolling_update_loses_no_request(service: Service) -> None:
    service.create(service.revision("healthy"))
    assert service.outcome(service.deploy(service.revision("healthy", "old"), 2)) == "COMPLETED"
    answers: list[tuple[int, str]] = []
    done = threading.Event()

    def ask(path: str) -> None:
        while not done.is_set():
            answers.append(service.get(path))
            time.sleep(0.02)

    callers = [threading.Thread(target=ask, args=(path,)) for path in ("/", "/", "/slow", "/slow")]
    for caller in callers:
        caller.start()
    try:
        assert service.outcome(service.deploy(service.revision("slow-start", "new"), 2)) == "COMPLETED"
        assert wait_for(lambda: len(service.stopped()) == 2)
    finally:
        done.set()
        for caller in callers:
            caller.join()
    assert {status for status, _ in answers} == {200}
    assert service.get()[1].startswith("new")
    assert len(answers) > 100


def test_stopped_task_drains_and_ends_by_itself(service: Service) -> None:
    service.create(service.revision("healthy"))
    assert service.outcome(service.deploy(service.revision("healthy"))) == "COMPLETED"
    slow: list[tuple[int, str]] = []
    caller = threading.Thread(target=lambda: slow.append(service.get("/slow")))
    caller.start()
    time.sleep(0.3)
    service.world.client("ecs").update_service(cluster="tests", service=service.name, desiredCount=0)
    assert service.targets() == [("draining", "Target.DeregistrationInProgress")]
    caller.join()
    assert slow == [(200, "1 uid=65532")]
    assert wait_for(lambda: [task["lastStatus"] for task in service.stopped()] == ["STOPPED"])
    assert service.stopped()[0]["containers"][0]["exitCode"] == 0
    assert service.stopped()[0]["stopCode"] == "ServiceSchedulerInitiated"
    events = service.world.client("logs").filter_log_events(
        logGroupName="/ecs/tests", logStreamNamePrefix=f"{service.name}/"
    )["events"]
    assert [event["message"] for event in events] == ["starting healthy", "asked to stop"]
    assert service.targets() == []


@pytest.mark.parametrize("how", ["in order", "killed"])
def test_service_comes_back_after_a_restart(world: World, how: str) -> None:
    service = make_service(world, f"restart-{how.replace(' ', '-')}")
    service.create(service.revision("healthy"))
    assert service.outcome(service.deploy(service.revision("healthy", "kept"))) == "COMPLETED"
    folder = world.folder
    before = running(folder)
    assert before is not None
    if how == "killed":
        time.sleep(2)  # what was changed last is on disk a second later
        os.kill(before.pid, signal.SIGKILL)
        assert wait_for(lambda: running(folder) is None)
    else:
        stop(folder, print)
    again = start(EmulatorSettings(folder=folder), print)
    assert again.port == before.port
    assert again.pid != before.pid
    assert start(EmulatorSettings(folder=folder), print) == again
    assert wait_for(lambda: service.get() == (200, "kept uid=65532"))
    assert [container.status for container in service.containers()] == ["running"]
    client = world.client("ecs")
    tasks = client.list_tasks(cluster="tests", serviceName=service.name)["taskArns"]
    assert len(tasks) == 1
    assert client.describe_tasks(cluster="tests", tasks=tasks)["tasks"][0]["lastStatus"] == "RUNNING"
    service.delete()


def test_two_that_start_at_once_have_a_port_each(tmp_path: Path) -> None:
    settings = [EmulatorSettings(folder=tmp_path / name) for name in ("one", "two")]
    try:
        with ThreadPoolExecutor(2) as threads:
            one, two = threads.map(lambda of_one: start(of_one, print), settings)
        assert one.port != two.port
    finally:
        for of_one in settings:
            stop(of_one.folder, print)
