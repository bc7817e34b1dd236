"""Whether a version takes back what another one brought, as Git and the messages of its commits say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from release import git as history
from release import reverts
from release.gate import Gate
from release.git import Commit
from release.records import GoneBack
from release.tree import Tree
from tests.unit.git_project import git, project
from tests.unit.one_of_each import proven
from tests.unit.test_promotion import request


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


def reverted(root: Path, to: str, gone: str) -> bool:
    """Whether HEAD brings nothing back of what `gone` brought to `to`."""
    head = git(root, "rev-parse", "HEAD")
    gate = Gate(root=root, tree=Tree(commit=head, changes={}), request=request(head, environment="prod"))
    mark = GoneBack(at="2026-01-02T03:03:00Z", to=to, attempt="id", who="ana", reason="500s")
    answer = gate._brings_back(proven(gone, gone_back=mark))
    assert answer is None or isinstance(answer, str)
    return answer is None


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


def merge(root: Path, branch: str, *options: str) -> str:
    git(root, "checkout", "--quiet", "main")
    git(root, "merge", "--quiet", "--no-ff", "-m", f"Merge {branch}", *options, branch)
    return git(root, "rev-parse", "HEAD")


def test_the_revert_of_a_merged_revert_brings_it_back(root: Path) -> None:
    """GitHub's button, twice, where pull requests are merged with a commit of the merge."""
    to = git(root, "rev-parse", "HEAD")
    git(root, "checkout", "--quiet", "-b", "first")
    change(root, "worse")
    gone = merge(root, "first")
    git(root, "checkout", "--quiet", "-b", "second")
    revert(root, gone, "-m", "1")
    back = merge(root, "second")
    assert reverted(root, to, gone) is True
    git(root, "checkout", "--quiet", "-b", "third")
    revert(root, back, "-m", "1")
    merge(root, "third")
    change(root, "another")
    assert reverted(root, to, gone) is False


def test_a_squashed_branch_that_reverts_and_brings_again_reverts_nothing(root: Path) -> None:
    to, gone = git(root, "rev-parse", "HEAD~1"), git(root, "rev-parse", "HEAD")
    git(root, "commit", "--quiet", "--allow-empty", "-m", f"Revert, and again\n\nThis reverts commit {gone}.")
    assert reverted(root, to, gone) is False


def test_a_revert_that_a_merge_dropped_does_not_count(root: Path) -> None:
    to, gone = git(root, "rev-parse", "HEAD~1"), git(root, "rev-parse", "HEAD")
    git(root, "checkout", "--quiet", "-b", "branch")
    revert(root, gone)
    git(root, "checkout", "--quiet", "main")
    change(root, "beside")
    merge(root, "branch", "-s", "ours")
    assert reverted(root, to, gone) is False


def test_what_was_picked_again_does_not_count_as_reverted(root: Path) -> None:
    to, gone = git(root, "rev-parse", "HEAD~1"), git(root, "rev-parse", "HEAD")
    revert(root, gone)
    git(root, "cherry-pick", "-x", gone)
    (root / "fault").write_text("fault, and hides what the pick changed")
    git(root, "commit", "--quiet", "-a", "-m", "Add more")
    assert reverted(root, to, gone) is False


def test_a_change_that_comes_again_with_its_fault_mended_is_another_one(root: Path) -> None:
    to, gone = git(root, "rev-parse", "HEAD~1"), git(root, "rev-parse", "HEAD")
    revert(root, gone)
    (root / "fault").write_text("mended")
    git(root, "add", "fault")
    git(root, "commit", "--quiet", "-m", "Add it without its fault")
    assert reverted(root, to, gone) is True


def test_the_same_lines_in_another_place_are_not_the_change(root: Path) -> None:
    """Git finds the lines that it is to take out where others stand."""
    block, new = "begin\nsame\nend\n", "added\n"
    surrounded = block + new + block + "apart\n" * 20
    file = root / "list"
    for number, text in enumerate((surrounded + block + block, surrounded + block + new + block)):
        file.write_text(text)
        git(root, "add", "list")
        git(root, "commit", "--quiet", "-m", f"Write the list {number}")
    to, gone = git(root, "rev-parse", "HEAD~1"), git(root, "rev-parse", "HEAD")
    assert reverted(root, to, gone) is False
    revert(root, gone)
    assert reverted(root, to, gone) is True


def test_what_came_reverted_is_not_brought_by_the_revert_of_that(root: Path) -> None:
    to = git(root, "rev-parse", "HEAD")
    back = revert(root, change(root, "good"))
    gone = change(root, "bad")
    revert(root, back)
    assert reverted(root, to, gone) is False
    revert(root, gone)
    assert reverted(root, to, gone) is True


def test_history_that_lacks_what_was_taken_back_brings_nothing_back(root: Path) -> None:
    to, gone = git(root, "rev-parse", "HEAD~1"), git(root, "rev-parse", "HEAD")
    git(root, "checkout", "--quiet", "-b", "hotfix", to)
    change(root, "hotfix")
    assert reverted(root, to, gone) is True


@pytest.mark.parametrize(
    ("message", "counts"),
    [
        ('Revert "Add fault" (#8)\n\n* Revert "Add fault"\n\nThis reverts commit {sha}.\n\n* Add another', True),
        ("Revert\n\nThis reverts commit {short} (Add fault, 2026-01-02).", True),
        ('Revert "Add fault" (#8)\n\nReverts o/r#7', False),
        ("Fix {sha}", False),
        ("This reverts commit abc.", False),
        ("Fix the test\n\nWithout `This reverts commit {sha}` in its message, a revert is not seen.", False),
    ],
)
def test_the_message_has_to_say_it_also_of_a_squashed_branch(message: str, counts: bool) -> None:
    sha = "0123456789" * 4
    said = message.format(sha=sha, short=sha[:8])
    assert bool(reverts.reverted([Commit("f" * 40, said)], {sha})) is counts


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
