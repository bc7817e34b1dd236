"""The order of a release's phases, of their undoing, and what is left where they are cut short."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import Any

import pytest

from release import attempts, engine, record, rollout
from release.attempts import Attempt
from release.healthcheck import NotProven, Proof
from release.lease import LeaseHeldError, LeaseLostError
from release.record import Identity, Release
from release.request import ReleaseRequest, from_inputs
from release.session import Clients
from release.static.activate import Activated
from tests.unit.bucket_fake import Bucket, error

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
        self.bucket = Bucket()
        self.story: list[str] = []
        self.failing: dict[str, Exception] = {}
        self.kill: str | None = None
        self.steps = 0
        self.kill_at: int | None = None
        self.service: str | None = None
        self.deployment = 0
        self.site: str | None = None
        self.config: Any = None
        self.sick: set[str] = set()
        self.lost_after: str | None = None
        self.lease_lost = False
        if before is not None:
            self.bucket.objects["release.json"] = json.dumps(before.to_json()).encode()
            self.service, self.deployment, self.site = before.task_definition, 1, before.static_manifest
            self.config = {"environment": "before"}
        self.bucket.before = lambda operation, key: self.s3("before", operation, key)
        self.bucket.after = lambda operation, key: self.s3("after", operation, key)
        self._replace(monkeypatch)

    def _replace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        replace = monkeypatch.setattr
        replace("release.lease.acquire", lambda *_arguments, **_more: FakeLease(self))
        replace("release.phases.preflight.problems", lambda *_a, **_k: self.problems())
        replace("release.phases.image.copy_image", lambda **arguments: self.did(f"copy {arguments['digest'][7]}"))
        replace("release.phases.store.load", lambda **arguments: Files(arguments["digest"]))
        replace("release.phases.publish.stage", lambda **found: self.did(f"stage {found['manifest'].digest[7]}"))
        replace("release.phases._settled_config", lambda _course: self.config)
        replace("release.phases.migration.migrate", lambda _client, asked, _say: self.did(f"migrate {asked.command}"))
        replace("release.rollout.current", lambda *_arguments: self.current())
        replace("release.rollout.roll_out", self.roll_out)
        replace("release.rollout.roll_back", self.roll_back)
        replace("release.healthcheck.prove", self.prove)
        replace("release.static.activate.activate", self.activate)
        replace("release.undo.store.active", lambda **_found: self.site)
        replace("release.engine.expire.expire", lambda **_arguments: self.did("expire"))

    def problems(self) -> tuple[str, ...]:
        self.did("check")
        return ()

    def did(self, what: str) -> None:
        """A call that is about to be made."""
        self.tick(f"before {what}")
        self.story.append(what)
        if what in self.failing:
            raise self.failing[what]

    def tick(self, where: str) -> None:
        self.steps += 1
        if self.steps == self.kill_at or where == self.kill:
            raise Killed(where)
        if where == self.lost_after:
            self.lease_lost = True

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
        return rollout.Current(
            task_definition=self.service, deployment=f"d{self.deployment}", desired_count=1, running_count=1
        )

    def roll_out(self, _client: Any, asked: Any, _say: Any) -> Any:
        name = f"roll {asked.task_definition[-1]}" + (" anew" if asked.force else "")
        assert asked.expected_deployment == f"d{self.deployment}"
        replaced, started = self.service, asked.force or self.service != asked.task_definition
        self.tick(f"before {name}")
        self.story.append(name)
        fails = self.failing.get(name)
        if fails is None or getattr(fails, "deployment", None) is not None:
            self.move(asked.task_definition, started=started)
        if fails is not None:
            raise fails
        self.tick(f"after {name}")
        return rollout.RolledOut(
            deployment=f"d{self.deployment}",
            task_definition=asked.task_definition,
            replaced=replaced,
            started=started,
            desired_count=1,
        )

    def roll_back(self, _client: Any, asked: Any, _say: Any) -> Any:
        target = asked.task_definition
        name = f"back to {target[-1] if target else 'nothing'}"
        self.did(name)
        if self.service not in (None, target) and asked.deployment != f"d{self.deployment}":
            raise rollout.RolloutFailed("refused", f"somebody else's d{self.deployment}, not {asked.deployment}")
        started = self.service != target
        self.move(target, started=started)
        self.tick(f"after {name}")
        if target is None:
            return None
        return rollout.RolledOut(
            deployment=f"d{self.deployment}", task_definition=target, replaced=None, started=started, desired_count=1
        )

    def move(self, task_definition: str | None, *, started: bool) -> None:
        self.service = task_definition
        self.deployment += started

    def prove(self, check: Any, _say: Any) -> Any:
        self.did(f"prove {check.version[0]}")
        if check.version in self.sick or not (self.service or "").endswith(f":{check.version[0]}"):
            raise NotProven(f"version is another, expected {check.version[:7]}")
        self.tick(f"after prove {check.version[0]}")
        return Proof(verified_at="2026-01-02T03:04:05Z", passes=3, last={})

    def activate(self, **asked: Any) -> Any:
        name = f"switch {asked['manifest'][7]}" + (" whole" if asked.get("rewrite") else "")
        replaced, self.config_wanted = self.site, asked["config"]
        same = (self.site, self.config) == (asked["manifest"], asked["config"]) and not asked.get("rewrite")
        self.tick(f"before {name}")
        if not same:
            self.story.append(name)
        if self.failing.get(name) is not None:
            self.site = "a mixture"
            raise self.failing[name]
        self.site, self.config = asked["manifest"], asked["config"]
        self.tick(f"after {name}")
        written = () if same else ("index.html",)
        return Activated(manifest=asked["manifest"], version=None, replaced=replaced, written=written)

    @property
    def recorded(self) -> Release | None:
        found = self.bucket.objects.get("release.json")
        return record.from_json(json.loads(found)) if found else None

    @property
    def last(self) -> Attempt:
        return attempts.list_(self.bucket, "records", 1)[0]

    @property
    def settled(self) -> bool:
        return "unsettled.json" not in self.bucket.objects

    def runs(self, version: str) -> None:
        """Service, site and record agree on one version, and nothing says otherwise."""
        wanted = identity(version)
        assert self.recorded is not None
        assert self.recorded.version == version
        assert self.service == wanted["taskDefinition"]
        assert self.site == wanted["staticManifest"]
        assert self.settled


class FakeLease:
    def __init__(self, world: World) -> None:
        self.world = world
        self.id = f"lease{len(world.bucket.objects)}"

    def __enter__(self) -> FakeLease:
        return self

    def __exit__(self, *_: object) -> None:
        self.world.story.append("release lease")

    def check(self) -> None:
        if self.world.lease_lost:
            raise LeaseLostError("the lease on impl is lost: somebody took it away")


def before() -> Release:
    values = identity(OLD)
    return Release(
        version=values["version"],
        image=values["image"],
        task_definition=values["taskDefinition"],
        static_manifest=values["staticManifest"],
        verified_at="2026-01-01T00:00:00Z",
    )


SAID: list[str] = []


def run(world: World, asked: ReleaseRequest | None = None) -> Release:
    SAID.clear()
    clients = Clients(s3=world.bucket, cloudfront=None, ecr=None, function=None)
    return engine.run(asked or request(), clients, SAID.append)


def failed(world: World, asked: ReleaseRequest | None = None) -> str:
    """The exception's one line."""
    with pytest.raises(engine.ReleaseFailedError) as raised:
        run(world, asked)
    assert "\n" not in str(raised.value)
    assert len(world.last.message.splitlines()) <= 10
    return str(raised.value)


def changed(world: World) -> list[str]:
    return [
        step
        for step in world.story
        if step.startswith(("copy", "stage", "migrate", "roll", "prove", "switch", "back", "put", "delete", "expire"))
    ]


MIGRATION = {"command": ["/migrate"], "timeout": 900.0}
ROLL_FAILED = rollout.RolloutFailed("rolled_back", "ECS took easi-impl:2 back", ("exit code 1", "a", "b", "c"), "d2")


def test_the_order_of_a_release(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    result = run(world, request(migration=MIGRATION))
    assert changed(world) == [
        "put began.json",
        "copy 2",
        "stage 2",
        "migrate ('/migrate',)",
        "put unsettled.json",
        "roll 2",
        "prove 2",
        "switch 2",
        "put release.json",
        "put ended.json",
        "delete unsettled.json",
        "expire",
    ]
    assert world.story[-1] == "release lease"
    world.runs(NEW)
    assert [item.version for item in result.previous] == [OLD]
    assert (world.last.outcome, world.last.replaces) == ("proven", OLD)
    assert [(phase.name, phase.outcome) for phase in world.last.phases][-1] == ("record", "done")
    assert "is proven since 2026-01-02T03:04:05Z, backend and site" in SAID[-1]


@pytest.mark.parametrize(
    ("call", "phase"),
    [
        ("copy 2", "stage"),
        ("stage 2", "stage"),
        ("migrate ('/migrate',)", "migrate"),
        ("put unsettled.json", "roll out"),
    ],
)
def test_nothing_that_serves_changes_when_preparing_fails(
    monkeypatch: pytest.MonkeyPatch, call: str, phase: str
) -> None:
    world = World(monkeypatch, before())
    world.failing = {call: RuntimeError(f"{call} broke")}
    said = failed(world, request(migration=MIGRATION))
    assert f"{phase} failed: {call} broke" in said
    assert "nothing that serves was changed" in said
    assert world.last.outcome == "failed"
    world.runs(OLD)


def test_a_check_that_finds_something_refuses_and_names_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    found = tuple(f"problem {number}" for number in range(9))
    monkeypatch.setattr("release.phases.preflight.problems", lambda *_a, **_k: found)
    failed(world)
    assert world.last.outcome == "refused"
    assert "problem 0" in world.last.message
    assert "more" in world.last.message
    world.runs(OLD)


@pytest.mark.parametrize(
    ("call", "error", "undone"),
    [
        ("roll 2", ROLL_FAILED, ["back to 1", "prove 1"]),
        ("prove 2", NotProven("status is fail"), ["back to 1", "prove 1"]),
        ("switch 2", RuntimeError("stale"), ["switch 1", "back to 1", "prove 1"]),
        ("put release.json", error("InternalError"), ["switch 1", "back to 1", "prove 1"]),
    ],
)
def test_what_was_done_is_undone_in_reverse(
    monkeypatch: pytest.MonkeyPatch, call: str, error: Exception, undone: list[str]
) -> None:
    world = World(monkeypatch, before())
    world.failing = {call: error}
    said = failed(world)
    did = changed(world)
    assert [
        step for step in did[did.index("roll 2") + 1 :] if step.startswith(("switch 1", "back", "prove 1"))
    ] == undone
    assert world.last.outcome == "undone"
    assert "the backend is back on easi-impl:1" in said
    assert f"{OLD[:12]} is proven again" in said
    world.runs(OLD)
    assert world.config == {"environment": "before"}, "the config that was active before"


def test_the_story_names_three_details_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    world.failing = {"roll 2": ROLL_FAILED}
    failed(world)
    shown = [line.strip() for line in world.last.message.splitlines()]
    assert [line for line in shown if line in ROLL_FAILED.details] == list(ROLL_FAILED.details[:3])


def test_a_deployment_that_never_began_is_not_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    world.failing = {"roll 2": rollout.RolloutFailed("refused", "another family")}
    said = failed(world)
    assert "backend is back" not in said
    assert world.last.outcome == "undone"
    world.runs(OLD)


def test_a_service_that_somebody_moves_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    world.failing = {"roll 2": rollout.RolloutFailed("superseded", "somebody moved it", (), "d2")}
    said = failed(world)
    assert not any(step.startswith("back") for step in world.story)
    assert "left alone: somebody else moves it" in said
    assert world.last.outcome == "failed"
    assert not world.settled


def test_the_old_version_that_does_not_prove_itself_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    world.sick = {OLD, NEW}
    said = failed(world)
    assert f"{OLD[:12]} runs again and is NOT healthy" in said
    assert f"EASI_VERSION={OLD}" in said
    assert world.last.outcome == "failed"
    assert not world.settled
    assert world.service == identity(OLD)["taskDefinition"]


def test_a_rollback_that_fails_leaves_the_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    world.failing = {"prove 2": NotProven("no"), "back to 1": rollout.RolloutFailed("timed_out", "1 of 2 tasks")}
    said = failed(world)
    assert "undo rollout failed, too: 1 of 2 tasks" in said
    assert "prove 1" not in world.story
    assert not world.settled


def test_a_site_that_cannot_go_back_keeps_the_backend_that_serves_both(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    world.failing = {"switch 2": RuntimeError("S3 is down"), "switch 1": RuntimeError("S3 is down")}
    said = failed(world)
    assert "the backend stays on easi-impl:2, which serves both sites" in said
    assert not any(step.startswith("back") for step in world.story)
    assert (world.last.outcome, world.settled) == ("failed", False)


def test_a_first_release_that_fails_leaves_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.failing = {"prove 2": NotProven("status is fail")}
    said = failed(world)
    assert "all tasks were ended" in said
    assert (world.service, world.site, world.recorded) == (None, None, None)
    assert (world.last.outcome, world.settled) == ("undone", True)


def test_a_service_without_a_record_is_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.service, world.deployment = identity(OLD)["taskDefinition"], 1
    world.failing = {"prove 2": NotProven("status is fail")}
    failed(world)
    assert world.service == identity(OLD)["taskDefinition"]
    assert world.last.outcome == "failed"


def test_what_is_proven_is_proven_again_and_its_site_written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    world.service, world.site = f"{ACCOUNT}:task-definition/easi-impl:9", "by hand"
    result = run(world, request(**identity(OLD)))
    assert "switch 1 whole" in world.story
    assert result.previous == ()
    world.runs(OLD)


def test_what_is_proven_and_fails_has_only_a_version_before_it_to_go_back_to(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    run(world)
    world.story.clear()
    world.sick = {NEW}
    said = failed(world)
    assert world.story.count("prove 2") == 1
    assert f"EASI_VERSION={OLD}" in said
    assert not world.settled


def test_a_restart_starts_every_task_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    run(world, request(**identity(OLD), restart="rotated"))
    assert "roll 1 anew" in world.story
    assert world.last.restart == "rotated"


def test_no_migration_of_a_version_that_ran_here_before(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    run(world)
    world.story.clear()
    run(world, request(**identity(OLD), migration=MIGRATION))
    assert not any(step.startswith("migrate") for step in world.story)
    assert "not run: 111111111111 ran here before" in " ".join(SAID)
    world.runs(OLD)


def test_a_proven_release_fails_over_nothing_that_comes_after(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    world.failing = {
        "expire": RuntimeError("no"),
        "put ended.json": error("InternalError"),
        "delete unsettled.json": error("InternalError"),
    }
    assert run(world).version == NEW
    assert "old static files stay" in " ".join(SAID)
    assert world.last.state == "interrupted"


def test_a_record_that_arrived_without_an_answer_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())

    def lost(when: str, name: str) -> None:
        if (when, name) == ("put", "release.json"):
            raise error("InternalError")

    world.bucket.after = lost
    run(world)
    world.runs(NEW)


def test_a_record_of_which_nobody_knows_whether_it_arrived_leaves_the_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())

    def lost(when: str, name: str) -> None:
        if (when, name) == ("put", "release.json"):
            world.failing["get release.json"] = error("InternalError")
            raise error("InternalError")

    back = world.roll_back

    def answers_again(*arguments: Any) -> Any:
        del world.failing["get release.json"]
        return back(*arguments)

    monkeypatch.setattr("release.rollout.roll_back", answers_again)
    world.bucket.after = lost
    failed(world)
    assert world.service == identity(OLD)["taskDefinition"]
    assert world.recorded is not None
    assert world.recorded.version == NEW
    assert (world.last.outcome, world.settled) == ("failed", False)


def test_what_an_interrupted_release_left_is_undone_by_one_that_starts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    world.kill = "after roll 2"
    with pytest.raises(Killed):
        run(world)
    world.kill = None
    world.failing = {"roll 3": rollout.RolloutFailed("refused", "another family")}
    failed(world, request(**identity("3" * 40)))
    world.runs(OLD)
    assert world.config == {"environment": "before"}


def test_the_config_before_an_interrupted_release_outlives_it(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    world.kill = "after switch 2"
    with pytest.raises(Killed):
        run(world)
    assert world.config == {"environment": "impl"}
    world.kill, world.sick = None, {NEW}
    failed(world)
    world.runs(OLD)
    assert world.config == {"environment": "before"}


def test_the_mark_of_somebody_else_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    prove = world.prove

    def meanwhile(check: Any, say: Any) -> Any:
        world.bucket.objects["unsettled.json"] = b'{"attempt": "theirs"}'
        return prove(check, say)

    monkeypatch.setattr("release.healthcheck.prove", meanwhile)
    run(world)
    assert json.loads(world.bucket.objects["unsettled.json"]) == {"attempt": "theirs"}


def test_a_record_that_somebody_else_wrote_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    theirs = dataclasses.replace(before(), version="3" * 40)
    prove = world.prove

    def meanwhile(check: Any, say: Any) -> Any:
        world.bucket.objects["release.json"] = json.dumps(theirs.to_json()).encode()
        return prove(check, say)

    monkeypatch.setattr("release.healthcheck.prove", meanwhile)
    said = failed(world)
    assert "written by somebody else meanwhile" in said
    assert world.recorded == theirs
    assert not any(step.startswith("back") for step in world.story), "what is not ours is not undone"
    assert not world.settled


@pytest.mark.parametrize("after", ["before stage 2", "after roll 2", "after prove 2", "after switch 2"])
def test_without_its_lease_a_release_changes_nothing_more(monkeypatch: pytest.MonkeyPatch, after: str) -> None:
    world = World(monkeypatch, before())
    world.lost_after = after
    said = failed(world)
    assert "the lease on impl is lost" in said
    assert not any(step.startswith(("back", "switch 1")) or step == "put release.json" for step in world.story)
    assert world.last.outcome == "failed"
    assert world.settled is (after == "before stage 2")


def test_undoing_stops_where_the_lease_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    world.failing = {"switch 2": RuntimeError("stale")}
    world.lost_after = "after switch 1"
    said = failed(world)
    assert "not tried, the lease is lost" in said
    assert (world.last.outcome, world.settled) == ("failed", False)


def test_a_lease_that_is_held_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())

    def held(*_a: Any, **_k: Any) -> None:
        raise LeaseHeldError("impl is being released by ann since 03:00")

    monkeypatch.setattr("release.lease.acquire", held)
    with pytest.raises(engine.ReleaseFailedError, match=r"released by ann since 03:00\. Nothing was changed"):
        run(world)
    assert world.story == []


def test_a_frontend_that_changed_meanwhile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, before())
    monkeypatch.setattr("release.phases.store.load", lambda **_arguments: Files("sha256:" + "9" * 64))
    assert "something built it meanwhile" in failed(world)
    world.runs(OLD)


def steps_of(monkeypatch: pytest.MonkeyPatch, first: bool, failing: dict[str, Exception]) -> int:
    world = World(monkeypatch, None if first else before())
    world.failing = failing
    with contextlib.suppress(engine.ReleaseFailedError):
        run(world)
    return world.steps


FAILURES: dict[str, dict[str, Exception]] = {
    "good": {},
    "rollout fails": {"roll 2": ROLL_FAILED},
    "site fails": {"switch 2": RuntimeError("stale")},
}
THIRD = "3" * 40


@pytest.mark.parametrize("failing", FAILURES)
@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
@pytest.mark.parametrize("then", [NEW, OLD, THIRD], ids=["same", "old", "newer"])
def test_killed_at_any_call_the_next_run_converges(
    monkeypatch: pytest.MonkeyPatch, failing: str, first: bool, then: str
) -> None:
    count = steps_of(monkeypatch, first, FAILURES[failing])
    assert count > 10
    for step in range(1, count + 1):
        world = World(monkeypatch, None if first else before())
        world.failing = FAILURES[failing]
        world.kill_at = step
        with pytest.raises(Killed) as killed:
            run(world)
        moved = world.service not in ((None,) if first else (identity(OLD)["taskDefinition"],))
        recorded = world.recorded is not None and world.recorded.version == NEW
        assert not (moved and not recorded and world.settled), f"{killed.value}: nobody would know"
        world.failing, world.kill_at = {}, None
        run(world, request(**identity(then)))
        world.runs(then)


@pytest.mark.parametrize("first", [True, False], ids=["first", "later"])
def test_killed_at_any_call_and_the_next_run_fails(monkeypatch: pytest.MonkeyPatch, first: bool) -> None:
    """What the killed one left is undone by the failing next one: back to what is recorded."""
    for step in range(1, steps_of(monkeypatch, first, {}) + 1):
        world = World(monkeypatch, None if first else before())
        world.kill_at = step
        with pytest.raises(Killed) as killed:
            run(world)
        world.kill_at, kept = None, world.recorded
        switched = world.site
        world.sick = {THIRD}
        failed(world, request(**identity(THIRD)))
        if kept is not None:
            world.runs(kept.version)
        else:
            assert (world.service, world.recorded) == (None, None), killed.value
            assert world.settled is (switched is None)


def test_request_takes_its_account_and_region_from_the_service() -> None:
    asked = request()
    assert (asked.account, asked.region) == ("111111111111", "us-west-2")
    assert asked.identity == Identity(
        version=NEW,
        image=identity(NEW)["image"],
        task_definition=identity(NEW)["taskDefinition"],
        static_manifest=identity(NEW)["staticManifest"],
    )
    assert asked.health.url == "https://impl.example.gov/api/v1/healthcheck"
    assert (asked.minimum_count, asked.maximum_count) == (1, 2)


def test_request_of_a_state_from_before_migrations_has_none() -> None:
    asked = request()
    assert (asked.container, asked.migration.command, asked.restart) == ("", (), None)
