"""The version of a release: a commit, or what was built from a working tree that differs from one.

`<sha>` is the full Git SHA of a commit; `<sha>-dirty-<12 hexadecimal digits>` is a build of uncommitted content, which
the digits identify (`release.tree`). The example's backend and frontend know the same form.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from functions.strict_json import Form

FORM: Final = (
    "a full Git SHA, 40 hexadecimal digits in lower case, or for a build of uncommitted changes <sha>-dirty-<12 digits>"
)
SHORT: Final = 12
"""Characters of a Git SHA or a digest for people."""
_COMMIT: Final = re.compile("[0-9a-f]{40}")
_DIGEST: Final = re.compile("sha256:[0-9a-f]{64}")
_FULL: Final = re.compile(rf"{_COMMIT.pattern}(-dirty-[0-9a-f]{{12}})?")
_MARK: Final = "-dirty"
_SHORT_HASH: Final = 4


def is_full(text: str) -> bool:
    return _FULL.fullmatch(text) is not None


def is_commit(text: str) -> bool:
    return _COMMIT.fullmatch(text) is not None


def is_digest(text: str) -> bool:
    return _DIGEST.fullmatch(text) is not None


Digest = Annotated[str, Form(is_digest, "sha256:<64 hexadecimal digits>")]
Version = Annotated[str, Form(is_full, FORM)]
"""The type of a version, in full."""


def of(commit: str, digest: str) -> str:
    """The version of what was built from `commit` with the uncommitted changes of this (hexadecimal) digest."""
    return f"{commit}{_MARK}-{digest[:12]}"


def commit(version: str) -> str:
    """The commit that was built, or that was changed before it was built."""
    return version.partition(_MARK)[0]


def is_dirty(version: str) -> bool:
    """Whether it was built from changes that are in no commit."""
    return _MARK in version


def short(version: str) -> str:
    """The part that people compare; one of uncommitted changes is still seen to be one."""
    sha, mark, digest = version.partition(_MARK)
    return f"{sha[:SHORT]}{mark}{digest[: _SHORT_HASH + 1]}"


def is_short_for(text: str, version: str) -> bool:
    """Whether `text`, as `short` writes it or with fewer or more characters, may mean `version`.

    Without the mark it means a commit's own build, never one of uncommitted changes.
    """
    sha, mark, digest = text.partition(_MARK)
    whole_sha, whole_mark, whole_digest = version.partition(_MARK)
    return mark == whole_mark and whole_sha.startswith(sha) and whole_digest.startswith(digest)
