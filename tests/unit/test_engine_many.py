"""A release of several services and sites, of a worker, and of none."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from release import engine, progress, records, rollout
from release.deploy_function import FunctionFailed
from release.healthcheck import Disproven, NotProven
from release.identity import ServiceIdentity
from release.inputs import from_inputs
from release.records import Release
from release.request import ReleaseRequest
from tests.unit.release_services import Killed
from tests.unit.release_world import ACCOUNT, NEW, OLD, World
from tests.unit.releases import SAID, failed, run

NAMES = {"backend": "easi-impl", "worker": "easi-impl-worker", "jobs": "easi-impl-jobs"}


def task_definition(service: str, version: str) -> str:
    return f"{ACCOUNT}:task-definition/{NAMES[service]}:{version[0]}"


def manifest(version: str) -> str:
    return f"sha256:{version[0] * 64}"


def service(name: str, version: str, order: int, *, is_worker: bool = False, **more: Any) -> dict[str, Any]:
    path = "/health" if name == "backend" else f"/{name}"
    health = {"path": path, "passes": 3.0, "interval": 1.0, "deadline": 60.0, "requireLiveTimestamp": True}
    return {
        "order": order,
        "image": f"repository@sha256:{version[0] * 64}",
        "taskDefinition": task_definition(name, version),
        "service": f"{ACCOUNT}:service/easi-impl/{NAMES[name]}",
        "deployFunction": f"{NAMES[name]}-deploy",
        "cpuArchitecture": "ARM64",
        "counts": {"minimum": 1.0, "maximum": 2.0},
        "container": NAMES[name],
        "health": None if is_worker else health,
        "url": "https://impl.example.gov",
        "connectTo": "",
        **more,
    }


def site(name: str, version: str, order: int) -> dict[str, Any]:
    return {
        "order": order,
        "bucket": f"impl-{name}",
        "distributionId": "E1",
        "url": f"https://{name}.example.gov",
        "connectTo": "",
        "config": {"environment": "impl"},
        "manifest": manifest(version),
        "source": {"bucket": "dev-site", "recordsBucket": "dev-records"},
    }


SERVICES = ("backend", "worker", "jobs")
SITES = ("site", "admin")


def request(
    version: str = NEW, services: tuple[str, ...] = SERVICES, sites: tuple[str, ...] = SITES, **of_service: Any
) -> ReleaseRequest:
    """`jobs` is a worker: nobody can ask it."""
    return from_inputs(
        {
            "environment": "impl",
            "version": version,
            "account": "111111111111",
            "region": "us-west-2",
            "services": {
                name: service(name, version, number, is_worker=name == "jobs", **of_service)
                for number, name in enumerate(services)
            },
            "sites": {name: site(name, version, number) for number, name in enumerate(sites)},
            "recordsBucket": "impl-records",
            "rolloutDeadline": 60.0,
            "keep": 10.0,
            "connection": {"profile": "", "assumeRoles": []},
        }
    )


def test_sites_know_what_cloudfront_asks_the_services_for() -> None:
    sites = request(services=("backend", "worker"), paths=["/v2/*", "/graphql"]).sites
    assert {one.site.other_origins for one in sites.values()} == {("/v2/*", "/graphql", "/v2/*", "/graphql")}
    of_an_earlier_program = request().sites["site"]
    assert of_an_earlier_program.site.other_origins == ()


def proven(version: str, services: tuple[str, ...] = SERVICES, sites: tuple[str, ...] = SITES) -> Release:
    return Release(
        version=version,
        services={
            name: ServiceIdentity(
                image=f"repository@sha256:{version[0] * 64}", task_definition=task_definition(name, version)
            )
            for name in services
        },
        sites={name: manifest(version) for name in sites},
        verified_at="2026-01-01T00:00:00Z",
    )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """The old version of all of it runs, proven."""
    return World(monkeypatch, proven(OLD))


def runs(world: World, version: str) -> None:
    """All services, sites and the record agree on one version, and nothing says otherwise."""
    assert world.recorded is not None
    assert world.recorded.version == version
    for name in world.recorded.services:
        assert world.services[name].task_definition == task_definition(name, version)
    for name in world.recorded.sites:
        assert world.sites[name].manifest == manifest(version)
    assert world.finished


def steps(world: World, *beginnings: str) -> list[str]:
    return [done for done in world.story if done.startswith(beginnings)]


def test_all_rollouts_start_before_the_first_is_watched_and_sites_come_last(world: World) -> None:
    watched: list[list[str]] = []
    world.meanwhile["prove 2"] = lambda: watched.append(steps(world, "roll"))
    result = run(world, request())
    assert watched == [["roll 2", "roll worker 2", "roll jobs 2"]]
    assert steps(world, "prove", "switch", "read") == [
        "prove 2",
        "prove worker 2",
        "switch 2",
        "switch admin 2",
        "read 2",
        "read admin 2",
    ]
    assert (sorted(result.services), sorted(result.sites)) == (sorted(SERVICES), sorted(SITES))
    assert any("jobs: nothing to ask it" in line for line in SAID)
    assert "impl: 222222222222 is proven since 2026-01-02T03:04:05Z, backend, worker, jobs, site and admin" in SAID[-1]
    runs(world, NEW)


def test_what_fails_of_one_service_takes_all_back_and_proves_all_again(world: World) -> None:
    world.failing = {"roll worker 2": FunctionFailed("rolled_back", "ECS took it back", (), "worker-d2")}
    said = failed(world, request())
    assert steps(world, "back", "prove") == [
        "back to jobs 1",
        "back to worker 1",
        "back to 1",
        "prove 1",
        "prove worker 1",
    ]
    assert "service worker: ECS took it back" in said
    assert "service worker is back on easi-impl-worker:1" in said
    assert "111111111111 of service worker is proven again" in said
    assert "111111111111, as before, backend, worker, jobs, site and admin" in said
    assert world.last.outcome == "undone"
    runs(world, OLD)


def test_a_rollout_that_fails_is_undone_by_the_deployment_that_it_began(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = rollout.current

    def current(client: Any, function: str) -> Any:
        assert not steps(world, "roll"), "what began is known, and is another one once ECS has taken it back"
        return known(client, function)

    monkeypatch.setattr(rollout, "current", current)
    world.failing = {"roll worker 2": FunctionFailed("rolled_back", "ECS took it back", (), "worker-d2")}
    failed(world, request())
    assert world.last.outcome == "undone"
    runs(world, OLD)


def test_how_logs_are_shown_names_the_service_that_failed(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    monkeypatch.setenv("RELEASE_LOGS", "kubectl logs {service} -n 9")
    details = ("task 3c stopped: Essential container in task exited", "whole log: aws logs filter-log-events")
    world.failing = {"roll worker 2": FunctionFailed("rolled_back", "ECS took it back", details, "worker-d2")}
    failed(world, request())
    assert "whole log: kubectl logs worker -n 9" in world.last.message


def test_what_new_tasks_of_one_service_answer_ends_the_rollouts_of_all(world: World) -> None:
    world.failing = {"disprove worker 2": Disproven("status is fail, answered by task 2 of this release")}
    said = failed(world, request())
    assert "roll out failed: service worker: status is fail" in said
    assert steps(world, "back") == ["back to jobs 1", "back to worker 1", "back to 1"]
    assert world.last.outcome == "undone"
    runs(world, OLD)


def test_what_somebody_else_moves_is_named_and_left_alone(world: World) -> None:
    world.failing = {"roll worker 2": FunctionFailed("superseded", "another deployment began", (), "worker-d2")}
    said = failed(world, request())
    assert " failed: service worker: another deployment began" in said
    assert "service worker is left alone: somebody else moves it" in said


def test_what_cannot_be_read_back_is_named(world: World) -> None:
    world.failing = {"read admin 2": RuntimeError("another version")}
    assert " failed: site admin: another version" in failed(world, request())


def test_a_migration_without_a_snapshot_is_refused_with_the_services_names(world: World) -> None:
    migration = {"command": ["/migrate"], "timeout": 900.0}
    plain = request(migration=migration)
    said = failed(world, dataclasses.replace(plain, require_snapshot=True))
    assert "service backend: the migration would run without anything before it" in said
    assert "service worker: the migration would run without anything before it" in said


def test_what_does_not_prove_itself_is_named(world: World) -> None:
    world.sick = {f"worker {NEW}"}
    said = failed(world, request())
    assert "prove failed: service worker: version is another" in said
    assert world.last.outcome == "undone"
    runs(world, OLD)


def test_a_second_site_that_cannot_be_switched_takes_the_first_back(world: World) -> None:
    world.failing = {"switch admin 2": RuntimeError("no")}
    said = failed(world, request())
    assert steps(world, "switch", "back") == [
        "switch 2",
        "switch admin 2",
        "switch admin 1 whole",
        "switch 1 whole",
        "back to jobs 1",
        "back to worker 1",
        "back to 1",
    ]
    assert " failed: site admin: no" in said
    assert "site admin is back on 111111111111" in said
    assert world.last.outcome == "undone"
    runs(world, OLD)


def test_a_site_that_cannot_go_back_keeps_the_services(world: World) -> None:
    world.failing = {"switch admin 2": RuntimeError("no"), "switch 1 whole": RuntimeError("no")}
    said = failed(world, request())
    assert "the services stay on easi-impl:2, easi-impl-worker:2, easi-impl-jobs:2" in said
    assert not steps(world, "back")
    assert world.sites["admin"].manifest == manifest(OLD)
    assert (world.last.outcome, world.finished) == ("failed", False)


def test_a_new_site_that_fails_keeps_no_service_on_the_new_version(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, proven(OLD, sites=("site",)))
    world.failing = {"read admin 2": RuntimeError("another version")}
    said = failed(world, request())
    assert steps(world, "back") == ["back to jobs 1", "back to worker 1", "back to 1"]
    assert "site admin keeps the new files: no release before had proven any" in said
    assert world.services["backend"].task_definition == task_definition("backend", OLD)
    assert world.sites["site"].manifest == manifest(OLD)


@pytest.mark.parametrize("then", [OLD, NEW])
def test_killed_after_the_first_of_two_moved_it_is_taken_up_again(world: World, then: str) -> None:
    world.kill = "before roll worker 2"
    with pytest.raises(Killed):
        run(world, request())
    world.kill = None
    assert world.services["backend"].task_definition == task_definition("backend", NEW)
    assert world.services["worker"].task_definition == task_definition("worker", OLD)
    run(world, request(then))
    runs(world, then)


def test_what_a_killed_release_moved_is_undone_by_one_that_fails_before_it_comes_to_it(world: World) -> None:
    world.kill = "before roll jobs 2"
    with pytest.raises(Killed):
        run(world, request())
    world.kill = None
    world.failing = {"roll 3": FunctionFailed("refused", "another family")}
    failed(world, request("3" * 40))
    runs(world, OLD)


def test_killed_at_any_call_the_next_run_converges(monkeypatch: pytest.MonkeyPatch) -> None:
    step = 0
    while True:
        step += 1
        world = World(monkeypatch, proven(OLD))
        world.kill_at = step
        try:
            run(world, request())
        except Killed:
            world.kill_at = None
            run(world, request())
            runs(world, NEW)
        else:
            break
    assert step > 30


@pytest.mark.parametrize(
    ("services", "sites", "shown"),
    [
        (("jobs",), (), "jobs"),
        (("backend",), (), "backend, at"),
        ((), ("site",), "site, at https://site.example.gov"),
    ],
)
def test_an_environment_may_have_no_site_or_no_service(
    services: tuple[str, ...], sites: tuple[str, ...], shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(monkeypatch)
    run(world, request(services=services, sites=sites))
    assert shown.partition(",")[0] in SAID[-1]
    runs(world, NEW)
    world.sick, world.failing = {"3" * 40}, {"switch 3": RuntimeError("no")}
    if services != ("jobs",):
        failed(world, request("3" * 40, services=services, sites=sites))
        runs(world, NEW)


def test_a_service_that_is_new_runs_no_task_after_a_release_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, proven(OLD, services=("backend",), sites=("site",)))
    world.sick = {f"worker {NEW}"}
    said = failed(world, request(services=("backend", "worker"), sites=("site",)))
    assert "service worker is scaled to 0: there is no proven release to return to" in said
    assert world.services["worker"].task_definition is None
    assert world.last.outcome == "undone"
    runs(world, OLD)


def test_migrations_run_in_order_and_only_of_services_that_did_not_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, proven(OLD, services=("backend",)))
    migration = {"command": ["/migrate"], "timeout": 900.0}
    run(world, request(OLD, services=("backend", "worker"), migration=migration))
    assert steps(world, "migrate") == ["migrate worker ('/migrate',)"]
    assert any("backend: not run: 111111111111 ran here before" in line for line in SAID)


def test_an_old_mark_is_of_the_main_site(world: World) -> None:
    world.bucket.objects["unsettled.json"] = (
        b'{"attempt": "1", "version": "%s", "startedAt": "2026-01-01T00:00:00Z", "siteConfig": {"a": "b"}, '
        b'"site": "sha256:9"}' % NEW.encode()
    )
    run(world, request())
    assert steps(world, "switch") == ["switch 2 whole", "switch admin 2"]
    runs(world, NEW)


def test_the_mark_says_of_each_site_to_what_it_is_switched(world: World) -> None:
    world.kill = "amid switch admin 2"
    with pytest.raises(Killed):
        run(world, request())
    mark = records.read_mark(world.bucket, "impl-records")
    assert mark is not None
    assert {name: mark.site(name).manifest for name in SITES} == dict.fromkeys(SITES, manifest(NEW))
    assert mark.site("admin").config == {"environment": "before"}


def test_not_proven_and_proven_again_leaves_all_services_alone(world: World) -> None:
    world.sick = {f"worker {OLD}"}
    with pytest.raises(engine.ReleaseFailedError):
        run(world, request(OLD))
    assert not steps(world, "back")
    assert NotProven.__name__ not in world.last.message
    assert "nothing to undo: this is the last proven release" in world.last.message


def test_all_services_begin_to_go_back_before_the_first_is_watched(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    story = []

    def slowly(function: Any, asked: Any) -> Any:
        story.append("begins")
        yield 0.0
        story.append("ends")
        return (yield from world.roll_back(function, asked))

    monkeypatch.setattr("release.rollout.roll_back", slowly)
    world.sick = {NEW}
    failed(world, request())
    assert story == ["begins"] * 3 + ["ends"] * 3
    runs(world, OLD)


def test_what_is_said_of_a_service_that_is_proven_again_names_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def prove(check: Any, say: Any, tasks: Any) -> Any:
        proof = world.prove(check, say, tasks)
        progress.kept(say, "which task answered is not known")
        return proof

    monkeypatch.setattr("release.healthcheck.prove", prove)
    world.failing = {"switch 2": RuntimeError("S3 is down")}
    failed(world, request())
    kept = [line for line in SAID if line.endswith("which task answered is not known")]
    assert kept == [f"{name}: which task answered is not known" for name in ("backend", "worker")] * 2


def test_a_service_that_is_new_is_not_said_to_run_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, proven(OLD, services=("backend",)))
    world.sick = {f"worker {NEW}"}
    said = failed(world, request())
    assert "Runs now: 111111111111, as before, backend, site and admin." in said


def test_a_way_back_that_the_gate_would_refuse_is_not_proposed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The version before has no proof of a site that is new."""
    world = World(monkeypatch, proven(OLD, sites=("site",)))
    world.failing = {"read admin 2": RuntimeError("no answer")}
    said = failed(world, request())
    assert "site admin keeps the new files: no release before had proven any" in said
    assert "RELEASE_VERSION=" not in said
