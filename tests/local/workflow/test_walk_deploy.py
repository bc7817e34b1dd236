"""deploy.yml from a merge to prod: evidence and approvals on the way, what stops it, and a revert."""

from __future__ import annotations

import json

import pytest

from tests.local.clone import ENVIRONMENTS
from tests.local.workflow.conftest import Team
from tests.local.workflow.runs import Run

pytestmark = pytest.mark.moves_on


def test_a_rejected_approval_stops_the_train_and_changes_nothing(rejected: Run, team: Team) -> None:
    print(rejected.log)
    print(json.dumps({ran.name: ran.seconds for ran in rejected.jobs}))
    assert rejected.results == {}


def test_x(merged: Run) -> None:
    print(merged.log)
    print(merged.summary)
    print(json.dumps({ran.name: ran.seconds for ran in merged.jobs}))
    assert ENVIRONMENTS == ()
