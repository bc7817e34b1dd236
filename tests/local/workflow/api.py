"""A double of GitHub's REST API: of one repository, what `ci` asks for.

https://docs.github.com/en/rest: "Getting started with the REST API" (headers that a request needs), "API Versions",
"Using pagination in the REST API", and the page of each path.
"""

from __future__ import annotations

import json
import re
import secrets
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.http_servers import Handler, listening

REPOSITORY = "octo/easi"
IDENTITY = 1296269
"""Its number, by which GitHub names it in the addresses of further pages."""
VERSIONS = ("2022-11-28", "2026-03-10")
"""Of the API; of any other one, and the answer is 400."""
BOT = {"login": "github-actions[bot]", "type": "Bot"}
COMMENT_CHARACTERS = 65_536
"""GitHub answers 422 for a longer body: "body is too long (maximum is 65536 characters)"."""
PAGE = 30
"""What a list answers without `per_page`; 100 at most."""

Permissions = Mapping[str, str]
Answer = tuple[int, Any]


@dataclass
class Api:
    """Comments, issues and labels, kept in memory. A token may do what the permissions of its job allow."""

    url: str = ""
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    """By number, with those that are pull requests."""
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    labels: list[str] = field(default_factory=list)
    tokens: dict[str, Permissions] = field(default_factory=dict)
    runs: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    """By number, with the reviews of each."""
    states: dict[tuple[int, int], str] = field(default_factory=dict)
    """Of each attempt of a run: `in_progress`, `completed`…"""
    jobs: dict[tuple[int, int], list[dict[str, Any]]] = field(default_factory=dict)
    """Of each attempt of a run, those that have ended."""
    refused: list[str] = field(default_factory=list)
    """Requests that were not understood or not allowed."""
    requests: list[str] = field(default_factory=list)

    def token(self, permissions: Permissions) -> str:
        """A token of one job."""
        made = f"ghs_{secrets.token_hex(18)}"
        self.tokens[made] = permissions
        return made

    def pull_request(self, number: int) -> None:
        """A pull request that somebody opened."""
        author = {"login": "octocat", "type": "User"}
        self.issues[number] = {"number": number, "user": author, "state": "open", "pull_request": {}, "labels": []}

    def comments_of(self, number: int) -> list[dict[str, Any]]:
        return [comment for comment in self.comments.values() if comment["issue"] == number]

    def ended(self, run: int, attempt: int, job: str, result: str, at: str) -> None:
        """A job that has ended, or that an earlier attempt has left."""
        self.jobs.setdefault((run, attempt), []).append({"name": job, "conclusion": result, "completed_at": at})

    def reviewed(self, run: int, environment: str, approved: bool) -> None:
        """What a reviewer said of a job that waited."""
        state = "approved" if approved else "rejected"
        author = {"login": "reviewer", "type": "User"}
        self.runs[run].append({"state": state, "environments": [{"name": environment}], "user": author, "comment": ""})

    def answer(self, method: str, path: str, query: Mapping[str, str], body: dict[str, Any], token: str) -> Answer:
        """Status and body for one request."""
        self.requests.append(f"{method} {path}")
        parts = path.removeprefix(f"/repos/{REPOSITORY}/").split("/")
        permissions = self.tokens.get(token)
        if permissions is None:
            return 401, {"message": "Bad credentials"}
        if method != "GET" and len(str(body.get("body", ""))) > COMMENT_CHARACTERS:
            return 422, {"message": f"Validation Failed: body is too long (maximum is {COMMENT_CHARACTERS} characters)"}
        status, found = self._route(method, parts, query, body, permissions)
        if status in (403, 404) and parts[0] != "labels":
            self.refused.append(f"{method} {path}: {status} {found}")
        return status, found

    def _route(
        self, method: str, parts: list[str], query: Mapping[str, str], body: dict[str, Any], permissions: Permissions
    ) -> Answer:
        match (method, *parts):
            case ("GET", "issues", number, "comments") if int(number) in self.issues:
                return self._may(permissions, int(number), "read") or (200, self.comments_of(int(number)))
            case ("POST", "issues", number, "comments") if int(number) in self.issues:
                return self._may(permissions, int(number)) or (201, self._comment(int(number), body))
            case ("PATCH", "issues", "comments", identity) if int(identity) in self.comments:
                comment = self.comments[int(identity)]
                return self._may(permissions, comment["issue"]) or (200, self._edit(comment, body))
            case ("GET", "issues"):
                return self._may(permissions, None, "read") or (200, self._listed(query))
            case ("POST", "issues"):
                return self._may(permissions, None) or self._issue(body)
            case ("PATCH", "issues", number) if int(number) in self.issues:
                return self._may(permissions, int(number)) or (200, self._edit(self.issues[int(number)], body))
            case ("GET", "actions", "runs", number, "approvals") if int(number) in self.runs:
                if permissions.get("actions") not in ("read", "write"):
                    return 403, {"message": "Resource not accessible by integration"}
                return 200, self.runs[int(number)]
            case ("GET", "actions", "runs", number, "attempts", attempt) if (int(number), int(attempt)) in self.states:
                # https://docs.github.com/en/rest/actions/workflow-runs#get-a-workflow-run-attempt
                if permissions.get("actions") not in ("read", "write"):
                    return 403, {"message": "Resource not accessible by integration"}
                status = self.states[int(number), int(attempt)]
                return 200, {"id": int(number), "run_attempt": int(attempt), "status": status}
            case ("GET", "actions", "runs", number, "attempts", attempt, "jobs") if int(number) in self.runs:
                # https://docs.github.com/en/rest/actions/workflow-jobs#list-jobs-for-a-workflow-run-attempt
                if permissions.get("actions") not in ("read", "write"):
                    return 403, {"message": "Resource not accessible by integration"}
                jobs = self.jobs.get((int(number), int(attempt)), [])
                return 200, {"total_count": len(jobs), "jobs": jobs}
            case ("GET", "labels", name):
                there = self._label_like(urllib.parse.unquote(name))
                return self._may(permissions, None, "read") or ((200, {"name": there}) if there else (404, {}))
            case ("POST", "labels"):
                return self._may(permissions, None) or self._label(body)
        return 404, {"message": "Not Found"}

    def _may(self, permissions: Permissions, number: int | None, wanted: str = "write") -> Answer | None:
        """An answer if the token may not: issues and pull requests share these paths, each with its permission."""
        pull_request = number is not None and "pull_request" in self.issues[number]
        names = ("issues", "pull-requests") if pull_request else ("issues",)
        if any(permissions.get(name) in {wanted, "write"} for name in names):
            return None
        return 403, {"message": "Resource not accessible by integration"}

    def _comment(self, number: int, body: Mapping[str, Any]) -> dict[str, Any]:
        identity = len(self.comments) + 1
        self.comments[identity] = {"id": identity, "issue": number, "user": BOT, "body": body["body"], "edits": 0}
        return self.comments[identity]

    def _edit(self, thing: dict[str, Any], body: Mapping[str, Any]) -> dict[str, Any]:
        known = {"body", "title", "state", "state_reason", "labels"}
        assert set(body) <= known, f"not known to this double: {set(body) - known}"
        thing.update(body, edits=thing.get("edits", 0) + 1)
        return thing

    def _issue(self, body: Mapping[str, Any]) -> Answer:
        if not body.get("title"):
            return 422, {"message": "Validation Failed", "errors": [{"code": "missing_field", "field": "title"}]}
        number = max(self.issues, default=0) + 1
        labels = [{"name": name} for name in body.get("labels", [])]
        self.labels += [label["name"] for label in labels if label["name"] not in self.labels]
        address = f"https://github.com/{REPOSITORY}/issues/{number}"
        made = {"number": number, "html_url": address, "user": BOT, "state": "open", "labels": labels}
        self.issues[number] = {"body": "", **body, **made}
        return 201, self.issues[number]

    def _label(self, body: Mapping[str, Any]) -> Answer:
        if self._label_like(body["name"]):
            return 422, {"message": "Validation Failed", "errors": [{"code": "already_exists"}]}
        self.labels.append(body["name"])
        return 201, {"name": body["name"]}

    def _label_like(self, name: str) -> str | None:
        """The label of that name, in whatever case."""
        return next((label for label in self.labels if label.lower() == name.lower()), None)

    def _listed(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Newest first, as GitHub lists them."""
        state, wanted = query.get("state", "open"), {name for name in query.get("labels", "").split(",") if name}
        return [
            issue
            for _, issue in sorted(self.issues.items(), reverse=True)
            if state in ("all", issue["state"]) and wanted <= {label["name"] for label in issue["labels"]}
        ]


class _Handler(Handler):
    api: Api

    def _serve(self) -> None:
        address = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(address.query))
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = re.sub(r"^(?i:bearer|token) ", "", self.headers.get("Authorization", ""))
        path = address.path.replace(f"/repositories/{IDENTITY}/", f"/repos/{REPOSITORY}/")
        if not self.headers.get("User-Agent"):
            status, found = 403, {"message": "Request forbidden by administrative rules. User-Agent is missing."}
        elif self.headers.get("X-GitHub-Api-Version", VERSIONS[0]) not in VERSIONS:
            status, found = 400, {"message": "This version of the API is not supported."}
        else:
            status, found = self.api.answer(self.command, path, query, json.loads(sent or b"{}"), token)
        link = ""
        # The review history of a run has no pages.
        if isinstance(found, list) and not path.endswith("/approvals"):
            size, page = min(int(query.get("per_page", PAGE)), 100), int(query.get("page", "1"))
            if len(found) > page * size:
                further = urllib.parse.urlencode({**query, "page": str(page + 1)})
                pages = path.replace(f"/repos/{REPOSITORY}/", f"/repositories/{IDENTITY}/")
                link = f'<{self.api.url}{pages}?{further}>; rel="next"'
            found = found[(page - 1) * size : page * size]
        payload = json.dumps(found).encode()
        headers = {"Content-Type": "application/json; charset=utf-8"} | ({"Link": link} if link else {})
        self.reply(payload, headers, status)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve  # noqa: N815 - the base class wants these names


@contextmanager
def serving() -> Iterator[Api]:
    """The double, at an address of its own."""
    api = Api()
    with listening(type("Handler", (_Handler,), {"api": api})) as server:
        api.url = f"http://127.0.0.1:{server.server_port}"
        yield api
