"""rollback.yml on prod: at once, without a build and without an approval, to what ran there and to nothing else."""

from __future__ import annotations

import pytest

from tests.local.workflow.conftest import REASON, TITLE
from tests.local.workflow.team import Stage, Team

pytestmark = pytest.mark.moves_on


def test_a_version_that_only_the_environment_before_has_proven_is_refused(too_early: Stage, rejected: Stage) -> None:
    run = too_early.run
    assert run.results == {"rollback": "failure"}
    assert f"prod refused {rejected.run.event.sha[:12]}" in run.log
    assert "--- Roll back: skipped" in run.log
    assert (too_early.answers, too_early.pages) == (rejected.answers, rejected.pages)


def test_a_version_that_never_ran_there_is_refused_with_those_that_did(never_ran: Stage, reverted: Stage) -> None:
    run = never_ran.run
    assert run.results == {"rollback": "failure"}
    assert "proven in prod:" in run.log
    assert reverted.run.event.sha in run.log
    assert "--- Roll back: skipped" in run.log
    assert "Traceback" not in run.log
    assert (never_ran.answers, never_ran.pages) == (reverted.answers, reverted.pages)


def test_prod_answers_the_version_before_and_the_others_stay(
    rolled_back: Stage, merged: Stage, reverted: Stage, team: Team
) -> None:
    run, version = rolled_back.run, merged.run.event.sha
    assert run.results == {"rollback": "success"}, run.log
    assert rolled_back.answers == {**reverted.answers, "prod": version}
    assert TITLE in rolled_back.pages["prod"]
    assert rolled_back.pages["prod"] == merged.pages["prod"]
    assert run["rollback"].url == team.url("prod")
    assert (run["rollback"].environment, run["rollback"].role.rpartition("/")[2]) == ("prod", "easi-prod")
    assert run["rollback"].concurrency["group"] == "release-prod"
    assert f"## prod: {version[:12]} is proven" in run.summary


def test_it_needs_no_build_and_no_approval(rolled_back: Stage, team: Team) -> None:
    assert "Built" not in rolled_back.run.log
    assert "vite" not in rolled_back.run.log
    assert team.forge.api.runs[rolled_back.run.number] == []


def test_the_record_says_why_and_who(rolled_back: Stage, merged: Stage, team: Team) -> None:
    release = team.easi.outputs("prod")["release"]
    assert (release["version"], release["reason"]) == (merged.run.event.sha, REASON)
    history = team.easi.shell("python -m release history -s prod").stdout
    assert REASON in history
    assert f"oncall, https://github.com/octo/easi/actions/runs/{rolled_back.run.number}" in history


def test_a_roll_back_of_dev_holds_it(dev_rolled_back: Stage, merged: Stage, reverted: Stage, team: Team) -> None:
    assert dev_rolled_back.run.results == {"rollback": "success"}, dev_rolled_back.run.log
    assert dev_rolled_back.answers["dev"] == merged.run.event.sha
    assert f"held since {reverted.run.event.sha[:12]} was rolled back" in status(team, "dev")


def test_the_next_merge_is_refused_by_the_hold(held: Stage, dev_rolled_back: Stage, reverted: Stage) -> None:
    run, gone = held.run, reverted.run.event.sha
    assert {name: run.results[name] for name in ("build / sites", "dev / release", "impl-preview", "prod")} == {
        "build / sites": "success",
        "dev / release": "failure",
        "impl-preview": "skipped",
        "prod": "skipped",
    }
    log = run["dev / release"].log
    assert f"dev refused {run.event.sha[:12]}: dev is held since {gone[:12]} was rolled back" in log
    assert f"oncall, https://github.com/octo/easi/actions/runs/{dev_rolled_back.run.number}: {REASON}." in log
    assert f"it reverts none of the commits that came with {gone[:12]}" in log
    assert "Traceback" not in log
    assert (held.answers, held.pages) == (dev_rolled_back.answers, dev_rolled_back.pages)


def test_the_revert_is_released_and_ends_the_holds(taken_back: Stage, held: Stage, team: Team) -> None:
    run = taken_back.run
    released = {name: result for name, result in run.results.items() if "release" in name}
    assert released == dict.fromkeys(("dev / release", "impl / release", "prod / release"), "success"), run.log
    assert set(taken_back.answers.values()) == {run.event.sha}
    assert all(TITLE in page for page in taken_back.pages.values())
    assert held.run.event.sha not in taken_back.answers.values()
    for environment in ("dev", "prod"):
        assert "held" not in status(team, environment)


def status(team: Team, environment: str) -> str:
    return team.easi.shell(f"python -m release status -s {environment}").stdout
