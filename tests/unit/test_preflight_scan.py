"""What is refused for what the scan of its image found, where the settings ask for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.preflight_world import SOURCE, World, asked, fake_registry, problems


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    fake_registry(monkeypatch)
    return World()


def scanned(status: str, **counts: int) -> dict[str, Any]:
    return {"imageScanStatus": {"status": status}, "imageScanFindings": {"findingSeverityCounts": counts}}


def test_scans_are_looked_at_only_where_the_settings_ask_for_it(world: World) -> None:
    world.denied.add("describe_image_scan_findings")
    assert problems(world) == ((), [])


def test_an_image_with_grave_findings_is_refused_where_the_environment_before_scanned_it(world: World) -> None:
    world.scans = {"easi-dev": scanned("COMPLETE", HIGH=2)}
    (problem,), _ = problems(world, refuseFindings="high")
    assert problem.startswith(f"{SOURCE}: the scan has 2 high, and refuseFindings is high")
    assert problems(world, refuseFindings="critical") == ((), [])


def test_with_a_reason_what_the_scan_found_is_noted_and_released(world: World) -> None:
    world.scans = {"easi-impl": scanned("ACTIVE", CRITICAL=1)}
    said: list[str] = []
    answer = asked(world, said, refuseFindings="critical")
    assert "RELEASE_REASON='why'" in answer.all_the_same
    lines, noted = problems(world, refuseFindings="critical", reason="incident 7")
    assert lines == ()
    assert ["1 critical" in note and "a reason was given" in note for note in noted] == [True]
