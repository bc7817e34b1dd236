"""The settings that are in force: the commit from which a stack was last updated, and its checkout.

Every `pulumi up` applies the settings of its working tree, and what was merged since may not be approved for this
environment. So a rollback, and a search for drift, run in the tree from which the stack was last updated.
"""

from __future__ import annotations

import subprocess
import textwrap
from pathlib import Path

from cli.errors import VerbError
from cli.text import short
from release import git, updates, version
from release.records import Release


def commit_in_force(root: Path, name: str, release: Release) -> str:
    """The commit whose settings the stack has: of the last update that succeeded, else of the proven version.

    They differ after a release with RELEASE_VERSION, which takes the settings of its working tree. If Git lacks the
    commit of the last update (its branch is gone), it is the version's own. Raises VerbError and StackError.
    """
    last = next((update.commit for update in updates.read(name) if update.succeeded), "")
    if last and git.has(root, last):
        return last
    if last and git.is_shallow(root):
        # Whether the branch is gone cannot be known here, and the version's own settings may be older.
        raise VerbError(
            f"this clone is shallow and lacks {last}, whose settings may be in force in {name}.\n"
            "  to get it:  git fetch --unshallow   (in GitHub Actions: actions/checkout with fetch-depth: 0)"
        )
    return version.commit(release.version)


def check_out(root: Path, commit: str, *, why: str) -> None:
    """Check out `commit`, with HEAD detached.

    `why` describes the commit in messages. Raises VerbError if the tree has changes, or if Git lacks the commit or
    cannot check it out. Untracked files stay.
    """
    if git.changed(root, git.head(root)):
        raise VerbError(
            f"the working tree has changes, and {short(commit)}, {why}, is to be checked out.\n"
            "  see them:  git status\n"
            "  then:      git stash   (or take a clean clone)"
        )
    if not git.has(root, commit):
        raise VerbError(
            f"this clone has no commit {commit}: {why}.\n"
            "  to get it:  git fetch --unshallow   (in GitHub Actions: actions/checkout with fetch-depth: 0)\n"
            f"  or:         git fetch origin {commit}   (where it is on no branch)"
        )
    done = subprocess.run(
        ["git", "-C", str(root), "checkout", "--quiet", "--detach", commit], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise VerbError(f"{short(commit)}, {why}, cannot be checked out:\n{textwrap.indent(done.stderr.strip(), '  ')}")
