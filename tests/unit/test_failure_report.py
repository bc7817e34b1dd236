"""The story of a failed release."""

from __future__ import annotations

from typing import Any

from release import engine, failure_report
from release.failure_report import FailureReport


def told(**changes: Any) -> FailureReport:
    known: dict[str, Any] = {
        "environment": "dev",
        "version": "2" * 40,
        "phase": "prove",
        "why": "status is fail, expected pass",
        "undone": ("the backend is back on easi:1", "111111111111 is proven again"),
        "runs": "111111111111, as before, backend and site",
        "to_do": "fix the cause",
    }
    return FailureReport(**known | changes)


def test_it_says_what_failed_why_what_was_undone_what_runs_and_what_to_do() -> None:
    assert failure_report.lines(told(details=("exit code 3",))) == (
        "dev: 222222222222 is not released: prove failed",
        "  why       status is fail, expected pass",
        "            exit code 3",
        "  undone    the backend is back on easi:1",
        "            111111111111 is proven again",
        "  runs now  111111111111, as before, backend and site",
        "  to do     fix the cause",
    )


def test_a_command_stays_apart_from_the_sentence_before_it() -> None:
    assert failure_report.lines(told(to_do="fix\n  the cause, then:  pulumi up"))[-1].endswith(
        "fix the cause, then:  pulumi up"
    )


def test_it_has_twenty_lines_at_most_and_says_how_much_is_left_out() -> None:
    shown = failure_report.lines(told(undone=(), details=tuple(f"problem {number}" for number in range(30))))
    assert len(shown) == 20
    assert shown[-3].strip() == "and 15 more"
    assert len(failure_report.lines(told(undone=("a", "b", "c", "d"), details=("e",) * 30))) == 20


def test_it_has_room_for_the_details_of_a_crash_beside_all_that_was_undone() -> None:
    details = tuple(f"line {number}" for number in range(engine.DETAILS))
    shown = [line.strip() for line in failure_report.lines(told(undone=("a", "b", "c"), details=details))]
    assert set(details) <= set(shown)


def test_what_looks_like_a_secret_is_in_neither_form() -> None:
    tale = told(
        why="dial postgres://easi:Win@ter@db/easi",
        details=("PGPASS=hunter2",),
        undone=("token=hunter2",),
        runs="pw=hunter2",
    )
    for text in (*failure_report.lines(tale), failure_report.exception(tale)):
        assert "hunter2" not in text
        assert "ter@" not in text


def test_what_a_container_logs_is_one_line_of_bounded_length() -> None:
    shown = failure_report.lines(told(why="first\n  second " + "x" * 10_000))
    assert shown[1].startswith("  why       first second xxx")
    assert len(shown[1]) < 450


def test_the_exception_says_in_one_line_what_runs_and_leaves_the_rest_to_the_story() -> None:
    assert failure_report.exception(told(why="it broke.\nbadly.")) == (
        "dev: 222222222222 is not released, see the lines above. Runs now: 111111111111, as before, backend and site"
    )
