"""`python -m ci drift-issue`: one issue, written only when it would say something else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ci import main
from cli import drift_issue, github
from cli.drift_issue import MARKER, Close, Drift, Issue, Write, decide
from cli.events import Change, Preview
from cli.github import GithubError
from functions import strict_json

VERSION = "1" * 40


class Repository:
    """The part of GitHub's API that is about issues and labels, with everything that was written."""

    def __init__(self) -> None:
        self.issues: list[dict[str, Any]] = []
        self.labels: set[str] = set()
        self.writes: list[tuple[str, str, Any]] = []

    def paginate(self, path: str, kind: Any) -> Iterator[Any]:
        assert path == "issues?state=open&labels=drift"
        return (
            strict_json.value(kind, each)
            for each in self.issues
            if each["state"] == "open" and "drift" in each["labels"]
        )

    def get(self, path: str) -> Any:
        if path.removeprefix("labels/") not in self.labels:
            raise GithubError("not there", 404)
        return {}

    def post(self, path: str, body: Any) -> Any:
        self.writes.append(("POST", path, body))
        if path == "labels":
            self.labels.add(body["name"])
        if path == "issues":
            assert set(body["labels"]) <= self.labels
            number = len(self.issues) + 1
            address = f"https://github.com/o/r/issues/{number}"
            author = {"login": github.BOT, "type": "Bot"}
            self.issues.append({"number": number, "state": "open", "html_url": address, "user": author, **body})
            return self.issues[-1]
        return {}

    def patch(self, path: str, body: Any) -> Any:
        self.writes.append(("PATCH", path, body))
        self.issues[int(path.removeprefix("issues/")) - 1] |= body
        return {}


@pytest.fixture
def repository(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Repository:
    made = Repository()
    monkeypatch.setattr(github, "Api", lambda _environ: made)
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://github.com")
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.chdir(tmp_path)
    return made


def preview(stack: str, *, changed: bool = False, **more: Any) -> Preview:
    values: dict[str, Any] = {"stack": stack, "version": VERSION, "counts": {"update": 1} if changed else {}}
    return Preview(**values | {"refresh": True, "diff": "~ desired: 2 => 7" if changed else ""} | more)


def call(*previews: Preview, expect: str = "dev,prod") -> int:
    for each in previews:
        Path(f"{each.stack}.json").write_text(json.dumps(each.to_json()))
    return main(["drift-issue", "--expect", expect, *(f"{name}.json" for name in expect.split(","))])


def test_drift_opens_an_issue_with_its_label(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    code = call(preview("dev"), preview("prod", changed=True))

    (issue,) = repository.issues
    assert code == 0
    assert [write[:2] for write in repository.writes] == [("POST", "labels"), ("POST", "issues")]
    assert issue["title"] == "prod is not as released"
    assert issue["labels"] == ["drift"]
    assert issue["body"].startswith(MARKER)
    assert "prod: not as released: 1 to update" in issue["body"]
    assert "desired: 2 =&gt; 7" in issue["body"] or "desired: 2 => 7" in issue["body"]
    assert f"EASI_VERSION={VERSION} pulumi up --refresh -s prod" in issue["body"]
    assert "pulumi up --refresh -s dev" not in issue["body"]
    assert "Seen first in https://github.com/o/r/actions/runs/7" in issue["body"]
    said = capsys.readouterr().out
    assert "dev: as released, 111111111111\nprod: not as released: 1 to update\n" in said
    assert "opened https://github.com/o/r/issues/1" in said


def test_the_same_drift_on_another_day_writes_nothing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(preview("dev"), preview("prod", changed=True))
    repository.writes.clear()
    # As GitHub gives it back.
    repository.issues[0]["body"] = repository.issues[0]["body"].replace("\n", "\r\n") + "\r\n"
    monkeypatch.setenv("GITHUB_RUN_ID", "8")

    code = call(preview("dev"), preview("prod", changed=True))

    assert code == 0
    assert repository.writes == []
    assert "the issue stays as it is: https://github.com/o/r/issues/1" in capsys.readouterr().out


def test_other_drift_edits_the_issue_in_place(repository: Repository) -> None:
    repository.labels.add("drift")
    call(preview("dev"), preview("prod", changed=True))
    repository.writes.clear()

    code = call(preview("dev", changed=True), preview("prod", changed=True))

    assert code == 0
    assert [write[:2] for write in repository.writes] == [("PATCH", "issues/1")]
    assert repository.issues[0]["title"] == "dev and prod are not as released"
    assert repository.issues[0]["state"] == "open"


def test_without_drift_the_issue_is_closed_with_a_comment_and_a_new_one_opened_next_time(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    call(preview("dev"), preview("prod", changed=True))
    repository.writes.clear()

    call(preview("dev"), preview("prod"))

    assert repository.writes == [
        (
            "POST",
            "issues/1/comments",
            {"body": "dev and prod: as released.\n\nSeen in https://github.com/o/r/actions/runs/7"},
        ),
        ("PATCH", "issues/1", {"state": "closed", "state_reason": "completed"}),
    ]
    assert "closed https://github.com/o/r/issues/1" in capsys.readouterr().out
    call(preview("dev", changed=True), preview("prod"))
    assert [issue["state"] for issue in repository.issues] == ["closed", "open"]


def test_without_drift_and_without_an_issue_nothing_is_written(
    repository: Repository, capsys: pytest.CaptureFixture[str]
) -> None:
    code = call(preview("dev"), Preview(stack="prod", version=None, counts={}))

    assert code == 0
    assert repository.writes == []
    assert "prod: nothing is released there yet" in capsys.readouterr().out


@pytest.mark.parametrize("failed", [True, False])
def test_an_environment_that_nobody_knows_of_opens_and_closes_nothing_and_is_said(
    repository: Repository, capsys: pytest.CaptureFixture[str], failed: bool
) -> None:
    unknown = [preview("prod", changed=True, failed=True)] if failed else []

    assert call(preview("dev"), *unknown) == 0
    assert repository.writes == []
    assert "prod: not known" in capsys.readouterr().out

    Path("prod.json").unlink(missing_ok=True)
    call(preview("dev", changed=True), preview("prod"))
    repository.writes.clear()
    Path("prod.json").unlink()
    assert call(preview("dev"), *unknown) == 0
    assert repository.writes == [], "what the issue says may still be true"


def test_beside_drift_the_issue_says_of_whom_nobody_knows(repository: Repository) -> None:
    call(preview("dev", changed=True))

    assert "prod: not known, there is no preview" in repository.issues[0]["body"]


@pytest.mark.parametrize("text", ["", "[]", '{"stack": "prod"}', "{"])
def test_a_file_that_is_no_preview_leaves_its_environment_unknown(
    repository: Repository, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    Path("prod.json").write_text(text)

    code = call(preview("dev"))

    said = capsys.readouterr()
    assert code == 0
    assert "prod.json is no preview: " in said.err
    assert "prod: not known, there is no preview" in said.out


def test_wrong_use_is_said(repository: Repository, capsys: pytest.CaptureFixture[str]) -> None:
    Path("impl.json").write_text(json.dumps(preview("impl").to_json()))

    assert main(["drift-issue", "--expect", " , ", "impl.json"]) == 2
    assert "--expect names no environment" in capsys.readouterr().err
    assert main(["drift-issue", "--expect", "dev,prod", "impl.json"]) == 2
    assert "there is a preview of impl, and --expect has dev, prod" in capsys.readouterr().err
    assert repository.writes == []


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


def test_a_label_that_cannot_be_asked_for_is_githubs_message(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_path: str) -> Any:
        raise GithubError("GitHub refused GET", 403)

    monkeypatch.setattr(repository, "get", refuse)

    assert call(preview("dev", changed=True), preview("prod")) == 1
    assert repository.writes == []
    assert capsys.readouterr().err == "python -m ci drift-issue: GitHub refused GET\n"


def test_without_a_token_it_is_said_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    monkeypatch.delenv("GITHUB_TOKEN", raising=False)

    assert main(["drift-issue", "--expect", "dev"]) == 1
    assert "GITHUB_TOKEN is not set" in capsys.readouterr().err


def test_an_issue_is_never_longer_than_github_takes() -> None:
    long = preview("prod", changed=True, diff="\n".join(f"~ line {number} `````` {'x' * 80}" for number in range(3000)))

    done = decide(Drift(stacks={"prod": long, "dev": long}), None)

    assert isinstance(done, Write)
    assert len(done.body) <= 65536
    assert "left out" in done.body


def test_what_a_resource_is_called_calls_nobody() -> None:
    replaced = (Change(name="@octocat", type="aws:s3/bucket:Bucket"),)

    done = decide(Drift(stacks={"@all": preview("@all", changed=True, replaced=replaced)}), None)

    assert isinstance(done, Write)
    assert "@octocat" not in done.body.replace("```", "")


def test_the_decision_is_none_where_everything_is_said() -> None:
    drifted = Drift(stacks={"prod": preview("prod", changed=True)})
    first = decide(drifted, None, run_url="run 1")
    assert isinstance(first, Write)
    there = Issue(number=1, title=first.title, body=first.body)

    assert decide(drifted, there, run_url="run 2") is None
    assert decide(drifted, Issue(number=1, title="renamed by hand", body=first.body), run_url="run 2") is not None
    assert isinstance(decide(Drift(stacks={"prod": preview("prod")}), there), Close)
    assert decide(Drift(stacks={"prod": None}), there) is None
