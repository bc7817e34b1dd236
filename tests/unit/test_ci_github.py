"""GitHub's API as a job may use it, against a server that answers as GitHub does; and the files of a step."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from cli import github
from cli.github import Api, GithubError
from tests.unit.github_server import Answer, Server, environ, serving

server = pytest.fixture(serving)


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def api(server: Server, waits: list[float]) -> Api:
    return Api(environ(server), sleep=waits.append)


def test_what_is_asked_carries_the_token_and_the_version(api: Api, server: Server) -> None:
    server.answers = [(200, {"number": 7}, {})]
    assert api.get("issues/7") == {"number": 7}
    assert server.asked == [("GET", "/repos/cms/easi/issues/7", None)]
    headers = server.headers[0]
    assert headers["authorization"] == "Bearer t0ken"
    assert headers["x-github-api-version"] == "2022-11-28"
    assert headers["user-agent"]


def test_a_path_with_a_slash_is_the_whole_api_s(api: Api, server: Server) -> None:
    api.get("/rate_limit")
    assert server.asked[0][1] == "/rate_limit"


def test_something_is_made_and_changed_with_a_body(api: Api, server: Server) -> None:
    api.post("issues", {"title": "größer"})
    api.patch("issues/1", {"state": "closed"})
    assert server.asked == [
        ("POST", "/repos/cms/easi/issues", {"title": "größer"}),
        ("PATCH", "/repos/cms/easi/issues/1", {"state": "closed"}),
    ]


def test_every_page_of_a_list_is_read(api: Api, server: Server) -> None:
    elsewhere = {"Link": '<http://127.0.0.1:1/x>; rel="next"'}
    server.answers = [(200, list(range(100)), elsewhere), (200, [100], {})]
    assert list(api.paginate("issues?state=open", int)) == list(range(101))
    assert [path for _, path, _ in server.asked] == [
        "/repos/cms/easi/issues?state=open&per_page=100&page=1",
        "/repos/cms/easi/issues?state=open&per_page=100&page=2",
    ]


def test_a_page_that_is_not_full_is_the_last_one_only_if_github_names_none_after_it(api: Api, server: Server) -> None:
    server.answers = [(200, [1], {"Link": '<http://127.0.0.1:1/x>; rel="next"'}), (200, [2], {})]
    assert list(api.paginate("issues", int)) == [1, 2]
    assert [path.rpartition("&")[2] for _, path, _ in server.asked] == ["page=1", "page=2"]


@pytest.mark.parametrize("busy", [(500, {}, {}), (502, b"<html>", {}), (503, {}, {}), None])
def test_what_is_busy_is_asked_again(api: Api, server: Server, waits: list[float], busy: Answer) -> None:
    server.answers = [busy, busy, (200, {"ok": True}, {})]
    assert api.get("issues/1") == {"ok": True}
    assert waits == [1, 2]


def test_a_token_with_a_new_line_is_refused_without_it(server: Server) -> None:
    environ = {"GITHUB_REPOSITORY": "cms/easi", "GITHUB_TOKEN": "ghs_S3CRET\n", "GITHUB_API_URL": server.url}
    with pytest.raises(GithubError, match=r"^GITHUB_TOKEN has a new line, a space or") as caught:
        Api(environ).get("issues/1")
    assert "S3CRET" not in str(caught.value)


def test_what_stays_busy_is_given_up(api: Api, server: Server, waits: list[float]) -> None:
    server.answers = [(503, {"message": "later"}, {})] * 9
    with pytest.raises(GithubError, match=r"GitHub refused GET /repos/cms/easi/issues/1 \(503: later\)") as caught:
        api.get("issues/1")
    assert caught.value.ambiguous
    assert waits == [1, 2, 4, 8]


@pytest.mark.parametrize("answer", [(502, {}, {}), None])
def test_what_may_have_been_made_is_not_made_again(api: Api, server: Server, answer: Answer) -> None:
    server.answers = [answer]
    with pytest.raises(GithubError) as caught:
        api.post("issues", {})
    assert caught.value.ambiguous
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "headers", "pause"),
    [
        (429, {"message": "slow down"}, {"Retry-After": "7"}, 7),
        (403, {"message": "You have exceeded a secondary rate limit."}, {}, 60),
        (403, {"message": "API rate limit exceeded"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1"}, 1),
        (429, {}, {}, 60),
    ],
)
def test_a_limit_is_waited_for_as_it_says(
    api: Api, server: Server, waits: list[float], status: int, body: Any, headers: dict[str, str], pause: float
) -> None:
    server.answers = [(status, body, headers), (201, {"id": 1}, {})]
    assert api.post("issues", {}) == {"id": 1}
    assert waits == [pause]


def test_a_limit_that_lasts_ends_the_step_and_says_how_long(api: Api, server: Server, waits: list[float]) -> None:
    server.answers = [(403, {"message": "API rate limit exceeded"}, {"Retry-After": "1800"})]
    with pytest.raises(GithubError, match="run the job again in 30 min"):
        api.get("issues/1")
    assert waits == []


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (401, "GITHUB_TOKEN"),
        (403, "pull-requests: write"),
        (403, "fork"),
        (404, "GITHUB_REPOSITORY"),
        (410, "issues are turned off"),
        (422, "defect"),
    ],
)
def test_a_refusal_says_what_to_do_and_is_not_repeated(api: Api, server: Server, status: int, advice: str) -> None:
    server.answers = [(status, {"message": "Resource not accessible by integration", "errors": [{"field": "x"}]}, {})]
    with pytest.raises(GithubError, match=advice) as caught:
        api.patch("issues/1", {})
    assert "Resource not accessible by integration; {'field': 'x'}" in str(caught.value)
    assert "t0ken" not in str(caught.value)
    assert len(server.asked) == 1
    assert not caught.value.ambiguous


def test_something_else_than_github_is_named(api: Api, server: Server) -> None:
    server.answers = [(200, b"<html>login</html>", {})]
    with pytest.raises(GithubError, match="not GitHub's API"):
        api.get("issues/1")


def test_a_place_where_nobody_listens_is_named(server: Server, waits: list[float]) -> None:
    api = Api({**environ(server), "GITHUB_API_URL": "http://127.0.0.1:1"}, sleep=waits.append)
    with pytest.raises(GithubError, match="GitHub cannot be reached"):
        api.post("issues", {})
    assert len(waits) == 4


@pytest.mark.parametrize("name", ["GITHUB_REPOSITORY", "GITHUB_TOKEN"])
def test_a_missing_variable_is_named(server: Server, name: str) -> None:
    with pytest.raises(GithubError, match=f"{name} is not set"):
        Api({**environ(server), name: ""})


def test_outputs_are_read_back_whatever_is_in_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "output"
    values = {"version": "3f2c", "text": "a\nb=c\nEOF<<EOF\n", "empty": ""}
    monkeypatch.setenv("GITHUB_OUTPUT", str(file))
    github.outputs(**values)
    lines = iter(file.read_text().split("\n"))
    found = {}
    for line in lines:
        if line:
            name, _, delimiter = line.partition("<<")
            found[name] = "\n".join(itertools.takewhile(lambda each, end=delimiter: each != end, lines))  # type: ignore[misc] # mypy does not infer a lambda with a default
    assert found == values


def test_outputs_have_a_delimiter_that_nobody_can_guess(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "output"
    monkeypatch.setenv("GITHUB_OUTPUT", str(file))
    for _ in range(2):
        github.outputs(a="b")
    first, second = (line for line in file.read_text().splitlines() if "<<" in line)
    assert first != second


def test_without_github_outputs_are_printed_and_a_summary_is_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"):
        monkeypatch.delenv(variable, raising=False)
    github.outputs(version="3f2c", refresh="")
    github.summary("## What the terminal has already")
    assert capsys.readouterr().out == "version=3f2c\nrefresh=\n"


def test_a_summary_is_added_to_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "summary"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    for text in ("## One", "## Two\n"):
        github.summary(text)
    assert file.read_text() == "## One\n\n## Two\n\n"


def test_a_summary_is_never_larger_than_github_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "summary"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    for _ in range(3):
        github.summary("é" * 400_000)
        assert file.stat().st_size <= 1024 * 1024
    assert "The rest is left out" in file.read_text()


def test_the_run_has_an_address_on_github_only(monkeypatch: pytest.MonkeyPatch) -> None:
    run = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "cms/easi", "GITHUB_RUN_ID": "7"}
    for name, value in run.items():
        monkeypatch.setenv(name, value)
    assert github.run_url() == "https://github.com/cms/easi/actions/runs/7"
    monkeypatch.delenv("GITHUB_RUN_ID")
    assert github.run_url() == ""
