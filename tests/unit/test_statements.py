"""Which hold stands, and what is rejected: from the record, and from what people stated."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from functions.strict_json import DamagedError
from release import statements, way_back
from release.records import Release
from release.statements import Hold, Stated, Statement
from tests.unit.fake_s3 import FakeS3
from tests.unit.one_of_each import proven

A, B, C, D = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)
BUCKET = "records"


def record(*steps: tuple[str, str, str]) -> Release:
    """The record after steps of version, kind and minute of 2026-01-02 03:00 UTC."""
    release: Release | None = None
    for version, kind, minute in steps:
        at = f"2026-01-02T03:{minute}:00Z"
        step = proven(version, verified_at=at, kind=kind, reason=f"why {minute}")
        release = way_back.recorded(release, step, keep=10, attempt=f"id-{minute}", who="octocat")
    assert release is not None
    return release


ROLLED = ((A, "release", "00"), (B, "release", "01"), (C, "release", "02"), (B, "roll back", "03"))
ROLLED_BACK = record(*ROLLED)


def state(kind: Any, minute: str, **more: Any) -> Statement:
    at = datetime.fromisoformat(f"2026-01-02T03:{minute}:00+00:00")
    return Statement(kind=kind, environment="prod", at=at, **{"who": "ana", "reason": "an audit", **more})


def taken_back(hold: Hold | None) -> list[str]:
    return [one.version for one in hold.taken_back] if hold else []


def test_nothing_holds_where_nobody_holds_and_nothing_was_rolled_back() -> None:
    assert statements.standing(None, ()) is None
    assert statements.standing(record((A, "release", "00"), (B, "release", "01")), ()) is None


def test_a_hold_of_a_person_stands_until_it_is_lifted() -> None:
    release, hold = record((A, "release", "00")), state("hold", "10")
    standing = statements.standing(release, [hold])
    assert standing is not None
    assert (standing.who, standing.reason, standing.since) == ("ana", "an audit", "2026-01-02T03:10:00.000Z")
    assert str(standing) == "held since 2026-01-02 03:10:00 UTC by ana: an audit"
    assert statements.standing(release, [state("lift", "11"), hold]) is None
    assert statements.standing(release, [hold, state("lift", "11")]) is None, "an earlier program named nothing"
    assert statements.standing(release, [state("hold", "12"), state("lift", "11"), hold]) is not None


def test_a_roll_back_holds() -> None:
    hold = statements.standing(ROLLED_BACK, ())
    assert hold is not None
    assert taken_back(hold) == [C]
    assert (hold.who, hold.reason, hold.since) == ("octocat", "why 03", "2026-01-02T03:03:00Z")
    assert str(hold) == (f"held since {C[:12]} was rolled back 2026-01-02 03:03:00 UTC to {B[:12]} by octocat: why 03")


def test_a_lift_ends_the_hold_of_an_earlier_roll_back_alone() -> None:
    assert statements.standing(ROLLED_BACK, [state("lift", "04")]) is None
    assert taken_back(statements.standing(ROLLED_BACK, [state("lift", "02")])) == [C]
    assert taken_back(statements.standing(ROLLED_BACK, [state("reject", "04", version=C)])) == [C]


def test_a_lift_ends_what_it_names_whatever_the_clocks_say_and_nothing_else() -> None:
    hold, other = state("hold", "10"), state("hold", "12")
    lift = state("lift", "00", ends=(hold.id, "id-03"))
    assert statements.standing(ROLLED_BACK, [hold, lift]) is None
    standing = statements.standing(ROLLED_BACK, [other, hold, lift])
    assert standing is not None
    assert (standing.stated, standing.taken_back) == ((other,), ())
    ahead = state("lift", "59", ends=("another",))
    assert taken_back(statements.standing(ROLLED_BACK, [ahead])) == [C], "it lifted before that roll back"


def test_all_that_holds_is_named() -> None:
    first, second = state("hold", "10", reason="an incident"), state("hold", "12")
    standing = statements.standing(ROLLED_BACK, [first, second])
    assert standing is not None
    assert [id_ for id_, _ in standing.by_id()] == [second.id, first.id, "id-03"]
    assert str(standing) == (
        "held since 2026-01-02 03:12:00 UTC by ana: an audit; and held since 2026-01-02 03:10:00 UTC by ana: "
        f"an incident; and held since {C[:12]} was rolled back 2026-01-02 03:03:00 UTC to {B[:12]} by octocat: why 03"
    )


def test_what_was_released_after_a_roll_back_holds_nothing() -> None:
    steps = ((A, "release", "00"), (B, "release", "01"), (A, "roll back", "02"), (C, "release", "03"))
    assert statements.standing(record(*steps), ()) is None


def test_several_roll_backs_in_steps_hold_for_each() -> None:
    """What ran at the second to last contains the fault of the last, and the other way round."""
    steps = ((A, "release", "00"), (B, "release", "01"), (C, "release", "02"))
    release = record(*steps, (B, "roll back", "03"), (A, "roll back", "05"))
    assert taken_back(statements.standing(release, ())) == [B, C]
    assert taken_back(statements.standing(release, [state("lift", "04")])) == [B]


def test_of_all_that_one_roll_back_marks_what_ran_counts() -> None:
    release = record((A, "release", "00"), (B, "release", "01"), (C, "release", "02"), (A, "roll back", "03"))
    assert {one.version for one in way_back.gone_back_from(release)} == {B, C}
    assert taken_back(statements.standing(release, ())) == [C]


def test_a_roll_back_whose_time_is_damaged_still_holds() -> None:
    release = record((A, "release", "00"), (B, "release", "01"), (A, "roll back", "02"))
    (newer,) = way_back.gone_back_from(release)
    assert newer.gone_back is not None
    mark = dataclasses.replace(newer.gone_back, at="yesterday")
    damaged = dataclasses.replace(release, previous=(dataclasses.replace(newer, gone_back=mark),))
    assert taken_back(statements.standing(damaged, [state("lift", "59")])) == [B]


def test_a_version_is_rejected_by_a_person_here_or_in_an_environment_before() -> None:
    stated = (state("hold", "11"), state("reject", "10", version=C))
    here, before = Stated(environment="prod", release=None), Stated(environment="dev", release=None, statements=stated)
    why = "it is rejected in dev since 2026-01-02 03:10:00 UTC by ana: an audit"
    assert statements.rejection(C, [here, before]) == why
    assert statements.rejection(B, [here, before]) is None


def test_a_version_that_was_taken_back_is_rejected_here_and_after() -> None:
    before = Stated(environment="dev", release=ROLLED_BACK)
    why = statements.rejection(C, [Stated(environment="prod", release=None), before])
    assert why == f"in dev it was rolled back 2026-01-02 03:03:00 UTC to {B[:12]} by octocat: why 03"
    assert statements.rejection(B, [before]) is None


def test_statements_are_written_once_and_read_the_newest_first() -> None:
    s3 = FakeS3(BUCKET)
    first, second = state("hold", "10"), state("reject", "11", version=C, reason="it\nloses orders")
    for statement in (second, first, first):
        statements.write(s3, BUCKET, statement)
    assert statements.read(s3, BUCKET) == (second, first)
    assert sorted(s3.objects) == [
        f"statements/2026-01-02T03:10:00.000Z-{first.id}.json",
        f"statements/2026-01-02T03:11:00.000Z-{second.id}.json",
    ]
    s3.objects[first.key] = b'{"kind": "hold"}'
    with pytest.raises(DamagedError, match=r"statements/2026-01-02T03:10:00.000Z-.* is damaged"):
        statements.read(s3, BUCKET)


def test_a_time_without_an_offset_is_in_utc() -> None:
    assert statements._moment("2026-01-02T03:04:05") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
