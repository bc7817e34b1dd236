from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from release import record
from release.record import Proven, RecordChangedError, Release
from tests.unit.bucket_fake import Bucket, error


def proven(version: str, *, reason: str | None = None) -> Proven:
    return Proven(
        version=version * 40,
        image=f"repository@sha256:{version * 64}",
        task_definition=f"arn:task:{version}",
        static_manifest=f"sha256:{version * 64}",
        verified_at="2026-01-02T03:04:05+00:00",
        reason=reason,
    )


def history(*versions: str) -> Release:
    first, *rest = versions
    release = record.first(proven(first))
    for version in rest:
        release = release.followed_by(proven(version), 2)
    return release


def test_record_survives_its_json() -> None:
    release = history("1", "2").followed_by(proven("3", reason="incident 7"), 2)
    assert record.from_json(json.loads(json.dumps(release.to_json()))) == release


def test_previous_is_newest_first_and_bounded() -> None:
    assert [item.version[0] for item in history("1", "2", "3", "4").previous] == ["3", "2"]


def test_the_same_identity_proven_again_is_not_its_own_predecessor() -> None:
    again = history("1", "2").followed_by(proven("2"), 2)
    assert [item.version[0] for item in again.previous] == ["1"]


def test_json_has_the_outputs_keys() -> None:
    data = history("1").to_json()
    assert sorted(data) == ["image", "previous", "staticManifest", "taskDefinition", "verifiedAt", "version"]


@pytest.mark.parametrize("data", [{}, {"version": 1}, {**history("1").to_json(), "image": None}])
def test_what_is_no_record_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(record.RecordError, match="no record of a release"):
        record.from_json(data)


def test_an_object_that_is_no_json_is_named() -> None:
    bucket = Bucket()
    bucket.objects[record.KEY] = b"<html>"
    with pytest.raises(record.RecordError, match="is no JSON object, so that no release wrote it"):
        record.read(bucket, "records")


def test_a_record_replaces_the_one_that_was_read() -> None:
    bucket = Bucket()
    record.write(bucket, "records", history("1"), record.read_stored(bucket, "records"))
    record.write(bucket, "records", history("1", "2"), record.read_stored(bucket, "records"))
    assert record.read(bucket, "records") == history("1", "2")


def test_a_record_that_was_written_meanwhile_stays() -> None:
    bucket = Bucket()
    nothing = record.read_stored(bucket, "records")
    record.write(bucket, "records", history("1"), nothing)
    with pytest.raises(RecordChangedError, match="it is 111111111111, proven 2026"):
        record.write(bucket, "records", history("2"), nothing)
    assert record.read(bucket, "records") == history("1")


def test_a_write_that_did_not_arrive_is_told() -> None:
    bucket = Bucket()

    def down(operation: str, _key: str) -> None:
        if operation == "put":
            raise error("InternalError")

    bucket.before = down
    with pytest.raises(ClientError, match="InternalError"):
        record.write(bucket, "records", history("1"), record.read_stored(bucket, "records"))
