"""The updates of a stack in what `pulumi stack history --json` writes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from release import stack, updates
from release.stack import StackError
from release.updates import Update
from tests.unit.attempts import entry


def test_only_updates_that_ended_count() -> None:
    failed = entry("main", result="failed")
    failed["environment"]["ci.build.url"] = "https://github.com/o/r/actions/runs/1"

    found = updates.of_history(
        [entry("1" * 40, kind="refresh"), entry("2" * 40), entry("3" * 40, result="in-progress"), failed]
    )

    began, ended = (datetime(2026, 1, 2, 3, minute, tzinfo=UTC) for minute in (0, 2))
    assert found == (
        Update(succeeded=True, started_at=began, ended_at=ended, commit="2" * 40),
        Update(
            succeeded=False,
            started_at=began,
            ended_at=ended,
            commit="",
            run="https://github.com/o/r/actions/runs/1",
        ),
    )


@pytest.mark.parametrize("said", ["no JSON", "1", '[{"kind": "update", "result": "failed"}]', "[1]"])
def test_what_is_no_history_is_named(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    monkeypatch.setattr(stack, "pulumi", lambda *_arguments: said)
    with pytest.raises(StackError, match=r"pulumi stack history -s prod .*answered (what is no|something else)"):
        updates.read("prod")
