"""`python -m release verify` as people and CI use it: what it prints and its exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from release import git
from release.__main__ import main
from tests.http_servers import Handler, listening
from tests.unit.environments import World, released

ROOT = Path(__file__).parents[2]
VERSION = "3f2c1aa" + "0" * 33
QUICK = ["--interval", "0.01", "--deadline", "0.3"]


class Passing(Handler):
    def do_GET(self) -> None:  # noqa: N802 - the name of http.server
        said = {"status": "pass", "datetime": "2021-11-02 17:05:19+00:00", "version": VERSION, "timestamp": "1"}
        self.reply(json.dumps(said).encode(), {"Content-Type": "application/json"})


@pytest.fixture
def url() -> Iterator[str]:
    with listening(Passing) as server:
        yield f"http://127.0.0.1:{server.server_port}/healthcheck"


def verify(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "release", "verify", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)


def test_proven_is_0_and_the_last_line_says_what_was_seen(url: str) -> None:
    done = verify("--url", url, "--version", VERSION, *QUICK)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    first, *_, last = done.stdout.splitlines()
    assert "1 of 3 passes by 3f2c1aa" in first
    assert last.startswith(f"proven {VERSION} at {url}: 3 passes in a row, 20")
    assert last.endswith("(the answer's datetime 2021-11-02 17:05:19+00:00, timestamp 1)")


def test_not_proven_is_1_and_the_last_line_has_the_reason(url: str) -> None:
    done = verify("--url", url, "--version", "f" * 40, *QUICK)

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith(f"not proven: ffffffffffff at {url} in 0.3 s and ")
    assert done.stdout.splitlines()[-1].endswith(f"version is {VERSION}, expected {'f' * 40}")
    assert "Traceback" not in done.stderr


def test_old_timestamp_is_a_miss_where_it_must_be_live(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--url", url, "--version", VERSION, *QUICK, "--require-live-timestamp"]) == 1
    assert "timestamp 1 is" in capsys.readouterr().out


def test_connect_to_reaches_a_name_that_does_not_resolve(url: str) -> None:
    there = url.split("/")[2]

    assert main(["verify", "--url", "http://public.invalid/", "--version", VERSION, "--connect-to", there, *QUICK]) == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["verify"], "one of the arguments -s/--stack --url is required"),
        (["verify", "--url", "http://x/"], "--url needs --version"),
        (["verify", "--url", "http://x/", "-s", "prod"], "not allowed with argument --url"),
        (["verify", "--url", "http://x/", "--version", "0000000"], "'0000000' is no full Git SHA"),
        (["verify", "--url", "x", "--version", VERSION], "is not an http:// or https:// URL"),
        (["verify", "--url", "http://x/", "--version", VERSION, "--passes", "many"], "invalid int value: 'many'"),
        (["verify", "--url", "http://x/", "--version", VERSION, "--deadline", "-1"], "must be more than 0 seconds"),
        (["verify", "--url", "http://x/", "--version", VERSION, "--connect-to", "a:b"], "is not host, host:port"),
        (["verify", "--url", "http://x/", "--version", VERSION, "--pass", "3"], "unrecognized arguments: --pass"),
        (["check"], "invalid choice: 'check'"),
    ],
)
def test_wrong_usage_is_2_and_says_what_is_wrong(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as ended:
        code = ended.code

    assert code == 2
    assert says in capsys.readouterr().err


def test_short_version_is_completed_where_git_knows_just_one(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    head = git.head(ROOT)

    assert main(["verify", "--url", url, "--version", head[:20], *QUICK]) == 1
    assert f"expected {head}" in capsys.readouterr().out


def test_json_is_the_whole_output(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--url", url, "--version", VERSION, "--json", *QUICK]) == 0
    answer = json.loads(capsys.readouterr().out)
    (proof,) = answer["checks"]
    assert (answer["proven"], proof["passes"], proof["answer"]["version"]) == (True, 3, VERSION)
    assert proof["tasks"] == [], "its answers do not say by which they are"

    assert main(["verify", "--url", url, "--version", "f" * 40, "--json", *QUICK]) == 1
    answer = json.loads(capsys.readouterr().out)
    (proof,) = answer["checks"]
    assert (answer["proven"], proof["proven"]) == (False, False)
    assert f"version is {VERSION}" in proof["why"]


def test_a_stack_is_asked_at_its_own_address_for_what_it_has_proven(
    url: str, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add("prod", released(VERSION))
    world.add("new", None)
    inputs = world.stacks["prod"]["export"]["deployment"]["resources"][1]["inputs"]
    base, _, path = url.rpartition("/")
    # What was attempted last and not proven is not what runs.
    inputs |= {"version": "f" * 40, "site": {**inputs["site"], "url": base}}
    inputs |= {"health": {**inputs["health"], "path": f"/{path}", "passes": 2, "interval": 0}}
    world.write()

    assert main(["verify", "-s", "prod"]) == 0
    assert f"proven {VERSION} at {url}: 2 passes in a row" in capsys.readouterr().out
    assert main(["verify", "-s", "prod", "--version", VERSION[:6], "--passes", "1"]) == 0
    assert "1 passes in a row" in capsys.readouterr().out
    assert main(["verify", "-s", "prod", "--version", "e" * 40, "--deadline", "0.1"]) == 1
    assert main(["verify", "-s", "new"]) == 1
    assert "nothing was ever released to new" in capsys.readouterr().err


def test_no_verb_shows_the_help_and_is_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "verify" in capsys.readouterr().err


def test_help_names_defaults_and_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["verify", "--help"])

    shown = capsys.readouterr().out
    assert caught.value.code == 0
    assert "passes in a row (default 3)" in shown
    assert "0 proven, 1 not proven, 2 wrong usage" in shown


def test_interrupt_is_130_without_a_traceback() -> None:
    nowhere = ["--url", "http://127.0.0.1:9/", "--version", VERSION, "--deadline", "60"]
    command = [sys.executable, "-m", "release", "verify", *nowhere]
    running = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert "refused the connection" in running.stdout.readline()

    running.send_signal(signal.SIGINT)
    _, complaints = running.communicate(timeout=10)

    assert running.returncode == 130
    assert complaints == "interrupted\n"


def test_reader_that_went_away_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "release", "verify", "--url", "http://127.0.0.1:9/", "--version", VERSION, *QUICK]
    with os.fdopen(writing, "w") as closed:
        done = subprocess.run(command, cwd=ROOT, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)

    assert (done.returncode, done.stderr) == (141, "")
