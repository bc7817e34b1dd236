"""Whether the deploy function believes a lease: by its id, and by its age on S3's clock."""

from __future__ import annotations

import io
from typing import Any

import pytest

from functions.deploy import lease as lease_check
from functions.deploy.errors import AwsError, RefusedError, UnavailableError
from functions.deploy.handler import _translated
from release import lease as release_lease
from tests.unit.ecs_answers import LEASE, RECORDS, Answers, failing, leased


def check(reply: Any) -> Answers:
    answers = Answers("aws_succeeded")
    answers.replies["GetObject"] = reply if callable(reply) else lambda _: reply
    lease_check.check(answers.aws(), LEASE)
    return answers


def test_lease_of_the_caller_is_believed_and_read_once() -> None:
    answers = check(leased(LEASE))

    assert answers.calls == [("GetObject", {"Bucket": RECORDS, "Key": "lease.json"})]


def test_lease_of_somebody_else_names_the_holder() -> None:
    with pytest.raises(RefusedError) as caught:
        check(leased("other"))

    said = "refused: the lease is held by octocat since 2026-11-23T17:00:00Z, releasing 3f2c1aa03f2c"
    assert str(caught.value).startswith(said)


def test_expired_lease_is_refused_and_a_renewed_one_is_not() -> None:
    check(leased(LEASE, age_s=30))
    with pytest.raises(RefusedError, match="last renewed 31 s ago and expired after 30 s"):
        check(leased(LEASE, age_s=31))


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied"])
def test_missing_lease_is_refused_however_s3_says_it(code: str) -> None:
    with pytest.raises(RefusedError, match=f"nobody holds the lease: s3://{RECORDS}/lease.json is not there .*{code}"):
        check(failing(code, status=404 if code == "NoSuchKey" else 403))


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'"text"', b"[" * 50_000])
def test_object_that_is_no_lease_is_nobodys(body: bytes) -> None:
    answer = leased(LEASE) | {"Body": io.BytesIO(body)}

    with pytest.raises(RefusedError, match="held by unknown"):
        check(answer)


def test_answer_without_a_date_is_not_guessed_at() -> None:
    answer = leased(LEASE)
    answer["ResponseMetadata"]["HTTPHeaders"] = {}

    with pytest.raises(UnavailableError, match="no Date"):
        check(answer)


@pytest.mark.parametrize(
    ("code", "status", "raised"),
    [("SlowDown", 503, UnavailableError), ("InternalError", 500, UnavailableError), ("NoSuchBucket", 404, AwsError)],
)
def test_trouble_of_s3_is_not_a_lease_that_is_not_there(code: str, status: int, raised: type[Exception]) -> None:
    with pytest.raises(raised):
        _translated(lambda: vars(check(failing(code, status=status))))


def test_both_sides_have_the_same_key_and_the_same_patience() -> None:
    assert (lease_check.KEY, lease_check.TTL_S) == (release_lease.KEY, release_lease.TTL_S)
