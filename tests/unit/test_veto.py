"""A hold and a rejection keep versions away: which, and with which words."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

import pytest

from release import veto
from release.promotion import Refused, Unknown
from release.records import Proven
from release.statements import Stated, Statement
from release.way_back import Kind
from tests.unit.test_promotion import request
from tests.unit.test_statements import ROLLED, ROLLED_BACK, A, B, C, D, record, state

E = "e" * 40
RUNS = record((A, "release", "00"), (B, "release", "01"))
LIFT_IT = "python -m release hold -s prod --lift {} --reason 'why'"
LIFT = "python -m release hold -s prod --lift --reason 'why'"


def stated(*statements: Statement, release: Any = RUNS, environment: str = "prod", unread: str = "") -> Stated:
    return Stated(environment=environment, release=release, statements=statements, unread=unread)


def again(_taken: Proven) -> str:
    return "it reverts nothing"


def decide(kind: Kind, *environments: Stated, version: str = D, returns: Any = again, **more: Any) -> Refused | None:
    contains = more.pop("contains", lambda _: True)
    return veto.decide(request(version, environment="prod", **more), kind, environments, returns, contains)


def words(refused: Refused | None) -> str:
    assert refused is not None
    return refused.message


def test_a_hold_of_a_person_refuses_with_who_why_since_when_and_what_ends_it() -> None:
    assert words(decide("promotion", stated(state("hold", "10")))) == (
        f"prod refused {D[:12]}: prod is held since 2026-01-02 03:10:00 UTC by ana: an audit.\n"
        "  a roll back is let through\n"
        f"  to end the hold:  {LIFT}"
    )


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("held", [stated(state("hold", "10")), stated(release=ROLLED_BACK)])
def test_a_hold_lets_through_a_roll_back_and_what_runs(kind: Kind, held: Stated) -> None:
    assert (decide(kind, held) is None) is (kind in ("roll back", "again", "restart"))


def test_a_reason_ends_no_hold_and_lifting_does() -> None:
    assert decide("release", stated(state("hold", "10")), reason="it is urgent") is not None
    assert decide("release", stated(release=ROLLED_BACK), reason="it is urgent") is not None
    assert decide("release", stated(state("lift", "11"), state("hold", "10"))) is None
    assert decide("release", stated(state("lift", "11"), release=ROLLED_BACK)) is None


def test_a_roll_back_holds_until_what_it_took_back_is_reverted() -> None:
    held = stated(release=ROLLED_BACK)
    assert words(decide("release", held)) == (
        f"prod refused {D[:12]}: prod is held since {C[:12]} was rolled back 2026-01-02 03:03:00 UTC to {B[:12]} by "
        "octocat: why 03.\n"
        f"  compared   it reverts nothing\n"
        f"  to see them, and `git revert` one:  git log --oneline {B}..{C}\n"
        f"  to end the hold without a revert:  {LIFT_IT.format('id-03')}"
    )
    assert decide("release", held, returns=lambda taken: None if taken.version == C else "it does") is None


def test_a_refusal_by_a_hold_is_told_from_others() -> None:
    assert veto.is_of_hold(words(decide("release", stated(state("hold", "10")))))
    assert veto.is_of_hold(words(decide("release", stated(release=ROLLED_BACK))))
    assert not veto.is_of_hold(words(decide("release", stated(state("reject", "10", version=D)))))


def test_what_is_held_and_rejected_is_refused_for_both() -> None:
    """Else the next refusal waits for whoever lifts the hold."""
    held = stated(state("reject", "11", version=D), state("hold", "10"))
    refused = words(decide("release", held))
    assert veto.is_of_hold(refused)
    assert "\n  also       it is rejected in prod since 2026-01-02 03:11:00 UTC by ana: an audit" in refused


def test_a_revert_does_not_end_the_hold_of_a_person() -> None:
    assert decide("release", stated(state("hold", "10"), release=ROLLED_BACK), returns=lambda _: None) is not None


def test_each_of_several_roll_backs_has_to_be_reverted() -> None:
    steps = ((A, "release", "00"), (B, "release", "01"), (C, "release", "02"))
    held = stated(release=record(*steps, (B, "roll back", "03"), (A, "roll back", "05")))
    refused = decide("release", held, returns=lambda taken: None if taken.version == B else "it does")
    assert f"prod is held since {C[:12]} was rolled back" in words(refused)


def test_what_was_taken_back_comes_again_with_no_release_that_lacks_what_ended_its_hold() -> None:
    """A branch with the revert was released, and the next one is main without it."""
    ended = stated(release=record(*ROLLED, (D, "release", "05")))
    assert decide("release", ended, version=E) is None
    refused = decide("release", ended, version=E, contains=lambda version: version != D)
    assert f"prod is held since {C[:12]} was rolled back" in words(refused)
    assert f"to end the hold without a revert:  {LIFT_IT.format('id-03')}" in words(refused)
    assert decide("release", ended, version=E, contains=lambda _: False, returns=lambda _: None) is None
    lifted = dataclasses.replace(ended, statements=(state("lift", "06", ends=("id-03",)),))
    assert decide("release", lifted, version=E, contains=lambda _: False) is None


def test_what_git_does_not_know_is_no_revert() -> None:
    refused = decide("release", stated(release=ROLLED_BACK), returns=lambda _: Unknown(to_know="git fetch --unshallow"))
    assert f"this clone cannot say whether it brings back what came with {C[:12]}" in words(refused)
    assert "  to know it:  git fetch --unshallow\n" in words(refused)


def test_a_hold_in_an_environment_before_holds_that_one_alone() -> None:
    assert decide("promotion", stated(), stated(state("hold", "10"), environment="dev")) is None


@pytest.mark.parametrize("kind", ["release", "promotion", "roll back"])
@pytest.mark.parametrize("environment", ["prod", "dev"])
def test_a_rejected_version_is_refused_here_and_after_also_to_go_back_to(kind: Kind, environment: str) -> None:
    rejects = stated(state("reject", "10", version=D), environment=environment)
    environments = [rejects] if environment == "prod" else [stated(), stated(environment="impl"), rejects]
    assert words(decide(kind, *environments, explicit=True)) == (
        f"prod refused {D[:12]}: it is rejected in {environment} since 2026-01-02 03:10:00 UTC by ana: an audit.\n"
        f"  to run it all the same:  RELEASE_REASON='why' RELEASE_VERSION={D} pulumi up -s prod"
    )
    assert decide(kind, *environments, reason="the audit was wrong") is None
    assert decide(kind, *environments, version=A) is None


def test_what_was_taken_back_in_an_environment_before_is_refused() -> None:
    refused = decide("promotion", stated(), stated(environment="dev", release=ROLLED_BACK), version=C)
    assert f"prod refused {C[:12]}: in dev it was rolled back 2026-01-02 03:03:00 UTC" in words(refused)


@pytest.mark.parametrize("kind", ["again", "restart"])
def test_what_runs_is_proven_again_also_where_it_is_rejected(kind: Kind) -> None:
    """Else nothing that is changed by hand could be brought back, and no setting changed."""
    assert decide(kind, stated(state("reject", "10", version=D))) is None


def unread(kind: Kind, *environments: Stated, **more: Any) -> Refused | None:
    return veto.unread(request(D, environment="prod", **more), kind, environments)


def test_statements_that_cannot_be_read_are_no_consent() -> None:
    here = stated(unread="the statements of prod cannot be read (AccessDenied): sign in")
    assert words(unread("release", here, reason="urgent")) == (
        f"prod refused {D[:12]}: whether prod is held is not known: the statements of prod cannot be read "
        "(AccessDenied): sign in"
    )
    refused = unread("promotion", stated(), stated(environment="dev", unread="the stack of dev cannot be read"))
    assert words(refused) == (
        f"prod refused {D[:12]}: whether it is rejected is not known: the stack of dev cannot be read\n"
        f"  to run it all the same:  RELEASE_REASON='why' pulumi up -s prod"
    )
    assert unread("promotion", stated(), stated(environment="dev")) is None
    assert unread("again", here) is None


def test_a_roll_back_with_a_reason_needs_no_statements() -> None:
    assert unread("roll back", stated(unread="S3 does not answer"), reason="500s") is None
    assert "whether it is rejected is not known" in words(unread("roll back", stated(unread="S3 does not answer")))


def test_what_was_stated_since_the_gate_decided_keeps_the_version_away_too() -> None:
    hold, reject = state("hold", "10"), state("reject", "11", version=D)
    held = f"prod is held since 2026-01-02 03:10:00 UTC by ana: an audit. To end it: {LIFT}"
    assert veto.since_then("release", D, "urgent", [hold]) == held
    rejected = f"{D[:12]} is rejected since 2026-01-02 03:11:00 UTC by ana: an audit"
    assert veto.since_then("release", D, None, [reject]) == rejected
    assert veto.since_then("release", D, "urgent", [reject]) == ""
    assert veto.since_then("release", C, None, [reject]) == ""
    assert veto.since_then("release", D, None, [state("lift", "12"), hold]) == ""
    for kind in ("again", "restart", "roll back"):
        assert veto.since_then(kind, C, None, [hold]) == ""
