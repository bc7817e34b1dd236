"""What a release was, what a roll back marks, and which version is gone back to: sequences of releases."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest

from release import records, way_back
from release.records import Proven, Release
from release.way_back import IsAncestor
from tests.unit.one_of_each import backend, one_of_each

A, B, C, D = (letter * 40 for letter in "abcd")


def by_letter(older: str, newer: str) -> bool:
    """A history in a line: a commit of an earlier letter is an ancestor."""
    return older < newer


def proven(version: str, minute: int, kind: str | None = None) -> Proven:
    return Proven(
        **one_of_each(
            version=version,
            image=f"repository@sha256:{version}",
            task_definition=f"easi:{minute}",
            static_manifest=f"sha256:{version}",
        ),
        verified_at=f"2026-01-02T03:{minute:02}:00Z",
        reason="500s" if kind == "roll back" else None,
        kind=kind,
    )


def after(
    steps: Iterable[str], is_ancestor: IsAncestor = by_letter, keep: int = 10, release: Release | None = None
) -> Release:
    """The record after releases of one letter each; a capital one was named."""
    begin = 0 if release is None else 30
    for minute, step in enumerate(steps, begin):
        version = step.lower() * 40
        kind = way_back.kind(version, here=release, asked=step.isupper(), is_ancestor=is_ancestor)
        release = way_back.recorded(
            release,
            proven(version, minute, kind),
            keep=keep,
            attempt=f"id{minute}",
            who="octocat",
            is_ancestor=is_ancestor,
        )
        assert records.release_from_json(json.loads(json.dumps(release.to_json()))) == release
    assert release is not None
    return release


def letters(proofs: Iterable[Proven]) -> str:
    return "".join(one.version[0] for one in proofs)


GIT = [pytest.param(by_letter, id="git"), pytest.param(way_back.no_git, id="no git")]


@pytest.mark.parametrize("is_ancestor", GIT)
@pytest.mark.parametrize(
    ("steps", "kind", "candidates", "marked"),
    [
        ("a", "release", "", ""),
        ("ab", "release", "a", ""),
        ("abA", "roll back", "", "b"),
        ("abAc", "release", "a", "b"),
        ("abAcA", "roll back", "", "cb"),
        ("abAcAC", "release", "a", "b"),
        ("abAB", "release", "a", ""),
        ("abABA", "roll back", "", "b"),
        ("abABc", "release", "ba", ""),
        ("abcA", "roll back", "", "cb"),
        ("abcAB", "release", "a", "c"),
        ("abAcB", "roll back", "a", "c"),
        ("abcB", "roll back", "a", "c"),
        ("abcBA", "roll back", "", "bc"),
        ("abAa", "again", "", "b"),
        ("abb", "again", "a", ""),
        ("abAA", "again", "", "b"),
    ],
)
def test_the_way_back_after_a_sequence_of_releases(
    steps: str, kind: str, candidates: str, marked: str, is_ancestor: IsAncestor
) -> None:
    release = after(steps, is_ancestor)

    assert release.kind == kind
    assert letters(way_back.candidates(release)) == candidates
    assert letters(way_back.gone_back_from(release)) == marked
    runs = steps[-1].lower() * 40
    assert letters(filter(None, [way_back.target(release, runs)])) == candidates[:1]
    assert way_back.target(release, D) == release, "what is given up is not what was proven last"


@pytest.mark.parametrize("is_ancestor", GIT)
def test_what_was_given_up_for_the_version_that_runs_is_no_way_back(is_ancestor: IsAncestor) -> None:
    """In a shallow clone it would pass for one by the order of first proofs, and with it every hold."""
    assert way_back.kind(C, here=after("acB"), asked=True, is_ancestor=is_ancestor) == "release"


def test_the_mark_says_when_to_what_by_whom_and_why() -> None:
    release = after("abcA")

    mark = way_back.mark(release, C)
    assert mark == records.GoneBack(at="2026-01-02T03:03:00Z", to=A, attempt="id3", who="octocat", reason="500s")
    assert way_back.mark(release, B) == mark, "it is newer than what was gone back to"
    assert way_back.mark(release, A) is way_back.mark(release, D) is way_back.mark(None, A) is None
    again = after("B", release=release)
    assert way_back.mark(again, B) is None
    assert way_back.mark(again, C) == mark
    assert way_back.mark(after("BA", release=release), B) != mark, "gone back from once more"


def test_switching_between_branches_without_a_name_is_no_roll_back() -> None:
    release = after("aba", way_back.no_git)

    assert release.kind == "release"
    assert letters(way_back.candidates(release)) == "b"


def test_an_older_commit_that_never_ran_here_is_a_roll_back_where_git_knows() -> None:
    release = after("bcA")
    assert (release.kind, letters(way_back.gone_back_from(release))) == ("roll back", "cb")
    assert after("bcA", way_back.no_git).kind == "release", "nothing says that it is older"


@pytest.mark.parametrize(
    ("promoted", "restart", "kind"),
    [(True, False, "promotion"), (False, False, "release"), (True, True, "promotion")],
)
def test_a_version_that_comes_new(*, promoted: bool, restart: bool, kind: str) -> None:
    for here in (None, after("a")):
        assert way_back.kind(B, here=here, asked=False, promoted=promoted, restart=restart) == kind


def test_the_version_that_runs_is_restarted_or_released_again() -> None:
    here = after("ab")
    assert way_back.kind(B, here=here, asked=True, promoted=True, restart=True) == "restart"
    assert way_back.kind(B, here=here, asked=True, promoted=True) == "again"


def test_other_settings_of_a_version_are_no_version_to_go_back_to() -> None:
    """The same version with another task definition: the newest proof stands, and its mark counts for all of it."""
    release = after("abb")
    assert (backend(release).task_definition, release.first) == ("easi:2", "2026-01-02T03:01:00Z")
    assert [backend(one).task_definition for one in release.previous] == ["easi:0"]
    assert letters(way_back.gone_back_from(after("abbA"))) == "b"
    assert [backend(one).task_definition for one in after("abbA").previous] == ["easi:2"]


def test_versions_are_kept_not_proofs() -> None:
    release = after("abcdeDEDEDEE", keep=3)
    assert letters(release.previous) == "dcb"


def test_versions_that_were_gone_back_from_do_not_push_out_the_others() -> None:
    release = after("abcBdBeBfB", keep=2)
    assert letters(way_back.candidates(release)) == "a"
    assert letters(way_back.gone_back_from(release)) == "fe", "of those, too, two are kept"


def of_earlier_program(steps: str) -> Release:
    """As it was recorded without kinds: every proof, in order."""
    newest, *previous = (proven(step * 40, minute) for minute, step in reversed([*enumerate(steps)]))
    return Release(**vars(newest), previous=tuple(previous))


@pytest.mark.parametrize(
    ("steps", "candidates", "marked"),
    [
        ("aba", "", "b"),
        ("abab", "a", ""),
        ("abaca", "", "cb"),
        ("abacac", "a", "b"),
        ("abcbb", "a", "c"),
        ("aabb", "a", ""),
    ],
)
def test_a_record_without_kinds_is_read_by_the_order_of_its_proofs(steps: str, candidates: str, marked: str) -> None:
    release = of_earlier_program(steps)
    assert letters(way_back.candidates(release)) == candidates
    assert letters(way_back.gone_back_from(release)) == marked
    assert {one.gone_back.attempt for one in way_back.gone_back_from(release) if one.gone_back} <= {None}

    moved_on = after("d", release=release)
    assert letters(way_back.candidates(moved_on)) == steps[-1] + candidates, "what was inferred is kept"
    assert letters(way_back.gone_back_from(moved_on)) == marked
    assert letters(way_back.candidates(after(steps[-1].upper(), release=moved_on))) == candidates
