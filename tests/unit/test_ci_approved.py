"""Whether somebody approved: what GitHub's review history says, and what a missing reviewer leads to."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ci import main
from cli import approved
from cli.errors import VerbError
from functions import strict_json

REVIEWS: list[dict[str, Any]] = []
ATTEMPTS: list[list[dict[str, Any]]] = []
"""The jobs of each attempt of the run."""


def review(state: str, environment: str, user: str = "octocat", comment: str = "") -> dict[str, Any]:
    """An entry as https://docs.github.com/en/rest/actions/workflow-runs documents it, as far as it is read."""
    return {"state": state, "comment": comment, "user": {"login": user}, "environments": [{"name": environment}]}


def who(environment: str, reviews: list[dict[str, Any]]) -> str:
    return approved.who(environment, strict_json.value(tuple[approved.Review, ...], reviews))


class Github(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert self.headers["Authorization"] == "Bearer t0ken"
        run = "/repos/o/r/actions/runs/7"
        known: dict[str, Any] = {f"{run}/approvals": REVIEWS}
        for number, jobs in enumerate(ATTEMPTS, 1):
            known[f"{run}/attempts/{number}/jobs?per_page=100"] = {"total_count": len(jobs), "jobs": jobs}
        body = json.dumps(known.get(self.path, {"message": "Not Found"})).encode()
        self.send_response(200 if self.path in known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Github)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("GITHUB_API_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    monkeypatch.setenv("GITHUB_TOKEN", "t0ken")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "1")
    REVIEWS.clear()
    ATTEMPTS.clear()
    yield monkeypatch
    server.shutdown()
    server.server_close()


def test_newest_approval_of_the_environment_is_told() -> None:
    reviews = [
        review("approved", "impl-approval", "early"),
        review("rejected", "impl-approval", "strict"),
        review("approved", "impl-approval", "late", " looks right "),
        review("approved", "prod-approval", "other"),
    ]
    assert who("impl-approval", reviews) == "impl-approval was approved by late: looks right"
    assert who("prod-approval", reviews) == "prod-approval was approved by other"


@pytest.mark.parametrize(
    "reviews",
    [
        [],
        [review("rejected", "impl-approval")],
        [review("pending", "impl-approval")],
        [review("approved", "prod-approval")],
    ],
)
def test_without_an_approval_of_this_environment_nothing_goes_on(reviews: list[dict[str, Any]]) -> None:
    with pytest.raises(VerbError, match="nobody approved impl-approval") as caught:
        who("impl-approval", reviews)
    assert "docs/set-up-accounts.md" in str(caught.value)


def test_reviewer_whose_account_is_gone_has_approved_all_the_same() -> None:
    assert "by a deleted account" in who("impl-approval", [review("approved", "impl-approval") | {"user": None}])


def test_who_approved_is_in_the_summary(
    github: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    REVIEWS.append(review("approved", "prod-approval", "octocat", "<b>go</b>"))
    github.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    assert main(["approved", "--environment", "prod-approval"]) == 0
    assert "approved by octocat" in capsys.readouterr().out
    written = (tmp_path / "summary").read_text()
    assert "octocat" in written
    assert "<b>" not in written


def test_who_approved_and_why_is_one_line(
    github: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    REVIEWS.append(review("approved", "prod", "octo\u202ecat", "go\n::error::no\u2028 ##[group]x \x1b[31mred\x1b[0m"))
    github.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    assert main(["approved", "--environment", "prod"]) == 0
    said = capsys.readouterr().out
    assert said == "prod was approved by octo\\u202ecat: go\\u000a::error::no\\u2028 ##\\u005bgroup]x red\n"
    assert "\u2028" not in (tmp_path / "summary").read_text()


def test_run_that_nobody_approved_ends_with_one_message(
    github: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["approved", "--environment", "prod-approval"]) == 1
    assert capsys.readouterr().err.startswith("python -m ci approved: nobody approved prod-approval")


def job(name: str, minute: int, conclusion: str | None = "success") -> dict[str, Any]:
    """A job of an attempt. One that is not run again is in the next attempt's list, too, with its old times."""
    return {"name": name, "conclusion": conclusion, "completed_at": f"2026-01-02T03:{minute:02}:00Z"}


APPROVED, RELEASED = job("impl-approval", 1), job("impl", 2)
RUNS = job("impl", 0, None) | {"completed_at": None}


@pytest.mark.parametrize(
    ("attempts", "may"),
    [
        ([[APPROVED, RUNS]], True),
        ([[APPROVED, job("impl", 2, "failure")], [APPROVED, RUNS]], True),
        ([[APPROVED, RELEASED], [APPROVED, RUNS]], False),
        ([[APPROVED, RELEASED], [APPROVED, job("impl", 4, "failure")], [APPROVED, RUNS]], False),
        ([[APPROVED, RELEASED], [job("impl-approval", 5), RUNS]], True),
        ([[APPROVED, RELEASED], [job("impl-approval", 5), job("impl", 6)], [job("impl-approval", 5), RUNS]], False),
        ([[APPROVED, RELEASED], [job("impl-approval", 5, "failure"), RUNS]], False),
        ([[RELEASED], [RUNS]], False),
    ],
)
def test_what_was_released_once_is_released_again_only_when_it_is_approved_again(
    github: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], attempts: list[list[dict[str, Any]]], may: bool
) -> None:
    REVIEWS.append(review("approved", "impl-approval"))
    ATTEMPTS.extend(attempts)
    github.setenv("GITHUB_RUN_ATTEMPT", str(len(attempts)))
    assert main(["approved", "--environment", "impl-approval", "--job", "impl"]) == (0 if may else 1)
    assert may or "impl has succeeded in this run since impl-approval was approved" in capsys.readouterr().err


def test_reviews_that_cannot_be_read_are_no_approval(
    github: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    github.setenv("GITHUB_RUN_ID", "8")
    assert main(["approved", "--environment", "prod-approval"]) == 1
    assert "404" in capsys.readouterr().err
    github.setenv("GITHUB_RUN_ID", "7")
    REVIEWS.append(review("approved", "prod-approval"))
    assert main(["approved", "--environment", "prod-approval", "--job", "prod"]) == 1
    assert "404" in capsys.readouterr().err
    github.delenv("GITHUB_RUN_ID")
    assert main(["approved", "--environment", "prod-approval"]) == 2
    assert "GITHUB_RUN_ID" in capsys.readouterr().err
