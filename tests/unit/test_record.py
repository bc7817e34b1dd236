from __future__ import annotations

import dataclasses
import json

import pytest
from botocore.exceptions import ClientError

from functions.strict_json import DamagedError
from release import records
from release.records import GoneBack, MarkedSite, RecordChangedError, Release, UnfinishedMark
from tests.unit.fake_s3 import FakeS3, refusal
from tests.unit.one_of_each import proven


def history(*versions: str) -> Release:
    first, *previous = (proven(version * 40) for version in reversed(versions))
    return records.Release(**vars(first), previous=tuple(previous))


def test_record_survives_its_json() -> None:
    gone_back = GoneBack(at="2026-01-03T00:00:00Z", to="3" * 40, attempt="id3", who="octocat", reason="it loses orders")
    marked = proven("1" * 40, reason="incident 7", gone_back=gone_back, kind="promotion")
    known = dataclasses.replace(history("2", "3"), previous=(marked,), kind="roll back", first_verified_at="2026-01-01")
    assert records.release_from_json(json.loads(json.dumps(known.to_json()))) == known


def test_what_a_later_program_adds_is_passed_over() -> None:
    data = history("1").to_json() | {"new": 1, "goneBack": {"at": "2026-01-03", "to": "2", "new": 1}}
    assert records.release_from_json(data).gone_back == GoneBack(at="2026-01-03", to="2")


def test_json_has_the_outputs_keys() -> None:
    data = history("1").to_json()
    assert sorted(data) == ["previous", "services", "sites", "verifiedAt", "version"]
    assert data["services"] == {"backend": {"image": f"repository@sha256:{'1' * 64}", "taskDefinition": "arn:task:1"}}
    assert data["sites"] == {"site": f"sha256:{'1' * 64}"}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({}, "version is missing"),
        ({"version": 1}, "version is 1, expected a full Git SHA"),
        ({**history("1").to_json(), "services": {"a": {"image": None}}}, "services.a.image is null, expected a text"),
    ],
)
def test_what_is_no_record_is_refused(data: dict[str, object], why: str) -> None:
    with pytest.raises(DamagedError, match=why):
        records.release_from_json(data)


def test_an_object_that_is_no_json_is_named() -> None:
    bucket = FakeS3()
    bucket.objects[records.RELEASE_KEY] = b"<html>"
    with pytest.raises(DamagedError, match="is damaged, no release wrote it so: it is not JSON"):
        records.read_release(bucket, "records")


def test_a_record_replaces_the_one_that_was_read() -> None:
    bucket = FakeS3()
    records.write_release(bucket, "records", history("1"), records.read_stored(bucket, "records"))
    records.write_release(bucket, "records", history("1", "2"), records.read_stored(bucket, "records"))
    assert records.read_release(bucket, "records") == history("1", "2")


def test_a_record_that_was_written_meanwhile_stays() -> None:
    bucket = FakeS3()
    nothing = records.read_stored(bucket, "records")
    records.write_release(bucket, "records", history("1"), nothing)
    with pytest.raises(RecordChangedError, match="it is 111111111111, proven 2026"):
        records.write_release(bucket, "records", history("2"), nothing)
    assert records.read_release(bucket, "records") == history("1")


def test_a_write_that_did_not_arrive_is_told() -> None:
    bucket = FakeS3()

    def down(operation: str, _key: str) -> None:
        if operation == "put":
            raise refusal("InternalError")

    bucket.before = down
    with pytest.raises(ClientError, match="InternalError"):
        records.write_release(bucket, "records", history("1"), records.read_stored(bucket, "records"))


MARK = UnfinishedMark(
    attempt="1", version="1" * 40, started_at="2026-01-02T03:04:05Z", sites={"site": MarkedSite(config={"a": "b"})}
)


def test_a_mark_is_read_as_it_was_set() -> None:
    bucket = FakeS3()
    marked = dataclasses.replace(MARK, sites={**MARK.sites, "admin": MarkedSite(manifest="sha256:2")})
    records.set_mark(bucket, "records", marked)
    assert records.read_mark(bucket, "records") == marked


@pytest.mark.parametrize("switched", [{}, {"site": "sha256:1"}])
def test_a_mark_of_an_earlier_program_is_of_its_only_site(switched: dict[str, str]) -> None:
    bucket = FakeS3()
    mark = {"attempt": "1", "version": "1" * 40, "startedAt": "2026-01-02T03:04:05Z", "siteConfig": {"a": "b"}}
    bucket.objects[records.MARK_KEY] = json.dumps(mark | switched).encode()
    of_site = MarkedSite(config={"a": "b"}, manifest=switched.get("site"))
    assert records.read_mark(bucket, "records") == dataclasses.replace(MARK, sites={"site": of_site})


def test_a_mark_that_was_updated_without_an_answer_is_still_ours_to_remove() -> None:
    """The client repeats the write, whose condition then fails on itself."""
    bucket = FakeS3()
    etag = records.set_mark(bucket, "records", MARK)
    switching = dataclasses.replace(MARK, sites={"site": MarkedSite(manifest="sha256:1")})
    records.update_mark(bucket, "records", switching, etag)
    etag = records.update_mark(bucket, "records", switching, etag)
    records.remove_mark(bucket, "records", etag)
    assert records.read_mark(bucket, "records") is None


def test_a_mark_that_somebody_else_set_is_neither_updated_nor_removed() -> None:
    bucket = FakeS3()
    etag = records.set_mark(bucket, "records", MARK)
    theirs = dataclasses.replace(MARK, attempt="theirs")
    records.set_mark(bucket, "records", theirs)
    etag = records.update_mark(
        bucket, "records", dataclasses.replace(MARK, sites={"site": MarkedSite(manifest="sha256:1")}), etag
    )
    records.remove_mark(bucket, "records", etag)
    assert records.read_mark(bucket, "records") == theirs


def test_a_mark_that_cannot_be_read_says_that_the_site_may_be_mixed() -> None:
    bucket = FakeS3()
    bucket.objects[records.MARK_KEY] = b"<html>"
    mark = records.read_mark(bucket, "records")
    assert mark is not None
    assert {mark.site(name).manifest for name in ("site", "admin")} == {"unknown"}


def test_a_mark_that_is_gone_is_not_updated() -> None:
    bucket = FakeS3()
    etag = records.set_mark(bucket, "records", MARK)
    records.remove_mark(bucket, "records", etag)
    with pytest.raises(ClientError, match="NoSuchKey"):
        records.update_mark(bucket, "records", MARK, etag)
