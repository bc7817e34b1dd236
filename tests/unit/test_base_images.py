"""The images that a build starts from: which are taken, pulled, made here, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import docker.errors
import pytest

from local import preflight
from local.docker import bases, debian_base
from local.docker.substitute import Substitute
from local.layout import Layout, LocalError, read_json
from local.plugin.provider import PluginError

PLATFORM = "linux/amd64"


class Engine:
    """A Docker engine with images by name; `registry` has what can be pulled."""

    def __init__(self, *images: str, registry: tuple[str, ...] = ()) -> None:
        self.names, self.registry, self.pulls = [*images], registry, list[str]()
        self.images = self.api = self
        self.timeout = 60

    def get(self, name: str) -> Any:
        if name not in self.names:
            raise docker.errors.ImageNotFound(name)
        return type("Image", (), {"attrs": {"Os": "linux", "Architecture": "amd64"}})()

    def pull(self, name: str, **_: Any) -> list[dict[str, str]]:
        self.pulls.append(name)
        if name not in self.registry:
            return [{"error": "no such host"}]
        self.names.append(name)
        return [{"status": "Downloaded"}]

    def version(self) -> dict[str, str]:
        return {"Os": "linux", "Arch": "amd64"}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / ".local").mkdir()
    return Layout(tmp_path)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The substitutes that were made."""
    names: list[str] = []

    def ensure(substitute: Substitute, client: Any, identity: str, _say: Any) -> str:
        name = f"release-local/{substitute.family}:{identity}"
        names.append(name)
        client.names.append(name)
        return name

    monkeypatch.setattr(Substitute, "ensure", ensure)
    monkeypatch.setattr(debian_base, "_candidate", lambda _: "3.11.2")
    return names


def text(
    layout: Layout, engine: Engine, dockerfile: str, *, said: list[str] | None = None, target: str = PLATFORM
) -> str:
    lines: list[str] = [] if said is None else said
    return bases.with_all_at_hand(layout, engine, dockerfile, arguments={}, target=target, say=lines.append)


def test_an_image_that_is_there_is_taken_and_one_that_can_be_pulled_is_pulled(layout: Layout, made: list[str]) -> None:
    engine = Engine("python:3.12-slim", registry=("node:20",))
    dockerfile = "FROM python:3.12-slim\nCOPY --from=node:20 /a /a\n"
    assert text(layout, engine, dockerfile) == dockerfile
    assert (engine.pulls, made) == (["node:20"], [])


def test_an_image_out_of_reach_is_made_once_and_said(layout: Layout, made: list[str]) -> None:
    engine, said = Engine(), list[str]()
    for _ in range(2):
        written = text(layout, engine, "FROM python:3.12-slim AS app\n", said=said)
        assert written == f"FROM release-local/python:{layout.identity} AS app\n"
    assert len(made) == len(engine.pulls) == 1
    assert said == [
        "python:3.12-slim is out of reach (no such host)",
        "the build uses this machine's package python3 3.11.2 instead of python:3.12-slim",
    ]
    assert read_json(layout.local / bases.NOTE) == {"python:3.12-slim": made[0]}


def test_an_image_that_nothing_here_makes_is_refused_with_the_way_out(layout: Layout, made: list[str]) -> None:
    with pytest.raises(PluginError, match=r"base image ghcr.io/team/tools:1 cannot be pulled here.*docker load"):
        text(layout, Engine(), "FROM ghcr.io/team/tools:1\n")
    with pytest.raises(PluginError, match=r"python:3 for linux/arm64 cannot be pulled here"):
        text(layout, Engine(), "FROM python:3\n", target="linux/arm64")
    assert made == []


def test_a_frontend_out_of_reach_is_left_to_the_engines_own(layout: Layout) -> None:
    said: list[str] = []
    assert text(layout, Engine(), "# syntax=docker/dockerfile:1\nFROM scratch\n", said=said) == "#\nFROM scratch\n"
    assert "syntax that this Docker engine has built in instead of docker/dockerfile:1" in said[-1]
    engine = Engine(registry=("docker/dockerfile:1",))
    assert text(layout, engine, "# syntax=docker/dockerfile:1\nFROM scratch\n").startswith("# syntax=docker")


def test_package_sources_are_those_of_this_release(tmp_path: Path) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list").write_text("# deb http://a bookworm main\n")
    for name, line in {
        "debian.sources": "Suites: bookworm bookworm-updates",
        "sdk.list": "deb https://b cloud-sdk-bookworm main",
        "node.sources": "Suites: nodistro",
        "old.list.disabled": "deb http://c bookworm main",
    }.items():
        (tmp_path / "sources.list.d" / name).write_text(f"{line}\n")
    assert list(debian_base.sources(tmp_path, "bookworm")) == [str(tmp_path / "sources.list.d" / "debian.sources")]


def test_a_machine_without_such_packages_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "installable", lambda: False)
    with pytest.raises(LocalError, match="only Debian and Ubuntu"):
        debian_base.describe_python("python:3")
