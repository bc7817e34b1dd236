"""How long a version has to have run in the environment before: the gate's refusal, and from what it is derived."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from release import soak, way_back
from release.promotion import Accepted, Refused, decide
from release.records import Proven, Release
from release.soak import Ran, Soak, ran
from tests.unit.one_of_each import proven
from tests.unit.test_promotion import MIDDLE, NEW, OLD, is_ancestor, refusal, request

FIRST = "4" * 40


def at(minute: int) -> datetime:
    return datetime(2026, 1, 2, 3 + minute // 60, minute % 60, tzinfo=UTC)


def proof(version: str, minute: int, **changes: Any) -> Proven:
    return proven(version, verified_at=at(minute).isoformat(), **changes)


def record(*proofs: tuple[str, int]) -> Release:
    """What an environment records that proves these versions at these minutes."""
    release = None
    for version, minute in proofs:
        release = way_back.recorded(release, proof(version, minute), keep=10)
    assert release is not None
    return release


@pytest.mark.parametrize(
    ("proofs", "since", "until"),
    [
        ([(MIDDLE, 5)], 5, None),
        ([(OLD, 1), (MIDDLE, 5), (NEW, 9)], 5, 9),
        # Proven again, with other settings: it never stopped.
        ([(OLD, 1), (MIDDLE, 5), (MIDDLE, 8)], 5, None),
        ([(MIDDLE, 5), (MIDDLE, 8), (NEW, 9), (NEW, 12)], 5, 9),
        # Back after another one: it counts from then on.
        ([(MIDDLE, 1), (NEW, 2), (MIDDLE, 6)], 6, None),
        ([(MIDDLE, 1), (NEW, 2), (MIDDLE, 6), (FIRST, 7), (OLD, 9)], 6, 7),
        # When the one before came back after it is not in the record: none of the time since is counted.
        ([(OLD, 1), (MIDDLE, 5), (OLD, 8), (NEW, 9), (OLD, 20)], 5, 5),
        # In turn with another one, of which the record has the first proof and the last.
        ([(OLD, 1), (MIDDLE, 5), (OLD, 8), (MIDDLE, 40), (OLD, 41)], 40, 40),
    ],
)
def test_the_time_that_a_version_ran_is_in_the_proofs(
    proofs: list[tuple[str, int]], since: int, until: int | None
) -> None:
    assert ran(record(*proofs), MIDDLE) == Ran(since=at(since), until=None if until is None else at(until))


def test_proofs_of_the_same_second_are_no_time() -> None:
    assert ran(record((MIDDLE, 5), (NEW, 5)), MIDDLE).minutes(at(50)) == 0


def decided(upstream: Release, here: Release | None = None, now: int = 30, **changes: Any) -> Accepted | Refused:
    return decide(
        request(NEW, **changes),
        upstream_name="dev",
        upstream=upstream,
        here=here,
        is_ancestor=is_ancestor,
        branch=None,
        soak=Soak(minutes=60, now=at(now)),
    )


def test_a_version_that_is_too_new_is_refused_with_the_time_that_is_left() -> None:
    assert refusal(decided(record((OLD, 1), (NEW, 10)))) == (
        "impl refused 333333333333: it runs in dev for 20 min, and soakMinutes demands 60.\n"
        "  compared   proven in dev 2026-01-02 03:10 UTC\n"
        "  left       40 min, until 2026-01-02 04:10 UTC\n"
        "  to release it then:  pulumi up -s impl\n"
        "  to run it all the same:  RELEASE_REASON='why' pulumi up -s impl"
    )
    assert f"then:  RELEASE_VERSION={NEW} pulumi up -s impl\n" in refusal(decided(record((NEW, 10)), explicit=True))


def test_a_started_minute_is_left() -> None:
    late = Soak(minutes=60, now=at(69).replace(second=30))
    said = soak.refusal(request(NEW), late, upstream_name="dev", upstream=record((NEW, 10)), here=None)
    assert said is not None
    assert "for 59 min" in said
    assert "left       1 min, until 2026-01-02 04:10 UTC" in said


def test_a_version_that_ran_long_enough_is_accepted() -> None:
    assert isinstance(decided(record((NEW, 10)), now=70), Accepted)
    assert isinstance(decided(record((NEW, 10), (FIRST, 70)), now=300), Accepted)


def test_a_version_that_was_replaced_too_early_is_refused_with_what_to_do() -> None:
    assert refusal(decided(record((NEW, 10), (FIRST, 40)), now=300)) == (
        "impl refused 333333333333: it ran in dev for 30 min, and soakMinutes demands 60.\n"
        "  compared   proven in dev 2026-01-02 03:10 UTC, replaced 03:40 UTC; 444444444444 runs there now\n"
        f"  to prove it there again:  RELEASE_VERSION={NEW} pulumi up -s dev\n"
        "  to run it all the same:  RELEASE_REASON='why' pulumi up -s impl"
    )


def test_what_ran_here_and_a_reason_need_no_time() -> None:
    assert isinstance(decided(record((NEW, 10)), reason="incident 7"), Accepted)
    assert isinstance(decided(record((NEW, 10)), record((NEW, 12))), Accepted)
    assert isinstance(decided(record((NEW, 10)), record((NEW, 2), (MIDDLE, 9)), explicit=True), Accepted)
