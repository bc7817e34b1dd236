"""HTTP servers that tests have on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Handler(BaseHTTPRequestHandler):
    """Answers whole, and says nothing: tests read what their double remembers."""

    def reply(self, body: bytes = b"", headers: Mapping[str, str] | None = None, status: int = 200) -> None:
        """An answer with the length of its body, unless `headers` has another one."""
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | dict(headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Nothing."""


@contextmanager
def listening(server: ThreadingHTTPServer | type[BaseHTTPRequestHandler]) -> Iterator[ThreadingHTTPServer]:
    """A server while it serves; of a handler, one at a free port."""
    if isinstance(server, type):
        server = ThreadingHTTPServer(("127.0.0.1", 0), server)
    thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
