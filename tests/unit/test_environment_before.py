"""The environment before is asked anew for the version that is promoted, before anything is changed."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import pytest

from release import candidate, environment_before, inputs, invocation
from release.environment_before import Health, look
from release.healthcheck import HealthCheck
from release.records import Release
from release.request import EnvironmentBefore
from release.stack_outputs import StackOutputs
from release.version import short
from tests.unit.preflight_world import World, asked, fake_registry
from tests.unit.servers import VERSION, Served, body, serving
from tests.unit.test_health_answer import PLAIN
from tests.unit.test_healthcheck import OTHER

SICK = Served(status=503)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment_before, "DEADLINE_S", 0.3)
    monkeypatch.setattr(environment_before, "INTERVAL_S", 0.01)


def dev(*urls: str, runs: str = VERSION, **changes: Any) -> EnvironmentBefore:
    names = ("backend", "worker")
    checks = {name: HealthCheck(url=url, version=VERSION, **changes) for name, url in zip(names, urls, strict=False)}
    return EnvironmentBefore(name="dev", runs=runs, checks=checks)


def lines_of(health: Health) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return health.problems, health.notes


def test_a_version_that_is_healthy_there_may_come() -> None:
    with serving(Served()) as server:
        assert look(dev(server.url), VERSION) == Health(notes=(f"dev runs {short(VERSION)}, and is healthy now",))
    assert len(server.requests) == 4, "once for its version, and as often as in the proof"


def test_a_version_that_is_not_healthy_there_now_is_a_problem() -> None:
    with serving(SICK) as server:
        (problem,), notes = lines_of(look(dev(server.url), VERSION))
    assert problem.startswith(f"dev has proven {short(VERSION)}, and the backend is not healthy there now: ")
    assert "answered 503, expected 200; mend dev, or release a version that is healthy there" in problem
    assert notes == ()


def test_what_does_not_answer_is_a_problem() -> None:
    (problem,), _ = lines_of(look(dev("http://nowhere.invalid/"), VERSION))
    assert "nowhere.invalid does not resolve" in problem


def test_one_of_several_services_is_named() -> None:
    with serving(Served()) as well, serving(SICK) as sick:
        (problem,), notes = lines_of(look(dev(well.url, sick.url), VERSION))
    assert "and service worker is not healthy there now" in problem
    assert notes == ()


def test_where_another_version_runs_by_now_it_cannot_be_asked_for_this_one() -> None:
    cannot = f"dev runs {short(OTHER)} by now: {short(VERSION)} cannot be asked there, its proof counts"
    assert look(dev(runs=OTHER), VERSION) == Health(notes=(cannot,))
    with serving(Served(body(version=OTHER))) as server:
        said = f"the backend of dev answers with {short(OTHER)}: it cannot be asked for {short(VERSION)}"
        assert look(dev(server.url), VERSION) == Health(notes=(said,))


def test_where_another_version_begins_to_answer_it_cannot_be_asked_for_this_one() -> None:
    """The next version is being rolled out there: both answer, and the state has the one before."""
    both = [Served(), *[Served(), Served(body(version=OTHER))] * 200]
    with serving(*both) as server:
        said = f"the backend of dev answers with {short(OTHER)}: it cannot be asked for {short(VERSION)}"
        assert look(dev(server.url), VERSION) == Health(notes=(said,))


def test_what_an_answer_calls_its_version_is_shown_as_it_is() -> None:
    with serving(Served(body(version="\x1b[2J"))) as server:
        (note,) = look(dev(server.url), VERSION).notes
    assert "answers with \\x1b[2J: " in note


def test_a_state_that_does_not_say_how_to_ask_is_said() -> None:
    said = f"dev runs {short(VERSION)}, and its state names no health check: its proof counts"
    assert look(dev(), VERSION) == Health(notes=(said,))


def test_status_200_alone_names_no_other_version() -> None:
    with serving(Served(body(version=OTHER))) as server:
        assert look(dev(server.url, form=PLAIN), VERSION).problems == ()
    with serving(Served(body(version=OTHER), status=500)) as server:
        assert len(look(dev(server.url, form=PLAIN), VERSION).problems) == 1


def test_the_check_refuses_it_unless_there_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    fake_registry(monkeypatch)
    with serving(Served(body(version="2" * 40), status=503)) as server:
        before = {
            "name": "dev",
            "runs": "2" * 40,
            "services": {"backend": {"health": HEALTH, "url": server.url, "connectTo": ""}},
        }
        said: list[str] = []
        refused = asked(world, said, environmentBefore=before)
        assert "and the backend is not healthy there now" in "".join(refused.lines)
        assert refused.all_the_same == "RELEASE_REASON='why' pulumi up -s impl"
        assert asked(world, said, environmentBefore=before, reason="incident 7").lines == ()
        assert "not healthy there now" in said[-1]
        assert said[-1].endswith("released all the same, for a reason was given")


HEALTH = {"path": "", "passes": 3.0, "interval": 1.0, "deadline": 60.0, "requireLiveTimestamp": False}
RELEASED = {
    "services": {
        "backend": {"health": HEALTH, "url": "https://dev", "connectTo": "a:443", "image": "…"},
        "worker": {"health": None, "url": "https://dev", "connectTo": ""},
    },
    "connection": {"probeSecret": "a secret of dev"},
}


def upstream(**changes: Any) -> StackOutputs:
    release = Release(version=VERSION, services={}, sites={}, verified_at="2026-01-02T03:04:05Z")
    return dataclasses.replace(StackOutputs(name="dev", release=release, outputs={}, released=RELEASED), **changes)


def question(before: StackOutputs, version: str = VERSION) -> candidate.Candidate:
    comes = candidate.Candidate(version=version, images={}, sites={}, reason=None)
    return candidate._with_question(comes, before)


def test_how_it_is_asked_is_what_its_own_release_has() -> None:
    asyncio.set_event_loop(asyncio.new_event_loop())  # for outputs: `asyncio.run` of a test before took the thread's
    comes = question(upstream())
    services = {"backend": {"health": HEALTH, "url": "https://dev", "connectTo": "a:443"}}
    assert comes.environment_before == {"name": "dev", "runs": VERSION, "services": services}
    assert comes.probe_secret_before == "a secret of dev"
    assert "a secret" not in repr(comes)
    assert "a secret" not in repr(upstream())
    assert set(invocation.connection("", before="x")) - set(invocation.connection("")) == {"probeSecretBefore"}


def test_it_is_not_asked_for_a_version_that_it_does_not_run_nor_where_its_release_cannot_be_read() -> None:
    for comes in (question(upstream(), OTHER), question(upstream(released=None))):
        assert comes.environment_before == {"name": "dev", "runs": VERSION, "services": {}}
        assert comes.probe_secret_before == ""


def test_a_request_has_the_check_of_the_environment_before_with_its_own_secret() -> None:
    before = {"name": "dev", "runs": VERSION, "services": inputs.questions(RELEASED)}
    connection = {"profile": "", "assumeRoles": [], "probeSecret": "of prod", "probeSecretBefore": "of dev"}
    asked_for = inputs._environment_before({"environmentBefore": before, "version": VERSION, "connection": connection})
    assert asked_for is not None
    check = asked_for.checks["backend"]
    assert (check.url, check.connect_to, check.version, check.probe_secret) == (
        "https://dev",
        "a:443",
        VERSION,
        "of dev",
    )


def test_what_runs_keeps_the_question_that_was_asked_of_it_so_that_no_preview_shows_a_change() -> None:
    before = {"name": "dev", "runs": VERSION, "services": {}}
    released = {"environmentBefore": before, "connection": {"probeSecret": "", "probeSecretBefore": "a secret of dev"}}
    own = upstream(name="impl", released=released)
    runs = candidate.Candidate(version=VERSION, images={}, sites={}, reason=None)
    again = candidate._as_released(runs, own)
    assert (again.environment_before, again.probe_secret_before) == (before, "a secret of dev")
    another = dataclasses.replace(runs, version=OTHER)
    assert candidate._as_released(another, own) == another
    assert candidate._as_released(runs, upstream(released=RELEASED)).environment_before is None


def test_what_runs_here_is_not_asked_about_there_again(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    fake_registry(monkeypatch)
    monkeypatch.setattr(environment_before, "look", lambda *_: pytest.fail("it was asked"))
    before = {"name": "dev", "runs": "2" * 40, "services": {}}
    proven = Release(version="2" * 40, services={}, sites={}, verified_at="2026-01-02T03:04:05Z")
    asked(world, [], proven=proven, environmentBefore=before)
