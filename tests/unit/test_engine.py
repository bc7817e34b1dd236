"""The order of a release's phases, and of their undoing."""

from __future__ import annotations

from typing import Any

import pytest

from cli import outcome
from release import engine, records
from release.deploy_function import FunctionFailed
from release.healthcheck import NOT_COMPARED, Disproven, NotProven
from release.identity import Identity
from release.preflight import Problems
from release.records import GoneBack
from tests.unit.fake_s3 import refusal
from tests.unit.one_of_each import one_of_each
from tests.unit.release_world import ACCOUNT, NEW, OLD, Files, World, identity
from tests.unit.releases import MIGRATION, ROLL_FAILED, SAID, changed, failed, released, request, run

world = pytest.fixture(released)


def test_the_order_of_a_release(world: World) -> None:
    result = run(world, request(migration=MIGRATION))
    assert changed(world) == [
        "put began.json",
        "stage 2",
        "copy 2",
        "migrate ('/migrate',)",
        "rehearse 2",
        "put unsettled.json",
        "roll 2",
        "prove 2",
        "switch 2",
        "put unsettled.json",
        "read 2",
        "put release.json",
        "put ended.json",
        "delete unsettled.json",
        "expire",
        "expire images",
    ]
    assert world.images_kept == ["1", "2"]
    assert world.story[-1] == "release lease"
    world.runs(NEW)
    assert [item.version for item in result.previous] == [OLD]
    assert (world.last.outcome, world.last.replaces) == ("proven", OLD)
    assert [(phase.name, phase.outcome) for phase in world.last.phases][-1] == ("record", "done")
    assert "is proven since 2026-01-02T03:04:05Z, backend and site" in SAID[-1]


def test_a_proof_by_the_status_alone_is_recorded_as_that(world: World) -> None:
    health = {
        "path": "/up",
        "passes": 1.0,
        "interval": 1.0,
        "deadline": 60.0,
        "requireLiveTimestamp": False,
        "statusCodeOnly": True,
    }
    result = run(world, request(health=health))
    assert result.not_compared == ("backend",)
    assert records.release_from_json(result.to_json()) == result
    weaker = f"backend {NOT_COMPARED}"
    assert SAID[-1].endswith(f"; {weaker}")
    assert ("not compared", weaker) in outcome.proven(result, "")


def test_a_proof_by_the_version_has_nothing_of_that(world: World) -> None:
    result = run(world, request())
    assert "notCompared" not in result.to_json()
    assert "not compared" not in dict(outcome.proven(result, ""))


@pytest.mark.parametrize(
    "source", [{"folder": "dist"}, {"image": "upstream@sha256:x", "bucket": "b", "recordsBucket": "r"}]
)
def test_what_is_released_has_a_tag_that_no_other_build_takes(
    monkeypatch: pytest.MonkeyPatch, world: World, source: dict[str, str]
) -> None:
    """ECR removes untagged images, and the tag of a build moves when the same commit is built again."""
    tagged: list[tuple[str, str, str]] = []

    def copy_image(**arguments: Any) -> None:
        tagged.append((arguments["source"], arguments["target_repository"], arguments["tag"]))

    monkeypatch.setattr("release.preparation.image.copy_image", copy_image)
    built = Files(identity(NEW)["staticManifest"])
    monkeypatch.setattr("release.preparation.builds.from_folder", lambda _path, **_: built)
    run(world, request(source=source))
    came_from = "upstream" if "image" in source else "repository"
    assert tagged == [(came_from, "repository", f"impl-{NEW}-{'2' * 12}")]


@pytest.mark.parametrize(
    ("call", "phase"),
    [
        ("copy 2", "stage"),
        ("stage 2", "stage"),
        ("migrate ('/migrate',)", "migrate"),
        ("put unsettled.json", "roll out"),
    ],
)
def test_nothing_that_serves_changes_when_preparing_fails(world: World, call: str, phase: str) -> None:
    world.failing = {call: RuntimeError(f"{call} broke")}
    said = failed(world, request(migration=MIGRATION))
    assert f"{phase} failed: {call} broke" in said
    assert "nothing that serves was changed" in said
    assert world.last.outcome == "failed"
    world.runs(OLD)


def test_a_check_that_finds_something_refuses_and_names_all_of_it(world: World) -> None:
    world.found = Problems(tuple(f"problem {number}" for number in range(30)))
    failed(world)
    assert world.last.outcome == "refused"
    assert "problem 0" in world.last.message
    assert "more" in world.last.message
    world.runs(OLD)


@pytest.mark.parametrize(("count", "why"), [(1, "why       problem 0\n"), (2, "why       2 problems\n")])
def test_what_releases_all_the_same_is_no_problem_but_to_do(world: World, count: int, why: str) -> None:
    world.found = Problems(tuple(f"problem {number}" for number in range(count)), "RELEASE_REASON='why' up")
    failed(world)
    assert why in world.last.message
    assert world.last.message.endswith("up -s impl   (or, all the same:  RELEASE_REASON='why' up)")


@pytest.mark.parametrize(
    ("call", "error", "undone"),
    [
        ("roll 2", ROLL_FAILED, ["back to 1", "prove 1"]),
        ("disprove 2", Disproven("status is fail"), ["back to 1", "prove 1"]),
        ("prove 2", NotProven("status is fail"), ["back to 1", "prove 1"]),
        ("switch 2", RuntimeError("S3 is down"), ["switch 1 whole", "back to 1", "prove 1"]),
        ("read 2", RuntimeError("stale"), ["switch 1 whole", "back to 1", "prove 1"]),
        ("put release.json", refusal("InternalError"), ["switch 1 whole", "back to 1", "prove 1"]),
    ],
)
def test_what_was_done_is_undone_in_reverse(world: World, call: str, error: Exception, undone: list[str]) -> None:
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


CRASH = FunctionFailed(
    "rolled_back",
    "ECS took easi-impl:2 back",
    (
        "task 3c container backend: exit code 2",
        "task 3c stopped: Essential container in task exited",
        *(f"task 3c backend | line {word}" for word in ("a", "b", "c", "d", "e", "f")),
        "whole log: aws logs filter-log-events --log-group-name /ecs/easi-impl",
        *(f"event: {number}" for number in range(5)),
    ),
)


def test_the_story_of_a_crash_has_its_end_its_log_and_how_to_see_all_of_it(world: World) -> None:
    world.failing = {"roll 2": CRASH}
    failed(world)
    shown = [line.strip() for line in world.last.message.splitlines()]
    told = list(CRASH.details[: engine.DETAILS])
    assert [line for line in shown if line in told] == told


@pytest.mark.parametrize(
    ("call", "error", "setting"),
    [
        (
            "roll 2",
            FunctionFailed("rolled_back", "back", ("task 3c stopped: Task failed ELB health checks in (a)",)),
            "services.backend.health.grace",
        ),
        ("roll 2", FunctionFailed("timed_out", "1 of 2 tasks"), "rolloutDeadline ("),
        ("prove 2", NotProven("1 of 3 passes"), "services.backend.health.deadline (60 s)"),
    ],
)
def test_a_release_that_took_too_long_names_the_setting(
    world: World, call: str, error: Exception, setting: str
) -> None:
    world.failing = {call: error}
    failed(world)
    assert setting in world.last.message


def test_a_version_that_its_tasks_disprove_needs_no_more_time(world: World) -> None:
    world.failing = {"prove 2": Disproven("version is another")}
    assert "health.deadline" not in failed(world)


def test_what_is_proven_again_is_not_disproven_by_tasks_that_start(world: World) -> None:
    world.failing = {"disprove 1": Disproven("status is fail")}
    run(world, request(**identity(OLD), restart="r1"))
    assert "prove 1" in world.story


@pytest.mark.parametrize("logs", ["kubectl logs backend", "kubectl logs {service}"])
def test_the_environment_may_say_how_logs_are_shown(monkeypatch: pytest.MonkeyPatch, world: World, logs: str) -> None:
    monkeypatch.setenv("RELEASE_LOGS", logs)
    world.failing = {"roll 2": CRASH}
    failed(world)
    assert "whole log: kubectl logs backend" in world.last.message
    assert "aws logs" not in world.last.message


def test_a_deployment_that_never_began_is_not_taken_back(world: World) -> None:
    world.failing = {"roll 2": FunctionFailed("refused", "another family")}
    said = failed(world)
    assert "backend is back" not in said
    assert world.last.outcome == "undone"
    world.runs(OLD)


def test_a_service_that_somebody_moves_is_left_alone(world: World) -> None:
    world.failing = {"roll 2": FunctionFailed("superseded", "somebody moved it", (), "d2")}
    said = failed(world)
    assert not any(step.startswith("back") for step in world.story)
    assert "left alone: somebody else moves it" in said
    assert world.last.outcome == "failed"
    assert not world.finished


def test_the_old_version_that_does_not_prove_itself_is_said(world: World) -> None:
    world.sick = {OLD, NEW}
    said = failed(world)
    assert f"{OLD[:12]} runs again and is NOT healthy" in said
    assert f"RELEASE_VERSION={OLD}" in said
    assert world.last.outcome == "failed"
    assert not world.finished
    assert world.service == identity(OLD)["taskDefinition"]


def test_a_rollback_that_fails_leaves_the_mark(world: World) -> None:
    world.failing = {"prove 2": NotProven("no"), "back to 1": FunctionFailed("timed_out", "1 of 2 tasks")}
    said = failed(world)
    assert "undo rollout failed, too: 1 of 2 tasks" in said
    assert "prove 1" not in world.story
    assert not world.finished


def test_a_site_that_cannot_go_back_keeps_the_backend_that_serves_both(world: World) -> None:
    world.failing = {"switch 2": RuntimeError("S3 is down"), "switch 1 whole": RuntimeError("S3 is down")}
    said = failed(world)
    assert "the backend stays on easi-impl:2, which serves both sites" in said
    assert not any(step.startswith("back") for step in world.story)
    assert (world.last.outcome, world.finished) == ("failed", False)


def test_a_first_release_that_fails_leaves_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.failing = {"prove 2": NotProven("status is fail")}
    said = failed(world)
    assert "scaled to 0: there is no proven release to return to" in said
    assert (world.service, world.site, world.recorded) == (None, None, None)
    assert (world.last.outcome, world.finished) == ("undone", True)


def test_a_service_without_a_record_is_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    world.service, world.deployment = identity(OLD)["taskDefinition"], 1
    world.failing = {"prove 2": NotProven("status is fail")}
    failed(world)
    assert world.service == identity(OLD)["taskDefinition"]
    assert world.last.outcome == "failed"


def test_what_is_proven_is_proven_again_and_its_site_written_whole(world: World) -> None:
    world.service, world.site = f"{ACCOUNT}:task-definition/easi-impl:9", "by hand"
    result = run(world, request(**identity(OLD)))
    assert "switch 1 whole" in world.story
    assert result.previous == ()
    world.runs(OLD)


def test_what_is_proven_and_fails_has_only_a_version_before_it_to_go_back_to(world: World) -> None:
    run(world)
    world.story.clear()
    world.sick = {NEW}
    said = failed(world)
    assert world.story.count("prove 2") == 1
    assert f"RELEASE_VERSION={OLD}" in said
    assert not world.finished


def test_a_restart_starts_every_task_anew(world: World) -> None:
    run(world, request(**identity(OLD), restart="rotated"))
    assert "roll 1 anew" in world.story
    assert world.last.restart == "rotated"


def test_each_attempt_and_proof_says_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch)
    for asked in (
        request(**identity(OLD)),
        request(),
        request(**identity(OLD), named=True, reason="500s"),
        request(**identity(OLD), restart="rotated"),
        request(**identity(OLD)),
    ):
        run(world, asked)

    listed = records.list_attempts(world.bucket, "impl-records", 9)
    assert [one.kind for one in listed] == ["again", "restart", "roll back", "promotion", "promotion"]
    assert world.recorded is not None
    assert world.recorded.kind == "again"
    (new,) = world.recorded.previous
    assert (new.version, new.kind) == (NEW, "promotion")
    assert new.gone_back == GoneBack(
        at="2026-01-02T03:04:05Z", to=OLD, attempt=listed[2].id, who=listed[2].who, reason="500s"
    )


def test_a_restart_that_fails_does_not_advise_what_was_gone_back_from(world: World) -> None:
    run(world)
    run(world, request(**identity(OLD), named=True))
    world.sick = {OLD}
    said = failed(world, request(**identity(OLD), named=True, restart="rotated"))
    assert f"RELEASE_VERSION={NEW}" not in said
    assert f"To do: fix the cause, then:  RELEASE_VERSION={OLD} RELEASE_RESTART='why' pulumi up -s impl" in said


def test_no_migration_of_a_version_that_ran_here_before(world: World) -> None:
    run(world)
    world.story.clear()
    run(world, request(**identity(OLD), migration=MIGRATION))
    assert not any(step.startswith("migrate") for step in world.story)
    assert "not run: 111111111111 ran here before" in " ".join(SAID)
    world.runs(OLD)


SNAPSHOT = "arn:aws:lambda:us-west-2:111111111111:function:easi-impl-snapshot"
ABOUT = {"environment": "impl", "version": NEW, "service": "backend"}


@pytest.mark.parametrize(
    ("before", "step"),
    [
        ({"command": ["/snapshot"]}, "before ('/snapshot',)"),
        ({"function": SNAPSHOT}, f"before easi-impl-snapshot {ABOUT}"),
    ],
)
def test_what_is_before_a_migration_runs_first_and_stops_the_release_if_it_fails(
    before: dict[str, Any], step: str, world: World
) -> None:
    asked = request(migration={**MIGRATION, "before": before}, requireSnapshot=True)
    world.failing = {step: FunctionFailed("failed", "the snapshot failed")}
    said = failed(world, asked)
    assert "migrate failed: the snapshot failed" in said
    assert "nothing that serves was changed" in said
    assert "migrate ('/migrate',)" not in world.story
    world.runs(OLD)

    world.failing = {}
    world.story.clear()
    run(world, asked)
    assert [done for done in world.story if done.startswith(("before", "migrate"))] == [step, "migrate ('/migrate',)"]

    world.story.clear()
    run(world, request(**identity(OLD), migration={**MIGRATION, "before": before}))
    assert not [done for done in world.story if done.startswith("before")], "no migration, nothing before it"


def test_a_migration_without_a_snapshot_is_refused_where_one_is_required(world: World) -> None:
    said = failed(world, request(migration=MIGRATION, requireSnapshot=True))
    assert "requireSnapshot demands that: set the service's migration.before" in said
    assert world.last.outcome == "refused"
    assert not [done for done in changed(world) if done.startswith(("stage", "copy", "migrate"))]
    world.runs(OLD)

    run(world, request(requireSnapshot=True))
    world.runs(NEW)
    run(world, request(**identity(OLD), migration=MIGRATION, requireSnapshot=True))
    world.runs(OLD)


def test_a_proven_release_fails_over_nothing_that_comes_after(world: World) -> None:
    world.failing = {
        "expire": RuntimeError("no"),
        "expire images": RuntimeError("no"),
        "put ended.json": refusal("InternalError"),
        "delete unsettled.json": refusal("InternalError"),
    }
    assert run(world).version == NEW
    assert "old static files stay" in " ".join(SAID)
    assert "old images stay" in " ".join(SAID)
    assert world.last.state == "interrupted"


def test_request_takes_its_account_and_region_from_the_service() -> None:
    asked = request()
    assert (asked.account, asked.region) == ("111111111111", "us-west-2")
    expected = one_of_each(
        version=NEW,
        image=identity(NEW)["image"],
        task_definition=identity(NEW)["taskDefinition"],
        static_manifest=identity(NEW)["staticManifest"],
    )
    assert asked.identity == Identity(**expected)
    service = asked.services["backend"]
    assert service.health is not None
    assert service.health.url == "https://impl.example.gov/api/v1/healthcheck"
    assert (service.minimum_count, service.maximum_count) == (1, 2)


def test_request_of_a_state_from_before_migrations_has_none() -> None:
    asked = request()
    assert (asked.services["backend"].container, asked.services["backend"].migration.command, asked.restart) == (
        "",
        (),
        None,
    )
