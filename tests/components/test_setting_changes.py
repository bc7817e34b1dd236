"""What a change of each setting does: our program and local plugins against recordings of the AWS provider."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest
import yaml

from docs.settings_table import settings_to_change
from settings import description
from settings import fields as settings
from settings.fields import PROBE_SECRET
from settings.names import prefix
from tests.components import effects, program
from tests.components.program import ROOT

FIXTURES = ROOT / "tests" / "fixtures"
TO_TRY: Mapping[str, Mapping[str, Any]] = yaml.safe_load((FIXTURES / "setting_changes_to_try.yaml").read_text())
KNOWN: Mapping[str, Mapping[str, effects.Changes]] = json.loads((FIXTURES / "setting_changes.json").read_text())
RECORDED = {**KNOWN["recorded"], **KNOWN["local"]}
NETWORKS = {
    "{vpc}": "vpc-0a",
    "{other-vpc}": "vpc-0b",
    **{f"{{subnet-{number}}}": f"subnet-0a{number}" for number in range(3)},
    **{f"{{other-subnet-{number}}}": f"subnet-0b{number}" for number in range(2)},
}


def settings_around(key: str) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The stack of a change, and the settings of it that are different from the committed ones before and after."""
    change = TO_TRY[key]
    before, after = dict(change.get("given") or {}), dict(change.get("given") or {})
    for other, (was, becomes) in (change.get("also") or {}).items():
        before[other], after[other] = was, becomes
    if "from" in change:
        before[key] = change["from"]
    after[key] = change["to"]
    return change.get("stack", "prod"), _filled(before), _filled(after)


def _filled(values: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(values)
    for placeholder, identity in NETWORKS.items():
        text = text.replace(placeholder, identity)
    filled: dict[str, Any] = json.loads(text)
    return filled


def test_a_change_of_every_setting_is_tried_and_recorded() -> None:
    assert set(TO_TRY) == settings_to_change()
    assert set(RECORDED) == set(TO_TRY)


@pytest.mark.parametrize("key", sorted(TO_TRY))
def test_what_is_tried_is_a_change_between_settings_that_are_accepted(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(description, "declared_defaults", program.declared_defaults)
    stack, before, after = settings_around(key)
    configured = [program.configuration(stack, given) for given in (before, after)]
    first, second = (settings.load(stack, config, [f"{prefix()}{PROBE_SECRET}"]) for config in configured)
    assert first != second


def changes_of(key: str) -> effects.Changes:
    return effects.changes(*settings_around(key), expected=RECORDED[key])


@pytest.fixture(scope="module")
def found() -> Mapping[str, effects.Changes]:
    """What each change does. Each runs the program, which is all processor: so on all processors."""
    keys = sorted(RECORDED, key=lambda key: json.dumps(settings_around(key)[:2]))  # each process keeps what was before
    with ProcessPoolExecutor(mp_context=multiprocessing.get_context("spawn")) as pool:
        return dict(zip(keys, pool.map(changes_of, keys, chunksize=4), strict=True))


@pytest.mark.parametrize("key", sorted(RECORDED))
def test_a_change_does_what_the_aws_provider_was_recorded_to_do(found: Mapping[str, effects.Changes], key: str) -> None:
    assert found[key] == RECORDED[key]
