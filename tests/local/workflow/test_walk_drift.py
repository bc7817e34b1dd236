"""drift.yml: one issue while something is not as it was released, edited in place, closed when all is again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.local.workflow.runs import Run
from tests.local.workflow.team import Stage, Team

pytestmark = pytest.mark.moves_on


def scale(team: Team, environment: str, tasks: int) -> None:
    """What somebody does with the console."""
    outputs = team.easi.outputs(environment)
    team.easi.aws("ecs").update_service(
        cluster=outputs["cluster"], service=outputs["services"]["backend"]["service"], desiredCount=tasks
    )


def issues(team: Team) -> list[dict[str, Any]]:
    return [dict(issue) for issue in team.forge.api.issues.values() if "pull_request" not in issue]


@pytest.fixture(scope="module")
def found(team: Team, merged: Stage) -> Iterator[tuple[Run, list[dict[str, Any]]]]:
    """The run after somebody took all tasks from impl, and the issues after it."""
    assert merged.run.result_of("impl") == "success"
    scale(team, "impl", 0)
    try:
        run = team.walk("drift.yml", team.asked())
        yield run, issues(team)
    finally:
        scale(team, "impl", 1)
        scale(team, "prod", 2)


def again(team: Team, run: Run, *jobs: str) -> Run:
    """Jobs of the run once more; the others stay, to save time."""
    return team.walk("drift.yml", run.event, again=run, only=frozenset({*jobs, "issue"}))


def test_what_was_changed_by_hand_opens_one_issue(found: tuple[Run, list[dict[str, Any]]]) -> None:
    run, (issue,) = found
    assert set(run.results.values()) == {"success"}, run.log
    assert (issue["state"], [label["name"] for label in issue["labels"]]) == ("open", ["drift"])
    assert issue["title"] == "impl is not as released"
    assert "<!-- release:drift -->" in issue["body"]
    assert "scaled to 0 tasks" in issue["body"]
    assert "dev: as released" in issue["body"]
    assert "pulumi up --refresh -s impl" in issue["body"]
    with_role = {ran.name: ran.role.rpartition("/")[2] for ran in run.jobs if ran.role}
    assert with_role == {f"preview ({name})": f"easi-{name}-preview" for name in ("dev", "impl", "prod")}
    assert run["issue"].permissions == {"contents": "read", "issues": "write"}


def test_the_issue_is_edited_while_there_is_drift_and_closed_when_there_is_none(
    found: tuple[Run, list[dict[str, Any]]], team: Team
) -> None:
    run, (opened,) = found
    run = again(team, run)
    assert issues(team) == [opened], "the same drift is nothing new"

    scale(team, "prod", 0)
    run = again(team, run, "preview (prod)")
    (edited,) = issues(team)
    assert (edited["number"], edited["state"]) == (opened["number"], "open")
    assert edited["title"] == "impl and prod are not as released"

    scale(team, "impl", 1)
    scale(team, "prod", 2)
    run = again(team, run, "preview (impl)", "preview (prod)")
    (closed,) = issues(team)
    assert (closed["number"], closed["state"]) == (opened["number"], "closed"), run.log
    (comment,) = team.forge.api.comments_of(opened["number"])
    assert "dev, impl and prod: as released" in comment["body"]

    again(team, run)
    assert issues(team) == [closed], "without drift there is no issue"
