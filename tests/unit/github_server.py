"""A server that answers as a test says: what GitHub may answer, and what may happen on the way.

tests/local/workflow/api.py is a double of GitHub itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from tests.http_servers import Handler, listening

Answer = tuple[int, Any, dict[str, str]] | None
"""Status, body and headers. None: the connection is closed without an answer."""


class Server:
    """Answers what it was told to, in that order, and keeps what it was asked."""

    url: str

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answers: list[Answer] = []

    @property
    def methods(self) -> list[str]:
        return [method for method, _, _ in self.asked]


class _Handler(Handler):
    double: Server

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.double.asked.append((self.command, self.path, json.loads(self.rfile.read(length) or "null")))
        self.double.headers.append({name.lower(): value for name, value in self.headers.items()})
        answer = self.double.answers.pop(0) if self.double.answers else (200, {}, {})
        if answer is None:
            self.close_connection = True
            return
        status, body, headers = answer
        self.reply(body if isinstance(body, bytes) else json.dumps(body).encode(), headers, status)

    do_GET = do_POST = do_PATCH = _serve  # noqa: N815 - the names of http.server


def serving() -> Iterator[Server]:
    """For a fixture."""
    double = Server()
    with listening(type("Handler", (_Handler,), {"double": double})) as http:
        double.url = f"http://127.0.0.1:{http.server_port}"
        yield double


def environ(server: Server) -> dict[str, str]:
    return {"GITHUB_REPOSITORY": "cms/easi", "GITHUB_TOKEN": "t0ken", "GITHUB_API_URL": server.url}
