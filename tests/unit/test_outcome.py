"""What a release came to, as the terminal and the summary tell it."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

from cli import outcome
from cli.outcome import Outcome
from release.healthcheck import Proof
from release.updates import Update
from tests.unit.attempts import attempt
from tests.unit.environments import released
from tests.unit.proof_world import STORY

OLD, NEW, BAD = "1" * 40, "2" * 40, "3" * 40
UPDATED = Update(
    succeeded=False,
    started_at=datetime(2026, 1, 2, 2, 59, tzinfo=UTC),
    ended_at=datetime(2026, 1, 2, 3, 2, tzinfo=UTC),
    commit=BAD,
)


def facts(**more: Any) -> Outcome:
    known: dict[str, Any] = {"environment": "prod", "version": BAD, "release": released(OLD, NEW)}
    return Outcome(**known | {"update": UPDATED} | more)


def test_only_a_whole_success_is_good() -> None:
    proof = Proof(verified_at="", passes=3, last={})
    update = dataclasses.replace(UPDATED, succeeded=True)
    good = facts(version=NEW, proof=proof, update=update)

    assert good.good
    assert dataclasses.replace(good, update=None).good, "no update is kept: it was before those that are"
    assert not dataclasses.replace(good, proof=None).good
    assert not dataclasses.replace(good, pending=True).good
    assert not dataclasses.replace(good, update=dataclasses.replace(update, succeeded=False)).good


def test_an_attempt_that_was_cut_short_may_have_left_a_mixture() -> None:
    told = "\n".join(outcome.lines(facts(attempt=attempt(BAD, outcome=None, ended_at=None))))

    assert "was cut short: what runs may be a mixture" in told
    assert "python -m release recover -s prod   (then release again, or go back)" in told
    assert f"Actions > Roll back > Run workflow: prod, {NEW}" in told, "to what is recorded as proven"


def test_an_attempt_whose_undoing_failed_says_how_to_go_back() -> None:
    story = STORY.replace("as before", "not settled")
    failed = attempt(BAD, outcome="failed", message=story)

    told = outcome.lines(facts(attempt=failed))

    assert told[: len(story.splitlines())] == story.splitlines()
    assert f"RELEASE_VERSION={NEW} pulumi up -s prod" in "\n".join(told)


def test_an_update_that_failed_although_its_version_runs_is_not_green() -> None:
    proof = Proof(verified_at="2026-01-02T03:05:00Z", passes=3, last={})

    told = "\n".join(outcome.lines(facts(version=NEW, proof=proof)))

    assert told.startswith(f"prod: {NEW[:12]} still runs, but its update failed\n")
    assert "see its log" in told


def test_nobody_is_called_and_nothing_is_markup_on_the_page() -> None:
    shout = attempt(NEW, who="@octocat <b>", reason="| @all |")
    good = facts(
        version=NEW,
        proof=Proof(verified_at="", passes=3, last={}),
        update=None,
        attempt=shout,
        release=dataclasses.replace(released(NEW), reason="`@all` | <b>"),
    )

    shown = outcome.summary(good)

    assert "@" not in shown
    assert "<b>" not in shown
    assert all(line.count("|") == 3 for line in shown.splitlines() if line.startswith("|"))
