"""Whether what was taken back comes again with a version: by the messages of commits, and by what is in them. Pure.

A revert counts if it reverts one of the commits that came, no later commit brings that one again, and its change is
not in what comes: a message alone is no proof.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Final

from release.git import Commit

_REVERTS: Final = re.compile(r"^[ \t*]*This reverts commit ([0-9a-f]{7,40})\b", re.MULTILINE)
"""What `git revert` writes; of a merge, and with --reference, more follows (https://git-scm.com/docs/git-revert)."""
_PICKED: Final = re.compile(r"^\(cherry picked from commit ([0-9a-f]{7,40})\)", re.MULTILINE)
"""What `git cherry-pick -x` writes (https://git-scm.com/docs/git-cherry-pick)."""


def why_back(
    name: str,
    came: Sequence[Commit],
    since: Sequence[Commit],
    absent: Collection[str],
    has_change: Callable[[str], bool],
) -> str | None:
    """Why a version brings back what `name` brought, for people; None where it does not.

    `came`: the commits that were taken back; `since`: what the version has beside them; both the newest
    first. `absent`: those of `came` that it has not. `has_change`: whether it has the change of a commit.
    """
    returning = [commit for commit in came if commit.sha not in absent]
    if not returning:
        return None
    within = reverted(came, {commit.sha for commit in came})
    # What came and was reverted at once has brought nothing.
    live = {
        one.sha for one in returning if one.sha not in within and not reverted([one], {other.sha for other in came})
    }
    named = reverted(since, live or {commit.sha for commit in returning})
    if not named:
        return f"it reverts none of the commits that came with {name}"
    back = [sha for sha in sorted(named) if has_change(sha)]
    return None if len(back) < len(named) else f"a revert of {back[0][:12]} is in its history, and so is that change"


def reverted(commits: Sequence[Commit], among: Collection[str]) -> set[str]:
    """Those of `among` that one of `commits`, the newest first, reverts, and that none of them brings again."""
    names: set[str] = set()
    picked: set[str] = set()
    for one in commits:
        # What reverts it, or brings again what it reverts, is newer, and was seen before.
        if not any(one.sha.startswith(name) for name in names):
            picked.update(_PICKED.findall(one.message))
            names.update(
                name for name in _REVERTS.findall(one.message) if not any(sha.startswith(name) for sha in picked)
            )
    return {sha for sha in among if any(sha.startswith(name) for name in names)}
