"""Whether a version takes back what another one brought, as Git and the messages of its commits say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from release import gate
from release import git as history
from release.git import Commit
from tests.unit.git_project import git, project


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two commits that ran, and a third that was taken back."""
    folder = project(tmp_path / "clone", commits=2)
    change(folder, "fault")
    return folder


def change(root: Path, name: str) -> str:
    (root / name).write_text(name)
    git(root, "add", name)
    git(root, "commit", "--quiet", "-m", f"Add {name}")
    return git(root, "rev-parse", "HEAD")


def revert(root: Path, commit: str, *options: str) -> str:
    git(root, "revert", "--no-edit", *options, commit)
    return git(root, "rev-parse", "HEAD")


def reverted(root: Path, to: str, gone: str) -> bool | None:
    """Whether HEAD takes back what `gone` brought to `to`."""
    came, since = history.history(root, to, gone), history.history(root, gone, "HEAD")
    assert came is not None
    return None if since is None else gate.takes_back(since, {commit.sha for commit in came})


def test_a_revert_is_what_git_revert_makes(root: Path) -> None:
    to, gone = git(root, "rev-parse", "HEAD~1"), git(root, "rev-parse", "HEAD")
    change(root, "feature")
    assert reverted(root, to, gone) is False
    revert(root, gone)
    change(root, "another")
    assert reverted(root, to, gone) is True


def test_a_revert_of_the_revert_does_not_count_and_one_of_that_does(root: Path) -> None:
    to, gone = git(root, "rev-parse", "HEAD~1"), git(root, "rev-parse", "HEAD")
    back = revert(root, revert(root, gone))
    assert reverted(root, to, gone) is False
    revert(root, back)
    assert reverted(root, to, gone) is True


def test_a_revert_of_something_else_does_not_count(root: Path) -> None:
    to, gone = git(root, "rev-parse", "HEAD~1"), git(root, "rev-parse", "HEAD")
    revert(root, change(root, "feature"))
    assert reverted(root, to, gone) is False


def test_any_commit_of_what_was_taken_back_counts_a_merge_too(root: Path) -> None:
    to = git(root, "rev-parse", "HEAD")
    git(root, "checkout", "--quiet", "-b", "branch")
    first = change(root, "first")
    git(root, "checkout", "--quiet", "main")
    change(root, "beside")
    git(root, "merge", "--quiet", "--no-ff", "-m", "Merge branch", "branch")
    gone = git(root, "rev-parse", "HEAD")
    revert(root, gone, "-m", "1")
    assert reverted(root, to, gone) is True
    git(root, "reset", "--quiet", "--hard", gone)
    revert(root, first)
    assert reverted(root, to, gone) is True


@pytest.mark.parametrize(
    ("message", "counts"),
    [
        ('Revert "Add fault" (#8)\n\n* Revert "Add fault"\n\nThis reverts commit {sha}.\n\n* Add another', True),
        ("Revert\n\nThis reverts commit {short} (Add fault, 2026-01-02).", True),
        ('Revert "Add fault" (#8)\n\nReverts o/r#7', False),
        ("Fix {sha}", False),
        ("This reverts commit abc.", False),
    ],
)
def test_the_message_has_to_say_it_also_of_a_squashed_branch(message: str, counts: bool) -> None:
    sha = "0123456789" * 4
    said = message.format(sha=sha, short=sha[:8])
    assert gate.takes_back([Commit("f" * 40, said)], {sha}) is counts


def test_a_shallow_clone_and_one_without_the_commit_do_not_know(root: Path, tmp_path: Path) -> None:
    to, gone = git(root, "rev-parse", "HEAD~1"), git(root, "rev-parse", "HEAD")
    change(root, "feature")
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth=2", root.as_uri(), shallow], check=True)
    assert history.history(shallow, gone, "HEAD") is None
    assert history.how_to_know(shallow, to, gone) == "git fetch --unshallow"
    assert history.history(root, "f" * 40, "HEAD") is None
    assert history.how_to_know(root, "f" * 40) == f"git fetch origin {'f' * 40}"


def test_a_message_of_several_lines_and_any_bytes_is_read_whole(root: Path) -> None:
    gone = git(root, "rev-parse", "HEAD")
    git(root, "commit", "--quiet", "--allow-empty", "-m", "Title\n\nThis reverts\ncommit é of\n\nmany lines")
    (commit,) = history.history(root, gone, "HEAD") or []
    assert commit.sha == git(root, "rev-parse", "HEAD")
    assert commit.message.strip() == "Title\n\nThis reverts\ncommit é of\n\nmany lines"
