from __future__ import annotations

import json

import pytest

from release import record
from release.record import Proven, Release


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
    with pytest.raises(ValueError, match="no record of a release"):
        record.from_json(data)
