"""The one comment of a pull request: what is in it, and that it stays one."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from ci import main
from cli import comment, preview
from cli.comment import MARKER
from cli.events import Change, Preview
from cli.github import Api, GithubError
from tests.unit.github_server import Server, environ, serving

BOT = {"login": "github-actions[bot]", "type": "Bot"}
PERSON = {"login": "ada", "type": "User"}
COMMENTS = "/repos/cms/easi/issues/7/comments"
QUIET = Preview(stack="prod", version="0" * 40, counts={}, diff="96 unchanged")
BUSY = Preview(
    stack="dev",
    version="3f2c1aa0" * 5,
    counts={"update": 1, "replace": 1},
    headline="dev: 399915e -> 3f2c1aa, 3 commits, built from this commit",
    replaced=(Change(name="backend", type="aws:ecs/taskDefinition:TaskDefinition", because=("family",), note="new"),),
    diff="~ dev-diff",
)
GRAVE = Preview(
    stack="impl",
    version="9b81e02a" * 5,
    counts={"delete": 1},
    headline="impl: 399915e stays, as 3f2c1aa would be refused",
    deleted=(Change(name="records", type="aws:s3/bucket:Bucket"),),
    gate="impl refused 3f2c1aa: dev has not proven it.",
    diff="- impl-diff",
)


server = pytest.fixture(serving)


@pytest.fixture
def api(server: Server) -> Api:
    return Api(environ(server), sleep=lambda _: None)


def test_a_hold_is_said_above_all_and_is_not_to_be_expected() -> None:
    first = "dev refused 3f2c1aa: dev is held since 2026-01-02 03:10:00 UTC by ana: an <b>audit</b>."
    held = dataclasses.replace(BUSY, gate=f"{first}\n  to end the hold:  python -m release hold -s dev --lift")
    text = comment.body({"dev": held})
    assert "⚠️ **dev refused 3f2c1aa: dev is held since" in text.partition("<details>")[0]
    assert "an <b>audit" not in text.partition("<details>")[0]
    assert "Before a merge, the gate refuses" not in text
    assert "Before a merge, the gate refuses" in comment.body({"dev": held, "impl": GRAVE})


def test_stacks_are_in_the_order_given_and_dangers_on_top() -> None:
    text = comment.body({"dev": BUSY, "impl": GRAVE, "prod": QUIET, "extra": None}, run_url="https://run")
    lines = [line for line in text.splitlines() if line]
    assert lines[0] == MARKER
    assert lines[1] == "## What a merge would change (<code>3f2c1aa03f2c</code>)"
    assert lines[2] == "⚠️ **Replaced or deleted**"
    assert lines[3] == "- **impl**: **delete** <code>records</code> <code>aws:s3/bucket:Bucket</code>"
    assert lines[4:10] == [
        "| stack | release | changes |",
        "| --- | --- | --- |",
        "| **dev** | 399915e -&#62; 3f2c1aa, 3 commits, built from this commit "
        "| 1 to update, 1 replaced as in every release |",
        "| **impl** | 399915e stays, as 3f2c1aa would be refused | 1 to delete; the gate would refuse it now |",
        "| **prod** |  | no change |",
        "| **extra** |  | no preview: see [this run](https://run) |",
    ]
    assert text.index("dev-diff") < text.index("impl-diff")
    assert "Before a merge, the gate refuses" in text
    assert "96 unchanged" not in text
    assert "**prod**: no change" not in text
    assert text.count("<details>") == text.count("</details>") == 3


def test_without_a_danger_nothing_is_on_top() -> None:
    assert "Replaced" not in comment.body({"prod": QUIET, "dev": BUSY})
    assert "gate" not in comment.body({"prod": QUIET})


def test_a_failed_preview_shows_its_error_unfolded() -> None:
    failed = Preview(stack="dev", version=None, counts={}, errors=("it cannot be",), failed=True)
    text = comment.body({"dev": failed})
    assert "| **dev** |  | the preview failed |" in text
    assert "```\nit cannot be\n```" in text
    assert "<details>" not in text


def test_a_comment_that_is_too_long_says_what_is_missing_and_where_it_is() -> None:
    many = {
        name: Preview(stack=name, version="0" * 40, counts={"update": 1}, diff=f"  ~ {name} 😀\n" * 9000)
        for name in ("dev", "impl", "prod")
    }
    text = comment.body(many, run_url="https://run")
    assert 60_000 < len(text.encode("utf-16-le")) // 2 <= 65_536
    assert text.count("lines are left out**") == 3
    assert "The whole diff is in [this run](https://run)." in text
    assert text.count("<details>") == text.count("</details>") == text.count("```diff") == 3


def test_the_first_time_a_comment_is_written(api: Api, server: Server) -> None:
    server.answers = [(200, [], {}), (201, {"html_url": "https://c/1"}, {})]
    assert comment.put(api, 7, "text") == "wrote https://c/1"
    assert server.asked[1] == ("POST", COMMENTS, {"body": "text"})


def test_the_next_time_it_is_edited_in_place_although_it_is_on_the_second_page(api: Api, server: Server) -> None:
    mine = {"id": 42, "user": BOT, "body": f"{MARKER}\nold"}
    server.answers = [
        (200, [{"id": 1, "user": PERSON, "body": "hello"}] * 100, {}),
        (200, [mine], {}),
        (200, {"html_url": "https://c/42"}, {}),
    ]
    assert comment.put(api, 7, "text") == "edited https://c/42"
    assert server.asked[-1] == ("PATCH", "/repos/cms/easi/issues/comments/42", {"body": "text"})


@pytest.mark.parametrize(
    "other",
    [
        {"id": 1, "user": PERSON, "body": f"{MARKER}\nof a person"},
        {"id": 1, "user": BOT | {"login": "other[bot]"}, "body": f"{MARKER}\nof another app"},
        {"id": 2, "user": BOT, "body": "of another workflow"},
        {"id": 3, "user": BOT, "body": f"> {MARKER}\nquoted"},
        {"id": 4, "user": None, "body": MARKER},
        {"id": 5, "user": BOT, "body": None},
    ],
)
def test_a_comment_of_somebody_else_is_left_alone(api: Api, server: Server, other: dict[str, Any]) -> None:
    server.answers = [(200, [other], {}), (201, {}, {})]
    comment.put(api, 7, "text")
    assert server.methods == ["GET", "POST"]


def test_an_answer_that_got_lost_makes_no_second_comment(api: Api, server: Server) -> None:
    mine = {"id": 42, "user": BOT, "body": f"{MARKER}\ntext"}
    server.answers = [(200, [], {}), (502, {}, {}), (200, [mine], {}), (200, {}, {})]
    comment.put(api, 7, "text")
    assert server.methods == ["GET", "POST", "GET", "PATCH"]


def test_a_comment_that_was_not_made_is_made_once_more(api: Api, server: Server) -> None:
    server.answers = [(200, [], {}), (502, {}, {}), (200, [], {}), (201, {}, {})]
    comment.put(api, 7, "text")
    assert server.methods == ["GET", "POST", "GET", "POST"]


def test_a_token_that_may_not_comment_ends_it(api: Api, server: Server) -> None:
    server.answers = [(200, [], {}), (403, {"message": "Resource not accessible by integration"}, {})]
    with pytest.raises(GithubError, match="A pull request from a fork"):
        comment.put(api, 7, "text")
    assert server.methods == ["GET", "POST"]


def test_the_verb_reads_the_files_and_says_which_are_missing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environ(server).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GITHUB_RUN_ID", raising=False)
    preview.save(BUSY, tmp_path / "previews" / "dev.json")
    (tmp_path / "broken.json").write_text("{")
    server.answers = [(200, [], {}), (201, {"html_url": "https://c/1"}, {})]
    files = [str(tmp_path / "previews" / "dev.json"), str(tmp_path / "impl.json"), str(tmp_path / "broken.json")]
    assert main(["comment", "--pull-request", "7", "--expect", "dev,impl,prod", *files]) == 0
    body = server.asked[-1][2]["body"]
    assert "built from this commit | 1 to update, 1 replaced as in every release |" in body
    assert "| **impl** |  | no preview: see the run that made this comment |" in body
    assert "| **prod** |  | no preview" in body
    told = capsys.readouterr()
    assert told.out == "wrote https://c/1\n"
    assert "impl.json: its preview did not finish" in told.err
    assert "broken.json is no preview" in told.err


def test_without_a_pull_request_the_comment_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    preview.save(BUSY, tmp_path / "dev.json")
    assert main(["comment", str(tmp_path / "dev.json")]) == 0
    assert capsys.readouterr().out.startswith(MARKER)


def test_nothing_to_speak_of_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["comment", "--pull-request", "7"]) == 2
    assert "no preview at all" in capsys.readouterr().err
