"""What a build reads, and the copy of it that is the same on every machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from release import build_context
from release.build_context import BuildContext, BuildContextError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with sources of a backend."""
    folder = tmp_path / "clone" / "backend"
    _write(folder, "Dockerfile", "FROM scratch\nCOPY . /\n")
    _write(folder, "main.go", "package main\n")
    _write(folder, "internal/users/users.go", "package users\n")
    _write(folder, "run", "#!/bin/sh\n").chmod(0o755)
    return folder


def _write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def _files(folder: Path) -> list[str]:
    return BuildContext(folder=folder, dockerfile=folder / "Dockerfile").files()


def _copy(folder: Path) -> Path:
    context = BuildContext(folder=folder, dockerfile=folder / "Dockerfile")
    return build_context.copy(folder.parent, context)


def _copied(folder: Path) -> list[str]:
    copy = folder.parent / _copy(folder)
    return sorted(path.relative_to(copy).as_posix() for path in copy.rglob("*") if not path.is_dir())


@pytest.mark.parametrize(
    ("patterns", "files"),
    [
        ("", ["Dockerfile", "internal/users/users.go", "main.go", "run"]),
        ("*\n!main.go\n", ["Dockerfile", "main.go"]),
        ("# main.go\n\n  run  \n/internal\n", ["Dockerfile", "main.go"]),
        ("**/*.go\n!internal/users/users.go\n", ["Dockerfile", "internal/users/users.go", "run"]),
        ("**/*.go\n!**/users.go\n", ["Dockerfile", "internal/users/users.go", "run"]),
        ("*\n!internal/**\n", ["Dockerfile", "internal/users/users.go"]),
        ("Dockerfile\n.dockerignore\n*.go\nrun", ["Dockerfile", "internal/users/users.go"]),
        ("\ufeffrun\n", ["Dockerfile", "internal/users/users.go", "main.go"]),
    ],
)
def test_build_reads_what_the_ignore_file_leaves(source: Path, patterns: str, files: list[str]) -> None:
    _write(source, ".dockerignore", patterns)
    assert _files(source) == [".dockerignore", *files]
    assert _copied(source) == files


def test_ignore_file_of_the_dockerfile_wins(source: Path) -> None:
    _write(source, ".dockerignore", "main.go\n")
    _write(source, "Dockerfile.dockerignore", "run\ninternal\n")
    assert _copied(source) == ["Dockerfile", "main.go"]


def test_repository_and_copies_are_never_read(source: Path) -> None:
    _write(source, ".git/index", "1")
    _write(source, ".build/0123/main.go", "2")
    assert not [name for name in _files(source) if name.startswith(".")]


def _times(source: Path) -> None:
    for path in (source, source / "main.go"):
        os.utime(path, (1, 1))


def _private(source: Path) -> None:
    (source / "main.go").chmod(0o600)
    (source / "run").chmod(0o700)
    (source / "internal").chmod(0o700)


def _group(source: Path) -> None:
    (source / "main.go").chmod(0o664)
    (source / "internal").chmod(0o2775)


def _empty_folder(source: Path) -> None:
    (source / "empty").mkdir()


def _pipe(source: Path) -> None:
    os.mkfifo(source / "pipe")


@pytest.mark.parametrize("change", [_times, _private, _group, _empty_folder, _pipe])
def test_copy_is_the_same_whatever_the_machine_adds(source: Path, change: Callable[[Path], None]) -> None:
    before = _copy(source)
    change(source)
    assert _copy(source) == before


def test_copy_is_the_same_in_another_folder_and_under_another_umask(source: Path, tmp_path: Path) -> None:
    before = _copy(source)
    umask = os.umask(0o077)
    try:
        other = shutil.copytree(source, tmp_path / "elsewhere" / "backend")
        assert _copy(other) == before
        folder = other.parent / before
    finally:
        os.umask(umask)
    modes = {path.relative_to(folder).as_posix(): oct(path.stat().st_mode & 0o7777) for path in folder.rglob("*")}
    assert modes == {
        "Dockerfile": "0o644",
        "internal": "0o755",
        "internal/users": "0o755",
        "internal/users/users.go": "0o644",
        "main.go": "0o644",
        "run": "0o755",
    }
    assert {int(path.stat().st_mtime) for path in [folder, *folder.rglob("*")]} == {build_context.MODIFIED_AT}


def _content(source: Path) -> None:
    _write(source, "main.go", "package other\n")


def _name(source: Path) -> None:
    (source / "main.go").rename(source / "other.go")


def _executable(source: Path) -> None:
    (source / "main.go").chmod(0o755)


def _untracked(source: Path) -> None:
    _write(source, "debug_local.go", "package main\n")


def _link(source: Path) -> None:
    (source / "link").symlink_to("main.go")


def _dockerfile(source: Path) -> None:
    _write(source, "Dockerfile", "FROM scratch\n")


@pytest.mark.parametrize("change", [_content, _name, _executable, _untracked, _link, _dockerfile])
def test_copy_is_another_after_a_change(source: Path, change: Callable[[Path], None]) -> None:
    before = _copy(source)
    change(source)
    after = _copy(source)
    assert after != before


def test_bytes_that_move_from_one_file_to_the_next_are_a_change(source: Path) -> None:
    _write(source, "a", "12")
    _write(source, "b", "3")
    before = _copy(source)
    _write(source, "a", "1")
    _write(source, "b", "23")
    assert _copy(source) != before


def test_copy_that_is_whole_stays_and_one_that_was_edited_is_made_anew(source: Path) -> None:
    folder = source.parent / _copy(source)
    number = folder.stat().st_ino
    _copy(source)
    assert folder.stat().st_ino == number
    (folder / "main.go").write_text("edited")
    _copy(source)
    assert (folder / "main.go").read_text() == "package main\n"
    (folder / "more.go").write_text("added")
    _copy(source)
    assert not (folder / "more.go").exists()


def test_copy_has_what_was_looked_at_and_not_what_was_edited_later(source: Path) -> None:
    first = _copy(source)
    _content(source)
    _copy(source)
    assert (source.parent / first / "main.go").read_text() == "package main\n"


def test_copy_that_no_run_used_for_a_day_is_removed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _copy(source)
    _content(source)
    second = _copy(source)
    later = time.time() + 25 * 60 * 60
    monkeypatch.setattr(time, "time", lambda: later)
    _copy(source)
    assert [path.name for path in (source.parent / ".build").iterdir()] == [second.name]
    assert first != second


def test_links_are_kept_as_links(source: Path) -> None:
    _link(source)
    copied = source.parent / _copy(source) / "link"
    assert copied.is_symlink()
    assert str(copied.readlink()) == "main.go"


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside", "missing", "ignored"])
def test_link_that_leads_out_of_the_build_is_refused(source: Path, target: str) -> None:
    _write(source, ".dockerignore", "ignored\n")
    _write(source, "ignored", "1")
    _write(source.parent, "outside", "1")
    (source / "link").symlink_to(target)
    with pytest.raises(BuildContextError, match=f"link is a link to {target}, which is not among the files"):
        _copy(source)
    assert not list((source.parent / ".build").iterdir())


def test_names_that_are_no_utf8_are_shown(source: Path) -> None:
    (source / "link").symlink_to(os.fsdecode(b"\xff"))
    with pytest.raises(BuildContextError, match="link is a link to \ufffd, which is not among the files") as caught:
        _copy(source)
    assert str(caught.value).encode()


def test_ignore_file_that_is_no_utf8_is_named(source: Path) -> None:
    (source / ".dockerignore").write_bytes(b"\xff\xfe*")
    with pytest.raises(BuildContextError, match=r"/backend/\.dockerignore is not UTF-8"):
        _copy(source)


def test_missing_dockerfile_is_named(source: Path) -> None:
    (source / "Dockerfile").unlink()
    with pytest.raises(BuildContextError, match=r"there is no Dockerfile .*/backend/Dockerfile"):
        _copy(source)


def test_file_that_vanishes_is_named(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = _files(source)
    (source / "main.go").unlink()
    monkeypatch.setattr(BuildContext, "files", lambda _self: files)
    with pytest.raises(BuildContextError, match=r"cannot be read: .*/backend/main.go: No such file"):
        _copy(source)
    assert not list((source.parent / ".build").iterdir())


def test_clone_that_converts_ends_of_lines_has_the_same_sources(tmp_path: Path) -> None:
    digests = set()
    for convert in ("false", "true"):
        clone = tmp_path / convert
        settings = ["-c", f"core.autocrlf={convert}", "-c", "core.eol=native"]
        subprocess.run(["git", *settings, "clone", "--quiet", "--shared", ROOT, clone], check=True)
        digests.add(_copy(clone / "example" / "backend").name)
    assert len(digests) == 1
