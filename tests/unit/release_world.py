"""A release with everything around it replaced: what AWS has, what fails, and where the process is killed."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from functions.deploy.network import Network
from functions.deploy.requests import Deploy, Moving, Rollback
from release import deploy_function, engine, failure_report, records, rollout
from release.healthcheck import NotProven, Proof
from release.lease import LeaseLostError
from release.preflight import Problems
from release.records import Attempt, Release
from release.request import ReleaseRequest, from_inputs
from release.session import Clients
from release.static.activate import Activated, Switched
from release.static.records import Records
from release.tasks import Tasks
from tests.unit.fake_s3 import FakeS3

OLD, NEW = "1" * 40, "2" * 40
ACCOUNT = "arn:aws:ecs:us-west-2:111111111111"


def identity(version: str) -> dict[str, str]:
    return {
        "version": version,
        "image": f"repository@sha256:{version[0] * 64}",
        "taskDefinition": f"{ACCOUNT}:task-definition/easi-impl:{version[0]}",
        "staticManifest": f"sha256:{version[0] * 64}",
    }


def request(**changes: Any) -> ReleaseRequest:
    inputs = {
        **identity(NEW),
        "environment": "impl",
        "source": {"image": "upstream@sha256:x", "bucket": "dev-site", "recordsBucket": "dev-records"},
        "service": f"{ACCOUNT}:service/easi-impl/easi-impl",
        "deployFunction": "easi-impl-deploy",
        "cpuArchitecture": "ARM64",
        "counts": {"minimum": 1.0, "maximum": 2.0},
        "rolloutDeadline": 60.0,
        "site": {
            "bucket": "impl-site",
            "distributionId": "E1",
            "url": "https://impl.example.gov",
            "connectTo": "",
            "config": {"environment": "impl"},
        },
        "health": {
            "path": "/api/v1/healthcheck",
            "passes": 3.0,
            "interval": 1.0,
            "deadline": 60.0,
            "requireLiveTimestamp": True,
        },
        "recordsBucket": "impl-records",
        "keep": 10.0,
        "reason": None,
        "connection": {"profile": "", "assumeRoles": []},
        **changes,
    }
    return from_inputs(inputs)


class Killed(BaseException):
    """The process is gone: nothing after it runs, but what has arrived has arrived."""


@dataclasses.dataclass
class Files:
    digest: str


class World:
    """What AWS has. Each call to it has a name; it can fail, or end the process before or after it took effect."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, before: Release | None = None) -> None:
        self.bucket = FakeS3()
        self.story: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.meanwhile: dict[str, Callable[[], object]] = {}
        """What happens beside a call, before it has an effect."""
        self.found = Problems()
        self.kill: str | None = None
        self.steps = 0
        self.kill_at: int | None = None
        self.service: str | None = None
        self.setting: tuple[Network | None, bool | None] = (None, None)
        """Where the service runs, and whether ECS Exec is on."""
        self.deployment = 0
        self.site: str | None = None
        self.config: Any = None
        self.active: tuple[str, Any] | None = None
        """What the records bucket calls the site: it was read back so."""
        self.sick: set[str] = set()
        self.lost_after: str | None = None
        self.lease_lost = False
        self.taken_over_after: str | None = None
        self.taken_over = False
        """Somebody else has the lease, and no renewal has told so yet."""
        self.images_kept: list[str] = []
        if before is not None:
            self.bucket.objects["release.json"] = json.dumps(before.to_json()).encode()
            self.service, self.deployment, self.site = before.task_definition, 1, before.static_manifest
            self.setting = (before.network, before.execute_command)
            self.config = {"environment": "before"}
            self.active = (before.static_manifest, self.config)
        self.bucket.before = lambda operation, key: self.s3("before", operation, key)
        self.bucket.after = lambda operation, key: self.s3("after", operation, key)
        self._replace(monkeypatch)

    def _replace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        replace = monkeypatch.setattr
        replace("release.lease.acquire", lambda *_arguments, **_more: self.acquire())
        replace("release.phases.preflight.problems", lambda *_a, **_k: self.problems())
        replace("release.phases.image.copy_image", lambda **arguments: self.did(f"copy {arguments['digest'][7]}"))
        replace("release.phases.store.load", lambda **arguments: Files(arguments["digest"]))
        replace("release.phases.publish.stage", lambda **found: self.did(f"stage {found['manifest'].digest[7]}"))
        replace("release.phases._proven_config", lambda _context: self.config)
        replace(
            "release.phases.migration.migrate", lambda _function, task: self.did(f"migrate {task.container_command}")
        )
        replace("release.rollout.current", lambda *_arguments: self.current())
        replace("release.rollout.roll_out", self.roll_out)
        replace("release.rollout.roll_back", self.roll_back)
        replace("release.rollout.running_tasks", self.running_tasks)
        replace("release.healthcheck.prove", self.prove)
        replace("release.static.activate.switch", self.switch)
        replace("release.static.activate.prove", self.read)
        replace("release.static.activate.activate", self.activate)
        replace("release.undo.store.active", lambda **_found: self.active)
        replace("release.engine.expire.expire", lambda **_arguments: self.did("expire"))
        replace("release.engine.image_tags.expire", self.expire_images)

    def expire_images(self, _ecr: Any, _repository: str, *, named: set[str], **_more: Any) -> None:
        self.images_kept = sorted(digest[7] for digest in named)
        self.did("expire images")

    def acquire(self) -> FakeLease:
        if "lease" in self.failing:
            raise self.failing["lease"]
        return FakeLease(self)

    def problems(self) -> Problems:
        self.did("check")
        return self.found

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

    def s3(self, when: str, operation: str, key: str) -> None:
        name = f"{operation} {key.rpartition('/')[2]}"
        if when == "before":
            self.tick(f"before {name}")
            if name in self.failing:
                raise self.failing[name]
            if operation != "get":
                self.story.append(name)
        else:
            self.tick(f"after {name}")

    def current(self) -> Any:
        return deploy_function.Current(
            task_definition=self.service,
            deployment=f"d{self.deployment}",
            desired_count=1,
            running_count=1,
            network=self.setting[0],
            execute_command=self.setting[1],
        )

    def roll_out(self, _function: Any, asked: Deploy) -> Any:
        name = f"roll {asked.task_definition[-1]}" + (" anew" if asked.force else "")
        assert asked.expected_deployment == f"d{self.deployment}"
        setting = self._set(asked)
        moves = (self.service, self.setting) != (asked.task_definition, setting)
        replaced, started = self.service, asked.force or moves
        self.tick(f"before {name}")
        self.story.append(name)
        fails = self.failing.get(name)
        if fails is None or getattr(fails, "deployment", None) is not None:
            self.move(asked.task_definition, started=started)
            self.setting = setting
        if fails is not None:
            raise fails
        self.tick(f"after {name}")
        return rollout.RolledOut(
            deployment=f"d{self.deployment}",
            task_definition=asked.task_definition,
            replaced=replaced,
            started=started,
            desired_count=1,
            tasks=frozenset({self.task}),
        )

    def running_tasks(self, _client: Any, _function: str, task_definition: str, _deadline_s: float) -> frozenset[str]:
        return frozenset({self.task}) if self.service == task_definition else frozenset()

    @property
    def task(self) -> str:
        """The one task that runs, and answers."""
        return f"task-of-d{self.deployment}"

    def roll_back(self, _function: Any, asked: Rollback) -> Any:
        target = asked.task_definition
        name = f"back to {target[-1] if target else 'nothing'}"
        self.did(name)
        if self.service not in (None, target) and asked.deployment != f"d{self.deployment}":
            raise rollout.RolloutFailed("refused", f"somebody else's d{self.deployment}, not {asked.deployment}")
        setting = self._set(asked)
        started = self.service != target or self.setting != setting
        self.move(target, started=started)
        self.setting = setting
        self.tick(f"after {name}")
        if target is None:
            return None
        return rollout.RolledOut(
            deployment=f"d{self.deployment}", task_definition=target, replaced=None, started=started, desired_count=1
        )

    def _set(self, asked: Moving) -> tuple[Network | None, bool | None]:
        """What is not named stays."""
        exec_on = self.setting[1] if asked.execute_command is None else asked.execute_command
        return asked.network or self.setting[0], exec_on

    def move(self, task_definition: str | None, *, started: bool) -> None:
        self.service = task_definition
        self.deployment += started

    def prove(self, check: Any, _say: Any, tasks: Tasks) -> Any:
        self.did(f"prove {check.version[0]}")
        assert tasks.miss(self.task) is None
        assert tasks.miss("another") == "answered by task another, which is not of this release"
        if check.version in self.sick or not (self.service or "").endswith(f":{check.version[0]}"):
            raise NotProven(f"version is another, expected {check.version[:7]}")
        self.tick(f"after prove {check.version[0]}")
        return Proof(verified_at="2026-01-02T03:04:05Z", passes=3, last={})

    def switch(self, **asked: Any) -> Switched:
        name = f"switch {asked['manifest'][7]}" + (" whole" if asked.get("rewrite") else "")
        replaced = self.active[0] if self.active else None
        same = self.active == (asked["manifest"], asked["config"]) and not asked.get("rewrite")
        self.tick(f"before {name}")
        if not same:
            self.story.append(name)
            # Files are compared with the active release's: what else is there stays.
            stays = self.site not in (None, replaced) and not asked.get("rewrite")
            asked["begins"]()
            self.site = "a mixture"
            self.tick(f"amid {name}")
            if self.failing.get(name) is not None:
                raise self.failing[name]
            self.site = self.site if stays else asked["manifest"]
            self.config = asked["config"]
        self.tick(f"after {name}")
        written = () if same else ("index.html",)
        done = Activated(manifest=asked["manifest"], replaced=replaced, written=written)
        return Switched(activated=done, proves=None, records=Records(self.bucket, "impl-records"))

    def read(self, *, switched: Switched, **_more: Any) -> None:
        self.did(f"read {switched.activated.manifest[7]}")
        self.active = (switched.activated.manifest, self.config)

    def activate(self, **asked: Any) -> Activated:
        switched = self.switch(**asked)
        self.active = (asked["manifest"], self.config)
        return switched.activated

    @property
    def recorded(self) -> Release | None:
        found = self.bucket.objects.get("release.json")
        return records.release_from_json(json.loads(found)) if found else None

    @property
    def last(self) -> Attempt:
        return records.list_attempts(self.bucket, "impl-records", 1)[0]

    @property
    def finished(self) -> bool:
        return "unsettled.json" not in self.bucket.objects

    def runs(self, version: str) -> None:
        """Service, site and record agree on one version, and nothing says otherwise."""
        wanted = identity(version)
        assert self.recorded is not None
        assert self.recorded.version == version
        assert self.service == wanted["taskDefinition"]
        assert self.site == wanted["staticManifest"]
        assert self.finished


class FakeLease:
    def __init__(self, world: World) -> None:
        self.world = world
        self.id = f"lease{len(world.bucket.objects)}"

    def __enter__(self) -> FakeLease:
        return self

    def __exit__(self, *_: object) -> None:
        self.world.story.append("release lease")

    def renew(self) -> None:
        self.world.lease_lost |= self.world.taken_over

    def check(self) -> None:
        if self.world.lease_lost:
            raise LeaseLostError("the lease on impl is lost: somebody took it away")


def before(**changes: Any) -> Release:
    values = identity(OLD)
    return Release(
        version=values["version"],
        image=values["image"],
        task_definition=values["taskDefinition"],
        static_manifest=values["staticManifest"],
        verified_at="2026-01-01T00:00:00Z",
        **changes,
    )


def released(monkeypatch: pytest.MonkeyPatch) -> World:
    """For a fixture: the old version runs, proven."""
    return World(monkeypatch, before())


SAID: list[str] = []


def run(world: World, asked: ReleaseRequest | None = None) -> Release:
    SAID.clear()
    clients = Clients(s3=world.bucket, cloudfront=None, function=None, make=lambda *_: None)
    return engine.run(asked or request(), clients, SAID.append)


def failed(world: World, asked: ReleaseRequest | None = None) -> str:
    """The story of a release that fails, in one line. The exception is shorter, and says what runs."""
    with pytest.raises(engine.ReleaseFailedError) as raised:
        run(world, asked)
    assert "\n" not in str(raised.value)
    told = world.last.message
    assert len(told.splitlines()) <= failure_report.LINES
    (runs,) = re.findall(r"\n  runs now +(.*)", told)
    assert str(raised.value).endswith(f"is not released, see the lines above. Runs now: {runs.rstrip('.')}")
    for row, begins in (("why", ": "), ("undone", ". "), ("runs now", ". Runs now: "), ("to do", ". To do: ")):
        told = re.sub(rf"\n  {row} +", begins, told)
    return re.sub(r"\n +", "; ", told)


def killed(world: World, where: str) -> None:
    """A release of which nothing is left but what has arrived."""
    world.kill = where
    with pytest.raises(Killed):
        run(world)
    world.kill = None


def changed(world: World) -> list[str]:
    return [
        step
        for step in world.story
        if step.startswith(
            ("copy", "stage", "migrate", "roll", "prove", "switch", "read", "back", "put", "delete", "expire")
        )
    ]


MIGRATION = {"command": ["/migrate"], "timeout": 900.0}
ROLL_FAILED = rollout.RolloutFailed("rolled_back", "ECS took easi-impl:2 back", ("exit code 1", "a", "b", "c"), "d2")
