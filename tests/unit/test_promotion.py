from __future__ import annotations

from typing import Any

import pytest

from release import promotion, way_back
from release.promotion import Accepted, Branch, IsAncestor, Refused, Request, Unknown
from release.records import Release
from release.version import commit
from tests.unit.one_of_each import proven

OLD, MIDDLE, NEW = ("1" * 40, "2" * 40, "3" * 40)
DIRTY = f"{NEW}-dirty-0123456789ab"


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


def refusal(decision: Accepted | Refused | None) -> str:
    assert isinstance(decision, Refused)
    return decision.message


def acceptance(decision: Accepted | Refused | None) -> Accepted:
    assert isinstance(decision, Accepted)
    return decision


def decide(
    asked: Request,
    upstream: Release | None,
    here: Release | None = None,
    ask: IsAncestor = is_ancestor,
    branch: Branch | None = None,
) -> Accepted | Refused:
    return promotion.decide(asked, upstream_name="dev", upstream=upstream, here=here, is_ancestor=ask, branch=branch)


def test_what_the_environment_before_runs_is_accepted_with_its_digests() -> None:
    decision = acceptance(decide(request(NEW), release(NEW)))
    assert decision.evidence.services["backend"].image_digest == f"sha256:{'3' * 64}"
    assert not decision.own
    assert decision.is_new


def test_a_version_that_waited_for_approval_while_dev_moved_on_is_accepted() -> None:
    decision = acceptance(decide(request(MIDDLE), release(NEW, MIDDLE), release(OLD)))
    assert decision.evidence.version == MIDDLE


def on_main(answer: bool | Unknown) -> Branch:
    return Branch(name="main", contains=lambda _version: answer)


def test_what_dev_proved_of_a_branch_that_is_not_merged_goes_no_further() -> None:
    upstream = release(NEW)
    assert isinstance(decide(request(NEW), upstream, branch=on_main(True)), Accepted)
    refused = refusal(decide(request(NEW), upstream, branch=on_main(False)))
    assert "it is not part of origin's main" in refused
    assert "merge it to main" in refused
    # Where a clone has another branch alone, the branch without a target is fetched to nowhere that is looked at.
    assert "if it is merged:  git fetch origin main:refs/remotes/origin/main\n" in refused
    assert isinstance(decide(request(NEW, reason="incident 7"), upstream, branch=on_main(False)), Accepted)


def test_whether_it_is_merged_has_to_be_known() -> None:
    refused = refusal(decide(request(NEW), release(NEW), branch=on_main(Unknown(to_know="git fetch origin main"))))
    assert "to know it:  git fetch origin main" in refused


def test_what_ran_here_is_gone_back_to_whatever_became_of_its_branch() -> None:
    here = release(NEW, OLD)
    assert isinstance(decide(request(OLD, explicit=True), release(NEW), here, branch=on_main(False)), Accepted)


def test_what_dev_has_not_proven_is_refused_for_that() -> None:
    refused = refusal(decide(request(NEW), release(OLD), branch=on_main(False)))
    assert "dev has not proven it" in refused


@pytest.mark.parametrize("upstream", [None, release(OLD)])
def test_a_version_that_was_not_proven_before_is_refused(upstream: Release | None) -> None:
    decision = refusal(decide(request(NEW), upstream))
    assert "dev has not proven it" in decision
    assert decision.endswith("to prove it there:  pulumi up -s dev")
    named = refusal(decide(request(NEW, explicit=True), upstream))
    assert named.endswith(f"to prove it there:  RELEASE_VERSION={NEW} pulumi up -s dev")


def test_an_older_run_that_finishes_late_does_not_win() -> None:
    decision = refusal(decide(request(MIDDLE, explicit=True), release(NEW, MIDDLE), release(NEW, OLD)))
    assert "222222222222 is an ancestor of 333333333333" in decision


def test_going_back_is_asked_for_by_naming_what_ran_here() -> None:
    upstream, here = release(NEW, OLD), release(NEW, OLD)
    decision = acceptance(decide(request(OLD, explicit=True), upstream, here))
    assert not decision.is_new
    refused = refusal(decide(request(OLD), upstream, here))
    assert f"RELEASE_VERSION={OLD} pulumi up -s impl" in refused


def test_going_back_works_when_the_environment_before_has_forgotten() -> None:
    decision = acceptance(decide(request(OLD, explicit=True), release(NEW), release(NEW, OLD)))
    assert decision.own


def test_a_reason_overrides_order_but_not_proof() -> None:
    upstream, here = release(NEW, MIDDLE), release(NEW)
    assert isinstance(decide(request(MIDDLE, reason="incident 7"), upstream, here), Accepted)
    assert isinstance(decide(request(OLD, reason="incident 7"), upstream, here), Refused)


def test_uncommitted_changes_are_refused_outside_of_the_first_environment() -> None:
    decision = refusal(decide(request(NEW, changes=("a", "b", "c", "d", "e")), release(NEW)))
    assert "they are:           a, b, c and 2 more\n" in decision
    assert "git stash --include-untracked\n" in decision


def test_what_was_built_from_uncommitted_changes_goes_nowhere_else() -> None:
    # Also when it is named, with a reason, and in a clean tree: it is what it is, whoever asks.
    named = request(DIRTY, explicit=True, reason="it is urgent")
    decision = refusal(decide(named, release(DIRTY), release(OLD)))
    assert decision.startswith("impl refused 333333333333-dirty-0123: it was built from changes that are in no")


def test_a_commit_is_not_proven_by_what_was_built_from_changes_of_it() -> None:
    decision = refusal(decide(request(NEW), release(DIRTY, OLD)))
    assert "dev has not proven it, only 333333333333-dirty-0123, which was built from changes" in decision
    assert "compared   proven by dev: 333333333333-dirty-0123, 111111111111\n" in decision
    assert decision.endswith("to prove it there:  python -m release build && pulumi up -s dev")
    accepted = acceptance(decide(request(NEW), release(DIRTY, NEW)))
    assert accepted.evidence.version == NEW


def test_what_git_cannot_say_is_refused_with_the_command_that_makes_it_known() -> None:
    decision = refusal(
        decide(request(NEW), release(NEW), release(MIDDLE), lambda _older, _newer: Unknown(to_know="git fetch"))
    )
    assert "this clone cannot say whether it is older than 222222222222, which is proven here since" in decision
    assert "to know it:  git fetch\n" in decision
    assert "RELEASE_REASON='why' pulumi up -s impl" in decision


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
    back = acceptance(build(request(DIRTY, explicit=True), tree=NEW, here=release(NEW, DIRTY)))
    assert back.evidence.version == DIRTY


def test_a_commit_is_not_built_from_a_tree_that_differs_from_it() -> None:
    decision = refusal(build(request(NEW, explicit=True, changes=("a", "b")), tree=DIRTY, here=release(OLD)))
    assert "this working tree is 333333333333-dirty-0123 by its changes: a, b." in decision
    lost = refusal(build(request(DIRTY, explicit=True), tree=NEW, here=release(OLD)))
    assert "the changes that it was built from are in no commit" in lost


def test_the_first_environment_refuses_an_older_head() -> None:
    assert isinstance(build(request(OLD), tree=OLD, here=release(NEW)), Refused)


def test_the_first_environment_goes_back_without_a_build() -> None:
    decision = acceptance(build(request(OLD, explicit=True), tree=NEW, here=release(NEW, OLD)))
    assert decision.own


def test_a_named_version_that_was_proven_is_not_built_again_where_it_is_checked_out() -> None:
    decision = acceptance(build(request(OLD, explicit=True), tree=OLD, here=release(NEW, OLD)))
    assert decision.own
    assert build(request(NEW), tree=NEW, here=release(NEW, OLD)) is None


def test_the_first_environment_does_not_build_another_commit_than_the_working_trees() -> None:
    decision = refusal(build(request(MIDDLE, explicit=True), tree=NEW, here=release(NEW, OLD)))
    assert "git switch --detach 222222222222" in decision


def build(asked: Request, *, tree: str, here: Release | None) -> Accepted | Refused | None:
    return promotion.decide_build(asked, tree=tree, here=here, is_ancestor=is_ancestor)
