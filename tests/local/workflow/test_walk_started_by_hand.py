"""deploy.yml that somebody starts on a branch: it goes to dev and no further, also from a folder of the repository."""

from __future__ import annotations

import dataclasses

import pytest

from tests.local.workflow import application
from tests.local.workflow.conftest import REQUIRED, TESTED
from tests.local.workflow.runs import Event, Run
from tests.local.workflow.team import Team

pytestmark = pytest.mark.moves_on

SKIPPED = ("impl-preview", "impl-approval", "impl", "prod-preview", "prod-approval", "prod")


@pytest.fixture(scope="module")
def branch(team: Team, tmp_path_factory: pytest.TempPathFactory) -> Event:
    return application.pushed(team, tmp_path_factory.mktemp("application") / "author")


@pytest.fixture(scope="module")
def forbidden(team: Team, branch: Event) -> Run:
    """The environment of GitHub is as the documentation sets it up first: for main alone."""
    with application.checked_out_around(team) as forge:
        return team.walk("deploy.yml", branch, forge=forge, done_before=TESTED | {"build"})


@pytest.fixture(scope="module")
def released(team: Team, branch: Event, forbidden: Run) -> Run:
    """Other branches are allowed now."""
    assert forbidden.results["dev / release"] == "failure"
    with application.checked_out_around(team) as forge:
        allowed = dataclasses.replace(forge, any_branch=frozenset({"dev"}))
        return team.walk("deploy.yml", branch, forge=allowed)


def test_a_branch_reaches_no_environment_that_is_for_main_alone(forbidden: Run, branch: Event) -> None:
    assert forbidden.results == {
        **dict.fromkeys(REQUIRED, "success"),
        "dev / release": "failure",
        **dict.fromkeys(SKIPPED, "skipped"),
    }
    assert forbidden["dev / release"].log == f"{branch.ref} is not allowed to deploy to dev"


def test_a_branch_goes_to_dev_and_no_further(released: Run, branch: Event, team: Team) -> None:
    assert released.results == {
        **dict.fromkeys([*REQUIRED, "dev / release"], "success"),
        **dict.fromkeys(SKIPPED, "skipped"),
    }, released.log
    assert team.easi.health("dev")["version"] == branch.sha
    assert branch.sha not in [team.easi.health(name)["version"] for name in ("impl", "prod")]


def test_the_program_and_the_application_are_tested_and_built_where_they_are(released: Run) -> None:
    assert "--- python -m ci test" in released["test / application"].log
    assert "ok  \t" in released["test / application"].log
    assert "vite build" in released["build / sites"].log
    assert "Built localhost" in released["dev / release"].log
    assert f"## dev: {released.event.sha[:12]} is proven" in released.summary
