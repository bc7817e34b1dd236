"""Fixtures that many of these tests take."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.environments import World, world_in


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return world_in(tmp_path, monkeypatch)
