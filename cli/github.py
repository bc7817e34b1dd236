"""GitHub: its REST API with the token of a job, and the outputs and summary of a step."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.response import BaseHTTPResponse

from cli import markdown
from cli.errors import EXPECTED, VerbError, message_of
from functions import strict_json
from functions.strict_json import DamagedError
from release.transport import Pools, ProxyRefusedError

VERSION: Final = "2022-11-28"
"""Of the API: https://docs.github.com/en/rest/about-the-rest-api/api-versions"""
TIMEOUT: Final = urllib3.Timeout(connect=10, read=30)
ATTEMPTS: Final = 5
"""Requests at most for one answer, if GitHub is busy; with the pauses, about 15 s."""
LONGEST_PAUSE_S: Final = 60.0
"""With a rate limit that lasts longer, the step fails: the primary one may last an hour.
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api"""
PER_PAGE: Final = 100
BOT: Final = "github-actions[bot]"
"""The author of what the token of a job writes, in every repository ("GITHUB_TOKEN", GitHub Actions)."""


class GithubError(VerbError):
    """A request failed. The message says what to do; `status` is None if there was no answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status

    @property
    def ambiguous(self) -> bool:
        """GitHub may have done it although the request failed."""
        return self.status is None or self.status >= 500


class Api:
    """The REST API with the token of a job. Raises GithubError if a variable is missing."""

    def __init__(self, environ: Mapping[str, str], *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.repository = _needed(environ, "GITHUB_REPOSITORY", "owner/name of the repository")
        self._token = _needed(environ, "GITHUB_TOKEN", "the job's token: `GITHUB_TOKEN: ${{ github.token }}`")
        self._base = environ.get("GITHUB_API_URL", "https://api.github.com").rstrip("/")
        self._sleep = sleep
        self._pool = Pools(retries=False, timeout=TIMEOUT)

    def get(self, path: str, kind: Any = Mapping[str, Any]) -> Any:
        """What is at `path`, for example `issues/1`: below the repository, or of the whole API with a leading slash.

        Raises GithubError also if the answer is not of `kind` (`functions.strict_json.value`).
        """
        return self._call("GET", path, kind)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Create something. Not repeated if GitHub may have done it: see GithubError.ambiguous."""
        return self._call("POST", path, Mapping[str, Any], body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("PATCH", path, Mapping[str, Any], body)

    def paginate(self, path: str, kind: Any = Mapping[str, Any]) -> Iterator[Any]:
        """Every item of a list, page by page; the pages are numbered, so that the token goes to no other address."""
        for number in itertools.count(1):
            url = self._url(f"{path}{'&' if '?' in path else '?'}per_page={PER_PAGE}&page={number}")
            answer = self._ask("GET", url)
            items = self._read(tuple[kind, ...], url, answer)
            yield from items
            # GitHub promises no full page before the last one.
            if len(items) < PER_PAGE and 'rel="next"' not in answer.headers.get("Link", ""):
                return

    def _call(self, method: str, path: str, kind: Any, body: Mapping[str, Any] | None = None) -> Any:
        return self._read(kind, self._url(path), self._ask(method, self._url(path), body))

    def _read(self, kind: Any, url: str, answer: BaseHTTPResponse) -> Any:
        try:
            return strict_json.value(kind, strict_json.decode(answer.data))
        except DamagedError as error:
            raise GithubError(f"what answered at {url} is not GitHub's API: {error}") from error

    def _url(self, path: str) -> str:
        return self._base + (path if path.startswith("/") else f"/repos/{self.repository}/{path}")

    def _ask(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> BaseHTTPResponse:
        """The answer, if it is no error. A busy GitHub is asked again."""
        headers = {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": VERSION,
            "User-Agent": "release",
        }
        what = f"{method} {url.removeprefix(self._base).partition('?')[0]}"
        for attempt in range(ATTEMPTS):
            pause: float = 2**attempt
            try:
                answer = self._pool.request(
                    method, url, body=json.dumps(body).encode() if body is not None else None, headers=headers
                )
            except ProxyRefusedError as error:
                raise GithubError(f"GitHub cannot be reached ({what}): {error}") from error
            except HTTPError as error:
                again = method != "POST" or isinstance(error, NewConnectionError | ConnectTimeoutError)
                failure = GithubError(f"GitHub cannot be reached ({what}): {error}")
            else:
                if answer.status < 300:
                    return answer
                limited = _limit(answer)
                again = limited is not None or (answer.status >= 500 and method != "POST")
                pause = max(pause, limited or 0)
                failure = _refused(what, answer, limited)
            if not again or attempt + 1 == ATTEMPTS or pause > LONGEST_PAUSE_S:
                raise failure
            self._sleep(pause)
        raise AssertionError  # the last attempt returns or raises


@dataclasses.dataclass(frozen=True, kw_only=True)
class Author:
    login: str = ""
    type: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Written:
    """A comment or an issue, in GitHub's answer."""

    body: str | None = None
    user: Author | None = None

    def is_ours(self, marker: str) -> bool:
        """Whether a job wrote it, and it begins with this marker.

        The token may edit what people wrote, and they may quote the marker. A job cannot ask for its own login: GET
        /user is refused to its token.
        """
        return self.user == Author(login=BOT, type="Bot") and (self.body or "").startswith(marker)


def outputs(**values: str) -> None:
    """Set outputs of the step; without GITHUB_OUTPUT, print them.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#multiline-strings
    """
    file = os.environ.get("GITHUB_OUTPUT")
    if not file:
        print("\n".join(f"{name}={value}" for name, value in values.items()))
        return
    with Path(file).open("a", encoding="utf-8") as output:
        for name, value in values.items():
            delimiter = f"end-{secrets.token_hex(16)}"
            output.write(f"{name}<<{delimiter}\n{value}\n{delimiter}\n")


def summary(*parts: markdown.Part) -> None:
    """Add Markdown to the step's summary, as much as GitHub shows; nothing without GITHUB_STEP_SUMMARY."""
    file = os.environ.get("GITHUB_STEP_SUMMARY")
    if not file:
        return
    path = Path(file)
    end = "\n\n"
    room = markdown.SUMMARY_BYTES - len(end) - (path.stat().st_size if path.exists() else 0)
    text = markdown.fit(parts, room, markdown.octets).rstrip()
    with path.open("a", encoding="utf-8") as page:
        page.write(text + end if text else "")


@contextlib.contextmanager
def failure_in_summary(title: str) -> Iterator[None]:
    """Add the message of an expected error to the summary, under `title`, and raise it again."""
    try:
        yield
    except EXPECTED as error:
        summary(f"## {markdown.escape(title)}\n\n{markdown.fence(message_of(error))}")
        raise


def page(path: str) -> str:
    """The address of a page of this repository; empty outside of a workflow."""
    server, repository = (os.environ.get(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY"))
    return f"{server}/{repository}/{path}" if server and repository else ""


def run_url() -> str:
    """The address of this run of a workflow; empty outside of one."""
    run = os.environ.get("GITHUB_RUN_ID")
    return page(f"actions/runs/{run}") if run else ""


def _needed(environ: Mapping[str, str], name: str, meaning: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise GithubError(f"{name} is not set. Expected is {meaning}; in a workflow, under `env:` of the step.")
    if not re.fullmatch("[!-~]+", value):  # Python's own error has the header in it
        wrong = "has a new line, a space or another character that does not belong there: set it anew"
        raise GithubError(f"{name} {wrong}")
    return value


def _limit(answer: BaseHTTPResponse) -> float | None:
    """Seconds until a rate limit ends; None if the answer is about something else.

    From `retry-after` or `x-ratelimit-reset`; a minute if only the text mentions a limit.
    """
    if answer.status not in {403, 429}:
        return None
    after = answer.headers.get("Retry-After", "")
    if after.isdigit():
        return float(after)
    reset = answer.headers.get("X-RateLimit-Reset", "")
    if answer.headers.get("X-RateLimit-Remaining") == "0" and reset.isdigit():
        return max(0.0, int(reset) - time.time())
    return LONGEST_PAUSE_S if answer.status == 429 or b"rate limit" in answer.data.lower() else None


def _refused(what: str, answer: BaseHTTPResponse, limited: float | None) -> GithubError:
    try:
        content = strict_json.decode(answer.data)
        reason = str(content.get("message", "")) + "".join(f"; {problem}" for problem in content.get("errors") or ())
    except (DamagedError, AttributeError, TypeError):
        reason = "something else than JSON"
    if limited is not None:
        advice = f"a rate limit: run the job again in {max(1, round(limited / 60))} min"
    else:
        advice = _ADVICE.get(answer.status, "run the job again; see https://www.githubstatus.com")
    return GithubError(f"GitHub refused {what} ({answer.status}: {reason}).\n  {advice}", answer.status)


_ADVICE: Final = {
    401: "the token is wrong or has expired: in a workflow it is `GITHUB_TOKEN: ${{ github.token }}`",
    403: (
        "the token may not do that. Give the job the permission (`permissions:` with `pull-requests: write` to "
        "comment, `issues: write` for an issue). A pull request from a fork has a token that only reads, whatever the "
        "workflow says: there, read the run's summary instead"
    ),
    404: "it is not there, or the token may not see it: compare GITHUB_REPOSITORY and the number, and the permissions",
    410: "issues are turned off in this repository: turn them on in its settings",
    422: "this is a defect of this program, as it sends what GitHub does not take",
}
