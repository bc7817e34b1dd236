"""What `python -m local` does, on a clone that it brought up: real engine, real containers."""

from __future__ import annotations

import fcntl
import json
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from local.layout import read_json
from tests.local.clone import ENVIRONMENTS, Clone, caller_environment


def section(output: str, headline: str) -> str:
    """From a line of the closing report to the next one that is not indented."""
    found = re.search(rf"^{headline}.*\n((?:  .*\n)+)", output, re.MULTILINE)
    assert found is not None, output[-3000:]
    return found.group(0)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_up_says_what_each_environment_proved_and_it_answers_so(easi: Clone, environment: str) -> None:
    said = section(easi.first_up, f"{environment}: released in")
    outputs = easi.outputs(environment)
    release = outputs["release"]
    assert release["version"] == easi.first_version
    for value in (
        release["version"],
        release["services"]["backend"]["image"],
        release["sites"]["site"],
        outputs["url"],
    ):
        assert value in said
    curl = re.search(r"curl -s '(.*)'", said)
    assert curl is not None
    status, body = easi.get(curl.group(1))
    assert status == 200
    assert (json.loads(body)["status"], json.loads(body)["version"]) == ("pass", easi.first_version)


def test_the_first_up_is_read_in_a_minute_and_kept_whole(easi: Clone) -> None:
    assert len(easi.first_up.splitlines()) < 200, "of several hundred lines about resources, none is shown"
    for environment in ENVIRONMENTS:
        shown = easi.first_up.partition(f"== {environment}\n")[2]
        phases = [int(number) for number in re.findall(r"^  (\d)/9 ", shown.partition("\n== ")[0], re.MULTILINE)]
        assert (phases[0], phases[-1]) == (1, 9)
        assert phases == sorted(phases)
        log = easi.root / ".local" / "logs" / f"up-{environment}.log"
        assert len(re.findall(r"aws:\S+ \S+ created", log.read_text())) > 50


def test_later_environments_run_what_the_first_one_built(easi: Clone) -> None:
    releases = [easi.outputs(environment)["release"] for environment in ENVIRONMENTS]
    assert len({release["services"]["backend"]["image"].partition("@")[2] for release in releases}) == 1
    assert len({release["sites"]["site"] for release in releases}) == 1
    assert "Built" not in easi.first_up.partition("== impl")[2], "impl or prod built an image"


def test_a_second_up_changes_nothing_and_says_so(easi: Clone) -> None:
    before = [easi.outputs(environment)["release"] for environment in ENVIRONMENTS]
    again = easi.up()
    for environment in ENVIRONMENTS:
        assert easi.first_version in section(again, f"{environment}: nothing changed")
    assert [easi.outputs(environment)["release"] for environment in ENVIRONMENTS] == before


def test_the_engine_itself_finds_nothing_to_do(easi: Clone) -> None:
    easi.run("pulumi preview -s prod --expect-no-changes --non-interactive")


def test_no_committed_file_is_rewritten(easi: Clone) -> None:
    assert easi.git("status", "--porcelain") == ""


def test_a_setting_made_in_the_local_shell_is_kept_and_is_the_only_change(easi: Clone) -> None:
    overlay = easi.root / "local" / "overlay.yaml"
    text = overlay.read_text()
    try:
        easi.run("pulumi config set easi:logRetentionDays 7 -s prod")
        overlay.write_text(text + "# so that the project is generated again\n")
        assert easi.shell("pulumi config get easi:logRetentionDays -s prod").stdout.strip() == "7"
        preview = json.loads(easi.shell("pulumi preview -s prod --json --non-interactive").stdout)
        changed = {step["urn"].split("::")[2].split("$")[-1] for step in preview["steps"] if step["op"] != "same"}
        assert changed == {"aws:cloudwatch/logGroup:LogGroup"}
    finally:
        overlay.write_text(text)
        easi.shell("pulumi config rm easi:logRetentionDays -s prod")
        generated = easi.root / ".local" / "project" / "generated.json"
        known = json.loads(generated.read_text())
        easi.shell(f"pulumi config set easi:logRetentionDays {known['prod']['easi:logRetentionDays']} -s prod")
    easi.run("pulumi preview -s prod --expect-no-changes --non-interactive")


def test_status_shows_what_each_environment_answers(easi: Clone) -> None:
    status = easi.local("status")
    assert status.returncode == 0
    for environment in ENVIRONMENTS:
        assert re.search(
            rf"^{environment} +{easi.first_version[:12]} +{easi.first_version[:12]} pass ", status.stdout, re.M
        )
    assert f"127.0.0.1:{easi.port}" in status.stdout


@pytest.mark.parametrize(
    ("source", "text"), [("backend", "serving"), ("lambda", "REPORT RequestId"), ("emulator", "ecs")]
)
def test_logs_show_each_source(easi: Clone, source: str, text: str) -> None:
    logs = easi.local("logs", source, "-n", "2000")
    assert logs.returncode == 0, logs.stdout
    assert text in logs.stdout


def test_logs_follow_until_interrupted(easi: Clone) -> None:
    command = [easi.python, "-m", "local", "logs", "emulator", "-f", "-n", "0"]
    seen = threading.Event()

    def keep_writing() -> None:
        # Again and again, as nothing says when the follower has begun to look.
        while not seen.wait(0.5):
            with (easi.root / ".local" / "emulator" / "log").open("a") as log:
                log.write("a line of this test\n")

    with subprocess.Popen(
        command, cwd=easi.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as follower:
        assert follower.stdout is not None
        writer = threading.Thread(target=keep_writing, daemon=True)
        writer.start()
        try:
            assert any("a line of this test" in line for line in follower.stdout)
        finally:
            seen.set()
        follower.send_signal(signal.SIGINT)
        _, errors = follower.communicate(timeout=20)
    assert follower.returncode == 130
    assert "Traceback" not in errors


@contextmanager
def held(lock: Path) -> Iterator[None]:
    with lock.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("verb", ["up", "setup", "down"])
def test_one_command_at_a_time(easi: Clone, verb: str) -> None:
    with held(easi.root / ".local" / "lock"):
        refused = easi.local(verb)
    assert refused.returncode == 1
    assert "is at work in this clone" in refused.stdout
    assert easi.health("dev")["version"] == easi.first_version


def up_in_background(clone: Clone, log: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as sink:
        return subprocess.Popen(
            [sys.executable, "-m", "local", "up", *arguments],
            cwd=clone.root,
            env=caller_environment(),
            stdout=sink,
            stderr=subprocess.STDOUT,
        )


def wait_for(log: Path, text: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while text not in log.read_text(errors="replace"):
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, f"{text!r} never came: {log.read_text()[-3000:]}"
        time.sleep(0.1)


@pytest.mark.moves_on
def test_up_goes_on_after_ctrl_c(easi: Clone, tmp_path: Path) -> None:
    version = easi.commit("a version whose release is interrupted")
    log = tmp_path / "log"
    process = up_in_background(easi, log, "--env", "dev")
    wait_for(log, "Updating (dev)", process)
    time.sleep(4)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=120) == 130, log.read_text()
    assert "Interrupted while dev was being updated" in log.read_text()
    assert "Traceback" not in log.read_text()
    easi.up("--env", "dev")
    assert easi.health("dev")["version"] == version


@pytest.mark.moves_on
def test_up_clears_what_a_killed_engine_left(easi: Clone, tmp_path: Path) -> None:
    version = easi.commit("a version whose release is killed")
    log = tmp_path / "log"
    process = up_in_background(easi, log, "--env", "dev")
    wait_for(log, "1/9 check: begins", process)
    locks = list((easi.root / ".local" / "state" / ".pulumi" / "locks").rglob("*.json"))
    engine = int(json.loads(locks[0].read_text())["pid"])
    subprocess.run(["kill", "-KILL", str(engine)], check=True)
    assert process.wait(timeout=120) == 1
    assert "killed by signal 9" in log.read_text()
    assert "dev: an update was cut short: freeing its lock" in easi.up("--env", "dev")
    assert easi.health("dev")["version"] == version


@pytest.mark.moves_on
def test_up_stops_at_the_environment_that_fails_and_says_what_still_runs(easi: Clone) -> None:
    running = easi.outputs("dev")["release"]["version"]
    (easi.root / "example" / "backend" / "main.go").write_text("package main\n\nthis is no Go\n")
    easi.commit("a backend that does not compile")
    failed = easi.local("up")
    easi.git("revert", "--no-edit", "HEAD")
    assert failed.returncode == 1
    assert f"dev still runs {running}" in failed.stdout
    assert "== impl" not in failed.stdout
    assert "Traceback" not in failed.stdout
    assert easi.health("dev")["version"] == running
    assert easi.outputs("dev")["release"]["version"] == running


@pytest.mark.last
def test_down_leaves_nothing(easi: Clone) -> None:
    port = easi.port
    pid = read_json(easi.root / ".local" / "emulator" / "state.json")["pid"]
    down = subprocess.run(
        ["make", "down", f"PYTHON={sys.executable}"], cwd=easi.root, capture_output=True, text=True, check=False
    )
    assert down.returncode == 0, down.stdout + down.stderr
    assert easi.git("status", "--porcelain", "--ignored") == ""
    command = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    assert "local.emulator" not in command
    client = docker.from_env()
    names = [name for image in client.images.list() for name in image.tags]
    client.close()
    assert not [name for name in names if name.startswith(f"localhost:{port}/")]
    assert "nothing to do" in easi.local("down").stdout
