"""What `python -m ci proof` finds: a stack, and beside it answers of the health check, attempts and a lease."""

from __future__ import annotations

from typing import Any

from release.healthcheck import Answer, HealthCheck, NotProven, Proof
from release.lease import Held, LeaseHeldError
from release.records import Attempt
from release.tasks import Tasks
from tests.unit.environments import World, released

STORY = (
    f"prod: {'3' * 12} is not released: prove failed\n"
    "  why       status is fail, expected pass\n"
    "  undone    the backend is back on easi:2\n"
    f"            {'2' * 12} is proven again\n"
    f"  runs now  {'2' * 12}, as before, backend and site\n"
    "  to do     fix the cause, then:  pulumi up -s prod"
)


class Release:
    """What the verb finds beside the stack: answers of the health check, the last attempt, the lease."""

    def __init__(self) -> None:
        self.attempts: tuple[Attempt, ...] = ()
        self.held: Held | None = None
        self.ends_as: Attempt | None = None
        self.answers = ""
        self.refuses: Exception | None = None
        self.checked: list[HealthCheck] = []

    def list_(self, _s3: Any, bucket: str, limit: int) -> tuple[Attempt, ...]:
        assert bucket == "records-prod"
        if self.refuses:
            raise self.refuses
        return self.attempts[:limit]

    def wait(self, _s3: Any, _bucket: str, *, say: Any) -> Held | None:
        if self.ends_as:
            self.attempts = (self.ends_as,)
            return None
        if self.held and self.held.alive:
            raise LeaseHeldError("it is being released")
        return self.held

    def prove(self, check: HealthCheck, say: Any, tasks: Tasks) -> Proof:
        self.checked.append(check)
        if self.answers != check.version:
            raise NotProven(f"{check.version[:7]} in 5 s: version is {self.answers}")
        say("1 of 3 passes")
        return Proof(verified_at="2026-01-02T03:05:00Z", passes=3, last={"password": "in the answer"})

    def probe(self, check: HealthCheck, tasks: Tasks | None = None) -> Answer:
        miss = None if self.answers == check.version else f"version is {self.answers}"
        return Answer(body={}, miss=miss)


def prod(world: World, *versions: str, updates: tuple[dict[str, Any], ...] = ()) -> None:
    world.add("prod", released(*versions) if versions else None)
    resources = world.stacks["prod"]["export"]["deployment"]["resources"]
    resources[0]["outputs"]["url"] = "https://prod.example.gov"
    world.stacks["prod"]["history"] = list(updates)
    world.write()
