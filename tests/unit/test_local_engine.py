"""Where the engine comes from, without building one."""

from __future__ import annotations

import hashlib
import http.client
import io
import os
import re
import stat
import tarfile
import urllib.error
from pathlib import Path

import pytest

from local import engine
from local.layout import Layout, write_json

ELF = b"\x7fELF"


def program(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv(engine.CACHE, raising=False)
    layout = Layout(tmp_path / "clone")
    layout.engine.mkdir(parents=True)
    return layout


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[Path, str]:
    """What each `pulumi` says its version is."""
    known: dict[Path, str] = {}
    monkeypatch.setattr(engine, "_version", lambda path: known.get(Path(path), ""))
    return known


def binary(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(ELF)
    path.chmod(0o755)
    return path


def test_path_of_the_right_version_with_the_official_host_is_used_in_place(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versions: dict[Path, str]
) -> None:
    older, right = binary(tmp_path / "old" / "pulumi"), binary(tmp_path / "new" / "pulumi")
    binary(tmp_path / "new" / "pulumi-language-python")
    wrapper = program(tmp_path / "wrapper" / "pulumi", "#!/bin/sh\n")
    versions |= {older: "3.100.0", right: engine.VERSION, wrapper: engine.VERSION}
    monkeypatch.setenv("PATH", os.pathsep.join(str(path.parent) for path in (wrapper, older, right)))
    found = engine.ensure(layout, lambda _: None)
    assert (found.path, found.origin, found.official_host) == (right, "path", True)
    assert engine.current(layout) == found


def test_path_without_the_official_host_gets_a_place_beside_ours(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, versions: dict[Path, str]
) -> None:
    right = binary(tmp_path / "bin" / "pulumi")
    program(tmp_path / "bin" / "pulumi-language-python", "#!/usr/bin/python\n")
    versions[right] = engine.VERSION
    monkeypatch.setenv("PATH", str(right.parent))
    found = engine.ensure(layout, lambda _: None)
    assert found.path.is_relative_to(layout.engine)
    assert found.path.read_bytes() == ELF
    assert not found.official_host


def noted(folder: Path, **otherwise: object) -> Path:
    """An engine in a folder, and the note about it."""
    path = binary(folder / engine.VERSION / "pulumi")
    note = {"version": engine.VERSION, "path": str(path), "origin": "built", "officialHost": False}
    write_json(folder / "engine.json", note | otherwise)
    return path


@pytest.mark.parametrize(
    "otherwise", [{"version": "3.1.0"}, {"path": "/nowhere"}, {"origin": None}, {"officialHost": "yes"}, {"path": 1}]
)
def test_a_note_of_another_version_of_what_is_gone_or_that_is_damaged_is_not_believed(
    layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, otherwise: dict[str, object]
) -> None:
    noted(layout.engine, **otherwise)
    monkeypatch.setenv(engine.CACHE, str(layout.engine))
    assert engine.current(layout) is None
    assert engine._from_cache(Layout(tmp_path / "other")) is None


def test_engine_of_another_clone_is_taken_over(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Layout(tmp_path / "other")
    noted(other.engine)
    monkeypatch.setenv(engine.CACHE, str(other.engine))
    found = engine.ensure(layout, lambda _: None)
    assert found.path == layout.engine / engine.VERSION / "pulumi"
    assert found.path.read_bytes() == ELF


def archive() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name in ("pulumi", "pulumi-language-python"):
            entry = tarfile.TarInfo(f"pulumi/{name}")
            entry.size, entry.mode = len(ELF), 0o755
            tar.addfile(entry, io.BytesIO(ELF))
    return file.getvalue()


def listing(content: bytes) -> bytes:
    return f"{'0' * 64}  other.tar.gz\n{hashlib.sha256(content).hexdigest()}  {engine._archive_name()}\n".encode()


def served(monkeypatch: pytest.MonkeyPatch, content: bytes, checksums: bytes) -> list[str]:
    """Answer the two official addresses; what was asked for."""
    asked: list[str] = []

    def answer(address: str, timeout: float) -> io.BytesIO:
        asked.append(address)
        return io.BytesIO(checksums if address == engine.CHECKSUMS else content)

    monkeypatch.setattr("urllib.request.urlopen", answer)
    return asked


def test_download_is_verified_and_unpacked_whole(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = served(monkeypatch, archive(), listing(archive()))
    found = engine.ensure(layout, lambda _: None)
    assert (found.origin, found.official_host) == ("official", True)
    assert asked == [engine.CHECKSUMS, f"{engine.ARCHIVES}/{engine._archive_name()}"]
    assert (found.path.parent / "pulumi-language-python").exists()
    assert sorted(path.name for path in layout.engine.iterdir()) == [engine.VERSION, "engine.json"]


def test_download_is_unpacked_by_the_oldest_python(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 3.11.4 (Debian 12 has 3.11.2), tarfile has no filters."""
    extract = tarfile.TarFile.extractall

    def older(tar: tarfile.TarFile, path: str = ".", members: None = None, *, numeric_owner: bool = False) -> None:
        extract(tar, path, members, numeric_owner=numeric_owner)

    monkeypatch.setattr(tarfile.TarFile, "extractall", older)
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    served(monkeypatch, archive(), listing(archive()))
    assert engine.ensure(layout, lambda _: None).path.read_bytes() == ELF


def empty() -> bytes:
    file = io.BytesIO()
    tarfile.open(fileobj=file, mode="w:gz").close()
    return file.getvalue()


PAGE = b"<html>Sign in to the proxy</html>"


@pytest.mark.parametrize(
    ("content", "checksums", "why"),
    [
        (archive(), PAGE, "names no SHA-256 for pulumi-v"),
        (archive(), b"\xff\xfe", "names no SHA-256"),
        (PAGE, listing(archive()), "expected"),
        (archive()[:-40], listing(archive()), "expected"),
        (PAGE, listing(PAGE), "not a gzip file|could not be opened"),
        (archive()[:60], listing(archive()[:60]), "end-of-stream|end of data"),
        (archive()[:60] + b"!" * 60, listing(archive()[:60] + b"!" * 60), "decompressing|CRC|end-of-stream|header"),
        (empty(), listing(empty()), "No such file"),
    ],
    # An archive has the time in it, and a test needs the same name in every process.
    ids=["page for checksums", "bytes for checksums", "page", "cut", "page listed", "start", "damaged", "empty"],
)
def test_a_download_that_cannot_be_used_is_built_instead(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, content: bytes, checksums: bytes, why: str
) -> None:
    built = engine.Engine(path=layout.engine / "pulumi", origin="built", official_host=False)
    monkeypatch.setattr(engine, "_build", lambda *_: built)
    served(monkeypatch, content, checksums)
    said: list[str] = []
    assert engine.ensure(layout, said.append) == built
    (line,) = [line for line in said if "the official download of pulumi" in line and "cannot be used" in line]
    assert re.search(why, line)
    assert "\n" not in line
    assert [path.name for path in layout.engine.iterdir()] == ["engine.json"]


@pytest.mark.parametrize(
    "error", [urllib.error.URLError("Name or service not known"), http.client.BadStatusLine("<html>"), TimeoutError()]
)
def test_without_the_internet_it_is_built(layout: Layout, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def unreachable(address: str, timeout: float) -> io.BytesIO:
        assert timeout <= 10
        raise error

    built = engine.Engine(path=layout.engine / "pulumi", origin="built", official_host=False)
    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    monkeypatch.setattr(engine, "_build", lambda *_: built)
    said: list[str] = []
    assert engine.ensure(layout, said.append) == built
    assert "cannot be used" in said[0]


def test_build_says_how_far_it_is() -> None:
    lines = ["go: downloading a v1", "go: downloading b v1"]
    assert engine.build_progress(lines) == "2 modules downloaded"
    assert engine.build_progress([*lines, "internal/cpu", "runtime"]).startswith("2 of about ")


def test_module_pins_the_version_that_is_asked_for() -> None:
    module = (Path(__file__).parents[2] / "local" / "engine" / "go.mod").read_text()
    assert f"github.com/pulumi/pulumi/pkg/v3 v{engine.VERSION}" in module
    assert f"pulumi=={engine.VERSION}" in (Path(__file__).parents[2] / "pyproject.toml").read_text()
