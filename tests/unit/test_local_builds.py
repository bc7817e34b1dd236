"""No clone removes what builds left while another one builds on the same Docker engine."""

from __future__ import annotations

import types
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import docker.errors
import pytest

from local import builds, down
from local.layout import Layout


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "LOCKED", str(tmp_path))
    monkeypatch.setattr(builds, "PATIENCE_S", 0.3)


def test_builds_go_on_side_by_side_and_removal_waits_for_none() -> None:
    with builds.under_way(), builds.under_way(), builds.none() as alone:
        assert not alone
    with builds.none() as alone:
        assert alone


def test_a_measurement_beside_another_is_repeated_and_another_error_is_not() -> None:
    def refused(words: str) -> docker.errors.APIError:
        return docker.errors.APIError(words)

    answers = [refused("a disk usage operation is already running"), {"BuildCache": [{"ID": "a"}]}]
    client = types.SimpleNamespace(df=lambda: _raised(answers.pop(0)))
    assert builds.cached(client) == {"a"}
    with pytest.raises(docker.errors.APIError, match="no space"):
        builds.cached(types.SimpleNamespace(df=lambda: _raised(refused("no space"))))


def _raised(answer: Any) -> Any:
    if isinstance(answer, Exception):
        raise answer
    return answer


class Images:
    """One image under our name, one under ours and another's, and one of somebody else."""

    def __init__(self) -> None:
        self.removed: list[str] = []

    def list(self, filters: dict[str, bool] | None = None) -> list[Any]:
        if filters:
            return [Image("sha256:1"), Image("sha256:theirs")]
        named = [["localhost:4570/ours:1"], ["localhost:4570/ours:2", "theirs:2"], ["theirs:3"]]
        return [Image("sha256:2", *tags) for tags in named]

    def remove(self, name: str, *, force: bool) -> None:
        assert force
        self.removed.append(name)


class Image:
    def __init__(self, identity: str, *tags: str) -> None:
        self.id = identity
        self.tags = [*tags]
        self.attrs = {"RepoTags": self.tags}


def test_only_names_of_ours_are_removed_and_what_has_lost_its_name() -> None:
    client: Any = type("Client", (), {"images": Images()})()
    assert down._remove_images(client, 4570, ["release-local/golang:1"]) == 3
    own = ["localhost:4570/ours:1", "localhost:4570/ours:1", "localhost:4570/ours:2", "release-local/golang:1"]
    assert client.images.removed == own
    assert down._remove_unnamed(client, ["sha256:1", "sha256:2"]) == 1
    assert client.images.removed == [*own, "sha256:1"]


class Engine:
    """A Docker engine whose BuildKit has records in its cache, each with its parent, which stays as long as it does."""

    def __init__(self) -> None:
        self.parents = {"a": "", "b": "a", "c": "b", "theirs": "", "theirs, of d": "d", "d": ""}
        self.api = self

    def df(self) -> dict[str, Any]:
        return {"BuildCache": [{"ID": record} for record in self.parents]}

    def prune_builds(self, *, filters: dict[str, str], all: bool) -> None:  # noqa: A002 - docker's own name
        assert all
        if filters["id"] not in self.parents.values():
            del self.parents[filters["id"]]


def test_cache_of_this_clone_is_removed_and_no_other(tmp_path: Path) -> None:
    layout, engine = Layout(tmp_path), Engine()
    builds.remember(layout, images=["sha256:1"], cache=["a", "d"])
    builds.remember(layout, images=[], cache=["b", "c", "gone"])
    left = builds.left(layout)
    assert left == {"images": ["sha256:1"], "cache": ["a", "b", "c", "d", "gone"]}
    builds.forget_cache(engine, left["cache"])
    assert list(engine.parents) == ["theirs", "theirs, of d", "d"]


def _remember_many(root: Path, name: str) -> None:
    for number in range(100):
        builds.remember(Layout(root), images=[f"{name}{number}"], cache=[])


def test_two_processes_remember_all_that_they_built(tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    with ProcessPoolExecutor(2) as processes:
        for done in [processes.submit(_remember_many, tmp_path, name) for name in "ab"]:
            done.result()
    assert len(builds.left(Layout(tmp_path))["images"]) == 200
