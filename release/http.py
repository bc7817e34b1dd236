"""One GET over a connection of its own, to the address one says: what the public would see, before DNS points there."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

from urllib3.util.ssltransport import SSLTransport

from release import transport
from release.transport import Proxy, ProxyRefusedError

MAX_BODY_BYTES = 1024 * 1024
USER_AGENT = "easi-release"
PROBE_HEADER = "X-Release-Probe"
"""Carries the secret by which a firewall knows the requests of a release."""


class HttpError(Exception):
    """No usable answer came; the message says from where and why."""


class UnknownNameError(HttpError):
    """The name has no address, and the resolver says so for sure."""


@dataclass(frozen=True, kw_only=True)
class Address:
    """Where to open the connection, whatever the URL says."""

    host: str
    port: int | None = None
    """None: the port of the URL."""

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `host`, `host:port` or `[ipv6]:port`; raise ValueError naming what is wrong."""
        parts = urlsplit(f"//{text}")
        try:
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise ValueError(f"{text!r} is not host, host:port or [ipv6]:port: {error}") from None
        if not host or parts.netloc != text or "@" in text:
            raise ValueError(f"{text!r} is not host, host:port or [ipv6]:port")
        return cls(host=host, port=port)


@dataclass(frozen=True, kw_only=True)
class Response:
    """A complete answer. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    proxy: str | None = None
    """`host:port` of the proxy that it came through; it may be the proxy's own, over plain HTTP."""


def firewalled(response: Response) -> str:
    """What it means that CloudFront itself refused a request; empty for any other answer. Pure.

    A web ACL that blocks answers 403 by CloudFront ("Customizing the response for blocked requests", AWS WAF Developer
    Guide). A bucket's own 403 is S3's.
    """
    server, cache = response.headers.get("server"), response.headers.get("x-cache")
    by_cloudfront = server == "CloudFront" or (cache == "Error from cloudfront" and server != "AmazonS3")
    if response.status != 403 or not by_cloudfront:
        return ""
    return (
        "403 from CloudFront/WAF: it refuses this machine, as a rule for addresses or bots does; let requests with the "
        f"header {PROBE_HEADER} in (easi:probeSecret), or release from a machine that may: "
        "docs/release-through-a-firewall.md"
    )


def check_url(url: str) -> SplitResult:
    """Split a URL that `get` can fetch; raise ValueError naming what is wrong with any other."""
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port != 0
    except ValueError as error:
        raise ValueError(f"{url!r} is not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_valid:
        raise ValueError(f"{url!r} is not an http:// or https:// URL with a host")
    if parts.username is not None or parts.fragment or not url.isascii() or any(c.isspace() for c in url):
        raise ValueError(f"{url!r} must have no user, fragment, space or unescaped character")
    return parts


def get(
    url: str,
    *,
    connect_to: str | None = None,
    timeout_s: float = 5.0,
    headers: Mapping[str, str] | None = None,
    max_body_bytes: int = MAX_BODY_BYTES,
    method: str = "GET",
    probe_secret: str | None = None,
) -> Response:
    """Fetch `url` over a new connection, without following redirects; raise HttpError unless an answer came complete.

    With `connect_to`, the connection goes there and through no proxy, as a proxy would look for an address of its own;
    the Host header, and over HTTPS the name that the certificate must have, stay the URL's. `timeout_s` is for the
    answer as a whole; a body larger than `max_body_bytes` is no answer. `probe_secret` is sent as PROBE_HEADER.
    """
    parts = check_url(url)
    ends = time.monotonic() + timeout_s
    host, port = parts.hostname or "", parts.port or transport.DEFAULT_PORTS[parts.scheme]
    address = Address.parse(connect_to) if connect_to else Address(host=host)
    proxy = None if connect_to else _proxy_of(url)
    site = _Peer(host=address.host, port=address.port or port, certified=host, proxy=proxy)
    first = _Peer(host=proxy.host, port=proxy.port, certified=proxy.host, text=f"the proxy {proxy}") if proxy else site
    with contextlib.closing(http.client.HTTPConnection(host, port)) as connection:
        with _reported(first, timeout_s):
            connection.sock = transport.connect(first.host, first.port, timeout_s)
            if proxy and proxy.scheme == "https":
                connection.sock = _secured(connection.sock, proxy.host, ends)
            if proxy and parts.scheme == "https":
                _tunnel(connection.sock, proxy, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        with _reported(site, timeout_s):
            if parts.scheme == "https":
                connection.sock = _secured(connection.sock, host, ends)
            opened = connection.sock
            opened.settimeout(_left(ends))
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            sent = {"Host": parts.netloc, "User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}
            if probe_secret:
                sent[PROBE_HEADER] = probe_secret
            if proxy and parts.scheme == "http":
                path, sent = f"http://{parts.netloc}{path}", {**sent, **proxy.headers}
            connection.request(method, path, headers={**sent, **(headers or {})})
            answer = connection.getresponse()
            if proxy and answer.status == 407:
                raise HttpError(proxy.refusal(answer.status, host))
            return Response(
                status=answer.status,
                headers={name.lower(): value for name, value in answer.getheaders()},
                body=_body(answer, opened, ends, max_body_bytes),
                proxy=str(proxy) if proxy else None,
            )


@dataclass(frozen=True, kw_only=True)
class _Peer:
    """Who is to answer: the site, or the proxy in front of it."""

    host: str
    port: int
    certified: str
    """The name that its certificate must have."""
    proxy: Proxy | None = None
    text: str = ""

    def __str__(self) -> str:
        return (self.text or f"{self.host}:{self.port}") + (f" (through the proxy {self.proxy})" if self.proxy else "")


def _proxy_of(url: str) -> Proxy | None:
    try:
        return transport.proxy_of(url)
    except ProxyRefusedError as error:
        raise HttpError(str(error)) from None


@contextlib.contextmanager
def _reported(peer: _Peer, timeout_s: float) -> Iterator[None]:
    """Makes one HttpError of whatever goes wrong between us and `peer`."""
    try:
        yield
    except TimeoutError:
        raise HttpError(f"{peer} did not answer within {timeout_s:g} s") from None
    except ConnectionRefusedError:
        raise HttpError(f"{peer} refused the connection") from None
    except socket.gaierror as error:
        kind = UnknownNameError if error.errno in transport.UNKNOWN_NAME else HttpError
        raise kind(f"{peer.host} does not resolve: {error.strerror}") from None
    except ssl.SSLCertVerificationError as error:
        raise HttpError(f"{peer} has no valid certificate for {peer.certified}: {error.verify_message}") from None
    except (OSError, http.client.HTTPException) as error:
        raise HttpError(f"{peer} gave no complete answer: {_named(error)}") from None


def _secured(opened: socket.socket, name: str, ends: float) -> socket.socket:
    """TLS over a connection, which may be one of TLS to a proxy."""
    opened.settimeout(_left(ends))
    context = ssl.create_default_context()
    if isinstance(opened, ssl.SSLSocket):
        inner: Any = SSLTransport(opened, context, server_hostname=name)
        return cast("socket.socket", inner)
    return context.wrap_socket(opened, server_hostname=name)


def _tunnel(opened: socket.socket, proxy: Proxy, authority: str) -> None:
    """Have the proxy connect to `authority` (`host:port`)."""
    headers = {"Host": authority, "User-Agent": USER_AGENT, **proxy.headers}
    lines = [f"CONNECT {authority} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    opened.sendall("\r\n".join(lines).encode())
    with contextlib.closing(http.client.HTTPResponse(opened, method="CONNECT")) as answer:
        answer.begin()
        if answer.status != 200:
            raise HttpError(proxy.refusal(answer.status, authority))


def _body(answer: http.client.HTTPResponse, opened: socket.socket, ends: float, limit: int) -> bytes:
    """The whole body. A server that sends a byte now and then resets a socket's timeout, but not the answer's."""
    body = bytearray()
    while chunk := answer.read1(64 * 1024):
        body += chunk
        if len(body) > limit:
            raise http.client.HTTPException(f"the body is larger than {limit} bytes")
        opened.settimeout(_left(ends))
    if answer.length:
        raise http.client.IncompleteRead(bytes(body), answer.length)
    return bytes(body)


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _named(error: Exception) -> str:
    if isinstance(error, http.client.IncompleteRead):
        return f"the body ends {error.expected} bytes early"
    if isinstance(error, http.client.RemoteDisconnected):
        return "the connection was closed without an answer"
    return str(error) or type(error).__name__
