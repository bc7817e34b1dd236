"""A proxy in front of the emulator that spoils the calls it is told to: late, lost, cut short, answered wrongly.

    with Proxy(emulator_port) as proxy:
        proxy.use([Rule(on=On(service="s3", operation="PutObject"), fault=status(503, "SlowDown"), times=2)])

It knows a call by the service in its signature's scope, and a request of the public through the CDN by its Host header.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn

from tests.local.faults.calls import Call, read_call

UPSTREAM_TIMEOUT_S = 90.0
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "date", "server"}


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes back to the client."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Lost(Exception):  # noqa: N818 - a way for a call to end
    """No complete answer goes back: `sent` is what does, before the connection ends."""

    def __init__(self, sent: Answer | None = None, *, reset: bool = True) -> None:
        super().__init__()
        self.sent = sent
        self.reset = reset


Fault = Callable[[Call, Answer | None], Answer | None]
"""Told the call and, where it was forwarded, its answer. Gives another answer, raises Lost, or gives None: go on."""


@dataclass(frozen=True, kw_only=True)
class On:
    """Which calls. Patterns as of a shell; the first part of an operation is enough for all its kinds."""

    service: str = "*"
    """ecs, s3, lambda… from the signature; cdn for visitors' requests."""
    operation: str = "*"
    """As AWS calls it; of the deploy function Invoke.<command>; of the CDN GET."""
    key: str = "*"
    """Of S3: the object's key. Else the path without its query."""

    def __call__(self, call: Call) -> bool:
        return (
            fnmatchcase(call.service, self.service)
            and fnmatchcase(call.operation, self.operation)
            and fnmatchcase(call.key, self.key)
        )


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One fault, and when."""

    on: Callable[[Call], bool]
    fault: Fault
    times: int | None = None
    """How often; None is always."""
    skip: int = 0
    """How many such calls come through first."""
    after: bool = False
    """The call is carried out before its answer is spoiled."""


def status(code: int, error: str = "InternalFailure", message: str = "injected") -> Fault:
    """An answer with this status, in the words of the service that was called."""
    return lambda call, _: Answer(status=code, headers=call.error_headers(error), body=call.error_body(error, message))


def throttle() -> Fault:
    """The service's own way to say that it was called too often."""
    return lambda call, answer: status(*call.throttling())(call, answer)


def delay(seconds: float) -> Fault:
    """As it is, only later."""
    return do(lambda: time.sleep(seconds))


def do(action: Callable[[], object]) -> Fault:
    """Something happens meanwhile; the call goes on."""

    def run(_call: Call, _answer: Answer | None) -> None:
        action()

    return run


def lose(_call: Call, _answer: Answer | None) -> NoReturn:
    """The connection is reset; no answer."""
    raise Lost


def cut(*, reset: bool) -> Fault:
    """Half of the answer's body, then a reset, or an end as if that were all. Only after the call."""

    def half(_call: Call, answer: Answer | None) -> NoReturn:
        raise Lost(answer, reset=reset)

    return half


@dataclass
class _State:
    rule: Rule
    seen: int = 0


@dataclass
class Proxy:
    """Listens on a port of its own and hands everything on to the emulator's. A context manager."""

    upstream: int
    port: int = 0
    calls: list[Call] = field(default_factory=list)
    """All that came in, in order."""
    _states: list[_State] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def use(self, rules: Iterable[Rule]) -> None:
        """From now on these rules and no others; the count of calls begins again."""
        with self._lock:
            self._states = [_State(rule) for rule in rules]
            self.calls = []

    def __enter__(self) -> Proxy:
        self._server = _Server(("127.0.0.1", self.port), _handler(self))
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def arrived(self, call: Call) -> list[Rule]:
        """Count the call; the rules that are for it."""
        with self._lock:
            self.calls.append(call)
            due = []
            for state in self._states:
                if state.rule.on(call):
                    state.seen += 1
                    number = state.seen - state.rule.skip
                    if number > 0 and (state.rule.times is None or number <= state.rule.times):
                        due.append(state.rule)
            return due

    def answer(self, call: Call, headers: list[tuple[str, str]], body: bytes) -> Answer:
        """The answer to a call, spoiled or not. Raises Lost where there is none."""
        rules = self.arrived(call)
        for rule in (rule for rule in rules if not rule.after):
            if (spoiled := rule.fault(call, None)) is not None:
                return spoiled
        answer = self._forward(call, headers, body)
        for rule in (rule for rule in rules if rule.after):
            answer = rule.fault(call, answer) or answer
        return answer

    def _forward(self, call: Call, headers: list[tuple[str, str]], body: bytes) -> Answer:
        upstream = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=UPSTREAM_TIMEOUT_S)
        try:
            upstream.putrequest(call.method, call.path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                if name.lower() not in {*HOP_BY_HOP, "expect"} - {"date"}:
                    upstream.putheader(name, value)
            if body or call.method in {"POST", "PUT"}:
                upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body or None)
            response = upstream.getresponse()
            return Answer(status=response.status, headers=tuple(response.getheaders()), body=response.read())
        except (OSError, http.client.HTTPException):
            raise Lost from None  # as without a proxy: the emulator is gone
        finally:
            upstream.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Refuse connections from now on, and end those that wait for their next request."""
        super().server_close()
        for connection in tuple(self.open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is what this is for."""


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _serve(self) -> None:
            body = self._body()
            headers = list(self.headers.items())
            try:
                self._send(proxy.answer(read_call(self.command, self.path, dict(headers), body), headers, body))
            except Lost as lost:
                self._end(lost)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_PATCH = _serve  # noqa: N815 - the base class's names

        def _body(self) -> bytes:
            if "chunked" not in self.headers.get("Transfer-Encoding", ""):
                return self.rfile.read(int(self.headers.get("Content-Length") or 0))
            chunks = []
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return b"".join(chunks)

        def _send(self, answer: Answer, share: float = 1.0) -> None:
            self.send_response_only(answer.status)
            lengths = [value for name, value in answer.headers if name.lower() == "content-length"]
            for name, value in answer.headers:
                if name.lower() not in HOP_BY_HOP - {"date", "server"}:
                    self.send_header(name, value)
            if answer.status not in {204, 304}:
                length = lengths[0] if self.command == "HEAD" and lengths else str(len(answer.body))
                self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer.body[: round(len(answer.body) * share)])

        def _end(self, lost: Lost) -> None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                if lost.sent is not None:
                    self._send(lost.sent, share=0.5)
                    self.wfile.flush()
                    time.sleep(0.05)  # a reset overtakes what was sent just before it
                if lost.reset:  # an end with nothing left to say is a FIN, one that throws the rest away a RST
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    os.close(self.connection.detach())
                else:
                    self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_: Any) -> None:
            """Quiet: `calls` has them all."""

    return Handler


def summary(calls: Iterable[Call]) -> str:
    """How often what was called, for the message of a test."""
    names = sorted(f"{call.service}.{call.operation}" for call in calls)
    return json.dumps({name: len(list(group)) for name, group in itertools.groupby(names)}, indent=1)
