"""Targets that come and go while many threads look at them, and tasks that share one look at Docker."""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import alb, ecs

from local.emulator.gaps import containers, target_health
from local.emulator.gaps.containers import Seen
from local.emulator.gaps.regions import stored

GROUP = "arn:aws:elasticloadbalancing:us-west-2:000000000000:targetgroup/shop/1"
ADDRESS = "127.0.0.1"
KEY = (GROUP, ADDRESS, 1)
VERDICTS = {
    verdict.state: verdict
    for verdict in (target_health.INITIAL, target_health.HEALTHY, target_health.DRAINING, target_health.failed("500"))
}


@pytest.fixture
def group() -> Iterator[None]:
    """A target group with one target at which nothing listens."""
    with request_scope("000000000000", "us-west-2"):
        alb._tgs[GROUP] = {"Port": 1, "TargetType": "ip", "HealthCheckIntervalSeconds": 5}
        alb._targets[GROUP] = [{"Id": ADDRESS, "Port": 1}]
        target_health._follow(GROUP)
        yield
        alb._tgs.pop(GROUP, None)
        alb._targets.pop(GROUP, None)
        target_health._follow(GROUP)
        target_health._targets.clear()


def comes_true(what: Callable[[], bool], within_s: float = 10) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline and not what():
        time.sleep(0.05)
    return what()


@pytest.mark.usefixtures("group")
def test_target_that_leaves_while_somebody_looks_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    read, left = threading.Event(), threading.Event()

    def slow(store: Any, name: str) -> Any:
        found = stored(store, name)
        if store is alb._targets and threading.current_thread() is looker:
            read.set()
            left.wait(1)  # what was read is old by the time it is used, unless nobody else can change it meanwhile
        return found

    monkeypatch.setattr(target_health, "stored", slow)
    looker = threading.Thread(target=target_health._follow, args=(GROUP,))
    looker.start()
    assert read.wait(10)
    alb._targets[GROUP] = []
    target_health._follow(GROUP)
    left.set()
    looker.join()
    assert KEY not in target_health._targets or target_health._targets[KEY].leaving_since is not None


@pytest.mark.usefixtures("group")
def test_task_does_not_wait_for_ever_for_a_target_that_nobody_looks_at() -> None:
    alb._targets[GROUP] = []  # no request comes, no check, and no question
    assert not target_health.drained(ADDRESS)
    assert comes_true(lambda: target_health.drained(ADDRESS))


@pytest.mark.usefixtures("group")
def test_task_does_not_wait_for_a_target_group_that_is_gone() -> None:
    alb._tgs.pop(GROUP)
    assert comes_true(lambda: target_health.drained(ADDRESS))


@pytest.mark.usefixtures("group")
def test_task_with_a_registered_target_has_not_drained() -> None:
    time.sleep(target_health.MINIMUM_DRAIN_S + 0.1)
    assert not target_health.drained(ADDRESS)


@pytest.mark.parametrize(
    ("states", "asked"),
    [
        ((), set()),
        (("initial", "initial"), set()),
        (("unhealthy", "initial"), set()),
        (("unhealthy", "unhealthy"), {"unhealthy"}),
        (("unhealthy", "draining"), {"unhealthy"}),
        (("draining",), set()),
        (("unhealthy", "initial", "healthy"), {"healthy"}),
    ],
)
@pytest.mark.usefixtures("group")
def test_unhealthy_targets_are_asked_if_a_group_has_no_others(states: tuple[str, ...], asked: set[str]) -> None:
    keys = [(GROUP, ADDRESS, port) for port in range(2, 2 + len(states))]
    alb._targets[GROUP] = [{"Id": address, "Port": port} for _, address, port in keys]
    target_health._follow(GROUP)
    staying = [key for key, state in zip(keys, states, strict=True) if state != "draining"]
    alb._targets[GROUP] = [{"Id": address, "Port": port} for _, address, port in staying]
    for key, state in zip(keys, states, strict=True):
        target_health._targets[key].verdict = VERDICTS[state]
    taken = [target_health.take(GROUP) for _ in range(6)]
    assert {target.verdict.state for target in taken if target is not None} == asked
    assert (None in taken) is not bool(asked)


class Docker:
    """Counts how often it is asked."""

    def __init__(self, *listed: dict[str, str]) -> None:
        self.api, self.listed, self.asked = self, listed, 0

    def containers(self, **_: Any) -> list[dict[str, str]]:
        self.asked += 1
        return list(self.listed)


@pytest.mark.parametrize(
    ("status", "health"),
    [
        ("Up 5 seconds", "none"),
        ("Up 5 seconds (health: starting)", "starting"),
        ("Up 5 minutes (healthy)", "healthy"),
        ("Up 5 minutes (unhealthy)", "unhealthy"),
        ("Exited (3) 2 seconds ago", "none"),
    ],
)
def test_health_is_read_from_the_list_of_containers(status: str, health: str) -> None:
    assert Seen.of({"State": "running", "Status": status}).health == health


def test_one_look_at_docker_serves_all_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = Docker(
        {"Id": "a", "State": "running", "Status": "Up 5 seconds"},
        {"Id": "b", "State": "exited", "Status": "Exited (3) 2 seconds ago"},
    )
    monkeypatch.setattr(ecs, "_get_docker", lambda: docker)
    monkeypatch.setattr(containers, "_due", 0.0)
    marked: list[Any] = []

    def mark(task: Any, _docker: Any) -> None:
        marked.append(task)

    for identity in ("a", "new", "a", "b"):
        containers.maybe_mark_stopped(mark, {"_docker_ids": [identity]})
    containers.maybe_mark_stopped(mark, {})
    assert marked == [{"_docker_ids": ["b"]}]
    assert docker.asked == 1


def test_what_was_seen_last_is_kept_while_docker_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {"a": Seen(state="running", health="healthy")}
    monkeypatch.setattr(ecs, "_get_docker", lambda: None)
    monkeypatch.setattr(containers, "_due", 0.0)
    monkeypatch.setattr(containers, "_seen", before)
    assert containers.look() == before


def test_task_counts_only_if_it_runs_now(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = Docker({"Id": "a", "State": "exited", "Status": "Exited (4) 1 second ago"})
    monkeypatch.setattr(ecs, "_get_docker", lambda: docker)
    monkeypatch.setattr(containers, "_due", time.monotonic() + 60)
    monkeypatch.setattr(containers, "_seen", {"a": Seen(state="running", health="none")})
    done: list[str] = []
    mark = functools.partial(containers.maybe_mark_stopped, lambda *_: done.append("stopped"))
    monkeypatch.setattr(ecs, "_maybe_mark_stopped", mark)
    containers.record_healthy(lambda *_: done.append("asked"), "tests/shop", {"_docker_ids": ["a"]})
    assert done == ["stopped", "asked"]
