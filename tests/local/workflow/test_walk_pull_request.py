"""pull_request.yml: previews of all stacks in one comment, edited by later pushes; none for those from elsewhere."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.local.clone import ENVIRONMENTS
from tests.local.workflow.conftest import REQUIRED, TESTED, VALUE, VARIABLE
from tests.local.workflow.page import Shown
from tests.local.workflow.runs import Event, Run
from tests.local.workflow.team import Stage, Team

pytestmark = pytest.mark.moves_on

NUMBER = 7
WITHOUT_PREVIEW = {**dict.fromkeys(REQUIRED, "success"), "preview": "skipped", "comment": "skipped"}
NEXT, LAST = "a-value-that-comes", "a-value-that-comes-instead"
"""What the pull request sets the variable to, with its first push and with its second."""


@dataclasses.dataclass(frozen=True)
class Push:
    """A run for the pull request, and its comments then."""

    event: Event
    run: Run
    comments: list[dict[str, Any]]


@pytest.fixture(scope="module")
def opened(team: Team, merged: Stage) -> Push:
    """A pull request that changes the backend, a variable of it, and the path of roles, which replaces them in dev."""
    assert merged.run.attempt == 2
    team.git("checkout", "--quiet", "-B", "change", "origin/main")
    team.edit("example/backend/systems.go", "Grants Tracker", "Grant Tracker")
    for environment in ENVIRONMENTS:
        team.edit(f"Pulumi.{environment}.yaml", f"{VARIABLE}: {VALUE}", f"{VARIABLE}: {NEXT}")
    team.edit("Pulumi.dev.yaml", "/delegatedadmin/developer/", "/delegatedadmin/engineer/")
    team.commit("Call it by its name, and move the roles")
    event = team.pushed("change", NUMBER)
    run = team.walk("pull_request.yml", event, done_before=TESTED)
    return Push(event, run, [dict(comment) for comment in team.forge.api.comments_of(NUMBER)])


@pytest.fixture(scope="module")
def pushed(team: Team, opened: Push) -> Push:
    """Another push. This time impl and prod have no preview."""
    assert opened.run.number
    team.edit("Pulumi.dev.yaml", NEXT, LAST)
    team.edit("Pulumi.dev.yaml", "/delegatedadmin/engineer/", "/delegatedadmin/developer/")
    team.commit("Leave the roles where they are")
    event = team.pushed("change", NUMBER)
    run = team.walk("pull_request.yml", event, done_before=TESTED | {"preview (impl)", "preview (prod)"})
    team.git("checkout", "--quiet", "main")
    return Push(event, run, [dict(comment) for comment in team.forge.api.comments_of(NUMBER)])


def test_a_pull_request_gets_one_comment_with_every_stack(opened: Push) -> None:
    assert set(opened.run.results.values()) == {"success"}, opened.run.log
    (comment,) = opened.comments
    assert comment["user"]["login"] == "github-actions[bot]"
    body = comment["body"]
    assert "<!-- release:preview -->" in body
    for environment in ENVIRONMENTS:
        assert f"Diff of {environment}</summary>" in body
    assert body.count("<details>") == body.count("</details>") >= len(ENVIRONMENTS)


def test_what_is_replaced_is_on_top_and_the_gates_warning_is_there(opened: Push) -> None:
    body = opened.comments[0]["body"]
    assert "aws:iam/role:Role" in body
    assert body.index("aws:iam/role:Role") < body.index("<details>")
    for before, environment in (("dev", "impl"), ("impl", "prod")):
        assert f"{environment} refused {opened.event.sha[:12]}" in body
        assert f"{before} has not proven it" in body


def test_comment_looks_as_it_should(opened: Push, show: Callable[[str, str, str], Shown]) -> None:
    seen = show("comment", "github-actions bot commented", opened.comments[0]["body"])
    assert seen.text.index("Replaced or deleted") < seen.text.index("Diff of dev")
    assert "stack\trelease\tchanges" in seen.text, "there is no table"
    assert seen.body.count("<details>") == seen.body.count("</details>") == 5, "three diffs, and the gate's two answers"
    assert "release:index:Release release: update" in seen.body
    assert "release:index:Release release: update" not in seen.text, "a diff is not folded"


def test_a_second_push_edits_the_comment_in_place(opened: Push, pushed: Push) -> None:
    assert set(pushed.run.results.values()) == {"success"}, pushed.run.log
    (before,), (after,) = opened.comments, pushed.comments
    assert (after["id"], after["edits"]) == (before["id"], 1)
    assert after["body"] != before["body"]
    assert "aws:iam/role:Role" not in after["body"]
    assert after["body"].count("no preview") == 2, "impl and prod have none"


def test_no_value_of_the_backends_environment_is_anywhere(opened: Push, pushed: Push) -> None:
    for push in (opened, pushed):
        assert VARIABLE in push.run.log, "the diff does not show the variable's change"
        shown = [push.run.log, push.run.summary, *(comment["body"] for comment in push.comments)]
        shown += [text(file) for file in push.run.folder.rglob("*") if file.is_file()]
        for value in (VALUE, NEXT, LAST):
            assert not any(value in each for each in shown), value
    names = {file.name for file in (opened.run.folder / "artifacts").rglob("*.json")}
    assert {f"{environment}.json" for environment in ENVIRONMENTS} <= names


def text(file: Path) -> str:
    return file.read_text(errors="replace")


def test_previews_have_the_role_that_reads_and_the_comment_none(opened: Push) -> None:
    roles = {ran.name: ran.role.rpartition("/")[2] for ran in opened.run.jobs if ran.role}
    assert roles == {f"preview ({name})": f"easi-{name}-preview" for name in ENVIRONMENTS}
    tokens = {ran.id for ran in opened.run.jobs if ran.permissions.get("id-token")}
    assert tokens == {"preview"}
    writing = {ran.id for ran in opened.run.jobs if "write" in ran.permissions.values()}
    assert writing == {"preview", "comment"}


@pytest.mark.parametrize(
    "other",
    [
        {"head": {"repo": {"full_name": "somebody/easi"}}},
        {"user": {"login": "dependabot[bot]"}},
    ],
    ids=["a fork", "dependabot"],
)
def test_nothing_from_elsewhere_gets_credentials(opened: Push, team: Team, other: dict[str, Any]) -> None:
    told = {**opened.event.payload["pull_request"], **other}
    event = dataclasses.replace(opened.event, payload={"number": NUMBER, "pull_request": told})
    run = team.walk("pull_request.yml", event, done_before=TESTED | {"build"})
    assert run.results == WITHOUT_PREVIEW
    assert not any(ran.role for ran in run.jobs)


def test_a_merge_queue_gets_its_checks_and_no_preview(team: Team, pushed: Push) -> None:
    """What it would merge has a branch of its own, and belongs to no pull request."""
    ref = f"refs/heads/gh-readonly-queue/main/pr-{NUMBER}-{pushed.event.sha}"
    team.git("push", "--quiet", "origin", f"{pushed.event.sha}:{ref}")
    group = {"head_sha": pushed.event.sha, "head_ref": ref, "base_ref": "refs/heads/main"}
    event = Event(name="merge_group", sha=pushed.event.sha, ref=ref, payload={"merge_group": group})
    run = team.walk("pull_request.yml", event, done_before=TESTED)
    assert run.results == WITHOUT_PREVIEW
    assert "vite build" in run["build / sites"].log
    assert {ran.role for ran in run.jobs} == {""}
