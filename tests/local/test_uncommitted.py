"""What was not committed goes no further than dev, and what Git cannot say is refused: real engine, real containers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.local.clone import Clone

DEBUG = "example/backend/debug_local.go"
CODE = """package main

import "fmt"

func init() { fmt.Println("from this machine only") }
"""


def answers(clone: Clone, environment: str) -> tuple[str, str]:
    """The version that backend and site of an environment answer."""
    site = json.loads(clone.get(clone.outputs(environment)["url"] + "/version.json")[1])
    return clone.health(environment)["version"], site["version"]


@pytest.fixture
def tree(easi: Clone) -> Iterator[Clone]:
    """A commit that no environment has proven, and a file of the backend that is in none."""
    easi.commit("not released yet")
    (easi.root / DEBUG).write_text(CODE)
    try:
        yield easi
    finally:
        (easi.root / DEBUG).unlink(missing_ok=True)
        (easi.root / ".git" / "shallow").unlink(missing_ok=True)
        easi.git("reset", "--quiet", "--hard")


@pytest.mark.moves_on
def test_uncommitted_code_does_not_reach_impl_under_a_commits_name(tree: Clone) -> None:
    commit, before = tree.version, tree.outputs("impl")
    code, said = tree.update("dev")
    assert code != 0
    assert "to build it:  python -m release build" in said, "the page was built before the last edit"
    tree.run("make frontend")
    code, said = tree.update("dev")
    assert code == 0, said[-4000:]

    proven = tree.outputs("dev")["release"]
    dirty, image = proven["version"], proven["services"]["backend"]["image"]
    assert dirty.startswith(f"{commit}-dirty-")
    assert answers(tree, "dev") == (dirty, dirty)
    assert f"{commit[:12]}-dirty-{dirty[47:51]}" in tree.shell("python -m release history -s dev").stdout
    tree.run("python -m release status -s dev")

    tree.git("stash", "--include-untracked")
    code, said = tree.update("impl")
    assert code != 0
    assert f"dev has not proven it, only {commit[:12]}-dirty-{dirty[47:51]}, which was built from changes" in said
    code, said = tree.update("impl", f"RELEASE_VERSION={dirty}")
    assert code != 0
    assert "it was built from changes that are in no commit" in said
    assert tree.outputs("impl") == before

    code, said = tree.update("dev")
    assert code != 0
    assert "to build it:  python -m release build" in said
    tree.run("make frontend")
    code, said = tree.update("dev")
    assert code == 0, said[-4000:]
    clean = tree.outputs("dev")["release"]
    assert (clean["version"], clean["previous"][0]) == (commit, dirty)
    assert clean["services"]["backend"]["image"] != image, "the clean build of the commit is another release"
    assert answers(tree, "dev") == (commit, commit)

    (tree.root / ".git" / "shallow").write_text(f"{commit}\n")
    code, said = tree.update("impl")
    assert code != 0
    assert "to know it:  git fetch --unshallow" in said
    (tree.root / ".git" / "shallow").unlink()
    (tree.root / ".git" / "index").write_bytes(b"DIRC")
    code, said = tree.update("impl")
    assert code != 0
    mend = 'rm -f "$(git rev-parse --git-path index)" && git reset'
    assert mend in said
    tree.run(mend)
    tree.run("python -m release explain -s impl")
