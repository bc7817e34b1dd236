"""What is told of a crash: its cause, from far above the end of its log, in every place that tells of the release."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import pytest

from tests.local.faults.broken_images import BROKEN_IMAGES
from tests.local.faults.case import Case
from tests.local.faults.world import World

pytestmark = [pytest.mark.moves_on, pytest.mark.timeout(900)]
PANIC = next(case for case in BROKEN_IMAGES if case.mode == "panics")


@pytest.mark.parametrize(
    ("case", "outcome"),
    [
        pytest.param(PANIC, "refused", id="in the rehearsal"),
        pytest.param(replace(PANIC, rehearsed=False), "undone", id="in the rollout", marks=pytest.mark.all_faults),
    ],
)
def test_a_crash_is_told_with_its_cause_and_the_command_that_shows_its_whole_log(
    world: World, case: Case, outcome: str
) -> None:
    ended = world.release(world.inputs(case))

    assert ended.outcome == outcome, ended.said
    history = world.clone.shell("python -m release history -s dev -n 1").stdout
    for story in (ended.said, history):
        places = [
            story.find(text)
            for text in ("exit code 2", "stopped: ", "| panic: cannot reach the database", "whole log: ")
        ]
        assert -1 not in places, story
        assert places == sorted(places), story
        assert len(re.findall(r"easi-dev \| ", story)) >= 5, story
        assert "2026!" not in story
        assert "Winter" not in story
    command = re.search(r"whole log: (aws logs .*)", history)
    assert command is not None
    if shutil.which("aws") is None:
        pytest.skip("the AWS CLI is not installed")
    shown = world.clone.shell(command[1])
    assert shown.returncode == 0, shown.stderr
    assert "panic: cannot reach the database" in shown.stdout
    assert shown.stdout.count("goroutine ") > 300
