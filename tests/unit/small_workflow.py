"""A repository on the double of GitHub with one small workflow, whose jobs a test gives."""

from __future__ import annotations

import dataclasses
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.local.workflow import api
from tests.local.workflow.forge import Forge, git
from tests.local.workflow.runs import Event, Run
from tests.local.workflow.walk import walk

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1"


@dataclasses.dataclass
class Small:
    """A repository with one small workflow, and a workspace."""

    forge: Forge
    root: Path

    def run(
        self, jobs: str, asked: list[str] | None = None, approves: bool = True, called: str = "", **event: Any
    ) -> Run:
        """The run of a workflow with these jobs, for a push to main or another `event`; `called.yml` is beside it."""
        author = self.root / "author"
        file = author / ".github" / "workflows" / "small.yml"
        file.parent.mkdir(parents=True, exist_ok=True)
        head = "on: {push: {branches: [main]}, pull_request: {branches: [main]}}\npermissions: {}\n"
        head += "defaults: {run: {shell: bash}}\njobs:\n"
        file.write_text(head + textwrap.indent(textwrap.dedent(jobs), "  "))
        if called:
            (file.parent / "called.yml").write_text(textwrap.dedent(called))
        git(author, "add", "--all")
        git(author, "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-qm", "x", "--allow-empty")
        git(author, "push", "-q", "origin", "HEAD:main")
        sha = git(author, "rev-parse", "HEAD").strip()
        given = Event(**{"name": "push", "sha": sha, **event})

        def approve(run: Run, environment: str) -> bool:
            if asked is not None:
                asked.append(f"{environment}: {run.summary}")
            return approves

        return walk(self.forge, "small.yml", given, approve=approve)


def small_in(tmp_path: Path) -> Iterator[Small]:
    """For a fixture: a repository without a commit yet, and a workspace."""
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", tmp_path / "remote.git"], check=True)
    subprocess.run(
        ["git", "clone", "-q", tmp_path / "remote.git", tmp_path / "author"], check=True, capture_output=True
    )
    subprocess.run(["git", "clone", "-q", tmp_path / "remote.git", tmp_path / "work"], check=True, capture_output=True)
    (tmp_path / "work" / ".local").mkdir()
    with api.serving() as double:
        yield Small(
            forge=Forge(
                remote=tmp_path / "remote.git",
                workspace=tmp_path / "work",
                folder=tmp_path / "runs",
                api=double,
                variables={"AWS_REGION": "us-west-2"},
                environments={"dev": {"AWS_ROLE_ARN": "arn:dev"}, "dev-approval": {}},
                reviewed=frozenset({"dev-approval"}),
                machine={"PATH": "/usr/local/bin:/usr/bin:/bin"},
                cloud={"AWS_ACCESS_KEY_ID": "key"},
                tools=tmp_path,
            ),
            root=tmp_path,
        )
