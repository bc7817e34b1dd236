"""Attempts are written once each, and read back newest first."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.strict_json import DamagedError
from release import records
from release.records import Attempt, Phase, Purge
from tests.unit import attempts
from tests.unit.fake_s3 import FakeS3, refusal

RECORDS = "records"


def attempt(number: int, **changes: Any) -> Attempt:
    """That has not ended."""
    known: dict[str, Any] = {
        "id": f"id{number}",
        "who": "root@host",
        "replaces": None,
        "started_at": f"2026-11-23T23:10:0{number}.123Z",
        "ended_at": None,
        "outcome": None,
    }
    return attempts.attempt(str(number) * 40, **known | changes)


def test_an_attempt_that_ended_is_read_back_whole() -> None:
    bucket = FakeS3()
    began = attempt(1, reason="it loses orders", restart="rotated", replaces="0" * 40)
    ended = dataclasses.replace(
        began,
        ended_at="2026-11-23T23:11:00.000Z",
        outcome="undone",
        message="two\n  lines",
        phases=(Phase(name="roll out", seconds=1.5, outcome="failed"),),
        undone=("the service is back",),
    )
    records.begin(bucket, RECORDS, began)
    records.end(bucket, RECORDS, ended)

    assert records.list_attempts(bucket, RECORDS, 5) == (ended,)
    assert ended.state == "undone"
    assert sorted(bucket.objects) == [
        "attempts/2026-11-23T23:10:01.123Z-id1/began.json",
        "attempts/2026-11-23T23:10:01.123Z-id1/ended.json",
    ]


def test_what_an_earlier_program_did_not_hide_is_hidden() -> None:
    bucket = FakeS3()
    began = attempt(1)
    message = "dial postgres://easi:Win@ter@db/easi\n  PGPASS=hunter2"
    records.begin(bucket, RECORDS, began)
    records.end(
        bucket,
        RECORDS,
        dataclasses.replace(began, ended_at="2026-11-23T23:11:00.000Z", outcome="undone", message=message),
    )

    (found,) = records.list_attempts(bucket, RECORDS, 5)
    assert found.message == "dial postgres://easi:[hidden]@db/easi\n  PGPASS=[hidden]"


@pytest.mark.parametrize("body", [b"", b"[]", b"{}"])
def test_what_no_release_wrote_is_named(body: bytes) -> None:
    bucket = FakeS3()
    began = attempt(1)
    bucket.objects[began.prefix + "began.json"] = body
    with pytest.raises(DamagedError, match=f"s3://records/{began.prefix}"):
        records.list_attempts(bucket, RECORDS, 5)


def test_one_that_began_and_never_ended_was_interrupted() -> None:
    bucket = FakeS3()
    records.begin(bucket, RECORDS, attempt(1))

    (found,) = records.list_attempts(bucket, RECORDS, 5)
    assert (found.state, found.outcome, found.ended_at) == ("interrupted", None, None)


def test_the_newest_come_first_and_no_more_than_asked_for() -> None:
    bucket = FakeS3()
    for number in (2, 4, 1, 3):
        records.begin(bucket, RECORDS, attempt(number))

    assert [found.id for found in records.list_attempts(bucket, RECORDS, 3)] == ["id4", "id3", "id2"]
    assert records.list_attempts(bucket, RECORDS, 0) == ()
    assert records.list_attempts(FakeS3(), RECORDS, 3) == ()


def test_what_was_kept_is_never_changed() -> None:
    bucket = FakeS3()
    records.begin(bucket, RECORDS, attempt(1))
    kept = dict(bucket.objects)

    # The same write, repeated because its answer was lost, is no failure.
    records.begin(bucket, RECORDS, attempt(1, who="somebody else"))

    assert bucket.objects == kept


def test_a_write_that_s3_refuses_is_raised() -> None:
    bucket = FakeS3()

    def refuse(_operation: str, _key: str) -> None:
        raise refusal("AccessDenied")

    bucket.before = refuse
    with pytest.raises(ClientError, match="AccessDenied"):
        records.begin(bucket, RECORDS, attempt(1))


def test_an_attempt_without_an_outcome_cannot_end() -> None:
    with pytest.raises(ValueError, match="has no end"):
        records.end(FakeS3(), RECORDS, attempt(1))


def test_times_sort_as_text() -> None:
    earlier = records.now()
    assert len(earlier) == len("2026-11-23T23:10:05.123Z")
    assert earlier.endswith("Z")
    assert earlier <= records.now()


def test_a_purge_is_kept_as_an_attempt_is_and_beside_them() -> None:
    bucket = FakeS3()
    began = Purge(
        id="id1",
        environment="dev",
        paths=(".env", "docs/old.html"),
        who="root@host",
        reason="it leaked",
        started_at="2026-11-23T23:10:01.123Z",
    )
    records.begin(bucket, RECORDS, attempt(1))
    records.begin(bucket, RECORDS, began)
    assert [found.state for found in records.list_purges(bucket, RECORDS, 5)] == ["interrupted"]

    ended = dataclasses.replace(began, ended_at="2026-11-23T23:11:00.000Z")
    records.end(bucket, RECORDS, ended)

    assert records.list_purges(bucket, RECORDS, 5) == (ended,)
    assert (ended.state, dataclasses.replace(ended, message="AccessDenied").state) == ("done", "failed")
    assert [found.id for found in records.list_attempts(bucket, RECORDS, 5)] == ["id1"]
    assert [key for key in sorted(bucket.objects) if key.startswith("purges/")] == [
        "purges/2026-11-23T23:10:01.123Z-id1/began.json",
        "purges/2026-11-23T23:10:01.123Z-id1/ended.json",
    ]
    with pytest.raises(ValueError, match="has no end"):
        records.end(bucket, RECORDS, began)
