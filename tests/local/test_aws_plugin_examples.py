"""Types that have an example of inputs in place of a recording: one of each lives on an emulator of its own."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import pytest

from local.aws.kind import Kind
from local.aws.provider import AwsProvider
from local.aws.session import Aws
from local.aws.table import TABLE
from local.plugin import types

PAGE = Path(__file__).parents[2] / "docs" / "add-a-resource-type.md"
PACKAGE = {"__package__": "local.aws.services", "__name__": "local.aws.services.of_the_page"}

pytest_plugins = ["tests.local.plugin_fixtures"]


def live(provider: AwsProvider, kind: Kind) -> dict[str, Any]:
    """Make one, read it back, delete it."""
    token = kind.resource
    checked = provider.check(token, "app", {}, kind.example, seed=b"seed")
    assert checked.problems == []
    identity, state = provider.create(token, checked.inputs)
    assert provider.read(token, identity, state, checked.inputs) == (state, checked.inputs)
    assert provider.diff(token, checked.inputs, checked.inputs).changes == {}
    provider.delete(token, identity, state)
    assert provider.read(token, identity, state, checked.inputs) is None
    provider.delete(token, identity, state)
    return state


@pytest.mark.parametrize("token", sorted(token for token, kind in TABLE.items() if kind.example))
def test_an_example_is_made_and_ends(token: str, provider: AwsProvider) -> None:
    assert set(live(provider, TABLE[token])) <= types.shape_of(token).outputs


def test_the_class_of_the_page_is_all_that_a_type_needs(
    provider: AwsProvider, aws: Aws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (text,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
    module: dict[str, Any] = dict(PACKAGE)
    exec(text, module)
    (kind,) = (item() for item in module.values() if isinstance(item, type) and "resource" in vars(item))
    assert kind.resource not in TABLE
    monkeypatch.setitem(TABLE, kind.resource, kind)
    monkeypatch.setattr(types, "FILE", tmp_path / "types.json")
    monkeypatch.setattr(types, "tables", functools.cache(types.tables.__wrapped__))
    state = live(provider, kind)
    assert state["arn"] == f"arn:aws:events:us-west-2:{aws.account}:event-bus/orders"
    changed = kind.example | {"description": "all orders"}
    identity, state = provider.create(kind.resource, kind.example)
    state = provider.update(kind.resource, identity, state, old=kind.example, new=changed)
    assert aws.client("events").describe_event_bus(Name="orders")["Description"] == "all orders"
