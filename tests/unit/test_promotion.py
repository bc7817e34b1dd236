from __future__ import annotations

from typing import Any

import pytest

from release import promotion, way_back
from release.promotion import Accepted, IsAncestor, Refused, Request, Unknown
from release.records import Proven, Release
from release.version import commit

OLD, MIDDLE, NEW = ("1" * 40, "2" * 40, "3" * 40)
DIRTY = f"{NEW}-dirty-0123456789ab"


def proven(version: str) -> Proven:
    return Proven(
        version=version,
        image=f"repository@sha256:{version[0] * 64}",
        task_definition=f"arn:task:{version[0]}",
        static_manifest=f"sha256:{version[0] * 64}",
        verified_at="2026-01-02T03:04:05+00:00",
    )


def release(version: str, *previous: str) -> Release:
    current: Release | None = None
    for earlier in (*reversed(previous), version):
        current = way_back.recorded(current, proven(earlier), keep=10)
    assert current is not None
    return current


def is_ancestor(older: str, newer: str) -> bool:
    return commit(older) < commit(newer)


def request(version: str, **changes: Any) -> Request:
    return Request(**{"environment": "impl", "version": version, "explicit": False, **changes})


def decide(
    asked: Request, upstream: Release | None, here: Release | None = None, ask: IsAncestor = is_ancestor
) -> Accepted | Refused:
    return promotion.decide(asked, upstream_name="dev", upstream=upstream, here=here, is_ancestor=ask)


def test_what_the_environment_before_runs_is_accepted_with_its_digests() -> None:
    decision = decide(request(NEW), release(NEW))
    assert isinstance(decision, Accepted)
    assert decision.evidence.image_digest == f"sha256:{'3' * 64}"
    assert not decision.own


def test_a_version_that_waited_for_approval_while_dev_moved_on_is_accepted() -> None:
    decision = decide(request(MIDDLE), release(NEW, MIDDLE), release(OLD))
    assert isinstance(decision, Accepted)
    assert decision.evidence.version == MIDDLE


@pytest.mark.parametrize("upstream", [None, release(OLD)])
def test_a_version_that_was_not_proven_before_is_refused(upstream: Release | None) -> None:
    decision = decide(request(NEW), upstream)
    assert isinstance(decision, Refused)
    assert "dev has not proven it" in decision.message
    assert decision.message.endswith("to prove it there:  pulumi up -s dev")
    named = decide(request(NEW, explicit=True), upstream)
    assert isinstance(named, Refused)
    assert named.message.endswith(f"to prove it there:  EASI_VERSION={NEW} pulumi up -s dev")


def test_an_older_run_that_finishes_late_does_not_win() -> None:
    decision = decide(request(MIDDLE, explicit=True), release(NEW, MIDDLE), release(NEW, OLD))
    assert isinstance(decision, Refused)
    assert "222222222222 is an ancestor of 333333333333" in decision.message


def test_going_back_is_asked_for_by_naming_what_ran_here() -> None:
    upstream, here = release(NEW, OLD), release(NEW, OLD)
    assert isinstance(decide(request(OLD, explicit=True), upstream, here), Accepted)
    refused = decide(request(OLD), upstream, here)
    assert isinstance(refused, Refused)
    assert f"EASI_VERSION={OLD} pulumi up -s impl" in refused.message


def test_going_back_works_when_the_environment_before_has_forgotten() -> None:
    decision = decide(request(OLD, explicit=True), release(NEW), release(NEW, OLD))
    assert isinstance(decision, Accepted)
    assert decision.own


def test_a_reason_overrides_order_but_not_proof() -> None:
    upstream, here = release(NEW, MIDDLE), release(NEW)
    assert isinstance(decide(request(MIDDLE, reason="incident 7"), upstream, here), Accepted)
    assert isinstance(decide(request(OLD, reason="incident 7"), upstream, here), Refused)


def test_uncommitted_changes_are_refused_outside_of_the_first_environment() -> None:
    decision = decide(request(NEW, changes=("a", "b", "c", "d", "e")), release(NEW))
    assert isinstance(decision, Refused)
    assert "they are:           a, b, c and 2 more\n" in decision.message
    assert "git stash --include-untracked\n" in decision.message


def test_what_was_built_from_uncommitted_changes_goes_nowhere_else() -> None:
    # Also when it is named, with a reason, and in a clean tree: it is what it is, whoever asks.
    named = request(DIRTY, explicit=True, reason="it is urgent")
    decision = decide(named, release(DIRTY), release(OLD))
    assert isinstance(decision, Refused)
    assert decision.message.startswith("impl refused 333333333333-dirty-0123: it was built from changes that are in no")


def test_a_commit_is_not_proven_by_what_was_built_from_changes_of_it() -> None:
    decision = decide(request(NEW), release(DIRTY, OLD))
    assert isinstance(decision, Refused)
    assert "dev has not proven it, only 333333333333-dirty-0123, which was built from changes" in decision.message
    assert "compared   proven by dev: 333333333333-dirty-0123, 111111111111\n" in decision.message
    assert decision.message.endswith("to prove it there:  make frontend && pulumi up -s dev")
    accepted = decide(request(NEW), release(DIRTY, NEW))
    assert isinstance(accepted, Accepted)
    assert accepted.evidence.version == NEW


def test_what_git_cannot_say_is_refused_with_the_command_that_makes_it_known() -> None:
    decision = decide(request(NEW), release(NEW), release(MIDDLE), lambda _older, _newer: Unknown(to_know="git fetch"))
    assert isinstance(decision, Refused)
    assert "this clone cannot say whether it is older than 222222222222, which is proven here since" in decision.message
    assert "to know it:  git fetch\n" in decision.message
    assert "EASI_BREAK_GLASS_REASON='why' pulumi up -s impl" in decision.message


def test_going_back_by_name_and_a_reason_need_no_history() -> None:
    def ask(_older: str, _newer: str) -> bool:
        pytest.fail("Git was asked")

    upstream, here = release(NEW, OLD), release(NEW, OLD)
    assert isinstance(decide(request(OLD, explicit=True), upstream, here, ask), Accepted)
    assert isinstance(decide(request(OLD, reason="incident 7"), upstream, here, ask), Accepted)


def test_the_first_environment_builds_head() -> None:
    assert build(request(NEW), tree=NEW, here=release(OLD)) is None


def test_uncommitted_changes_are_built_as_a_release_of_their_own() -> None:
    assert build(request(DIRTY, changes=("a",)), tree=DIRTY, here=release(NEW)) is None
    assert build(request(NEW), tree=NEW, here=release(DIRTY)) is None
    back = build(request(DIRTY, explicit=True), tree=NEW, here=release(NEW, DIRTY))
    assert isinstance(back, Accepted)
    assert back.evidence.version == DIRTY


def test_a_commit_is_not_built_from_a_tree_that_differs_from_it() -> None:
    decision = build(request(NEW, explicit=True, changes=("a", "b")), tree=DIRTY, here=release(OLD))
    assert isinstance(decision, Refused)
    assert "this working tree is 333333333333-dirty-0123 by its changes: a, b." in decision.message
    lost = build(request(DIRTY, explicit=True), tree=NEW, here=release(OLD))
    assert isinstance(lost, Refused)
    assert "the changes that it was built from are in no commit" in lost.message


def test_the_first_environment_refuses_an_older_head() -> None:
    assert isinstance(build(request(OLD), tree=OLD, here=release(NEW)), Refused)


def test_the_first_environment_goes_back_without_a_build() -> None:
    decision = build(request(OLD, explicit=True), tree=NEW, here=release(NEW, OLD))
    assert isinstance(decision, Accepted)
    assert decision.own


def test_a_named_version_that_was_proven_is_not_built_again_where_it_is_checked_out() -> None:
    decision = build(request(OLD, explicit=True), tree=OLD, here=release(NEW, OLD))
    assert isinstance(decision, Accepted)
    assert decision.own
    assert build(request(NEW), tree=NEW, here=release(NEW, OLD)) is None


def test_the_first_environment_does_not_build_another_commit_than_the_working_trees() -> None:
    decision = build(request(MIDDLE, explicit=True), tree=NEW, here=release(NEW, OLD))
    assert isinstance(decision, Refused)
    assert "git switch --detach 222222222222" in decision.message


def build(asked: Request, *, tree: str, here: Release | None) -> Accepted | Refused | None:
    return promotion.decide_build(asked, tree=tree, here=here, is_ancestor=is_ancestor)
