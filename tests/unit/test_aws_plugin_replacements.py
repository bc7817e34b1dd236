"""Our table against the real provider: what it changes in place and what it replaces."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from local.aws.provider import AwsProvider
from local.aws.table import TABLE
from tests.unit.replacements import RECORDED


def edits() -> Iterator[Any]:
    for token, recorded in RECORDED.items():
        for edit in recorded["edits"]:
            path = ".".join(str(step) for step in edit["at"])
            yield pytest.param(token, edit, id=f"{token.split(':')[1]}-{path}-{edit['then']}")


def edited(inputs: dict[str, Any], edit: dict[str, Any]) -> dict[str, Any]:
    new = copy.deepcopy(inputs)
    target: Any = new
    for step in edit["at"][:-1]:
        target = target[step]
    target[edit["at"][-1]] = edit["to"]
    return new


@pytest.mark.parametrize(("token", "edit"), list(edits()))
def test_an_edit_replaces_exactly_when_the_real_provider_does(token: str, edit: dict[str, Any]) -> None:
    inputs = RECORDED[token]["inputs"]
    diff = AwsProvider().diff(token, inputs, edited(inputs, edit))
    assert diff.changes, "the edit is not seen"
    assert ("replace" if diff.replaces else "update") == edit["then"]


@pytest.mark.parametrize("token", sorted(RECORDED))
def test_the_same_inputs_are_no_change(token: str) -> None:
    inputs = RECORDED[token]["inputs"]
    assert AwsProvider().diff(token, inputs, copy.deepcopy(inputs)).changes == {}


def test_every_type_of_the_table_was_recorded_or_has_an_example() -> None:
    assert set(TABLE) == set(RECORDED)
