"""What is read from the file backend, and when an update can be left out."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local import answer, unchanged
from local.layout import Layout, LocalError, write_json, write_whole
from local.stacks import Interruption, Stacks
from release import records
from tests.unit.one_of_each import proven
from tests.unit.test_update_log import FIRST

ROOT = Path(__file__).parents[2]
OUTPUTS = {"release": {"version": "a" * 40}, "healthcheckUrl": "http://x.localhost:1/health", "url": "http://x"}


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    layout = Layout(tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {}\n")
    write_json(layout.local / "values.json", {"port": 4566})
    write_whole(layout.passphrase, "x")
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml"):
        write_whole(layout.project / name, (ROOT / name).read_text())
    monkeypatch.setattr("local.preflight.find_docker", lambda _: type("A", (), {"host": None})())
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    (tmp_path / "Pulumi.yaml").write_text("name: easi\n")
    (tmp_path / ".gitignore").write_text(".local/\n")
    write_whole(tmp_path / "example" / "backend" / "Dockerfile", "FROM scratch\nCOPY . /\n")
    for command in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return layout


@pytest.fixture
def stacks(layout: Layout) -> Stacks:
    return Stacks(layout)


def checkpoint(stacks: Stacks, name: str, pending: int = 0, serial: int = 0) -> None:
    latest = {"serial": serial, "pending_operations": [{"type": "creating"}] * pending}
    write_json(stacks.checkpoint(name), {"checkpoint": {"latest": latest}})


def lock(layout: Layout, name: str, pid: int, host: str | None = None) -> Path:
    path = layout.state / ".pulumi" / "locks" / "organization" / "easi" / name / "1.json"
    write_json(path, {"pid": pid, "hostname": host or socket.gethostname()})
    return path


@pytest.fixture
def dead() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    return process.pid


def test_a_stack_at_rest_was_not_interrupted(stacks: Stacks) -> None:
    assert not stacks.exists("dev")
    checkpoint(stacks, "dev")
    assert stacks.exists("dev")
    assert stacks.interruption("dev") is None


def test_a_canceled_update_wrote_no_outputs_and_its_release_counts_all_the_same(layout: Layout) -> None:
    recorded = records.Release(**vars(proven("b" * 40))).to_json()
    root = {"urn": "urn:pulumi:dev::easi::pulumi:pulumi:Stack::easi-dev", "type": "pulumi:pulumi:Stack"}
    release = {"urn": "urn:pulumi:dev::easi::release:index:Release::release", "type": "release:index:Release"}
    resources = [{**root, "outputs": OUTPUTS}, {**release, "inputs": {}, "outputs": {"release": recorded}}]
    write_whole(layout.local / "export.json", json.dumps({"version": 3, "deployment": {"resources": resources}}))
    script = f"#!/bin/sh\nexec cat {layout.local}/export.json\n"
    write_whole(layout.bin / "pulumi", script)
    (layout.bin / "pulumi").chmod(0o755)
    outputs = Stacks(layout).outputs("dev")
    assert outputs["release"]["version"] == "b" * 40
    assert outputs["url"] == OUTPUTS["url"]


def test_pending_operations_are_an_interruption(stacks: Stacks) -> None:
    checkpoint(stacks, "dev", pending=2)
    assert stacks.interruption("dev") == Interruption(alive=False, pending=2)


def test_whose_lock_it_is_and_whether_that_runs(layout: Layout, stacks: Stacks, dead: int) -> None:
    checkpoint(stacks, "dev")
    lock(layout, "dev", dead)
    assert stacks.interruption("dev") == Interruption(alive=False, pending=0)
    lock(layout, "dev", os.getpid())
    assert stacks.interruption("dev") == Interruption(alive=True, pending=0)
    lock(layout, "dev", dead, host="another-machine")
    assert stacks.interruption("dev") == Interruption(alive=True, pending=0)


@pytest.fixture
def recovered(layout: Layout) -> Path:
    """What was asked of the project's own Python, which answers with 1 as soon as there is a file `refuse`."""
    python = layout.venv / "bin" / "python"
    arguments = layout.root / "arguments"
    script = f'#!/bin/sh\necho "$PWD $@" >> {arguments}\ntest ! -e refuse\n'
    write_whole(python, script, mode=0o755)
    return arguments


def test_an_interruption_is_recovered_from_as_in_any_stack(
    layout: Layout, stacks: Stacks, dead: int, recovered: Path
) -> None:
    checkpoint(stacks, "dev", pending=1)
    stacks.recover("dev")
    checkpoint(stacks, "impl")
    lock(layout, "impl", dead)
    stacks.recover("impl")
    here = str(layout.root)
    assert recovered.read_text().splitlines() == [f"{here} -m release recover -s {name}" for name in ("dev", "impl")]


def test_a_stack_at_rest_costs_nothing(stacks: Stacks, recovered: Path) -> None:
    checkpoint(stacks, "dev")
    stacks.recover("dev")
    assert not recovered.exists()


def test_an_update_under_way_is_not_disturbed(layout: Layout, stacks: Stacks, recovered: Path) -> None:
    checkpoint(stacks, "dev")
    lock(layout, "dev", os.getpid())
    (layout.root / "refuse").touch()
    with pytest.raises(LocalError, match="dev: an earlier update is in the way, see above"):
        stacks.recover("dev")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """Why the health check does not prove the release; None while it does."""
    current: list[str | None] = [None]
    monkeypatch.setattr(answer, "miss", lambda *_: current[0])
    return current


def settled(layout: Layout, stacks: Stacks) -> None:
    for name in ("dev", "impl", "prod"):
        checkpoint(stacks, name)
    for name in ("dev", "impl", "prod"):
        unchanged.remember(layout, stacks, name, OUTPUTS)


def known(layout: Layout, stacks: Stacks, name: str = "impl") -> bool:
    return unchanged.outputs_if_unchanged(layout, stacks, name, 1) == OUTPUTS


def test_nothing_changed(layout: Layout, stacks: Stacks, answers: list[str | None]) -> None:
    assert not known(layout, stacks)
    settled(layout, stacks)
    assert known(layout, stacks)


@pytest.mark.parametrize(
    "change",
    ["commit", "file", "own state", "earlier state", "settings", "answer", "lock", "reason", "restart", "plugin"],
)
def test_any_change_needs_an_update(
    layout: Layout, stacks: Stacks, answers: list[str | None], dead: int, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    settled(layout, stacks)
    match change:
        case "commit":
            identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
            subprocess.run(["git", "-C", layout.root, *identity, "commit", "-qm", "x", "--allow-empty"], check=True)
        case "file":
            (layout.root / "Pulumi.dev.yaml").write_text("config: {aws:region: us-east-1}\n")
        case "own state":
            checkpoint(stacks, "impl", serial=1)
        case "earlier state":
            checkpoint(stacks, "dev", serial=1)
        case "settings":
            write_whole(layout.project / "Pulumi.impl.yaml", json.dumps({"config": {"easi:zones": 3}}))
        case "answer":
            answers[0] = "answered by another task"
        case "lock":
            lock(layout, "impl", dead)
        case "reason":
            monkeypatch.setenv("RELEASE_REASON", "because")
        case "restart":
            monkeypatch.setenv("RELEASE_RESTART", "because")
        case "plugin":
            write_whole(layout.root / ".local" / "other" / "pulumi-resource-aws", "#!/bin/sh\n", mode=0o755)
            monkeypatch.setenv("PATH", f"{layout.local / 'other'}{os.pathsep}{os.environ['PATH']}")
    assert not known(layout, stacks)


def test_a_later_environment_does_not_matter(layout: Layout, stacks: Stacks, answers: list[str | None]) -> None:
    settled(layout, stacks)
    checkpoint(stacks, "prod", serial=1)
    assert known(layout, stacks)


def test_uncommitted_changes_are_never_remembered(layout: Layout, stacks: Stacks, answers: list[str | None]) -> None:
    (layout.root / "Pulumi.dev.yaml").write_text("config: {aws:region: us-east-1}\n")
    settled(layout, stacks)
    assert not known(layout, stacks)


def test_what_an_update_says_is_shown_in_short_and_kept_whole(
    layout: Layout, stacks: Stacks, capsys: pytest.CaptureFixture[str]
) -> None:
    write_whole(layout.bin / "pulumi", f"#!/bin/sh\ncat <<'END'\n{FIRST}END\necho problem >&2\nexit 3\n", mode=0o755)
    assert stacks.up("dev") == 3
    assert (layout.root / stacks.shown_log("dev")).read_text() == f"{FIRST}problem\n"
    said = capsys.readouterr().out.splitlines()
    assert (said[0], said[-1]) == ("Updating (dev):", "problem")
    assert len(said) < len(FIRST.splitlines()) / 2


def test_who_stops_an_update_is_told_what_it_waits_for(
    layout: Layout, stacks: Stacks, capsys: pytest.CaptureFixture[str]
) -> None:
    pulumi = f"""#!{sys.executable}
import os, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(1))
print(" +  docker:index:Image backend creating (3s) #7 building", flush=True)
time.sleep(0.5)
os.kill(os.getppid(), signal.SIGINT)
time.sleep(20)
"""
    write_whole(layout.bin / "pulumi", pulumi, mode=0o755)
    with pytest.raises(KeyboardInterrupt):
        stacks.up("dev")
    said = capsys.readouterr().out
    assert "stopping: Pulumi finishes what is under way in dev (0 resources done" in said
    assert "Ctrl-C again ends it now" in said
