"""What is wrong with a machine is said at once, all of it, before anything is done."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path

import pytest

from local import bootstrap, preflight

ROOT = Path(__file__).parents[2]
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH of its own with tools that are recent enough."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, answer in {"go": "go version go1.26.1 linux/amd64", "node": "v22.1.0", "npm": "10.9.0"}.items():
        tool(folder, name, answer)
    git = shutil.which("git")
    assert git is not None
    (folder / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.delenv(preflight.PORT_VARIABLE, raising=False)
    return folder


def tool(folder: Path, name: str, answer: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho '{answer}'\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "clone"
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", "-C", str(root), *identity, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    return root


def problems(root: Path, docker: bool = False) -> list[str]:
    return preflight.check(root, python=True, containers=docker).problems


def test_a_ready_machine_has_no_problem(clone: Path, tools: Path) -> None:
    assert problems(clone) == []


def test_all_problems_are_told_together(clone: Path, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tools / "go").unlink()
    tool(tools, "node", "v18.2.0")
    (tools / "npm").unlink()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, preflight.GIB))
    found = "\n".join(problems(clone))
    assert "`go` is not on PATH" in found
    assert "Node.js 20.0 or later is needed" in found
    assert "is 18.2" in found
    assert "`npm` is not on PATH" in found
    assert "1.0 GB free, 6 GB are needed" in found


@pytest.mark.parametrize(("answer", "fine"), [("go1.24.9", False), ("go1.25.0", True), ("go2.0", True)])
def test_go_is_recent_enough(clone: Path, tools: Path, answer: str, fine: bool) -> None:
    tool(tools, "go", f"go version {answer} linux/amd64")
    assert (problems(clone) == []) is fine


def test_a_clone_without_a_commit_cannot_be_released(tmp_path: Path, tools: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "empty")], check=True)
    assert "has no commit to release" in problems(tmp_path / "empty")[0]


def test_less_disk_is_needed_when_the_engine_is_there(
    clone: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(0, 0, 2 * preflight.GIB))
    assert len(problems(clone)) == 1
    (clone / ".local" / "engine").mkdir(parents=True)
    (clone / ".local" / "engine" / "engine.json").write_text("{}")
    assert problems(clone) == []


class Engine:
    """Answers like a Docker engine on a socket."""

    def __init__(self, path: Path, answer: bytes = b"HTTP/1.0 200 OK\r\n\r\nOK") -> None:
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(path))
        self._server.listen()
        self._answer = answer
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            connection.recv(1024)
            connection.sendall(self._answer)
            connection.close()

    def close(self) -> None:
        self._server.close()


@pytest.fixture
def no_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with no engine in the usual places; the path of its default socket."""
    monkeypatch.setattr(preflight, "DEFAULT_SOCKET", str(tmp_path / "docker.sock"))
    monkeypatch.setattr(Path, "home", lambda: tmp_path / "home")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    return tmp_path / "docker.sock"


def test_the_engine_that_answers_is_found(clone: Path, tools: Path, no_docker: Path) -> None:
    engine = Engine(no_docker)
    assert preflight.find_docker(clone).host == f"unix://{no_docker}"
    assert problems(clone, docker=True) == []
    engine.close()


def test_an_engine_that_answers_badly_is_none(clone: Path, tools: Path, no_docker: Path) -> None:
    engine = Engine(no_docker, b"HTTP/1.0 500 no\r\n\r\n")
    assert preflight.find_docker(clone) == preflight.DockerAnswer(None, None)
    engine.close()


def test_without_rights_the_way_out_is_said(
    clone: Path, tools: Path, no_docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(host: str) -> bool:
        if host.endswith("docker.sock") and "/run/release-" not in host:
            raise PermissionError(13, "Permission denied")
        raise FileNotFoundError(host)

    monkeypatch.setattr(preflight, "docker_answers", refused)
    (found,) = problems(clone, docker=True)
    assert f"may not use unix://{no_docker}" in found
    assert "usermod -aG docker" in found


def test_docker_host_that_does_not_answer_is_named(
    clone: Path, tools: Path, no_docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    assert problems(clone, docker=True) == [
        "Docker: nothing answers at DOCKER_HOST=tcp://127.0.0.1:1. Start it, or unset DOCKER_HOST."
    ]


@pytest.mark.parametrize(("user", "debian", "asked"), [(1000, True, "error"), (0, True, "note"), (0, False, "error")])
def test_without_an_engine_it_is_installed_or_asked_for(
    clone: Path, tools: Path, no_docker: Path, monkeypatch: pytest.MonkeyPatch, user: int, debian: bool, asked: str
) -> None:
    monkeypatch.setattr(os, "getuid", lambda: user)
    monkeypatch.setattr(preflight, "installable", lambda: debian)
    report = preflight.check(clone, python=True, containers=True)
    notes = [note for note in report.notes if "Docker" in note]
    assert (len(report.problems), len(notes)) == ((1, 0) if asked == "error" else (0, 1))
    assert ("https://docs.docker.com" in report.problems[0]) if asked == "error" else ("docker.io" in notes[0])


def test_a_taken_port_is_said_and_one_that_was_asked_for_must_be_free(
    clone: Path, tools: Path, no_docker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(no_docker)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setattr(preflight, "PORT", port)
        report = preflight.check(clone, python=True, containers=True)
        assert report.problems == []
        assert report.notes == [f"port {port} is taken by another program: a free one will be used"]
        monkeypatch.setenv(preflight.PORT_VARIABLE, str(port))
        assert "that port is taken" in problems(clone, docker=True)[0]
    monkeypatch.setenv(preflight.PORT_VARIABLE, "many")
    assert "is not a port" in problems(clone, docker=True)[0]
    engine.close()


def test_a_socket_of_ours_fits_into_a_path(tmp_path: Path) -> None:
    assert len(str(preflight.own_docker_socket(tmp_path / ("deep/" * 60)))) < 108


def test_an_old_python_is_told_before_anything_is_done(
    clone: Path, tools: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(preflight, "PYTHON", (3, 99))
    assert bootstrap.ensure(clone, containers=False) == 1
    assert "Python 3.99 or later is needed" in capsys.readouterr().err
    assert not (clone / ".venv").exists()


def test_another_python_on_path_is_taken_when_this_one_is_too_old(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = sys.version_info.minor + 1
    monkeypatch.setattr(preflight, "PYTHON", (3, newer))
    assert bootstrap.suitable_python() is None
    tool(tools, f"python3.{newer}", "")
    assert bootstrap.suitable_python() == str(tools / f"python3.{newer}")


@pytest.mark.parametrize("module", ["__init__", "__main__", "bootstrap", "preflight"])
def test_what_an_old_python_reads_has_no_newer_syntax(module: str) -> None:
    import ast

    ast.parse((ROOT / "local" / f"{module}.py").read_text(), feature_version=(3, 7))
