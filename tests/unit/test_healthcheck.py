"""The health gate against real servers that answer, lie, cache, hang and change their minds."""

from __future__ import annotations

import datetime as dt
import http.server
import ipaddress
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from release import http as release_http
from release.healthcheck import HealthCheck, NotProven, miss_of, prove
from release.http import HttpError, Response

VERSION = "3f2c1aa" + "0" * 33
OTHER = "9b81e02" + "0" * 33
NOW = dt.datetime(2021, 11, 1, 16, 5, 19, tzinfo=dt.UTC)
JSON = {"Content-Type": "application/json"}


def body(**changes: Any) -> bytes:
    said = {
        "status": "pass",
        "datetime": "2021-11-02 17:05:19+00:00",
        "version": VERSION,
        "timestamp": "1635782719",
    }
    return json.dumps(said | changes).encode()


@dataclass
class Served:
    """One answer of the server."""

    content: bytes = field(default_factory=body)
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON))


@dataclass
class Server:
    """A server that gives its answers in turn, the last one for ever."""

    answers: list[Served]
    requests: list[tuple[str, str, tuple[str, int]]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/healthcheck"


@contextmanager
def serving(*answers: Served, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(list(answers))

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            server.requests.append((self.path, self.headers["Host"], self.client_address))
            answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            self.send_response(answer.status)
            for name, value in (answer.headers | {"Content-Length": str(len(answer.content))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: Any) -> None:
            pass

    listening = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    server.port = listening.server_address[1]
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()


@contextmanager
def raw(reply: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server below HTTP; the address of its health check."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(65536)
                        reply(connection)
                    except OSError:
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/healthcheck"
        listening.shutdown(socket.SHUT_RDWR)


def check(url: str, **changes: Any) -> HealthCheck:
    settings: dict[str, Any] = {"interval_s": 0.01, "deadline_s": 0.3, "timeout_s": 2.0}
    return HealthCheck(url=url, version=VERSION, **(settings | changes))


def miss(url: str, **changes: Any) -> str:
    with pytest.raises(NotProven) as caught:
        prove(check(url, **changes), print)
    return str(caught.value)


def test_three_passes_prove_the_version() -> None:
    said: list[str] = []
    with serving(Served()) as server:
        proof = prove(check(server.url), said.append)

    assert proof.passes == 3
    assert proof.last["datetime"] == "2021-11-02 17:05:19+00:00"
    assert abs(time.time() - dt.datetime.fromisoformat(proof.verified_at).timestamp()) < 60
    assert said == [f"{n} of 3 passes by {VERSION[:12]}" for n in (1, 2, 3)]


def test_every_probe_is_a_new_connection_with_a_query_of_its_own() -> None:
    with serving(Served()) as server:
        prove(check(server.url + "?deep=1"), print)

    paths, hosts, clients = zip(*server.requests, strict=True)
    assert len(set(clients)) == 3
    assert len(set(paths)) == 3
    assert all(path.startswith("/api/v1/healthcheck?deep=1&") for path in paths)
    assert set(hosts) == {f"127.0.0.1:{server.port}"}


def test_any_miss_begins_the_count_again() -> None:
    said: list[str] = []
    old = Served(body(version=OTHER))
    with serving(Served(), Served(), old, Served(), Served(), Served()) as server:
        prove(check(server.url, deadline_s=5), said.append)

    assert len(server.requests) == 6
    assert said == [
        f"1 of 3 passes by {VERSION[:12]}",
        f"2 of 3 passes by {VERSION[:12]}",
        f"0 of 3 passes: version is {OTHER}, expected {VERSION}",
        f"3 of 3 passes by {VERSION[:12]}",
    ]


def test_service_that_answers_right_once_in_three_is_never_proven() -> None:
    with serving(*[Served(), Served(status=500), Served(status=500)] * 100) as server:
        assert "answered 500, expected 200" in miss(server.url, passes=2)

    assert len(server.requests) > 3


def test_the_last_miss_is_told_when_passes_came_too_late() -> None:
    with serving(Served(status=500), *[Served()] * 100) as server:
        said = miss(server.url, passes=1000)
    assert re.search(
        r"only \d+ of 1000 passes in a row before the deadline; the last miss before them: answered 500", said
    )


def test_same_miss_is_told_once_and_counted() -> None:
    said: list[str] = []
    with (
        serving(Served(status=503)) as server,
        pytest.raises(NotProven, match=r"in 0\.3 s and \d\d+ probes: answered 503"),
    ):
        prove(check(server.url), said.append)

    assert said == ["0 of 3 passes: answered 503, expected 200"]


def test_passes_that_did_not_fit_before_the_deadline_are_the_reason() -> None:
    with serving(Served()) as server:
        assert "only 2 of 3 passes in a row before the deadline" in miss(server.url, interval_s=0.5, deadline_s=0.9)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Served(status=500), "answered 500, expected 200"),
        (Served(status=302, headers={"Location": "/login"}), "answered 302 to /login, expected 200"),
        (Served(status=204, content=b""), "answered 204, expected 200"),
        (Served(headers=JSON | {"Age": "0"}), "came from a cache (Age: 0)"),
        (Served(headers=JSON | {"X-Cache": "Hit from cloudfront"}), "came from a cache (X-Cache: Hit from cloudfront)"),
        (Served(headers=JSON | {"X-Cache": "RefreshHit from cloudfront"}), "came from a cache (X-Cache: RefreshHit"),
        (Served(headers={"Content-Type": "text/html"}), "answered text/html, expected application/json"),
        (Served(headers={}), "answered no content type, expected application/json"),
        (Served(b"<html>"), "answered no JSON object: <html>"),
        (Served(b"\xff\xfe"), "answered no JSON object: "),
        (Served(b"[]"), "answered no JSON object: []"),
        (Served(b"[" * 100_000), "answered no JSON object: [[["),
        (Served(body(status="fail")), "status is fail, expected pass"),
        (Served(body(status=True)), "status is true, expected pass"),
        (Served(b"{}"), "status is null, expected pass"),
        (Served(body(version=OTHER)), f"version is {OTHER}, expected {VERSION}"),
        (Served(body(version=VERSION[:7])), f"version is 3f2c1aa, expected {VERSION}"),
        (Served(body(version="\x1b[2J")), "version is \\x1b[2J, expected"),
        (Served(b"x" * (release_http.MAX_BODY_BYTES + 1)), "the body is larger than 1048576 bytes"),
    ],
)
def test_miss_and_its_reason(answer: Served, reason: str) -> None:
    with serving(answer) as server:
        assert reason in miss(server.url)


def test_miss_from_the_origin_of_a_cdn_is_a_pass() -> None:
    answered = Response(
        status=200,
        headers={"content-type": "application/json; charset=utf-8", "x-cache": "Miss from cloudfront"},
        body=body(),
    )

    assert miss_of(check("http://x/"), answered, NOW) is None


def test_timestamp_is_judged_only_where_asked() -> None:
    def judged(*, live: bool, **changes: Any) -> str | None:
        asked = check("http://x/", require_live_timestamp=live, max_skew_s=60.0)
        return miss_of(
            asked, Response(status=200, headers={"content-type": "application/json"}, body=body(**changes)), NOW
        )

    now = int(NOW.timestamp())
    assert judged(live=False, timestamp="never") is None
    assert judged(live=True, timestamp=str(now - 60)) is None
    assert judged(live=True, timestamp=now + 60) is None
    assert judged(live=True, timestamp=str(now - 61)) == f"timestamp {now - 61} is 61 s from now, expected at most 60 s"
    assert judged(live=True, timestamp="soon") == "timestamp is soon, expected the seconds since 1970"
    assert judged(live=True, timestamp=None) == "timestamp is null, expected the seconds since 1970"
    assert "expected" in str(judged(live=True, timestamp="9" * 400))


def test_refused_connection_unknown_name_and_silence_are_misses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        silent = f"http://127.0.0.1:{port}/"
        assert f"127.0.0.1:{port} did not answer within 0.1 s" in miss(silent, timeout_s=0.1)
    assert f"127.0.0.1:{port} refused the connection" in miss(silent)
    assert "nowhere.invalid does not resolve" in miss("http://nowhere.invalid/")


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "the connection was closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{}", "ends 98 bytes early"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\n{}", "gave no complete answer"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "gave no complete answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "gave no complete answer"),
    ],
)
def test_half_an_answer_is_a_miss(sent: bytes, reason: str) -> None:
    with raw(lambda connection: connection.sendall(sent)) as url:
        assert reason in miss(url)


def test_answer_that_trickles_ends_at_its_timeout() -> None:
    def trickle(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b" ")
            time.sleep(0.02)

    began = time.monotonic()
    with raw(trickle) as url, pytest.raises(HttpError, match=r"did not answer within 0\.2 s"):
        release_http.get(url, timeout_s=0.2)
    assert time.monotonic() - began < 2


def test_connect_to_keeps_the_name_of_the_url() -> None:
    with serving(Served()) as server:
        proof = prove(check("http://public.example.com/api", connect_to=f"127.0.0.1:{server.port}"), print)

    assert proof.passes == 3
    assert {host for _, host, _ in server.requests} == {"public.example.com"}


def _tls(folder: Path, name: str) -> ssl.SSLContext:
    """A server's context with a certificate of its own for `name`, which is in `folder/cert.pem`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    names: list[x509.GeneralName] = [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("10.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


def test_https_verifies_the_name_of_the_url_also_with_connect_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = _tls(tmp_path, "public.example.com")
    asked: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    with serving(Served(), tls=tls) as server:
        there = {"connect_to": f"127.0.0.1:{server.port}", "passes": 1}
        untrusted = miss("https://public.example.com/api", **there)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        proof = prove(check("https://public.example.com/api", **there), print)
        misnamed = miss("https://private.example.com/api", **there)

    assert proof.passes == 1
    assert "has no valid certificate for public.example.com: self-signed certificate" in untrusted
    assert "has no valid certificate for private.example.com: Hostname mismatch" in misnamed
    assert set(asked) == {"public.example.com", "private.example.com"}
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": "3f2c1aa"}, "version must be a full Git SHA, 40 hexadecimal digits in lower case, or for"),
        ({"version": f"{VERSION}-dirty"}, "version must be a full Git SHA"),
        ({"version": VERSION.upper()}, "version must be a full Git SHA"),
        ({"url": "example.com/health"}, "is not an http:// or https:// URL with a host"),
        ({"url": "ftp://example.com/"}, "is not an http:// or https:// URL with a host"),
        ({"url": "http:///health"}, "is not an http:// or https:// URL with a host"),
        ({"url": "http://x:99999/"}, "is not a URL"),
        ({"url": "http://me@x/"}, "must have no user, fragment, space or unescaped character"),
        ({"url": "http://x/a b"}, "must have no user, fragment, space or unescaped character"),
        ({"url": "http://x/\r\nEvil: 1"}, "must have no user, fragment, space or unescaped character"),
        ({"connect_to": "127.0.0.1:http"}, "is not host, host:port or [ipv6]:port"),
        ({"connect_to": "http://x"}, "is not host, host:port or [ipv6]:port"),
        ({"connect_to": ""}, "is not host, host:port or [ipv6]:port"),
        ({"passes": 0}, "passes must be at least 1, not 0"),
        ({"interval_s": -1.0}, "interval_s must be 0 or more seconds, not -1"),
        ({"deadline_s": 0.0}, "deadline_s must be more than 0 seconds, not 0"),
        ({"timeout_s": float("nan")}, "timeout_s must be more than 0 seconds, not nan"),
        ({"max_skew_s": float("inf")}, "max_skew_s must be more than 0 seconds, not inf"),
    ],
)
def test_wrong_setting_is_refused_before_any_request(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=r"(?s).+") as caught:
        HealthCheck(**({"url": "http://x/", "version": VERSION} | change))

    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "host", "port"), [("10.0.0.1", "10.0.0.1", None), ("a.b:80", "a.b", 80), ("[::1]:443", "::1", 443)]
)
def test_address(text: str, host: str, port: int | None) -> None:
    assert release_http.Address.parse(text) == release_http.Address(host=host, port=port)
