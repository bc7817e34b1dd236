"""The line on top of a preview."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from release import headline
from release.headline import Distance
from release.records import Proven, Release
from tests.unit import one_of_each

OLD, NEW = "399915e" + "0" * 33, "ed79594" + "0" * 33
NOW = datetime(2026, 11, 28, 15, 0, tzinfo=UTC)


def proven(version: str, at: str = "2026-11-28T13:18:05Z") -> Proven:
    return one_of_each.proven(version, verified_at=at)


def line(**changes: Any) -> str:
    asked: dict[str, Any] = {
        "environment": "prod",
        "here": Release(**vars(proven(OLD))),
        "version": NEW,
        "commits": Distance(come=3, go=0),
        "proof": proven(NEW),
        "proven_in": "impl",
        "now": NOW,
    }
    return headline.line(**{**asked, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "399915e -> ed79594, 3 commits, proven in impl 13:18 UTC"),
        ({"commits": Distance(come=1, go=0)}, "399915e -> ed79594, 1 commit, proven in impl 13:18 UTC"),
        (
            {"commits": Distance(come=2, go=1)},
            "399915e -> ed79594, 2 commits, without 1 that runs now, proven in impl 13:18 UTC",
        ),
        (
            {"commits": Distance(come=0, go=3), "proof": proven(NEW, "2026-11-27T09:00:00Z"), "proven_in": "prod"},
            "399915e -> ed79594, a roll back by 3 commits, proven in prod 2026-11-27 09:00 UTC",
        ),
        (
            {"commits": "git fetch --unshallow"},
            "399915e -> ed79594, commits unknown: git fetch --unshallow, proven in impl 13:18 UTC",
        ),
        (
            {"version": OLD, "commits": Distance(come=0, go=0)},
            "399915e -> 399915e, the same version, proven in impl 13:18 UTC",
        ),
        ({"here": None, "commits": ""}, "nothing -> ed79594, the first release, proven in impl 13:18 UTC"),
        ({"proof": None}, "399915e -> ed79594, 3 commits, built from this commit"),
        (
            {"proof": None, "version": f"{OLD}-dirty-0123456789ab", "commits": Distance(come=0, go=0)},
            "399915e -> 399915e-dirty-0123, the same commit, built from uncommitted changes",
        ),
        (
            {"proof": proven(NEW, "2026-11-29T00:10:00+14:00")},
            "399915e -> ed79594, 3 commits, proven in impl 10:10 UTC",
        ),
        ({"proof": proven(NEW, "yesterday")}, "399915e -> ed79594, 3 commits, proven in impl yesterday"),
    ],
)
def test_it_says_what_comes_from_what_and_who_has_proven_it(changes: dict[str, Any], said: str) -> None:
    assert line(**changes) == f"prod: {said}"


def test_where_a_version_is_refused_what_runs_stays() -> None:
    here = Release(**vars(proven(OLD)))
    assert headline.refused(environment="prod", here=here, version=NEW) == (
        "prod: 399915e stays, as ed79594 would be refused"
    )
    assert headline.refused(environment="prod", here=None, version=NEW) == (
        "prod: nothing runs here, and ed79594 would be refused"
    )


def test_it_is_found_among_what_a_preview_says() -> None:
    told = line()
    others = ["prod: the service is to run easi:2, and ran easi:1", "impl: a -> b, 1 commit", "prod: a note"]
    assert headline.find("prod", [*others, f"{told}\n"]) == told
    refused = headline.refused(environment="prod", here=None, version=NEW)
    assert headline.find("prod", [*others, refused]) == refused
    assert headline.find("prod", others) == ""
