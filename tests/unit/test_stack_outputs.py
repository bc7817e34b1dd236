"""The outputs of a stack are read as often as its state is cut off, and no longer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from release import stack_outputs

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
