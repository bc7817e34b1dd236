"""What is told of a crash: its cause, from far above the end of its log, in every place that tells of the release."""

from __future__ import annotations

import re
import shutil

import pytest

from tests.local.faults import cases
from tests.local.faults.world import World

pytestmark = [pytest.mark.moves_on, pytest.mark.timeout(900)]
PANIC = next(case for case in cases.BROKEN_IMAGES if case.mode == "panics")


def test_a_crash_is_told_with_its_cause_and_the_command_that_shows_its_whole_log(world: World) -> None:
    ended = world.release(world.inputs(PANIC))

    assert ended.outcome == "undone", ended.said
    history = world.clone.shell("python -m release history -s dev -n 1").stdout
    for told in (ended.said, history):
        places = [
            told.find(text)
            for text in ("exit code 2", "stopped: ", "| panic: cannot reach the database", "whole log: ")
        ]
        assert -1 not in places, told
        assert places == sorted(places), told
        assert len(re.findall(r"easi-dev \| ", told)) >= 5, told
        assert "2026!" not in told
        assert "Winter" not in told
    command = re.search(r"whole log: (aws logs .*)", history)
    assert command is not None
    if shutil.which("aws") is None:
        pytest.skip("the AWS CLI is not installed")
    shown = world.clone.shell(command[1])
    assert shown.returncode == 0, shown.stderr
    assert "panic: cannot reach the database" in shown.stdout
    assert shown.stdout.count("goroutine ") > 300
