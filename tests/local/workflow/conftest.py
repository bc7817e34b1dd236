"""One repository, and what happens to it: each test looks at a part of it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.local.clone import ENVIRONMENTS, Clone
from tests.local.workflow import actions, api, page
from tests.local.workflow.forge import Forge, git
from tests.local.workflow.page import Shown
from tests.local.workflow.runs import Run
from tests.local.workflow.team import Stage, Team, forge

VARIABLE, VALUE = "GREETING", "a-value-that-nobody-sees"
"""A variable of the backend in all three environments."""
TITLE = " with another title"
HIDDEN, CONTACT = ".well-known/security.txt", "Contact: mailto:security@example.gov\n"
"""A file of the site whose path begins with a dot, and what is in it."""
REASON = "the page has the wrong title again"
TESTED = frozenset({"test"})
"""The application's tests are walked once, with the first merge."""
REQUIRED = ["test / application", "build / sites"]
"""The jobs of which main requires that they succeed."""


@pytest.fixture(scope="session")
def team(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """The local environments, and a repository whose main is what they were released from."""
    given = request.config.getoption("--walk-in")
    easi: Clone = Clone(Path(given).resolve()) if given else request.getfixturevalue("easi")
    folder = tmp_path_factory.mktemp("forge")
    remote, author = folder / "remote.git", folder / "author"
    git(folder, "clone", "--quiet", "--bare", str(easi.root), str(remote))
    git(remote, "config", "uploadpack.allowAnySHA1InWant", "true")
    git(folder, "clone", "--quiet", str(remote), str(author))
    with api.serving() as double:
        team = Team(easi=easi, forge=forge(easi, remote, folder, double), author=author)
        team.git("checkout", "--quiet", "-B", "main", easi.version)
        prepare(team)
        team.git("push", "--quiet", "--force", "origin", "HEAD:main")
        try:
            yield team
        finally:
            # What comes after finds the clone's own repository, on the branch that was released.
            actions.put_back(easi.root)
            git(easi.root, "fetch", "--quiet", remote.as_uri(), "main")
            git(easi.root, "checkout", "--quiet", "--force", "-B", "main", "FETCH_HEAD")


def prepare(team: Team) -> None:
    """A variable whose values nobody is to see."""
    for environment in ENVIRONMENTS:
        file = team.author / f"Pulumi.{environment}.yaml"
        settings = file.read_text()
        if VARIABLE not in settings:
            service = "    backend: {"
            file.write_text(settings.replace(service, f"{service} environment: {{ {VARIABLE}: {VALUE} }},"))
    team.git("commit", "--quiet", "--all", "--allow-empty", "--message", "Greet from the settings")


@pytest.fixture(scope="session")
def rejected(team: Team) -> Stage:
    """A merge that dev and impl take, and that the reviewer of prod rejects."""
    team.edit("example/frontend/index.html", "</title>", f"{TITLE}</title>")
    hidden = team.author / "example" / "frontend" / "public" / HIDDEN
    hidden.parent.mkdir(parents=True)
    hidden.write_text(CONTACT)
    team.git("add", "--all")
    team.commit("Give the page another title")
    team.rejects = {"prod-approval"}
    try:
        return team.stage(team.walk("deploy.yml", team.merged()))
    finally:
        team.rejects = set()


@pytest.fixture(scope="session")
def unguarded(team: Team, rejected: Stage) -> Run:
    """The rejected job is run again, and somebody has taken the reviewers from its environment."""
    return team.walk("deploy.yml", rejected.run.event, again=rejected.run, forge=without_reviewers(team))


@pytest.fixture(scope="session")
def too_early(team: Team, unguarded: Run) -> Stage:
    """Somebody wants to roll prod "back" to what only dev and impl have proven."""
    assert unguarded.event.sha
    version = unguarded.event.sha
    return team.stage(team.walk("rollback.yml", team.asked(environment="prod", version=version, reason="I want it")))


@pytest.fixture(scope="session")
def merged(team: Team, rejected: Stage, too_early: Stage) -> Stage:
    """The rejected job is run again, and the reviewer approves now."""
    assert too_early.run.number > rejected.run.number
    return team.stage(team.walk("deploy.yml", rejected.run.event, again=rejected.run))


@pytest.fixture(scope="session")
def failed(team: Team, merged: Stage) -> Stage:
    """The next merge brings a backend that says fail. It is not waited for as long as usual."""
    assert merged.run.attempt == 2
    team.edit("example/backend/health.go", '= "pass"', '= "fail"')
    team.edit("local/overlay.yaml", "health: { deadline: 60 }", "health: { deadline: 10 }")
    team.commit("Answer fail")
    return team.stage(team.walk("deploy.yml", team.merged(), done_before=TESTED))


@pytest.fixture(scope="session")
def reverted(team: Team, failed: Stage, merged: Stage) -> Stage:
    """Both commits are reverted, and that is merged."""
    team.git("revert", "--no-edit", failed.run.event.sha, merged.run.event.sha)
    previews = {"impl-preview", "prod-preview"}  # the first merge shows what they are for
    return team.stage(team.walk("deploy.yml", team.merged(), done_before=TESTED | previews))


@pytest.fixture(scope="session")
def never_ran(team: Team, reverted: Stage, failed: Stage) -> Stage:
    """Somebody wants to roll prod back to the version that failed in dev."""
    assert reverted.run.number > failed.run.number
    version = failed.run.event.sha[:10]
    return team.stage(team.walk("rollback.yml", team.asked(environment="prod", version=version, reason="I want it")))


@pytest.fixture(scope="session")
def rolled_back(team: Team, never_ran: Stage, merged: Stage) -> Stage:
    """Somebody rolls prod back to the version before the revert, by its short SHA."""
    assert never_ran.run.result_of("rollback") == "failure"
    version = merged.run.event.sha[:10]
    return team.stage(team.walk("rollback.yml", team.asked(environment="prod", version=version, reason=REASON)))


@pytest.fixture(scope="session")
def dev_rolled_back(team: Team, rolled_back: Stage, merged: Stage) -> Stage:
    """Somebody rolls dev back, too."""
    assert rolled_back.run.result_of("rollback") == "success"
    version = merged.run.event.sha[:10]
    return team.stage(team.walk("rollback.yml", team.asked(environment="dev", version=version, reason=REASON)))


@pytest.fixture(scope="session")
def held(team: Team, dev_rolled_back: Stage) -> Stage:
    """The next merge comes before anybody has reverted what was taken back."""
    assert dev_rolled_back.run.result_of("rollback") == "success"
    team.edit("README.md", "# EASi release", "# EASi releases")
    team.commit("Speak of several releases")
    return team.stage(team.walk("deploy.yml", team.merged(), done_before=TESTED))


@pytest.fixture(scope="session")
def taken_back(team: Team, held: Stage, reverted: Stage) -> Stage:
    """What was taken back is reverted, and that is merged: it comes to dev, and to prod, which was rolled back, too."""
    assert held.run.number > reverted.run.number
    team.git("revert", "--no-edit", reverted.run.event.sha)
    previews = {"impl-preview", "prod-preview"}  # the first merge shows what they are for
    return team.stage(team.walk("deploy.yml", team.merged(), done_before=TESTED | previews))


@pytest.fixture
def show(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, str, str], Shown]:
    """Opens Markdown in a browser, under a name and a heading; its picture is kept where `--pictures` says."""

    def shown(name: str, heading: str, markdown: str) -> Shown:
        seen = page.show(markdown, heading, tmp_path / f"{name}.png")
        folder = request.config.getoption("--pictures")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            shutil.copy(seen.picture, Path(folder) / seen.picture.name)
        return seen

    return shown


def without_reviewers(team: Team) -> Forge:
    return dataclasses.replace(team.forge, reviewed=frozenset())
