"""No clone removes what builds left while another one builds on the same Docker engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from local import builds, down


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builds, "LOCKED", str(tmp_path))
    monkeypatch.setattr(builds, "PATIENCE_S", 0.3)


def test_builds_go_on_side_by_side_and_removal_waits_for_none() -> None:
    with builds.under_way(), builds.under_way(), builds.none() as alone:
        assert not alone
    with builds.none() as alone:
        assert alone


class Images:
    """Two images without a name, one of them of a build of ours, and one under our name."""

    def __init__(self) -> None:
        self.removed: list[tuple[str, bool]] = []

    def list(self, filters: dict[str, bool] | None = None) -> list[Any]:
        return [Image("layer", [{"CreatedBy": "ARG EASI_VERSION"}]), Image("other", [])] if filters else [Image("ours")]

    def remove(self, name: str, *, force: bool, noprune: bool) -> None:
        assert force
        self.removed.append((name, noprune))


class Image:
    def __init__(self, identity: str, history: list[dict[str, str]] | None = None) -> None:
        self.id = identity
        self.tags = [f"localhost:4570/{identity}:1"] if history is None else []
        self.attrs = {"RepoTags": self.tags}
        self._history = history or []

    def history(self) -> list[dict[str, str]]:
        return self._history


@pytest.mark.parametrize(
    ("leftovers", "removed"),
    [
        (True, [("localhost:4570/ours:1", False), ("localhost:4570/ours:1", False), ("layer", False)]),
        (False, [("localhost:4570/ours:1", True), ("localhost:4570/ours:1", True)]),
    ],
)
def test_without_leftovers_no_layer_goes(leftovers: bool, removed: list[tuple[str, bool]]) -> None:
    client: Any = type("Client", (), {"images": Images()})()
    down._remove_images(client, 4570, "", leftovers=leftovers)
    assert client.images.removed == removed
