"""`python -m ci sites` carries the built sites from one job to another."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from ci import main


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose site lies above it; the site's folder."""
    project, site = tmp_path / "deploy", tmp_path / "frontend" / "dist"
    for folder in (project, site / ".well-known"):
        folder.mkdir(parents=True)
    declared = {
        "services": {"default": {"backend": {"build": {"context": "../backend"}}}},
        "sites": {"default": {"site": {"folder": "../frontend/dist"}, "address": {}}},
    }
    (project / "Pulumi.yaml").write_text(json.dumps({"name": "easi", "config": declared}))
    (site / "index.html").write_text("<p>hello</p>")
    (site / ".well-known" / "security.txt").write_text("Contact")
    monkeypatch.chdir(project)
    return site


def test_every_file_comes_along_and_the_file_between_is_gone(built: Path) -> None:
    assert main(["sites", "--save", "sites.tar"]) == 0
    before = {path.relative_to(built): path.read_text() for path in built.rglob("*") if path.is_file()}
    built.rename(built.parent / "moved")

    assert main(["sites", "--load", "sites.tar"]) == 0

    assert {path.relative_to(built): path.read_text() for path in built.rglob("*") if path.is_file()} == before
    assert len(before) == 2
    assert not Path("sites.tar").exists()


def test_a_link_is_the_file_that_it_leads_to(built: Path) -> None:
    (built / "a.html").symlink_to(built / "index.html")
    assert main(["sites", "--save", "sites.tar"]) == 0
    (built / "a.html").unlink()
    assert main(["sites", "--load", "sites.tar"]) == 0
    assert not (built / "a.html").is_symlink()
    assert (built / "a.html").read_text() == "<p>hello</p>"


def test_a_site_that_is_not_built_is_not_handed_on(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built.rename(built.parent / "moved")
    assert main(["sites", "--save", "sites.tar"]) == 1
    assert "the site site is not built: there is no file in " in capsys.readouterr().err


@pytest.mark.parametrize(("content", "says"), [(b"no archive", "is no file of"), (None, "cannot be read or written")])
def test_another_file_is_refused(
    built: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, says: str
) -> None:
    assert built.exists()
    if content is not None:
        Path("sites.tar").write_bytes(content)
    assert main(["sites", "--load", "sites.tar"]) == 1
    assert says in capsys.readouterr().err


def test_a_file_without_one_of_the_sites_is_refused(built: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert built.exists()
    with tarfile.open("sites.tar", "w"):
        pass
    assert main(["sites", "--load", "sites.tar"]) == 1
    assert "sites.tar has no files of the site site" in capsys.readouterr().err
    assert Path("sites.tar").exists()
