"""Which local tests run beside each other."""

from __future__ import annotations

from tests.local.parts import group


def test_tests_of_one_world_are_of_one_group() -> None:
    groups = {
        file: group(f"tests/local/{file}.py::test_a[b::c]")
        for file in ("test_cli", "test_release", "faults/test_cases", "workflow/test_walk_drift", "test_emulator")
    }
    assert groups == {
        "test_cli": "environments",
        "test_release": "environments",
        "faults/test_cases": "walks",
        "workflow/test_walk_drift": "walks",
        "test_emulator": "tests/local/test_emulator.py",
    }
    assert group("tests/unit/test_lease.py::test_a") == "tests/unit/test_lease.py"
