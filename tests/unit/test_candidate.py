"""The version that the first environment builds: the image is made from what got that version."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pulumi
import pytest

from release import build_context, candidate, tree
from release.build_context import BuildContext, Copy
from release.promotion import Request
from settings import fields as settings
from settings.run import Run
from tests.components import program

SETTINGS = settings.load("dev", program.configuration("dev", {"backendFolder": "app", "frontendFolder": "page/dist"}))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A clone with a backend."""
    (tmp_path / "app").mkdir()
    (tmp_path / "page").mkdir()
    (tmp_path / "app" / "Dockerfile").write_text("FROM scratch\nCOPY main.go /\n")
    (tmp_path / "app" / "main.go").write_text("package main\n")
    (tmp_path / ".gitignore").write_text(".build\n")
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", "--all")
    _git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "--quiet", "--message", "first")
    monkeypatch.setattr(candidate, "_manifest_digest", lambda *_: "")
    return tmp_path


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def _built(root: Path) -> Path:
    run = Run(root=root, requested_version=None, break_glass_reason=None, restart_reason=None)
    version = tree.read(root, tree.Sources(backend="app", frontend="page/dist")).version
    image = candidate._built(Request(environment="dev", version=version, explicit=False), SETTINGS, run).image
    assert isinstance(image, Path)
    return image


def test_image_is_built_from_a_copy_whose_path_is_the_same_in_every_clone(root: Path) -> None:
    context = _built(root)
    (root / "app" / "main.go").chmod(0o600)
    assert _built(root) == context
    assert not context.is_absolute()
    assert sorted(path.name for path in (root / context).iterdir()) == ["Dockerfile", "main.go"]


def test_sources_that_change_while_they_are_read_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = build_context.copy

    def edited(folder: Path, context: BuildContext) -> Copy:
        (folder / "app" / "main.go").write_text("package edited\n")
        return real(folder, context)

    monkeypatch.setattr(build_context, "copy", edited)
    with pytest.raises(pulumi.RunError, match=r"while it was read it became [0-9a-f]{40}-dirty-"):
        _built(root)


def test_file_that_cannot_be_read_is_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [*BuildContext(folder=root / "app", dockerfile=root / "app" / "Dockerfile").files(), "gone.go"]
    with monkeypatch.context() as patch:
        patch.setattr(BuildContext, "files", lambda _self: files)
        with pytest.raises(pulumi.RunError, match=r"cannot be read: .*/app/gone.go: No such file"):
            _built(root)
