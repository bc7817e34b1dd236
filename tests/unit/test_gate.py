"""The way to the gate in a working tree of Git, as the program and `release explain` go it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from release import gate, git, record
from release.promotion import Accepted, Refused


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two commits, the second one checked out."""
    for command in (
        ["init", "--quiet"],
        ["config", "user.name", "test"],
        ["config", "user.email", "test@example.org"],
        ["commit", "--quiet", "--allow-empty", "-m", "the first"],
        ["commit", "--quiet", "--allow-empty", "-m", "the second"],
    ):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    return tmp_path


def sha(tree: Path, name: str) -> str:
    return subprocess.run(
        ["git", "-C", tree, "rev-parse", name], check=True, capture_output=True, text=True
    ).stdout.strip()


def released(version: str) -> record.Release:
    return record.Release(
        version=version, image="r@sha256:1", task_definition="t:1", static_manifest="s", verified_at="2026-01-02"
    )


def test_head_is_built_where_nothing_is_promoted(tree: Path) -> None:
    asked = gate.ask(tree, environment="dev", version=None, reason=None)

    assert (asked.request.version, asked.is_head, asked.request.explicit) == (sha(tree, "HEAD"), True, False)
    assert asked.decide(promotes_from="", upstream=None, here=released(sha(tree, "HEAD~1"))) is None


def test_an_older_commit_is_found_to_be_one_by_git(tree: Path) -> None:
    old, new = sha(tree, "HEAD~1"), sha(tree, "HEAD")
    late = gate.ask(tree, environment="impl", version=old, reason=None)
    refused = late.decide(promotes_from="dev", upstream=released(old), here=released(new))
    reasoned = gate.ask(tree, environment="impl", version=old, reason="the new one loses orders")

    assert isinstance(refused, Refused)
    assert f"{old[:12]} is an ancestor of {new[:12]}" in refused.message
    assert isinstance(reasoned.decide(promotes_from="dev", upstream=released(old), here=released(new)), Accepted)


def test_changes_that_are_in_no_commit_are_seen(tree: Path) -> None:
    (tree / "file").write_text("new")
    subprocess.run(["git", "-C", tree, "add", "file"], check=True)
    asked = gate.ask(tree, environment="impl", version=None, reason=None)

    assert isinstance(asked.decide(promotes_from="dev", upstream=released(asked.head), here=None), Refused)


def test_a_folder_without_git_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(git.GitError, match="has no commit to release"):
        gate.ask(tmp_path, environment="dev", version=None, reason=None)
