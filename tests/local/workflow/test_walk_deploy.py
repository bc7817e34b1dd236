"""deploy.yml from a merge to prod: evidence and approvals on the way, what stops it, and a revert."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.local.clone import ENVIRONMENTS
from tests.local.workflow.conftest import CONTACT, HIDDEN, REQUIRED, TITLE, VALUE
from tests.local.workflow.page import Shown
from tests.local.workflow.runs import Run
from tests.local.workflow.team import Stage, Team

pytestmark = pytest.mark.moves_on

TO_PROD = [
    *(*REQUIRED, "dev / release"),
    *("impl-preview / preview", "impl-approval", "impl / release"),
    *("prod-preview / preview", "prod-approval", "prod / release"),
]


def digests(team: Team) -> set[tuple[str, str]]:
    """Image and static files of all environments."""
    releases = [team.easi.outputs(environment)["release"] for environment in ENVIRONMENTS]
    return {
        (release["services"]["backend"]["image"].partition("@")[2], release["sites"]["site"]) for release in releases
    }


def test_a_rejected_approval_stops_the_train_and_changes_nothing(rejected: Stage) -> None:
    results = rejected.run.results
    # A call that is skipped has no jobs.
    assert list(results) == [*TO_PROD[:-1], "prod"]
    stopped = {"prod-approval": "failure", "prod": "skipped"}
    assert results == {**dict.fromkeys(TO_PROD[:-1], "success"), **stopped}, rejected.run.log
    version = rejected.run.event.sha
    assert (rejected.answers["dev"], rejected.answers["impl"]) == (version, version)
    assert rejected.answers["prod"] != version
    assert [TITLE in rejected.pages[environment] for environment in ENVIRONMENTS] == [True, True, False]


def test_the_applications_tests_ran_and_nothing_of_this_projects_own(rejected: Stage) -> None:
    log = rejected.run["test / application"].log
    assert "--- python -m ci test" in log
    assert "ok  \t" in log, "no test of the backend ran"
    assert "Test Files" in log, "no test of the frontend ran"
    assert "make test" not in rejected.run.log
    assert "make check" not in rejected.run.log


def test_an_approval_that_nobody_had_to_give_stops_the_train(unguarded: Run) -> None:
    assert (unguarded.results["prod-approval"], unguarded.results["prod"]) == ("failure", "skipped")
    assert "prod-approval" in unguarded["prod-approval"].log
    assert "Traceback" not in unguarded["prod-approval"].log


def test_the_job_that_was_rejected_is_run_again_and_prod_answers_the_version(merged: Stage, rejected: Stage) -> None:
    assert set(merged.run.results.values()) == {"success"}, merged.run.log
    assert merged.run.attempt == 2
    assert merged.run["impl / release"] is rejected.run["impl / release"], "what had succeeded was run again"
    assert set(merged.answers.values()) == {merged.run.event.sha}
    assert all(TITLE in page for page in merged.pages.values())


def test_a_file_whose_path_begins_with_a_dot_comes_along(merged: Stage, team: Team) -> None:
    assert merged.run.attempt == 2
    for environment in ENVIRONMENTS:
        assert team.easi.get(f"{team.url(environment)}/{HIDDEN}") == (200, CONTACT.encode())


def test_image_and_frontend_are_built_once_and_carried_on(merged: Stage, team: Team) -> None:
    jobs = merged.run.jobs
    assert [ran.name for ran in jobs if "vite build" in ran.log] == ["build / sites"]
    assert [ran.name for ran in jobs if "Built localhost" in ran.log] == ["dev / release"]
    assert team.dist == {"impl-approval": False, "prod-approval": False}
    assert len(digests(team)) == 1


def test_reviewers_saw_the_proof_and_what_would_change(rejected: Stage, merged: Stage, team: Team) -> None:
    version = rejected.run.event.sha
    image = team.easi.outputs("dev")["release"]["services"]["backend"]["image"].partition("@")[2]
    for before, environment, seen in (
        ("dev", "impl", rejected.seen["impl-approval"]),
        ("impl", "prod", merged.seen["prod-approval"]),
    ):
        own = seen[seen.index(f"## {environment}: ") :]
        assert f"{environment} would release {version[:12]}: {before} has proven it" in own
        assert re.search(
            rf"\*\*{environment}: \w+ -&#62; {version[:7]}, \d commits, proven in {before} [^*]*UTC\*\*", own
        )
        assert f"Proof: it runs in {before}" in own
        assert version in own
        assert image in own
        assert team.url(before) in own
        assert "Give the page another title" in own
        assert "aws:ecs/taskDefinition:TaskDefinition" in own
        assert f"Diff of {environment}" in own
        assert f"## {environment}: {version[:12]} is proven" not in own, "it was asked for after the release"
    assert f"## dev: {version[:12]} is proven" in rejected.seen["impl-approval"]
    assert "impl-approval was approved by reviewer" in rejected.run.summary


def test_the_environments_of_github_have_their_addresses(merged: Stage, team: Team) -> None:
    run = merged.run
    releases = {name: run[f"{name} / release"] for name in ENVIRONMENTS}
    assert {name: ran.url for name, ran in releases.items()} == {name: team.url(name) for name in ENVIRONMENTS}
    assert {name: ran.environment for name, ran in releases.items()} == {name: name for name in ENVIRONMENTS}


def test_only_jobs_that_need_a_role_have_one(merged: Stage) -> None:
    roles = {ran.name: ran.role.rpartition("/")[2] for ran in merged.run.jobs if ran.role}
    with_role = [name for name in TO_PROD if name.endswith(("/ release", "/ preview"))]
    assert roles == {name: f"easi-{name.partition(' / ')[0]}" for name in with_role}
    assert {ran.name for ran in merged.run.jobs if ran.permissions.get("id-token")} == set(with_role)


def test_releases_of_an_environment_are_in_a_group_and_approvals_in_none(merged: Stage) -> None:
    groups = {ran.name: ran.concurrency for ran in merged.run.jobs if ran.concurrency}
    assert {name: group["group"] for name, group in groups.items()} == {
        f"{name} / release": f"release-{name}" for name in ENVIRONMENTS
    }
    assert not any(group.get("cancel-in-progress") for group in groups.values())
    assert [groups[f"{name} / release"].get("queue") for name in ENVIRONMENTS] == [None, "max", "max"]


def test_a_dev_release_that_fails_stops_the_train_and_says_what_runs(failed: Stage, merged: Stage) -> None:
    results = failed.run.results
    skipped = ("impl-preview", "impl-approval", "impl", "prod-preview", "prod-approval", "prod")
    assert results == {
        **dict.fromkeys(REQUIRED, "success"),
        "dev / release": "failure",
        **dict.fromkeys(skipped, "skipped"),
    }
    assert failed.answers == merged.answers
    assert failed.pages == merged.pages
    told = failed.run.summary
    assert f"dev: {failed.run.event.sha[:12]} is not released" in told
    assert "status is fail, expected pass" in told
    assert "the backend is back on easi-dev:" in told
    assert f"{merged.run.event.sha[:12]}, as before" in told
    assert "Traceback" not in failed.run.log


def test_a_revert_goes_the_same_way_and_ends_with_what_was_there(reverted: Stage, merged: Stage, team: Team) -> None:
    assert set(reverted.run.results.values()) == {"success"}, reverted.run.log
    assert set(reverted.answers.values()) == {reverted.run.event.sha}
    assert not any(TITLE in page for page in reverted.pages.values())
    assert team.git("diff", "--stat", f"{merged.run.event.sha}^", reverted.run.event.sha) == ""


def test_no_value_of_the_backends_environment_is_shown(rejected: Stage, merged: Stage, failed: Stage) -> None:
    for stage in (rejected, merged, failed):
        assert VALUE not in stage.run.log
        assert VALUE not in stage.run.summary


Show = Callable[[str, str, str], Shown]


def test_evidence_looks_as_a_reviewer_can_use_it(rejected: Stage, show: Show) -> None:
    version = rejected.run.event.sha
    seen = show("evidence", "impl-preview summary", rejected.run["impl-preview / preview"].summary)
    assert f"impl would release {version[:12]}: dev has proven it" in seen.text
    assert f"version\t{version}" in seen.text, "the proof is no table"
    assert "Diff of impl" in seen.text
    assert "release:index:Release release: update" in seen.body
    assert "release:index:Release release: update" not in seen.text, "the diff is not folded"


def test_proof_looks_as_it_should(merged: Stage, team: Team, show: Show) -> None:
    seen = show("proof", "prod summary", merged.run["prod / release"].summary)
    assert f"prod: {merged.run.event.sha[:12]} is proven, and answers" in seen.text
    assert f"version\t{merged.run.event.sha}" in seen.text
    assert f"address\t{team.url('prod')}" in seen.text
