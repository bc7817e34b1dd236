"""The services of a release's world, and its story: the calls that arrive, what fails, where the process is killed."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Generator
from typing import Any

from functions.deploy.network import Network
from functions.deploy.requests import Deploy, Moving, Rollback, RunTask
from release import deploy_function, phases, rollout
from release.deploy_function import FunctionFailed
from release.healthcheck import NotProven, Proof
from release.lease import LeaseLostError
from release.request import Rehearsal
from release.tasks import Tasks


class Killed(BaseException):
    """The process is gone: nothing after it runs, but what has arrived has arrived."""


class Story:
    """Each call has a name; it can fail, or end the process before or after it took effect."""

    def __init__(self) -> None:
        self.story: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.meanwhile: dict[str, Callable[[], object]] = {}
        """What happens beside a call, before it has an effect."""
        self.kill: str | None = None
        self.steps = 0
        self.kill_at: int | None = None
        self.lost_after: str | None = None
        self.lease_lost = False
        self.taken_over_after: str | None = None
        self.taken_over = False
        """Somebody else has the lease, and no renewal has told so yet."""

    def did(self, what: str) -> None:
        """A call that is about to be made."""
        self.tick(f"before {what}")
        self.story.append(what)
        self.meanwhile.get(what, lambda: None)()
        if what in self.failing:
            raise self.failing[what]

    def tick(self, where: str) -> None:
        self.steps += 1
        if self.steps == self.kill_at or where == self.kill:
            raise Killed(where)
        if where == self.lost_after:
            self.lease_lost = True
        if where == self.taken_over_after:
            self.taken_over = True


class FakeLease:
    def __init__(self, world: Story, identity: str) -> None:
        self.world = world
        self.id = identity

    def __enter__(self) -> FakeLease:
        return self

    def __exit__(self, *_: object) -> None:
        self.world.story.append("release lease")

    def renew(self) -> None:
        self.world.lease_lost |= self.world.taken_over

    def check(self) -> None:
        if self.world.lease_lost:
            raise LeaseLostError("the lease on impl is lost: somebody took it away")


@dataclasses.dataclass
class Service:
    """What ECS has of one service."""

    name: str
    task_definition: str | None = None
    setting: tuple[Network | None, bool | None] = (None, None)
    """Where the service runs, and whether ECS Exec is on."""
    deployment: int = 0

    @property
    def primary(self) -> str:
        return f"d{self.deployment}" if self.name == "backend" else f"{self.name}-d{self.deployment}"

    @property
    def task(self) -> str:
        """The one task that runs, and answers."""
        return f"task-of-{self.primary}"


@dataclasses.dataclass
class Rolling:
    """Stands for `rollout.Rollout`."""

    began: Any
    until_decided: Callable[[Callable[[frozenset[str]], None]], Generator[float, None, rollout.RolledOut]]


def step(what: str, name: str, rest: str) -> str:
    """How the story calls a step of a service or site: without a name for the main ones."""
    return f"{what} {rest}" if name in ("backend", "site") else f"{what} {name} {rest}"


class Services(Story):
    """What ECS has of all services."""

    def __init__(self) -> None:
        super().__init__()
        self.services = {name: Service(name) for name in ("backend", "worker", "jobs")}
        self.sick: set[str] = set()

    def service_of(self, function: str) -> Service:
        """The service that a deploy function moves."""
        name = function.removeprefix("easi-impl").removesuffix("deploy").strip("-")
        return self.services[name or "backend"]

    def current(self, function: str) -> Any:
        service = self.service_of(function)
        return deploy_function.Current(
            task_definition=service.task_definition,
            deployment=service.primary,
            desired_count=1,
            running_count=1,
            network=service.setting[0],
            execute_command=service.setting[1],
        )

    def rehearse(self, function: Any, task: RunTask, plan: Rehearsal) -> Generator[float, None, str]:
        yield from ()  # proven at once
        service = self.service_of(function.name)
        assert not task.container_command
        self.did(step("rehearse", service.name, task.task_definition[-1]))
        return f"asked {plan.asks}"

    def start(self, function: Any, asked: Deploy) -> Any:
        service = self.service_of(function.name)
        name = step("roll", service.name, asked.task_definition[-1]) + (" anew" if asked.force else "")
        assert asked.expected_deployment == service.primary
        setting = self._set(service, asked)
        moves = (service.task_definition, service.setting) != (asked.task_definition, setting)
        started = asked.force or moves
        self.tick(f"before {name}")
        self.story.append(name)
        fails = self.failing.get(name)
        if fails is None or getattr(fails, "deployment", None) is not None:
            self.move(service, asked.task_definition, started=started)
            service.setting = setting
        if fails is not None and getattr(fails, "deployment", None) is None:
            raise fails
        self.tick(f"after {name}")

        def until_decided(meanwhile: Callable[[frozenset[str]], None]) -> Generator[float, None, rollout.RolledOut]:
            meanwhile(frozenset({service.task}))
            yield from ()  # decided after one question
            self.tick(f"before verdict on {name}")
            if isinstance(fails, FunctionFailed):  # only a deploy without an answer names what it began
                raise FunctionFailed(fails.outcome, str(fails), fails.details)
            if fails is not None:
                raise fails
            return rollout.RolledOut(
                deployment=service.primary,
                task_definition=asked.task_definition,
                started=started,
                tasks=frozenset({service.task}),
            )

        return Rolling(began=types.SimpleNamespace(deployment=service.primary), until_decided=until_decided)

    def running_tasks(self, _client: Any, function: str, task_definition: str, _deadline_s: float) -> frozenset[str]:
        service = self.service_of(function)
        return frozenset({service.task}) if service.task_definition == task_definition else frozenset()

    def roll_back(self, function: Any, asked: Rollback) -> Any:
        yield from ()  # there at once
        service, target = self.service_of(function.name), asked.task_definition
        name = step("back to", service.name, target[-1] if target else "nothing")
        self.did(name)
        if service.task_definition not in (None, target) and asked.deployment != service.primary:
            raise FunctionFailed("refused", f"somebody else's {service.primary}, not {asked.deployment}")
        setting = self._set(service, asked)
        started = service.task_definition != target or service.setting != setting
        self.move(service, target, started=started)
        service.setting = setting
        self.tick(f"after {name}")
        if target is None:
            return None
        return rollout.RolledOut(deployment=service.primary, task_definition=target, started=started)

    def _set(self, service: Service, asked: Moving) -> tuple[Network | None, bool | None]:
        """What is not named stays."""
        exec_on = service.setting[1] if asked.execute_command is None else asked.execute_command
        return asked.network or service.setting[0], exec_on

    def move(self, service: Service, task_definition: str | None, *, started: bool) -> None:
        service.task_definition = task_definition
        service.deployment += started

    def prove(self, check: Any, _say: Any, tasks: Tasks) -> Any:
        path = check.url.rpartition("/")[2]
        service = self.services[path if path in self.services else "backend"]
        name = step("prove", service.name, check.version[0])
        self.did(name)
        assert tasks.miss(service.task) is None
        assert tasks.miss("another") == "answered by task another, which is not of this release"
        sick = check.version in self.sick or f"{service.name} {check.version}" in self.sick
        if sick or not (service.task_definition or "").endswith(f":{check.version[0]}"):
            raise NotProven(f"version is another, expected {check.version[:7]}")
        self.tick(f"after {name}")
        return Proof(
            verified_at="2026-01-02T03:04:05Z", passes=3, last={}, version_compared=not check.form.status_code_only
        )

    def disprove(self, check: Any, tasks: Tasks) -> None:
        """What the new tasks answer while the rollout ends."""
        assert check.timeout_s == phases.QUICK_ANSWER_S
        service = next(one for one in self.services.values() if tasks.ids == {one.task})
        if error := self.failing.get(step("disprove", service.name, check.version[0])):
            raise error
