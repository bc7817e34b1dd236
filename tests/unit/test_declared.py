"""What a proof has to have: all services and sites that an environment declares."""

from __future__ import annotations

import dataclasses

from release import promotion, way_back
from release.identity import ServiceIdentity
from release.promotion import Accepted, Declared, Refused, Request
from release.records import Proven, Release
from release.stack_outputs import StackOutputs
from release.version import commit
from tests.unit.one_of_each import proven
from tests.unit.test_promotion import NEW, OLD

BOTH = Declared(services=("backend", "worker"), sites=("site", "admin"))
ONE = proven(NEW)
ALL = dataclasses.replace(
    ONE,
    services={**ONE.services, "worker": ServiceIdentity(image="repository@sha256:2", task_definition="arn:worker:1")},
    sites={**ONE.sites, "admin": "sha256:2"},
)


def decide(upstream: Release | None, here: Release | None = None, *, explicit: bool = False) -> Accepted | Refused:
    request = Request(environment="impl", version=NEW, explicit=explicit, declared=BOTH)
    return promotion.decide(
        request,
        upstream_name="dev",
        upstream=upstream,
        here=here,
        is_ancestor=lambda older, newer: commit(older) < commit(newer),
        branch=None,
    )


def record(*proofs: Proven) -> Release:
    release: Release | None = None
    for proof in proofs:
        release = way_back.recorded(release, proof, keep=10)
    assert release is not None
    return release


def test_a_proof_of_all_that_is_declared_is_accepted() -> None:
    assert isinstance(decide(record(ALL)), Accepted)


def test_a_proof_without_a_service_or_site_is_refused_by_its_name() -> None:
    refused = decide(record(ONE))
    assert isinstance(refused, Refused)
    assert refused.message == (
        "impl refused 333333333333: dev has not proven service worker and site admin of 333333333333.\n"
        "  to prove it there:  pulumi up -s dev"
    )


def test_a_proof_of_more_than_is_declared_is_accepted() -> None:
    more = dataclasses.replace(ALL, services={**ALL.services, "old": ALL.services["worker"]})
    assert isinstance(decide(record(more)), Accepted)


def test_a_whole_proof_of_this_environment_counts_where_the_one_before_has_a_part() -> None:
    decision = decide(record(ONE), record(ALL))
    assert isinstance(decision, Accepted)
    assert decision.own


def test_what_ran_here_before_more_was_declared_is_not_gone_back_to() -> None:
    refused = decide(None, record(ONE))
    assert isinstance(refused, Refused)
    assert refused.message == (
        "impl refused 333333333333: it never ran here with service worker and site admin.\n"
        f"  to go back to it, with settings that do not declare this:  python -m ci rollback -s impl --version {NEW}"
    )


def test_a_named_version_is_proven_with_its_own_settings() -> None:
    refused = decide(record(ONE), explicit=True)
    assert isinstance(refused, Refused)
    own = f"git switch --detach {NEW}"
    assert refused.message.endswith(
        f"\n  to run it with its own settings, if they declare less:  {own}"
        f"\n  to prove it there:  {own} && RELEASE_VERSION={NEW} pulumi up -s dev"
    )


def build(version: str, *, tree: str, explicit: bool) -> Accepted | Refused | None:
    request = Request(environment="dev", version=version, explicit=explicit, declared=BOTH)
    return promotion.decide_build(
        request, tree=tree, here=record(ONE), is_ancestor=lambda older, newer: commit(older) < commit(newer)
    )


def test_the_first_environment_builds_what_was_declared_since() -> None:
    assert build(NEW, tree=NEW, explicit=True) is None


def test_the_first_environment_does_not_go_back_to_what_lacks_a_service() -> None:
    refused = build(NEW, tree=OLD, explicit=True)
    assert isinstance(refused, Refused)
    assert "it never ran here with service worker and site admin" in refused.message


def test_files_are_where_the_outputs_say() -> None:
    now = StackOutputs(
        name="dev",
        release=None,
        outputs={"sites": {"site": {"bucket": "one"}, "admin": {"bucket": "two"}}, "recordsBucket": "records"},
    )
    assert (now.files("site")["bucket"], now.files("admin")["bucket"]) == ("one", "two")
