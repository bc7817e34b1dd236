"""Lines of a release: what is news, what is passing, and what reaches a terminal."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from functions import strict_json
from release import engine_log, progress, rollout
from release.deploy_function import Judged
from release.engine_log import EngineLog
from tests.unit.rollout_world import status


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(progress, "time", made)
    return made


class Engine:
    """Remembers what it is told, as (urn, ephemeral, message)."""

    def __init__(self, *, gone: bool = False) -> None:
        self.gone = gone
        self.told: list[tuple[str, bool, str]] = []

    def Log(self, request: Any) -> None:  # noqa: N802 - the name of the engine's method
        if self.gone:
            raise grpc.RpcError
        self.told.append((request.urn, request.ephemeral, request.message))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(engine_log, "_engine", lambda: made)
    return made


def test_what_stays_the_same_is_told_once(clock: Clock) -> None:
    said: list[str] = []
    news = progress.Changes(said.append)

    for line in ("0 of 2", "0 of 2", "1 of 2"):
        news(line)
        clock.now += 60

    assert said == ["0 of 2", "1 of 2"]


def test_what_flips_is_told_again_every_ten_seconds_at_most(clock: Clock) -> None:
    said: list[str] = []
    news = progress.Changes(said.append)

    for second in range(20):
        news(("pass", "miss")[second % 2])
        clock.now += 1

    assert said == ["pass", "miss", "pass"]


def test_counters_are_passing_lines_where_there_are_such(engine: Engine) -> None:
    log = EngineLog("urn:release")
    progress.Changes(log)("1 of 2")
    progress.passing(log, "2 of 2")
    log("done")

    assert engine.told == [
        ("urn:release", True, "1 of 2"),
        ("urn:release", True, "2 of 2"),
        ("urn:release", False, "done"),
    ]


def test_what_takes_a_while_is_counted_now_and_then(clock: Clock) -> None:
    said: list[str] = []

    def work(seconds: int) -> None:
        clock.now += seconds

    counted = progress.counting(work, said.append, "uploaded", 2_000)
    for seconds in (4, 4, 4, 4, 9):
        counted(seconds)

    assert said == ["uploaded 3 of 2,000", "uploaded 5 of 2,000"]


def test_lines_of_a_phase_begin_with_it_and_pass(engine: Engine) -> None:
    phase = progress.Phase(EngineLog("urn"), "roll out", 2, 7)
    phase("begins")
    progress.Changes(phase)("1 of 2")
    progress.kept(phase, "the role may not see the secrets: not checked")

    assert engine.told == [
        ("urn", True, "2/7 roll out: begins"),
        ("urn", True, "2/7 roll out: 1 of 2"),
        ("urn", False, "the role may not see the secrets: not checked"),
    ]


def test_a_say_without_passing_lines_hears_them_all() -> None:
    said: list[str] = []
    progress.passing(said.append, "1 of 2")
    progress.kept(said.append, "2 of 2")

    assert said == ["1 of 2", "2 of 2"]


def test_lines_without_a_resource_are_the_stack_s(engine: Engine) -> None:
    EngineLog()("hello")

    assert engine.told == [("", False, "hello")]


def test_line_that_the_engine_does_not_take_goes_to_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(engine_log, "_engine", lambda: Engine(gone=True))
    EngineLog()("going back")

    assert capsys.readouterr().err == "going back\n"


def test_without_an_engine_lines_go_to_standard_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["pytest"])
    engine_log._engine.cache_clear()
    EngineLog().passing("going back")

    assert capsys.readouterr().err == "going back\n"


def test_a_container_s_colours_and_cursor_do_not_reach_the_terminal(engine: Engine) -> None:
    EngineLog()("\x1b[31mpanic\x1b[0m: \x1b[2J\x07no\rlines\n\tkeep \u00e4 \u2713")

    assert engine.told[0][2] == "panic: \\u0007no\\u000dlines\n\tkeep \u00e4 \u2713"


def test_a_container_s_line_is_no_command_to_github(engine: Engine) -> None:
    EngineLog()("task 1 | ##[error]x\u2028 y\n \u00a0::stop-commands::z a::b")

    assert engine.told[0][2] == "task 1 | ##\\u005berror]x\\u2028 y\n \u00a0\\u003a:stop-commands::z a::b"


def test_what_looks_like_a_secret_does_not_reach_the_terminal(engine: Engine) -> None:
    EngineLog()("migrate --pass\x1b[0mword hunter2 runs")

    assert engine.told[0][2] == "migrate --password [hidden] runs"


WAITING = ["1 of 2 tasks running on easi-dev:7", "0 of 2 targets healthy (10.0.0.1:8080 is initial)"]
STILL = "1 task still running on easi-dev:6"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "2 of 2 tasks on easi-dev:7, 2 of 2 targets healthy"),
        (
            {"runningCount": 1, "healthyTargets": 0, "missing": WAITING},
            "1 of 2 tasks on easi-dev:7, 0 of 2 targets healthy (10.0.0.1:8080 is initial)",
        ),
        ({"missing": [STILL]}, f"2 of 2 tasks on easi-dev:7, 2 of 2 targets healthy, {STILL}"),
        ({"healthyTargets": 0}, "2 of 2 tasks on easi-dev:7"),
    ],
)
def test_a_rollout_is_tasks_and_targets_and_what_else_is_missing(changes: dict[str, Any], line: str) -> None:
    assert rollout._progress(strict_json.read(Judged, status(**changes))) == line
