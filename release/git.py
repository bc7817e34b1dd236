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


def commits(folder: Path, name: str) -> list[str]:
    """The full SHAs of the commits that `name`, a branch, a tag or the beginning of a SHA, may mean."""
    one = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if one.returncode == 0:
        return [one.stdout.strip()]
    if len(name) < 4 or name.strip("0123456789abcdef"):
        return []
    alike = _git(folder, "rev-parse", f"--disambiguate={name}").stdout.split()
    return [sha for sha in alike if _git(folder, "cat-file", "-t", sha).stdout.strip() == "commit"]


def between(folder: Path, older: str, newer: str, limit: int) -> tuple[list[str], int] | None:
    """Commits that `newer` has and `older` has not: the newest `limit` as Git's one line each, and how many in all.

    None where Git does not know one of them, for example in a shallow clone.
    """
    count = _git(folder, "rev-list", "--count", f"{older}..{newer}", "--")
    if count.returncode != 0:
        return None
    lines = _git(folder, "log", "--no-color", "--oneline", "--no-decorate", f"-{limit}", f"{older}..{newer}", "--")
    return lines.stdout.splitlines(), int(count.stdout)


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise GitError("git is not on PATH: install it, or name the version: EASI_VERSION=<full Git SHA>") from error
