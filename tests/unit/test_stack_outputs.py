"""The outputs of a stack are read as often as its state is cut off, and no longer; a damaged record is an error."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from botocore.exceptions import NoCredentialsError

from release import invocation, stack, stack_outputs

CUT_OFF = Exception("invocation returned an error: failed to load checkpoint: EOF")


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """The errors with which the engine answers next; after them, with a stack without a release."""
    errors: list[Exception] = []

    def invoke(function: str, _arguments: dict[str, Any]) -> Any:
        if function == "pulumi:pulumi:readStackOutputs" and errors:
            raise errors.pop(0)
        return SimpleNamespace(value={"outputs": {}})

    monkeypatch.setattr(pulumi.runtime, "invoke", invoke)
    monkeypatch.setattr(stack_outputs, "PAUSE_S", 0)
    return errors


def test_a_state_that_was_being_written_is_read_again(engine: list[Exception]) -> None:
    engine += [CUT_OFF] * (stack_outputs.READS - 1)
    assert stack_outputs.read("dev") == stack_outputs.StackOutputs(name="dev", release=None, outputs={})
    assert not engine


def test_a_state_that_stays_cut_off_is_an_error(engine: list[Exception]) -> None:
    engine += [CUT_OFF] * stack_outputs.READS
    with pytest.raises(pulumi.RunError, match=r"cannot be read: .*EOF"):
        stack_outputs.read("dev")


def test_another_error_is_told_at_once(engine: list[Exception]) -> None:
    engine += [Exception("denied"), CUT_OFF]
    with pytest.raises(pulumi.RunError, match="cannot be read: denied"):
        stack_outputs.read("dev")
    assert engine == [CUT_OFF]


@pytest.mark.parametrize("preview", [True, False])
def test_what_people_stated_and_cannot_be_read_is_warned_about_in_a_preview_alone(
    monkeypatch: pytest.MonkeyPatch, preview: bool
) -> None:
    def refuse(_session: object, _config: object) -> Any:
        raise NoCredentialsError

    warnings: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warnings.append)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: preview)
    monkeypatch.setattr(invocation, "sign_in", lambda: None)
    monkeypatch.setattr(stack_outputs, "for_session", refuse)
    own = stack_outputs.StackOutputs(name="dev", release=None, outputs={"recordsBucket": "records"})
    (here,) = stack_outputs.environments(own, None)
    assert bool(here.unread) is not preview
    assert [message.partition(": ")[0] for message in warnings] == (
        ["whether dev is held, and what is rejected, is not known"] if preview else []
    )


@pytest.mark.parametrize("place", ["output", "resource"])
def test_a_damaged_record_is_an_error_that_says_how_to_restore_it(monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    record = {"version": 7}
    resources = {"urn": {"type": stack.RELEASES[0], "outputs": {"release": record if place == "resource" else None}}}

    def invoke(function: str, _arguments: dict[str, Any]) -> Any:
        outputs = {"release": record} if place == "output" else {}
        return SimpleNamespace(
            value={"outputs": outputs if function == "pulumi:pulumi:readStackOutputs" else resources}
        )

    monkeypatch.setattr(pulumi.runtime, "invoke", invoke)
    with pytest.raises(pulumi.RunError, match=r"state of dev is damaged.*version is 7.*") as caught:
        stack_outputs.read("dev")
    assert "pulumi stack import -s dev" in str(caught.value)
