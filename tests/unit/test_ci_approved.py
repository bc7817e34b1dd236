"""Whether somebody approved: what GitHub's review history says, and what a missing reviewer leads to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ci import main
from cli import approved
from cli.errors import VerbError
from functions import strict_json
from tests.local.workflow.api import REPOSITORY, Api, serving


def review(state: str, environment: str, user: str = "octocat", comment: str = "") -> dict[str, Any]:
    """An entry as https://docs.github.com/en/rest/actions/workflow-runs documents it, as far as it is read."""
    return {"state": state, "comment": comment, "user": {"login": user}, "environments": [{"name": environment}]}


def who(environment: str, reviews: list[dict[str, Any]]) -> str:
    return approved.who(environment, strict_json.value(tuple[approved.Review, ...], reviews))


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    """Of a run, number 7, that nobody has reviewed."""
    with serving() as api:
        api.runs[7] = []
        token = api.token({"actions": "read"})
        for name, value in {
            "GITHUB_API_URL": api.url,
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_TOKEN": token,
            "GITHUB_RUN_ID": "7",
            "GITHUB_RUN_ATTEMPT": "1",
        }.items():
            monkeypatch.setenv(name, value)
        yield api


@pytest.fixture
def summary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary"))
    return tmp_path / "summary"


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


def test_who_approved_is_in_the_summary(github: Api, summary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    github.runs[7].append(review("approved", "prod-approval", "octocat", "<b>go</b>"))
    assert main(["approved", "--environment", "prod-approval"]) == 0
    assert "approved by octocat" in capsys.readouterr().out
    written = summary.read_text()
    assert "octocat" in written
    assert "<b>" not in written


def test_who_approved_and_why_is_one_line(github: Api, summary: Path, capsys: pytest.CaptureFixture[str]) -> None:
    comment = "go\n::error::no\u2028 ##[group]x \x1b[31mred\x1b[0m"
    github.runs[7].append(review("approved", "prod", "octo\u202ecat", comment))
    assert main(["approved", "--environment", "prod"]) == 0
    said = capsys.readouterr().out
    assert said == "prod was approved by octo\\u202ecat: go\\u000a::error::no\\u2028 ##\\u005bgroup]x red\n"
    assert "\u2028" not in summary.read_text()


@pytest.mark.usefixtures("github")
def test_run_that_nobody_approved_ends_with_one_message(capsys: pytest.CaptureFixture[str]) -> None:
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
    github: Api,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    attempts: list[list[dict[str, Any]]],
    may: bool,
) -> None:
    github.runs[7].append(review("approved", "impl-approval"))
    github.jobs.update({(7, number): jobs for number, jobs in enumerate(attempts, 1)})
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", str(len(attempts)))
    assert main(["approved", "--environment", "impl-approval", "--job", "impl"]) == (0 if may else 1)
    assert may or "impl has succeeded in this run since impl-approval was approved" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("run", "code", "says"), [("8", 1, "404"), ("", 2, "GITHUB_RUN_ID")], ids=["unknown run", "no run"]
)
@pytest.mark.usefixtures("github")
def test_reviews_that_cannot_be_read_are_no_approval(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], run: str, code: int, says: str
) -> None:
    monkeypatch.setenv("GITHUB_RUN_ID", run)
    assert main(["approved", "--environment", "prod-approval"]) == code
    assert says in capsys.readouterr().err


def test_jobs_that_cannot_be_read_are_no_approval(github: Api, capsys: pytest.CaptureFixture[str]) -> None:
    github.runs[7].append(review("approved", "prod-approval"))
    github.jobs[7, 1] = [{"not": "a job"}]
    assert main(["approved", "--environment", "prod-approval", "--job", "prod"]) == 1
    assert "not GitHub's API" in capsys.readouterr().err
