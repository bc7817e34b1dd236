"""A repository of an application, in which the program is a folder and the backend lies beside it."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.local.workflow import actions
from tests.local.workflow.forge import Forge, git
from tests.local.workflow.runs import Event
from tests.local.workflow.team import AUTHOR, Team

BRANCH = "application"
FROM_TOP = (".github", "README.md")
"""What is at the top of the repository: GitHub reads workflows nowhere else."""


def pushed(team: Team, author: Path) -> Event:
    """The branch of the application, pushed and not merged; somebody starts a workflow on it."""
    folder = team.easi.root.name
    git(author.parent, "clone", "--quiet", str(team.forge.remote), str(author))
    (author / folder).mkdir()
    for path in list(author.iterdir()):
        if path.name not in (".git", folder, *FROM_TOP):
            path.rename(author / folder / path.name)
    (author / folder / "example" / "backend").rename(author / "backend")
    written_in(author / ".github/actions/setup/action.yml", "    default: .\n", f"    default: {folder}\n")
    written_in(author / folder / "Pulumi.yaml", "context: example/backend", "context: ../backend")
    written_in(author / folder / "ci/test", "example/backend", "../backend")
    git(author, "checkout", "--quiet", "-b", BRANCH)
    git(author, "add", "--all")
    git(author, *AUTHOR, "commit", "--quiet", "--message", "Keep the program beside the application")
    git(author, "push", "--quiet", "origin", f"HEAD:{BRANCH}")
    sha = git(author, "rev-parse", "HEAD").strip()
    return Event(name="workflow_dispatch", sha=sha, ref=f"refs/heads/{BRANCH}")


def written_in(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{file} has no {old!r}"
    file.write_text(text.replace(old, new))


@contextmanager
def checked_out_around(team: Team) -> Iterator[Forge]:
    """GitHub with a runner whose workspace is the folder around the clone: the clone is the program's folder in it.

    The clone's own repository is put aside, as that of the workspace is another one.
    """
    clone, workspace = team.easi.root, team.easi.root.parent
    assert [path.name for path in workspace.iterdir()] == [clone.name], "a checkout removes what is beside the clone"
    own = clone / actions.OWN
    if own.exists():
        shutil.rmtree(clone / ".git")
    else:
        (clone / ".git").rename(own)
    (workspace / actions.OWN).parent.mkdir(parents=True)
    git(workspace, "init", "--quiet")
    try:
        yield dataclasses.replace(team.forge, workspace=workspace)
    finally:
        for name in {".git", Path(actions.OWN).parts[0], *FROM_TOP, "backend"}:
            path = workspace / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        own.rename(clone / ".git")
        git(clone, "checkout", "--quiet", "--force", "HEAD")
