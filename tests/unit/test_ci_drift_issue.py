"""`python -m ci drift-issue`: one issue, written only when it would say something else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ci import main
from cli import drift_issue
from cli.drift_issue import MARKER
from cli.events import Change, Preview
from functions import strict_json
from tests.local.workflow.api import REPOSITORY, Api, serving

VERSION = "1" * 40


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Api]:
    with serving() as api:
        given = {
            "GITHUB_API_URL": api.url,
            "GITHUB_TOKEN": api.token({"issues": "write"}),
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": "7",
        }
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
        monkeypatch.chdir(tmp_path)
        yield api


def writes(repository: Api) -> list[str]:
    """What was written since the last time."""
    found = [request.replace(f"/repos/{REPOSITORY}/", "") for request in repository.requests if request[:3] != "GET"]
    repository.requests.clear()
    return found


def preview(stack: str, *, changed: bool = False, **more: Any) -> Preview:
    values: dict[str, Any] = {"stack": stack, "version": VERSION, "counts": {"update": 1} if changed else {}}
    return Preview(**values | {"refresh": True, "diff": "~ desired: 2 => 7" if changed else ""} | more)


def call(*previews: Preview, expect: str = "dev,prod") -> int:
    for each in previews:
        Path(f"{each.stack}.json").write_text(json.dumps(strict_json.fields(each)))
    return main(["drift-issue", "--expect", expect, *(f"{name}.json" for name in expect.split(","))])


def test_drift_opens_an_issue_with_its_label(repository: Api, capsys: pytest.CaptureFixture[str]) -> None:
    code = call(preview("dev"), preview("prod", changed=True))

    (issue,) = repository.issues.values()
    assert code == 0
    assert writes(repository) == ["POST labels", "POST issues"]
    assert issue["title"] == "prod is not as released"
    assert issue["labels"] == [{"name": "drift"}]
    assert issue["body"].startswith(MARKER)
    assert "prod: not as released: 1 to update" in issue["body"]
    assert "desired: 2 =&gt; 7" in issue["body"] or "desired: 2 => 7" in issue["body"]
    assert f"RELEASE_VERSION={VERSION} pulumi up --refresh -s prod" in issue["body"]
    assert "pulumi up --refresh -s dev" not in issue["body"]
    assert f"Seen first in https://github.com/{REPOSITORY}/actions/runs/7" in issue["body"]
    said = capsys.readouterr().out
    assert "dev: as released, 111111111111\nprod: not as released: 1 to update\n" in said
    assert f"opened https://github.com/{REPOSITORY}/issues/1" in said


def test_the_same_drift_on_another_day_writes_nothing(
    repository: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(preview("dev"), preview("prod", changed=True))
    writes(repository)
    # As GitHub gives it back.
    repository.issues[1]["body"] = repository.issues[1]["body"].replace("\n", "\r\n") + "\r\n"
    monkeypatch.setenv("GITHUB_RUN_ID", "8")

    code = call(preview("dev"), preview("prod", changed=True))

    assert code == 0
    assert writes(repository) == []
    assert f"the issue stays as it is: https://github.com/{REPOSITORY}/issues/1" in capsys.readouterr().out
    repository.issues[1]["title"] = "renamed by hand"
    call(preview("dev"), preview("prod", changed=True))
    assert repository.issues[1]["title"] == "prod is not as released"


def test_other_drift_edits_the_issue_in_place(repository: Api) -> None:
    repository.labels.append("drift")
    call(preview("dev"), preview("prod", changed=True))
    writes(repository)

    code = call(preview("dev", changed=True), preview("prod", changed=True))

    assert code == 0
    assert writes(repository) == ["PATCH issues/1"]
    assert repository.issues[1]["title"] == "dev and prod are not as released"
    assert repository.issues[1]["state"] == "open"


def test_without_drift_the_issue_is_closed_with_a_comment_and_a_new_one_opened_next_time(
    repository: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    call(preview("dev"), preview("prod", changed=True))
    writes(repository)

    call(preview("dev"), preview("prod"))

    assert writes(repository) == ["POST issues/1/comments", "PATCH issues/1"]
    (comment,) = repository.comments_of(1)
    assert comment["body"] == f"dev and prod: as released.\n\nSeen in https://github.com/{REPOSITORY}/actions/runs/7"
    assert repository.issues[1]["state_reason"] == "completed"
    assert f"closed https://github.com/{REPOSITORY}/issues/1" in capsys.readouterr().out
    call(preview("dev", changed=True), preview("prod"))
    assert [issue["state"] for issue in repository.issues.values()] == ["closed", "open"]


def test_without_drift_and_without_an_issue_nothing_is_written(
    repository: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    code = call(preview("dev"), Preview(stack="prod", version=None, counts={}))

    assert code == 0
    assert writes(repository) == []
    assert "prod: nothing is released there yet" in capsys.readouterr().out


@pytest.mark.parametrize("failed", [True, False])
def test_an_environment_that_nobody_knows_of_opens_and_closes_nothing_and_is_said(
    repository: Api, capsys: pytest.CaptureFixture[str], failed: bool
) -> None:
    unknown = [preview("prod", changed=True, failed=True)] if failed else []

    assert call(preview("dev"), *unknown) == 0
    assert writes(repository) == []
    assert "prod: not known" in capsys.readouterr().out

    Path("prod.json").unlink(missing_ok=True)
    call(preview("dev", changed=True), preview("prod"))
    writes(repository)
    Path("prod.json").unlink()
    assert call(preview("dev"), *unknown) == 0
    assert writes(repository) == [], "what the issue says may still be true"


def test_beside_drift_the_issue_says_of_whom_nobody_knows(repository: Api) -> None:
    call(preview("dev", changed=True))

    assert "prod: not known, there is no preview" in repository.issues[1]["body"]


@pytest.mark.parametrize("text", ["", "[]", '{"stack": "prod"}', "{"])
def test_a_file_that_is_no_preview_leaves_its_environment_unknown(
    repository: Api, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    Path("prod.json").write_text(text)

    code = call(preview("dev"))

    said = capsys.readouterr()
    assert code == 0
    assert "prod.json is no preview: " in said.err
    assert "prod: not known, there is no preview" in said.out


def test_wrong_use_is_said(repository: Api, capsys: pytest.CaptureFixture[str]) -> None:
    Path("impl.json").write_text(json.dumps(strict_json.fields(preview("impl"))))

    assert main(["drift-issue", "--expect", " , ", "impl.json"]) == 2
    assert "--expect names no environment" in capsys.readouterr().err
    assert main(["drift-issue", "--expect", "dev,prod", "impl.json"]) == 2
    assert "there is a preview of impl, and --expect has dev, prod" in capsys.readouterr().err
    assert writes(repository) == []


def test_what_somebody_else_wrote_is_left_alone() -> None:
    bot, person = {"login": "github-actions[bot]", "type": "Bot"}, {"login": "ada", "type": "User"}
    ours = {"number": 5, "title": "t", "body": f"{MARKER}\nours", "html_url": "u", "user": bot}
    others = [
        {"number": 1, "title": "about drift", "body": "no marker"},
        {"number": 2, "title": "a pull request", "body": MARKER, "user": bot, "pull_request": {}},
        {"number": 3, "title": "no text", "body": None, "user": bot},
        {**ours, "number": 4, "user": person},
        {**ours, "number": 4, "user": bot | {"login": "other[bot]"}},
        {**ours, "number": 4, "user": None},
        {**ours, "number": 4, "body": f"> {MARKER}\nquoted"},
        {**ours, "number": 6},
    ]

    listed = strict_json.value(tuple[drift_issue.Issue, ...], [*others, ours])
    assert drift_issue.own(listed) == listed[-1]
    assert drift_issue.own(listed[:-2]) is None


def test_a_token_that_may_not_write_is_githubs_message(
    repository: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_TOKEN", repository.token({"issues": "read"}))

    assert call(preview("dev", changed=True), preview("prod")) == 1
    assert repository.labels == []
    assert "python -m ci drift-issue: GitHub refused POST" in capsys.readouterr().err


def test_without_a_token_it_is_said_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)

    assert main(["drift-issue", "--expect", "dev"]) == 1
    assert "GITHUB_TOKEN is not set" in capsys.readouterr().err


def test_an_issue_is_never_longer_than_github_takes(repository: Api) -> None:
    diff = "\n".join(f"~ line {number} `````` {'x' * 80}" for number in range(3000))

    call(preview("dev", changed=True, diff=diff), preview("prod", changed=True, diff=diff))

    (issue,) = repository.issues.values()
    assert len(issue["body"]) <= 65536
    assert "left out" in issue["body"]


def test_what_a_resource_is_called_calls_nobody(repository: Api) -> None:
    replaced = (Change(name="@octocat", type="aws:s3/bucket:Bucket"),)

    call(preview("@all", changed=True, replaced=replaced), expect="@all")

    (issue,) = repository.issues.values()
    assert "@octocat" not in issue["body"].replace("```", "")
