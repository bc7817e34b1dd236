"""Which lines of a log are told: samples are what real programs wrote as they crashed."""

from __future__ import annotations

from pathlib import Path

import pytest

from functions.deploy import telling

CRASHES = Path(__file__).parents[1] / "fixtures" / "crashes"
BUSY = [
    f'{{"level":"INFO","msg":"request","method":"GET","path":"/api/v1/systems","status":200,"ms":{n}}}'
    for n in range(900)
]
GOROUTINE = [
    "",
    "goroutine {0} [IO wait, 3 minutes]:",
    "internal/poll.runtime_pollWait(0x7f5c{0}, 0x72)",
    "\t/usr/local/go/src/runtime/netpoll.go:351 +0x85",
    "net/http.(*persistConn).readLoop(0xc000{0})",
    "\t/usr/local/go/src/net/http/transport.go:2205 +0x354",
    "created by net/http.(*Transport).dialConn in goroutine {0}",
    "\t/usr/local/go/src/net/http/transport.go:1874 +0x154f",
]


def crash(name: str) -> list[str]:
    return (CRASHES / f"{name}.txt").read_text().splitlines()


def told(lines: list[str], room: int = 6) -> list[str]:
    return [lines[place] for place in telling.choose(lines, room)]


@pytest.mark.parametrize(
    ("name", "causes"),
    [
        ("go", ["panic: cannot reach the database: dial tcp 10.0.3.7:5432: connect: connection refused"]),
        ("go_nil", ["panic: runtime error: invalid memory address or nil pointer dereference"]),
        ("python", ["KeyError: 'DATABASE_URL'", "ConfigMissing: DATABASE_URL is not set"]),
        ("node", ["Error: connect ECONNREFUSED 127.0.0.1:1"]),
        (
            "node_cause",
            ['TypeError: Cannot read properties of undefined (reading "url")', "  [cause]: Error: no config"],
        ),
        ("node_oom", ["FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory"]),
        (
            "java",
            [
                'Exception in thread "main" java.lang.IllegalArgumentException: application failed',
                "Caused by: java.lang.IllegalStateException: Connection to db.internal:5432 refused",
            ],
        ),
        ("java_oom", ['Exception in thread "main" java.lang.OutOfMemoryError: Java heap space']),
        ("rust", ['cannot read the configuration: "no DATABASE_URL"']),
        ("rust_backtrace", ['cannot read the configuration: "no DATABASE_URL"']),
    ],
)
@pytest.mark.parametrize("before", [[], BUSY])
def test_the_cause_of_a_real_crash_is_told(name: str, causes: list[str], before: list[str]) -> None:
    lines = [*before, *crash(name)]
    shown = told(lines)
    assert set(causes) <= set(shown)
    assert shown == sorted(shown, key=lines.index)


@pytest.mark.parametrize("goroutines", [200, 5000])
def test_a_panic_is_found_above_the_stacks_of_all_goroutines(goroutines: int) -> None:
    lines = [*BUSY, *crash("go"), *(line.format(n) for n in range(goroutines) for line in GOROUTINE)]
    shown = told(lines)
    assert shown[0].startswith("panic: cannot reach the database")
    assert "\t/src/main.go:22 +0x1b9" in shown


def test_the_place_is_told_beside_the_cause() -> None:
    assert '  File "/app/app.py", line 8, in connect' in told(crash("python"))
    assert "\tat App.open(App.java:2)" in told(crash("java"))


@pytest.mark.parametrize(
    "line",
    [
        '{"level":"fatal","msg":"cannot open the database"}',
        'level=error msg="login failed"',
        "2026-11-28 14:02:03 [ERROR] config: PORT is not a number",
        "2026/11/28 14:02:03 cannot listen: address already in use",
        "exec /backend: no such file or directory",
        "Killed",
        "app.rb:3:in `connect': connection refused (RuntimeError)",
        "** (RuntimeError) no database",
        "PHP Fatal error:  Uncaught PDOException: refused",
        "Unhandled exception. System.InvalidOperationException: no connection string",
    ],
)
def test_what_complains_is_told_from_the_middle_of_a_log(line: str) -> None:
    assert line in told([*BUSY[:50], line, *BUSY[50:]])


def test_of_a_storm_of_errors_the_first_and_the_last_are_told() -> None:
    lines = [f"Error: {word} failed" for word in "a b c d e f g h i j".split()]  # noqa: SIM905 - reads as it is meant
    assert told(lines) == [lines[0], lines[1], *lines[-4:]]


def test_what_differs_in_its_numbers_is_told_once() -> None:
    lines = ["starting", *(f"ERROR attempt {n}: connection refused" for n in range(50)), "giving up"]
    assert told(lines) == ["starting", "ERROR attempt 49: connection refused", "giving up"]


def test_a_log_that_complains_of_nothing_is_told_from_its_end() -> None:
    lines = ["one", "", "two", "three", "  ", "four", "five", "six", "seven", ""]
    assert told(lines) == ["two", "three", "four", "five", "six", "seven"]
    assert told([]) == []
    assert told(["", " "]) == []


def test_lines_of_several_tasks_are_told_once() -> None:
    assert telling.once(
        [
            "task 3c container backend: exit code 2",
            "task 3c stopped: Essential container in task exited",
            "task 2b container backend: exit code 2",
            "task 2b stopped: Essential container in task exited",
            "event: (service easi-dev) (task 3c) failed container health checks.",
            "event: (service easi-dev) (task 2b) failed container health checks.",
        ]
    ) == [
        "task 3c container backend: exit code 2",
        "task 3c stopped: Essential container in task exited",
        "event: (service easi-dev) (task 3c) failed container health checks.",
    ]
