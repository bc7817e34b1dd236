"""A repository on the double of GitHub, an engineer's clone of it, and the local environments as its AWS account."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.local.clone import ENVIRONMENTS, ROOT, Clone, caller_environment
from tests.local.workflow import api
from tests.local.workflow.api import REPOSITORY
from tests.local.workflow.forge import Forge, git
from tests.local.workflow.runs import Event, Run
from tests.local.workflow.walk import walk

TESTS = ('testpaths = ["tests"]', 'testpaths = ["tests/unit/test_promotion.py"]')
"""All tests, and those of the repository that is walked: `make test` inside of `make test` has to end."""
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PULUMI_CONFIG_PASSPHRASE_FILE")
"""Of the local shell's variables, what a role gives: AWS, and with it the key that encrypts the state."""
AUTHOR = ("-c", "user.name=Octo Cat", "-c", "user.email=octocat@example.org")


@dataclasses.dataclass
class Team:
    """An engineer who commits and merges, and reviewers who approve what is asked of them, unless told otherwise."""

    easi: Clone
    forge: Forge
    author: Path
    seen: dict[str, str] = dataclasses.field(default_factory=dict)
    """By environment, what the page of the run showed when its approval was asked for."""
    rejects: set[str] = dataclasses.field(default_factory=set)
    dist: dict[str, bool] = dataclasses.field(default_factory=dict)
    """By environment, whether there was a build of the frontend when its approval was asked for."""

    def git(self, *arguments: str) -> str:
        return git(self.author, *AUTHOR, *arguments).strip()

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.author / file
        text = path.read_text()
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new))

    def commit(self, message: str) -> str:
        """Everything that was edited; the commit."""
        self.git("commit", "--quiet", "--all", "--message", message)
        return self.git("rev-parse", "HEAD")

    def merged(self) -> Event:
        """The push to main that a merge is."""
        self.git("push", "--quiet", "origin", "HEAD:main")
        return Event(name="push", sha=self.git("rev-parse", "HEAD"))

    def pushed(self, branch: str, number: int, **pull_request: Any) -> Event:
        """The pull request of a branch, opened or pushed to: its workflows run on what a merge would be."""
        head = self.git("rev-parse", "HEAD")
        self.git("push", "--quiet", "--force", "origin", f"HEAD:{branch}")
        self.git("checkout", "--quiet", "--detach", "origin/main")
        self.git("merge", "--quiet", "--no-ff", "--message", f"Merge {head} into main", head)
        self.git("push", "--quiet", "--force", "origin", f"HEAD:refs/pull/{number}/merge")
        merge = self.git("rev-parse", "HEAD")
        self.git("checkout", "--quiet", branch)
        if number not in self.forge.api.issues:
            self.forge.api.pull_request(number)
        told = {
            "number": number,
            "head": {"sha": head, "ref": branch, "repo": {"full_name": REPOSITORY}},
            "base": {"ref": "main", "repo": {"full_name": REPOSITORY}},
            "user": {"login": "octocat"},
        }
        return Event(
            name="pull_request",
            sha=merge,
            ref=f"refs/pull/{number}/merge",
            head_ref=branch,
            base_ref="main",
            payload={"number": number, "pull_request": {**told, **pull_request}},
        )

    def asked(self, **inputs: str) -> Event:
        """A workflow that somebody starts by hand on main."""
        sha = git(self.forge.remote, "rev-parse", "main").strip()
        return Event(name="workflow_dispatch", sha=sha, actor="oncall", inputs=inputs)

    def walk(self, workflow: str, event: Event, **options: Any) -> Run:
        """Run a workflow. Nothing may ask the double of GitHub what it does not know, or may not do."""
        run = walk(self.forge, workflow, event, approve=self.approve, **options)
        assert self.forge.api.refused == []
        return run

    def approve(self, run: Run, environment: str) -> bool:
        self.seen[environment] = run.summary
        self.dist[environment] = (self.easi.root / "example" / "frontend" / "dist").exists()
        return environment not in self.rejects

    def runs(self) -> dict[str, str]:
        """What each environment answers."""
        return {environment: self.easi.health(environment)["version"] for environment in ENVIRONMENTS}


@pytest.fixture(scope="session")
def team(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """The local environments, and a repository whose main is what they were released from, with few tests."""
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
        if TESTS[1] not in (author / "pyproject.toml").read_text():
            team.edit("pyproject.toml", *TESTS)
            team.commit("Keep a few tests")
        team.git("push", "--quiet", "--force", "origin", "HEAD:main")
        if (ROOT / ".mypy_cache").exists() and not (easi.root / ".mypy_cache").exists():
            shutil.copytree(ROOT / ".mypy_cache", easi.root / ".mypy_cache")
        try:
            yield team
        finally:
            # What comes after finds a whole clone, on the branch that was released.
            shallow = ["--unshallow"] if (easi.root / ".git" / "shallow").exists() else []
            git(easi.root, "fetch", "--quiet", *shallow, remote.as_uri(), "main")
            git(easi.root, "checkout", "--quiet", "--force", "-B", "main", "FETCH_HEAD")


def forge(easi: Clone, remote: Path, folder: Path, double: api.Api) -> Forge:
    """GitHub for this clone: what its variables, environments and roles would be."""
    exported = local_shell(easi)
    tools = easi.root / ".local" / "bin"
    roles = {name: {"AWS_ROLE_ARN": f"arn:aws:iam::000000000000:role/easi-{name}"} for name in with_previews()}
    not_ours = {str(tools), str(easi.root / ".venv" / "bin"), str(ROOT / ".venv" / "bin"), ""}
    path = [entry for entry in exported["PATH"].split(os.pathsep) if entry not in not_ours]
    given = {*CREDENTIALS, "PATH", "PULUMI_BACKEND_URL", "AWS_REGION", "AWS_DEFAULT_REGION"}
    return Forge(
        remote=remote,
        workspace=easi.root,
        folder=folder / "runs",
        api=double,
        variables={name: exported[name] for name in ("PULUMI_BACKEND_URL", "AWS_REGION")},
        environments={**roles, "impl-approval": {}, "prod-approval": {}},
        reviewed=frozenset({"impl-approval", "prod-approval"}),
        machine={
            **machine(),
            **{name: value for name, value in exported.items() if name not in given},
            "PATH": os.pathsep.join(path),
        },
        cloud={name: exported[name] for name in CREDENTIALS},
        tools=tools,
    )


def with_previews() -> list[str]:
    """The environments with a role."""
    return [name for environment in ENVIRONMENTS for name in (environment, f"{environment}-preview")]


def local_shell(easi: Clone) -> Mapping[str, str]:
    """What `python -m local env` sets, as a shell has it."""
    names = [line.removeprefix("export ").partition("=")[0] for line in easi.local("env").stdout.splitlines()]
    shown = easi.shell("env -0").stdout.split("\0")
    values = dict(entry.split("=", 1) for entry in shown if "=" in entry)
    return {name: values[name] for name in names if name in values}


def machine() -> dict[str, str]:
    """Of this machine, what its tools need to work: home, proxies, certificates, caches; nothing of a cloud."""
    wanted = ("PIP_", "npm_config_", "NODE_", "SSL_", "GO", "PYENV_", "EASI_ENGINE_CACHE", "DOCKER_")
    found = {name: value for name, value in caller_environment().items() if name.startswith(wanted)}
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    return {**found, **proxies, "HOME": str(Path.home()), "LANG": "C.UTF-8", "npm_config_prefer_offline": "true"}


@pytest.fixture(scope="session")
def rejected(team: Team) -> Run:
    """A merge that dev and impl take, and that the reviewer of prod rejects."""
    team.edit("example/frontend/index.html", "</title>", " with a new title</title>")
    team.commit("Give the page a new title")
    team.rejects = {"prod-approval"}
    try:
        return team.walk("deploy.yml", team.merged(), done_before=frozenset({"checks"}))
    finally:
        team.rejects = set()


@pytest.fixture(scope="session")
def merged(team: Team, rejected: Run) -> Run:
    """The same run, whose rejected job somebody runs again: the reviewer approves now."""
    return team.walk("deploy.yml", rejected.event, again=rejected)
