from __future__ import annotations

from typing import Any

import pytest

from release import promotion, way_back
from release.promotion import Accepted, Refused, Request
from release.record import Proven, Release

OLD, MIDDLE, NEW = ("1" * 40, "2" * 40, "3" * 40)


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
    return older < newer


def request(version: str, **changes: Any) -> Request:
    return Request(**{"environment": "impl", "version": version, "explicit": False, "dirty": False, **changes})


def decide(asked: Request, upstream: Release | None, here: Release | None = None) -> Accepted | Refused:
    return promotion.decide(asked, upstream_name="dev", upstream=upstream, here=here, is_ancestor=is_ancestor)


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
    assert "pulumi up -s dev" in decision.message


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
    decision = decide(request(NEW, dirty=True), release(NEW))
    assert isinstance(decision, Refused)
    assert "git status" in decision.message


def test_the_first_environment_builds_head() -> None:
    assert build(request(NEW, dirty=True), head=NEW, here=release(OLD)) is None


def test_the_first_environment_refuses_an_older_head() -> None:
    assert isinstance(build(request(OLD), head=OLD, here=release(NEW)), Refused)


def test_the_first_environment_goes_back_without_a_build() -> None:
    decision = build(request(OLD, explicit=True), head=NEW, here=release(NEW, OLD))
    assert isinstance(decision, Accepted)
    assert decision.own


def test_a_named_version_that_was_proven_is_not_built_again_where_it_is_checked_out() -> None:
    decision = build(request(OLD, explicit=True), head=OLD, here=release(NEW, OLD))
    assert isinstance(decision, Accepted)
    assert decision.own
    assert build(request(OLD, explicit=True, dirty=True), head=OLD, here=release(NEW, OLD)) is None
    assert build(request(NEW), head=NEW, here=release(NEW, OLD)) is None


def test_the_first_environment_does_not_build_another_commit_than_the_working_trees() -> None:
    decision = build(request(MIDDLE, explicit=True), head=NEW, here=release(NEW, OLD))
    assert isinstance(decision, Refused)
    assert "git switch --detach 222222222222" in decision.message


def build(asked: Request, *, head: str, here: Release | None) -> Accepted | Refused | None:
    return promotion.decide_build(asked, head=head, here=here, is_ancestor=is_ancestor)
