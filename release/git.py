"""What the program asks Git: which commit this is, what differs from it, and which commits came before it.

What Git cannot answer raises GitError, or is None where the caller decides what that means. It is never "no".
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from release import escaping
from settings.errors import ExpectedError

# Modes and links count, whatever is configured (https://git-scm.com/docs/git-config). Nothing of the repository is
# written, and no hook is run.
_SETTINGS: Final = (
    "core.fileMode=true",
    "core.symlinks=true",
    "core.splitIndex=false",
    "core.hooksPath=/dev/null",
    "advice.graftFileDeprecated=false",
    "log.showSignature=false",
)
# Of another repository, where Git started us in a hook; and what gives a commit other parents or other content.
_FOREIGN: Final = ("GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_SHALLOW_FILE", "GIT_PREFIX")
_ENVIRONMENT: Final = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_GRAFT_FILE": os.devnull,
    "GIT_OPTIONAL_LOCKS": "0",
    # Its messages are read here.
    "LC_ALL": "C",
}


class Commit(NamedTuple):
    sha: str
    message: str


class GitError(ExpectedError):
    """Git cannot answer; the message says what was asked, what Git said and what to do."""


def head(folder: Path) -> str:
    """The full SHA of HEAD. Raises GitError outside of a repository and before its first commit."""
    return _answer(folder, "rev-parse", "--verify", "HEAD^{commit}").strip()


def committed_at(folder: Path, commit: str) -> str:
    """When a commit was made, in ISO 8601 and UTC. Raises GitError where this clone lacks it."""
    seconds = int(_answer(folder, "show", "--no-patch", "--format=%ct", commit))
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def top(folder: Path) -> Path:
    """The working tree that `folder` is part of. Raises GitError."""
    top = Path(_answer(folder, "rev-parse", "--show-toplevel").removesuffix("\n"))
    if not folder.resolve().is_relative_to(top):
        raise GitError(
            f"the working tree of {folder} is {top}, where it is not: Git's setting core.worktree says so.\n"
            f"  to remove it:  git -C {folder} config --unset core.worktree"
        )
    return top


def tracked(folder: Path, commit: str) -> dict[str, str]:
    """Every file of a commit, by path from the top: its mode and object as Git writes them. Raises GitError.

    A submodule is one: `160000 <its commit>`.
    """
    listed = _answer(folder, "ls-tree", "-r", "-z", "--full-tree", commit).split("\0")
    entries = (line.split("\t", 1) for line in listed if line)
    return {path: " ".join(about.split()[::2]) for about, path in entries}


def changed(folder: Path, commit: str) -> set[str]:
    """The paths of a commit's files that differ from it here, by content, mode or kind, and what is staged beside it.

    Submodules are left out. Raises GitError, also where the index is damaged.
    """
    # A new index knows nothing of what the real one was told to take as unchanged (`git update-index
    # --assume-unchanged`, `--skip-worktree`), nor when which file was looked at: Git then reads every file.
    with tempfile.TemporaryDirectory(prefix="release-git-") as scratch:
        new = {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        _answer(folder, "read-tree", commit, extra=new)
        here = _status(folder, "--ignore-submodules=all", extra=new)
    return here | _status(folder, "--ignore-submodules=dirty")


def is_ancestor(folder: Path, older: str, newer: str) -> bool | None:
    """Whether commit `older` is part of the history of `newer`, and another one.

    None where this clone cannot say: it lacks one of them, or history that lies between. Raises GitError without git.
    """
    if older == newer:
        return False
    forward = _reaches(folder, older, newer)
    if forward:
        return True
    if _reaches(folder, newer, older):
        return False
    return None if forward is None or is_shallow(folder) else False


def how_to_know(folder: Path, *commits: str) -> str:
    """The command after which this clone may know how these commits are related. Raises GitError without git."""
    if is_shallow(folder):
        return "git fetch --unshallow"
    missing = [commit for commit in commits if not has(folder, commit)]
    return f"git fetch origin {' '.join(missing)}" if missing else "git fsck"


def is_shallow(folder: Path) -> bool:
    """Whether the clone ends somewhere in the history; a clone that does not say counts as one."""
    return _git(folder, "rev-parse", "--is-shallow-repository").stdout.strip() != "false"


def has(folder: Path, commit: str) -> bool:
    """Whether the clone has the commit, by its full SHA. Raises GitError outside of a repository."""
    _answer(folder, "rev-parse", "--git-dir")
    return _git(folder, "cat-file", "-e", f"{commit}^{{commit}}").returncode == 0


def file(folder: Path, commit: str, name: str) -> str | None:
    """The content of a file of `folder` as a commit has it; None where it has none. Raises GitError without git."""
    done = _git(folder, "show", f"{commit}:./{name}")
    return done.stdout if done.returncode == 0 else None


def commits(folder: Path, name: str) -> list[str]:
    """The full SHAs of the commits that `name`, a branch, a tag or the beginning of a SHA, may mean."""
    one = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    if one.returncode == 0:
        return [one.stdout.strip()]
    if len(name) < 4 or name.strip("0123456789abcdef"):
        return []
    alike = _answer(folder, "rev-parse", f"--disambiguate={name}").split()
    return [sha for sha in alike if _answer(folder, "cat-file", "-t", sha).strip() == "commit"]


def between(folder: Path, older: str, newer: str, limit: int) -> tuple[list[str], int] | None:
    """Commits that `newer` has and `older` has not: the newest `limit` as Git's one line each, and how many in all.

    None where Git does not know one of them, or not all of their history.
    """
    if is_shallow(folder):
        return None
    count = _git(folder, "rev-list", "--count", f"{older}..{newer}", "--")
    if count.returncode != 0:
        return None
    form = ("-z", "--encoding=UTF-8", "--format=%h %s", f"-{limit}")
    log = _answer(folder, "log", *form, f"{older}..{newer}", "--").encode(errors="surrogateescape")
    return [line.decode(errors="replace") for line in log.split(b"\0") if line], int(count.stdout)


def history(folder: Path, older: str, newer: str) -> list[Commit] | None:
    """Commits that `newer` has and `older` has not, each after those that have it in their history.

    None where Git does not know one of them, or not all of their history.
    """
    if is_shallow(folder):
        return None
    form = ("-z", "--topo-order", "--encoding=UTF-8", "--format=%H %B")
    log = _git(folder, "log", *form, f"{older}..{newer}", "--")
    if log.returncode != 0:
        return None
    return [Commit(*entry.partition(" ")[::2]) for entry in log.stdout.split("\0") if entry]


def has_change(folder: Path, commit: str, version: str) -> bool:
    """Whether what `commit` changed could be taken out of `version`, and not be put in again: it is there.

    Of a merge, what it brought to its first parent. False also where later changes hide it.
    """
    with tempfile.TemporaryDirectory(prefix="release-git-") as scratch:
        patch, index = Path(scratch) / "patch", {"GIT_INDEX_FILE": str(Path(scratch) / "index")}
        form = ("--format=", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--src-prefix=a/")
        _answer(folder, "show", "-m", "--first-parent", *form, "--dst-prefix=b/", f"--output={patch}", commit, "--")
        _answer(folder, "read-tree", version, extra=index)
        apply = ("apply", "--cached", "--check", "--whitespace=nowarn")
        out, back = (_git(folder, *apply, *way, str(patch), extra=index) for way in (("--reverse",), ()))
    return out.returncode == 0 and back.returncode != 0


def _reaches(folder: Path, older: str, newer: str) -> bool | None:
    """Whether the walk from `newer` comes by `older`; None where it cannot be made."""
    done = _git(folder, "merge-base", "--is-ancestor", older, newer)
    # Where a commit in between cannot be read, Git 2.39 says so, and answers 1 all the same.
    return None if "error:" in done.stderr else {0: True, 1: False}.get(done.returncode)


def _status(folder: Path, *options: str, extra: Mapping[str, str] | None = None) -> set[str]:
    """The tracked paths that `git status` lists."""
    form = ("--porcelain=v1", "-z", "--no-renames", "--untracked-files=no")
    return {line[3:] for line in _answer(folder, "status", *form, *options, extra=extra).split("\0") if line}


def _answer(folder: Path, *arguments: str, extra: Mapping[str, str] | None = None) -> str:
    """What Git prints. Raises GitError where it fails."""
    done = _git(folder, *arguments, extra=extra)
    if done.returncode != 0:
        said = escaping.shown(done.stderr).strip().replace("\n", "\n  ") or f"it ended with {done.returncode}"
        raise GitError(
            f"`git {arguments[0]}` failed in {folder}, so what is there is not known:\n  {said}{_advice(said)}"
        )
    return done.stdout


def _advice(said: str) -> str:
    for words, advice in _ADVICE:
        if words in said:
            return f"\n  {advice}"
    return "\n  to see it:  git status && git fsck"


_ADVICE: Final = (
    # Git's own message has the command (`git config --global --add safe.directory …`); it applies after a look at it.
    ("dubious ownership", "the folder belongs to another user: if that is right, the command above makes Git read it"),
    (
        "index",
        'to make the index anew, without a change of any file:  rm -f "$(git rev-parse --git-path index)" && git reset',
    ),
    ("Needed a single revision", "there is no commit to release: git commit"),
    ("not a git repository", "release from a clone of the repository: the version of a release is its commit"),
)


def _git(folder: Path, *arguments: str, extra: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    settings = [part for setting in _SETTINGS for part in ("-c", setting)]
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    environment |= {**_ENVIRONMENT, **(extra or {})}
    try:
        done = subprocess.run(
            ["git", *settings, "-C", str(folder), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise GitError("git is not on PATH: install it; the version of a release is the commit") from error
    # As text, Python would make a new line of every CR. A path may have one, and bytes that are no UTF-8.
    out, err = (stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(done.args, done.returncode, out, err)
