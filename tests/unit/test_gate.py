"""The way to the gate in a working tree of Git, as the program and `release explain` go it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from release import gate, git, records
from release.gate import Gate
from release.headline import Distance
from release.promotion import Accepted, Declared, Refused
from release.records import GoneBack
from release.statements import Stated
from release.version import short
from tests.unit.git_project import SOURCES, project
from tests.unit.git_project import git as run
from tests.unit.one_of_each import proven
from tests.unit.test_promotion import acceptance, refusal


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three commits, the last one checked out."""
    return project(tmp_path / "clone", commits=3)


def sha(root: Path, name: str) -> str:
    return run(root, "rev-parse", name)


def ask(root: Path, environment: str = "impl", version: str | None = None, reason: str | None = None) -> Gate:
    sources = SOURCES if environment == "dev" else None
    return gate.ask(
        root, environment=environment, requested=version, reason=reason, sources=sources, declared=Declared()
    )


def released(version: str) -> records.Release:
    return records.Release(**vars(proven(version)))


def promoted(asked: Gate, *, upstream: str, here: str | None, branch: str = "") -> Accepted | Refused | None:
    ran = released(here) if here else None
    return asked.decide([Stated(environment="impl", release=ran), dev(upstream)], branch=branch)


def dev(version: str) -> Stated:
    return Stated(environment="dev", release=released(version))


def test_only_what_is_part_of_the_branch_at_the_origin_is_promoted(root: Path) -> None:
    """What the clone fetched last counts, not its own branch of that name."""
    old, new = sha(root, "HEAD~1"), sha(root, "HEAD")
    run(root, "update-ref", "refs/remotes/origin/main", old)

    assert isinstance(promoted(ask(root, version=old), upstream=old, here=None, branch="main"), Accepted)
    refused = refusal(promoted(ask(root, version=new), upstream=new, here=None, branch="main"))
    assert f"impl refused {new[:12]}: it is not part of origin's main" in refused
    run(root, "update-ref", "refs/remotes/origin/main", new)
    assert isinstance(promoted(ask(root, version=new), upstream=new, here=None, branch="main"), Accepted)


def test_a_clone_without_the_branch_does_not_know(root: Path) -> None:
    refused = refusal(promoted(ask(root), upstream=sha(root, "HEAD"), here=None, branch="main"))
    assert "git fetch origin main:refs/remotes/origin/main" in refused


def test_head_is_built_where_nothing_is_promoted(root: Path) -> None:
    asked = ask(root, "dev")

    assert (asked.request.version, asked.is_tree, asked.request.explicit) == (sha(root, "HEAD"), True, False)
    assert asked.decide([dev(sha(root, "HEAD~1"))], branch="") is None


def test_an_older_commit_is_found_to_be_one_by_git(root: Path) -> None:
    old, new = sha(root, "HEAD~1"), sha(root, "HEAD")
    refused = promoted(ask(root, version=old), upstream=old, here=new)

    assert isinstance(refused, Refused)
    assert f"{old[:12]} is an ancestor of {new[:12]}" in refused.message
    assert isinstance(
        promoted(ask(root, version=old, reason="the new one loses orders"), upstream=old, here=new), Accepted
    )


@pytest.mark.parametrize("name", ["example/backend/debug_local.go", "example/backend/ignored.go", "README.md"])
def test_uncommitted_content_that_dev_proved_goes_no_further(root: Path, name: str) -> None:
    commit, file = sha(root, "HEAD"), root / name
    before = file.read_text() if file.exists() else None
    file.write_text('package main\n\nfunc init() { println("from this machine") }\n')
    dirty = ask(root, "dev").request.version
    if before is None:
        file.unlink()
    else:
        file.write_text(before)

    assert dirty.startswith(f"{commit}-dirty-")
    clean = refusal(promoted(ask(root), upstream=dirty, here=None))
    assert f"dev has not proven it, only {short(dirty)}, which was built from changes" in clean
    named = refusal(promoted(ask(root, version=dirty), upstream=dirty, here=None))
    assert "it was built from changes that are in no commit" in named
    again = ask(root, "dev")
    assert again.request.version == commit
    assert again.decide([dev(dirty)], branch="") is None, "it is another release"


def test_changes_that_are_in_no_commit_are_seen(root: Path) -> None:
    (root / "file").write_text("new")
    run(root, "add", "file")
    refused = promoted(ask(root), upstream=sha(root, "HEAD"), here=None)

    assert isinstance(refused, Refused)
    assert "they are:           file\n" in refused.message


def test_a_shallow_clone_does_not_know_what_is_older_until_it_is_fetched_whole(root: Path, tmp_path: Path) -> None:
    old, new = sha(root, "HEAD~2"), sha(root, "HEAD")
    shallow = tmp_path / "shallow"
    run(tmp_path, "clone", "--quiet", "--depth=1", root.as_uri(), str(shallow))
    run(shallow, "fetch", "--quiet", "--depth=1", "origin", old)

    refused = refusal(promoted(ask(shallow, version=old), upstream=old, here=new))
    assert "this clone cannot say whether it is older than" in refused
    assert "to know it:  git fetch --unshallow\n" in refused
    run(shallow, "fetch", "--quiet", "--unshallow")
    known = refusal(promoted(ask(shallow, version=old), upstream=old, here=new))
    assert "is an ancestor of" in known


def test_a_shallow_clone_knows_what_it_sees(root: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    run(tmp_path, "clone", "--quiet", "--depth=2", root.as_uri(), str(shallow))
    old, new = sha(root, "HEAD~1"), sha(root, "HEAD")

    assert git.is_ancestor(shallow, old, new) is True
    assert git.is_ancestor(shallow, new, old) is False
    assert git.between(shallow, old, new, 10) is None, "a merge may have brought more than it has"


def test_a_commit_that_the_clone_lacks_may_be_newer(root: Path, tmp_path: Path) -> None:
    clone = tmp_path / "other"
    run(tmp_path, "clone", "--quiet", root.as_uri(), str(clone))
    run(root, "commit", "--quiet", "--allow-empty", "-m", "not fetched")
    head, newer = sha(clone, "HEAD"), sha(root, "HEAD")

    refused = refusal(promoted(ask(clone), upstream=head, here=newer))
    assert f"to know it:  git fetch origin {newer}\n" in refused
    run(clone, "fetch", "--quiet", "origin", newer)
    known = refusal(promoted(ask(clone), upstream=head, here=newer))
    assert "is an ancestor of" in known


def test_history_that_somebody_rewrote_for_this_clone_is_not_believed(root: Path) -> None:
    old, parent, new = (sha(root, name) for name in ("HEAD~2", "HEAD~1", "HEAD"))
    (root / ".git" / "info" / "grafts").write_text(f"{new}\n")
    assert git.is_ancestor(root, old, new) is True
    (root / ".git" / "info" / "grafts").unlink()
    run(root, "replace", "--graft", new)
    assert git.is_ancestor(root, old, new) is True
    run(root, "replace", "-d", new)
    (root / ".git" / "objects" / parent[:2] / parent[2:]).unlink()
    assert git.is_ancestor(root, old, new) is None, "what lies between is lost"


def test_going_back_by_name_needs_no_history(root: Path, tmp_path: Path) -> None:
    old, new = sha(root, "HEAD~2"), sha(root, "HEAD")
    shallow = tmp_path / "shallow"
    run(tmp_path, "clone", "--quiet", "--depth=1", root.as_uri(), str(shallow))
    ran = dataclasses.replace(released(new), previous=(released(old),))

    here, before = Stated(environment="impl", release=ran), Stated(environment="dev", release=None)
    decision = acceptance(ask(shallow, version=old).decide([here, before], branch=""))
    assert decision.evidence.version == old


def test_a_roll_back_holds_until_a_commit_of_what_it_took_back_is_reverted(root: Path) -> None:
    """What Git says of the working tree decides; a roll back of its own needs no revert."""
    kept, gone = sha(root, "HEAD~1"), sha(root, "HEAD")
    mark = GoneBack(at="2026-01-03T00:00:00Z", to=kept, attempt="id", who="octocat", reason="500s")
    ran = dataclasses.replace(released(gone), gone_back=mark)
    here = Stated(
        environment="dev", release=dataclasses.replace(released(kept), previous=(ran, released(sha(root, "HEAD~2"))))
    )
    run(root, "commit", "--quiet", "--allow-empty", "-m", "the next merge")

    refused = refusal(ask(root, "dev").decide([here], branch=""))
    assert f"dev is held since {gone[:12]} was rolled back" in refused
    assert isinstance(ask(root, "dev", version=kept).decide([here], branch=""), Accepted), "what runs"
    assert isinstance(ask(root, "dev", version=sha(root, "HEAD~3")).decide([here], branch=""), Accepted), "a roll back"
    run(root, "commit", "--quiet", "--allow-empty", "-m", f"Revert number 3\n\nThis reverts commit {gone}.")
    assert ask(root, "dev").decide([here], branch="") is None


def test_a_hold_that_a_branch_ended_stands_for_what_lacks_that_branch(root: Path) -> None:
    kept, gone = sha(root, "HEAD~1"), sha(root, "HEAD")
    mark = GoneBack(at="2026-01-03T00:00:00Z", to=kept, attempt="id", who="octocat", reason="500s")
    run(root, "checkout", "--quiet", "-b", "branch")
    run(root, "commit", "--quiet", "--allow-empty", "-m", f"Revert number 3\n\nThis reverts commit {gone}.")
    runs = dataclasses.replace(released(sha(root, "HEAD")), verified_at="2026-01-04T00:00:00Z")
    ran = dataclasses.replace(released(gone), gone_back=mark)
    here = Stated(environment="dev", release=dataclasses.replace(runs, previous=(ran, released(kept))))

    run(root, "commit", "--quiet", "--allow-empty", "-m", "the next one of the branch")
    # Its history has the branch's revert and what reverts that: what ended the hold is part of it.
    run(root, "commit", "--quiet", "--allow-empty", "-m", f"Again\n\nThis reverts commit {runs.version}.")
    assert ask(root, "dev").decide([here], branch="") is None
    run(root, "checkout", "--quiet", "main")
    run(root, "commit", "--quiet", "--allow-empty", "-m", "the next merge")
    assert f"dev is held since {gone[:12]} was rolled back" in refusal(ask(root, "dev").decide([here], branch=""))


def test_a_folder_without_git_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(git.GitError, match="release from a clone of the repository"):
        ask(tmp_path)


def test_commits_between_are_counted_in_both_directions(root: Path, tmp_path: Path) -> None:
    first, last = sha(root, "HEAD~2"), sha(root, "HEAD")
    shallow = tmp_path / "shallow"
    run(tmp_path, "clone", "--quiet", "--depth=1", root.as_uri(), str(shallow))

    assert ask(root).distance(first) == Distance(come=2, go=0)
    assert ask(root, version=first).distance(last) == Distance(come=0, go=2)
    assert ask(root).distance(f"{last}-dirty-0123456789ab") == Distance(come=0, go=0)
    assert ask(root).distance("0" * 40) == f"git fetch origin {'0' * 40}"
    assert ask(shallow).distance(first) == "git fetch --unshallow"
