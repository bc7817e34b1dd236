"""The releasing process killed at any request: the next run, of the same version or another, converges.

KILL_SEED and KILL_POINTS choose the points; a failure names its seed. Points are spread over the phases of a
release, counted by the proxy, and each is before the request went out, or after it was carried out and its answer lost.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from dataclasses import dataclass

import pytest

from tests.local.faults.calls import Call
from tests.local.faults.case import Case
from tests.local.faults.page import Page
from tests.local.faults.process import Process
from tests.local.faults.proxy import Answer, Fault, Lost, Rule
from tests.local.faults.world import World

pytestmark = [pytest.mark.moves_on, pytest.mark.timeout(900)]
PHASES = ("begin", "check", "stage", "migrate", "rehearse", "roll out", "prove", "site", "record")
POINTS = int(os.environ.get("KILL_POINTS", "63"))
SEED = int(os.environ.get("KILL_SEED", str(random.SystemRandom().randrange(10**6))))
FAST = (("roll out", 0.3, True), ("site", 0.6, False), ("record", 0.0, True))
"""In a plain run: phase, how far into it, and whether the request is carried out."""
GOOD = Case(name="killed", about="", expect="proven")
LONG = Case(name="killed", about="", expect="proven", migration=("migrate",), rehearsed=True)
"""With the phases that others are spared for their time."""


def begins(call: Call) -> str | None:
    """The phase that a request shows to have begun; None for those that any phase makes."""
    if call.operation.startswith("Invoke."):
        phase_of = {"run_task": "migrate", "rehearse": "rehearse", "task_status": None, "stop_task": None}
        return phase_of.get(call.operation.removeprefix("Invoke."), "roll out")
    if call.service == "cdn":
        return "prove" if "health" in call.key else None
    if call.service == "cloudfront" or call.operation == "CopyObject":
        return "site"
    if call.service != "s3":
        return None if call.service == "sts" else "check"
    if call.key == "release.json" and call.operation == "PutObject":
        return "record"
    if call.key in {"lease.json", "unsettled.json", "release.json"} or call.key.startswith("attempts/"):
        return None
    return "stage"


def phases(calls: list[Call]) -> list[str]:
    """The phase of each request of one release: phases follow each other, and renewals of the lease are in all."""
    phase_of, now, before = [], "begin", "begin"
    for call in calls:
        if (begun := begins(call)) is not None:
            next_ = begun
            if begun == "prove" and before == "roll out":
                next_ = before  # which asks once after each look; only a proof asks twice in a row
            elif begun == "stage" and now == "prove":
                next_ = "site"  # which reads what was staged
            now, before = max(now, next_, key=PHASES.index), begun
        phase_of.append(now)
    return phase_of


@dataclass(frozen=True, kw_only=True)
class Point:
    """The request at which the process is killed: number `number` (from 0) of those that its phase has."""

    phase: str
    share: float
    """How far into the phase, from 0 to 1."""
    carried_out: bool
    same: bool
    """Whether the next run releases the same version."""

    def __str__(self) -> str:
        where = "after" if self.carried_out else "before"
        return f"{self.phase} {self.share:.2f} {where}, then {'the same' if self.same else 'another'}"


def points(number: int, seed: int) -> list[Point]:
    """`number` points, the same for the same seed, in turn in each phase."""
    chance = random.Random(seed)
    return [
        Point(
            phase=PHASES[index % len(PHASES)],
            share=chance.random(),
            carried_out=chance.random() < 0.5,
            same=chance.random() < 0.5,
        )
        for index in range(number)
    ]


class Killer:
    """Ends the process at the request of a point. A rule for all calls."""

    def __init__(self, point: Point, requests: int) -> None:
        """`requests` is how many the phase has."""
        self.point, self.number = point, min(int(point.share * requests), requests - 1)
        self.process: Process | None = None
        self.calls: list[Call] = []
        self.hit = False

    def is_it(self, call: Call) -> bool:
        """Count the call; whether it is the one, or the first of the next phase where its own was shorter this time."""
        self.calls.append(call)
        phase_of = phases(self.calls)
        over = PHASES.index(phase_of[-1]) > PHASES.index(self.point.phase)
        now = (over or phase_of.count(self.point.phase) > self.number) and not self.hit
        self.hit = self.hit or now
        return now

    def fault(self) -> Fault:
        def kill(_call: Call, _answer: Answer | None) -> None:
            assert self.process
            self.process.kill()
            raise Lost

        return kill


@pytest.fixture(scope="module")
def requests(world: World) -> Counter[str]:
    """How many requests each phase of a release has, by a release in which nothing goes wrong."""
    world.proxy.use([])
    ended = world.release(world.inputs(LONG))
    assert ended.outcome == "proven", ended.said
    return Counter(phases(world.proxy.calls))


def test_points_are_the_same_for_a_seed_and_in_every_phase() -> None:
    assert points(63, 7) == points(63, 7) != points(63, 8)
    assert Counter(point.phase for point in points(63, 7)) == dict.fromkeys(PHASES, 7)


def test_a_probe_between_looks_at_the_rollout_is_none_of_the_proof() -> None:
    def ask(command: str) -> Call:
        return Call(service="lambda", operation=f"Invoke.{command}", key="", method="POST", path="")

    probe = Call(service="cdn", operation="GET", key="/health", method="GET", path="")
    calls = [ask("rehearse"), ask("task_status"), ask("deploy"), ask("status"), probe, ask("status"), probe, probe]
    assert phases(calls) == ["rehearse"] * 2 + ["roll out"] * 5 + ["prove"]


@pytest.mark.parametrize("number", range(POINTS))
@pytest.mark.all_faults
def test_killed_anywhere_the_next_run_converges(world: World, page: Page, requests: Counter[str], number: int) -> None:
    page.seed = SEED
    kill_and_converge(world, page, requests, points(POINTS, SEED)[number])


@pytest.mark.parametrize(("phase", "share", "carried_out"), FAST)
def test_killed_in_mid_release_the_next_run_converges(
    world: World, page: Page, phase: str, share: float, carried_out: bool
) -> None:
    usual = Counter({"roll out": 8, "site": 8, "record": 4})
    point = Point(phase=phase, share=share, carried_out=carried_out, same=carried_out)
    kill_and_converge(world, page, usual, point)


def kill_and_converge(world: World, page: Page, requests: Counter[str], point: Point) -> None:
    where = f"KILL_SEED={SEED} KILL_POINTS={POINTS}: {point}"
    assert requests[point.phase], f"a release has no request in {point.phase}: {dict(requests)}"
    old = world.observe().version
    case = LONG if point.phase in {"migrate", "rehearse"} else GOOD
    inputs = world.inputs(case)
    killer = Killer(point, requests[point.phase])
    world.proxy.use([Rule(on=killer.is_it, fault=killer.fault(), after=point.carried_out)])
    process = world.start(inputs)
    killer.process = process
    ended = world.end(process)
    world.proxy.use([])
    # After the last phase there is no next one: a release may be over before.
    assert ended.outcome == "killed" or (point.phase == PHASES[-1] and not killer.hit), f"{where}\n{ended.said}"

    between = world.observe()
    new = str(inputs["version"])
    for served in (between.backend, *between.tasks, between.site):
        assert served in {old, new}, f"{where}: visitors get {served} after the kill"
    again = inputs if point.same else world.inputs()
    began = time.monotonic()
    next_run = world.release(again)
    seconds = time.monotonic() - began
    after = world.observe()
    assert next_run.outcome == "proven", f"{where}\n{next_run.said}"
    assert after.version == again["version"], where
    assert after.revision == after.recorded_revision, where
    assert not after.lease, where
    assert not after.unsettled, where
    sides = {{old: "old", new: "new"}[version] for version in (between.backend, between.site)}
    page.kills[point.phase].append((sides.pop() if len(sides) == 1 else "mixed", seconds))
