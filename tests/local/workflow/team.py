"""An engineer's clone, the repository on the double of GitHub, and the local environments as its AWS account."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.local.clone import ENVIRONMENTS, ROOT, Clone, caller_environment
from tests.local.workflow import api
from tests.local.workflow.api import REPOSITORY
from tests.local.workflow.forge import Forge, git
from tests.local.workflow.runs import Event, Run
from tests.local.workflow.walk import walk

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
    urls: dict[str, str] = dataclasses.field(default_factory=dict)

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
        """A workflow that the on-call engineer starts by hand on main."""
        sha = git(self.forge.remote, "rev-parse", "main").strip()
        return Event(name="workflow_dispatch", sha=sha, actor="oncall", inputs=inputs)

    def walk(self, workflow: str, event: Event, **options: Any) -> Run:
        """Run a workflow. Nothing may ask the double of GitHub what it does not know, or may not do."""
        self.seen.clear()
        run = walk(options.pop("forge", self.forge), workflow, event, approve=self.approve, **options)
        assert self.forge.api.refused == []
        return run

    def approve(self, run: Run, environment: str) -> bool:
        self.seen[environment] = run.summary
        self.dist[environment] = (self.easi.root / "example" / "frontend" / "dist").exists()
        return environment not in self.rejects

    def url(self, environment: str) -> str:
        """Its address, which stays."""
        if environment not in self.urls:
            self.urls[environment] = self.easi.outputs(environment)["url"]
        return self.urls[environment]

    def stage(self, run: Run) -> Stage:
        """What is to be seen after a run."""
        answers = {name: self.easi.get(f"{self.url(name)}/api/v1/healthcheck") for name in ENVIRONMENTS}
        return Stage(
            run=run,
            answers={name: str(json.loads(body)["version"]) for name, (_, body) in answers.items()},
            pages={name: self.easi.get(f"{self.url(name)}/")[1].decode() for name in ENVIRONMENTS},
            seen=dict(self.seen),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stage:
    """A run, and what each environment answered after it."""

    run: Run
    answers: Mapping[str, str]
    """The versions of the backends."""
    pages: Mapping[str, str]
    seen: Mapping[str, str]
    """What the page of the run showed to reviewers, by the environment that they were asked for."""


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
    wanted = ("PIP_", "npm_config_", "NODE_", "SSL_", "GO", "PYENV_", "LOCAL_ENGINE_CACHE", "DOCKER_")
    found = {name: value for name, value in caller_environment().items() if name.startswith(wanted)}
    proxies = {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}
    return {**found, **proxies, "HOME": str(Path.home()), "LANG": "C.UTF-8", "npm_config_prefer_offline": "true"}
