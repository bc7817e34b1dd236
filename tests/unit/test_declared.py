"""What a proof has to have: all services and sites that an environment declares."""

from __future__ import annotations

import dataclasses
from typing import Any

from release import way_back
from release.identity import ServiceIdentity
from release.promotion import Accepted, Declared, Refused
from release.records import Proven, Release
from release.stack_outputs import StackOutputs
from tests.unit import test_promotion
from tests.unit.one_of_each import proven
from tests.unit.test_promotion import NEW, OLD, refusal, request

BOTH = Declared(services=("backend", "worker"), sites=("site", "admin"))
ONE = proven(NEW)
ALL = dataclasses.replace(
    ONE,
    services={**ONE.services, "worker": ServiceIdentity(image="repository@sha256:2", task_definition="arn:worker:1")},
    sites={**ONE.sites, "admin": "sha256:2"},
)


def decide(upstream: Release | None, here: Release | None = None, **changes: Any) -> Accepted | Refused:
    return test_promotion.decide(request(NEW, declared=BOTH, **changes), upstream, here)


def record(proof: Proven) -> Release:
    return way_back.recorded(None, proof, keep=10)


def test_a_proof_of_all_that_is_declared_is_accepted() -> None:
    assert isinstance(decide(record(ALL)), Accepted)


def test_a_proof_without_a_service_or_site_is_refused_by_its_name() -> None:
    refused = refusal(decide(record(ONE)))
    assert refused == (
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
    refused = refusal(decide(None, record(ONE)))
    assert refused == (
        "impl refused 333333333333: it never ran here with service worker and site admin.\n"
        f"  to go back to it, with settings that do not declare this:  python -m ci rollback -s impl --version {NEW}"
    )


def test_a_named_version_is_proven_with_its_own_settings() -> None:
    refused = refusal(decide(record(ONE), explicit=True))
    own = f"git switch --detach {NEW}"
    assert refused.endswith(
        f"\n  to run it with its own settings, if they declare less:  {own}"
        f"\n  to prove it there:  {own} && RELEASE_VERSION={NEW} pulumi up -s dev"
    )


def build(tree: str) -> Accepted | Refused | None:
    asked = request(NEW, environment="dev", explicit=True, declared=BOTH)
    return test_promotion.build(asked, tree=tree, here=record(ONE))


def test_the_first_environment_builds_what_was_declared_since() -> None:
    assert build(NEW) is None


def test_the_first_environment_does_not_go_back_to_what_lacks_a_service() -> None:
    refused = refusal(build(OLD))
    assert "it never ran here with service worker and site admin" in refused


def test_files_are_where_the_outputs_say() -> None:
    now = StackOutputs(
        name="dev",
        release=None,
        outputs={"sites": {"site": {"bucket": "one"}, "admin": {"bucket": "two"}}, "recordsBucket": "records"},
    )
    assert (now.files("site")["bucket"], now.files("admin")["bucket"]) == ("one", "two")
