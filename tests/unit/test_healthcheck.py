"""The health gate against real servers that answer, lie, cache, hang and change their minds."""

from __future__ import annotations

import datetime as dt
import re
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from release import http as release_http
from release.healthcheck import HealthCheck, NotProven, miss_of, prove
from release.http import HttpError, Response
from tests.unit.servers import JSON, VERSION, Served, body, raw, serving, tls_for

REFUSED = {"X-Cache": "Error from cloudfront"}
OTHER = "9b81e02" + "0" * 33
NOW = dt.datetime(2021, 11, 1, 16, 5, 19, tzinfo=dt.UTC)


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
        f"0 of 3 passes: version is {OTHER}, expected {VERSION}; gives up in 5 s",
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

    assert said == ["0 of 3 passes: answered 503, expected 200; gives up in 0 s"]


def test_how_long_a_bad_version_is_waited_for_is_told_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("release.progress.AGAIN_S", 1.0)
    said: list[str] = []
    with serving(Served(body(status="fail"))) as server, pytest.raises(NotProven):
        prove(check(server.url, deadline_s=2.5, interval_s=0.1, at_deadline="goes back"), said.append)

    lines = [re.fullmatch(r"0 of 3 passes: status is fail, expected pass; goes back in (\d) s", line) for line in said]
    left = [int(match[1]) for match in lines if match]
    assert len(left) == len(said) >= 2
    assert left == sorted(left, reverse=True)


def test_passes_that_did_not_fit_before_the_deadline_are_the_reason() -> None:
    with serving(Served()) as server:
        assert "only 2 of 3 passes in a row before the deadline" in miss(server.url, interval_s=0.5, deadline_s=0.9)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Served(status=500), "answered 500, expected 200"),
        (Served(status=302, headers={"Location": "/login"}), "answered 302 to /login, expected 200"),
        (Served(status=403), "answered 403, expected 200"),
        (Served(status=403, headers=REFUSED | {"Server": "AmazonS3"}), "answered 403, expected"),
        (Served(status=403, headers={"Server": "CloudFront"}), "answered 403 from CloudFront/WAF: it refuses"),
        (Served(status=403, headers=REFUSED), "answered 403 from CloudFront/WAF: it refuses"),
        (Served(status=204, content=b""), "answered 204, expected 200"),
        (
            Served(status=400),
            "answered 400, expected 200 (it is asked with ?probe=…, which it has to answer as without)",
        ),
        (
            Served(status=404),
            "answered 404, expected 200 (it is asked with ?probe=…, which it has to answer as without)",
        ),
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
        (Served(b"{}"), "status is missing, expected pass"),
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


def unresolved(monkeypatch: pytest.MonkeyPatch, error: int, times: int = 10_000) -> None:
    """Let the name of the health check not resolve, at first."""
    real, left = socket.getaddrinfo, [error] * times

    def getaddrinfo(host: str, *more: Any, **named: Any) -> Any:
        if left:
            raise socket.gaierror(left.pop(), "no")
        return real("127.0.0.1", *more, **named)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr("release.healthcheck.UNKNOWN_NAME_S", 0.3)


def test_name_that_does_not_exist_is_said_at_once_and_waited_for_shortly(monkeypatch: pytest.MonkeyPatch) -> None:
    unresolved(monkeypatch, socket.EAI_NONAME)
    said: list[str] = []
    began = time.monotonic()
    with pytest.raises(NotProven, match=r"in 0\.3 s and \d+ probes: .* does not resolve: no; make its DNS record, or"):
        prove(check("http://site.example/", deadline_s=60), said.append)
    assert time.monotonic() - began < 5
    assert said == ["0 of 3 passes: site.example does not resolve: no; gives up in 0 s"]


def test_name_may_appear_late_and_then_has_the_whole_time(monkeypatch: pytest.MonkeyPatch) -> None:
    unresolved(monkeypatch, socket.EAI_NONAME, times=5)
    with serving(*[Served(status=503)] * 40, Served()) as server:
        proof = prove(check(f"http://site.example:{server.port}/", deadline_s=30), print)
    assert proof.passes == 3


def test_resolver_in_trouble_is_waited_for_as_any_other_miss(monkeypatch: pytest.MonkeyPatch) -> None:
    unresolved(monkeypatch, socket.EAI_AGAIN)
    with pytest.raises(NotProven, match=r"in 0\.7 s and \d+ probes: site\.example does not resolve: no$"):
        prove(check("http://site.example/", deadline_s=0.7), print)


def test_answer_through_a_proxy_may_be_the_proxys() -> None:
    answered = Response(status=403, headers={}, body=b"", proxy="proxy:3128")
    said = miss_of(check("http://x/"), answered, NOW)
    assert said == "answered 403 through the proxy proxy:3128, expected 200"


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


@pytest.mark.parametrize("length", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
def test_answer_that_comes_late_and_halts_ends_at_its_timeout(length: bytes) -> None:
    def halt(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n")
        time.sleep(0.8)
        connection.sendall(b"1\r\n{\r\n")
        time.sleep(2)

    began = time.monotonic()
    with raw(halt) as url:
        with pytest.raises(HttpError, match=r"did not answer within 1 s"):
            release_http.get(url, timeout_s=1)
        assert time.monotonic() - began < 1.4


def test_connect_to_keeps_the_name_of_the_url() -> None:
    with serving(Served()) as server:
        proof = prove(check("http://public.example.com/api", connect_to=f"127.0.0.1:{server.port}"), print)

    assert proof.passes == 3
    assert {host for _, host, _ in server.requests} == {"public.example.com"}


def test_https_verifies_the_name_of_the_url_also_with_connect_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = tls_for(tmp_path, "public.example.com")
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
