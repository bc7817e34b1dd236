"""A hold or a rejection that somebody states after the gate has decided: the release's check finds it."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from release import statements
from tests.unit.fake_s3 import refusal
from tests.unit.release_world import NEW, OLD, World, identity
from tests.unit.releases import before, changed, failed, released, request, run
from tests.unit.test_statements import state

world = pytest.fixture(released)
RAN = request(**identity(OLD), named=True)


def stating(world: World, kind: Any, **more: Any) -> None:
    """Somebody states it while the release begins: it has the lease by then."""
    statement = dataclasses.replace(state(kind, "10"), environment="impl", **more)
    world.meanwhile["check"] = lambda: statements.write(world.bucket, "impl-records", statement)


def test_a_hold_since_the_gate_decided_refuses_and_changes_nothing(world: World) -> None:
    stating(world, "hold")
    said = failed(world)
    assert "impl is held since 2026-01-02 03:10:00 UTC by ana: an audit" in said
    assert "python -m release hold -s impl --lift --reason 'why'" in said
    assert "nothing that serves was changed" in said
    assert not [step for step in changed(world) if not step.startswith("put ")]
    assert world.last.outcome == "refused"
    world.runs(OLD)


def test_a_hold_before_the_rollout_begins_still_stops_the_release(world: World) -> None:
    statement = dataclasses.replace(state("hold", "10"), environment="impl")
    world.meanwhile["rehearse 2"] = lambda: statements.write(world.bucket, "impl-records", statement)
    said = failed(world)
    assert "impl is held since 2026-01-02 03:10:00 UTC by ana: an audit" in said
    assert "nothing that serves was changed" in said
    assert world.last.outcome == "refused"
    assert "roll 2" not in world.story


def test_a_reason_ends_no_hold(world: World) -> None:
    stating(world, "hold")
    assert "impl is held" in failed(world, request(reason="it is urgent"))


def test_a_hold_lets_through_what_runs_and_a_roll_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stating(world, "hold")
    assert run(world, RAN).version == OLD
    assert run(world, dataclasses.replace(RAN, restart="a secret was rotated")).version == OLD

    both = World(monkeypatch, before())
    run(both)
    stating(both, "hold")
    assert run(both, RAN).kind == "roll back"


def test_a_rejected_version_is_refused_without_a_reason(world: World) -> None:
    stating(world, "reject", version=NEW)
    assert f"{NEW[:12]} is rejected since 2026-01-02 03:10:00 UTC by ana: an audit" in failed(world)
    world.runs(OLD)
    run(world, request(reason="it was another one"))
    world.runs(NEW)


@pytest.fixture
def unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_s3: Any, _bucket: str) -> Any:
        raise refusal("AccessDenied", "ListObjectsV2")

    monkeypatch.setattr(statements, "read", read)


@pytest.mark.usefixtures("unreadable")
def test_statements_that_cannot_be_read_stop_the_release(world: World) -> None:
    assert "AccessDenied" in failed(world)
    assert world.last.outcome == "failed"
    world.runs(OLD)


@pytest.mark.usefixtures("unreadable")
def test_what_no_statement_keeps_away_needs_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(world, RAN).version == OLD

    both = World(monkeypatch, before())
    with monkeypatch.context() as readable:
        readable.setattr(statements, "read", lambda *_: ())
        run(both)
    back = request(**identity(OLD), named=True)
    assert "AccessDenied" in failed(both, back)
    assert run(both, dataclasses.replace(back, reason="the statements cannot be read")).kind == "roll back"
