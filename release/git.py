"""What the program asks Git: which commit this is, and which commits came before it."""

from __future__ import annotations

import subprocess
from pathlib import Path


class GitError(Exception):
    """Git cannot answer; the message says what was asked and what to do."""


def head(folder: Path) -> str:
    """The full SHA of HEAD. Raises GitError outside of a repository and before its first commit."""
    result = _git(folder, "rev-parse", "--verify", "HEAD")
    if result.returncode != 0:
        raise GitError(
            f"{folder} has no commit to release: {result.stderr.strip()}.\n"
            "  Release from a clone of the repository, or name the version: EASI_VERSION=<full Git SHA>"
        )
    return result.stdout.strip()


def is_dirty(folder: Path) -> bool:
    """Whether a tracked file differs from HEAD. Files that Git does not track do not count."""
    return bool(_git(folder, "status", "--porcelain", "--untracked-files=no").stdout.strip())


def is_ancestor(folder: Path, older: str, newer: str) -> bool:
    """Whether commit `older` is part of the history of `newer`, and another one.

    False where Git does not know one of them (a shallow clone, a commit that was never merged): then nothing says
    that it is older.
    """
    return older != newer and _git(folder, "merge-base", "--is-ancestor", older, newer).returncode == 0


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise GitError("git is not on PATH: install it, or name the version: EASI_VERSION=<full Git SHA>") from error
