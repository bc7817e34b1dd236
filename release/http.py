"""One GET over a connection of its own, to the address one says: what the public would see, before DNS points there."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, ProxyError
from urllib3.response import BaseHTTPResponse

from release import transport
from release.transport import Proxy, ProxyRefusedError

MAX_BODY_BYTES = 1024 * 1024
USER_AGENT = "release"
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
        f"header {PROBE_HEADER} in (the setting probeSecret), or release from a machine that may: "
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
    target, named = parts._replace(path=parts.path or "/"), {}
    if connect_to:
        address = Address.parse(connect_to)
        place = f"[{address.host}]" if ":" in address.host else address.host
        target, named = target._replace(netloc=f"{place}:{address.port or port}"), {"server_hostname": host}
    sent = {"Host": parts.netloc, "User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}
    if probe_secret:
        sent[PROBE_HEADER] = probe_secret
    try:
        proxy = None if connect_to else transport.proxy_of(url)
    except ProxyRefusedError as error:
        raise HttpError(str(error)) from None
    timeout = urllib3.Timeout(total=timeout_s)
    with transport.manager(proxy, retries=False, timeout=timeout, **named) as manager:
        try:
            answer = manager.request(
                method, target.geturl(), headers={**sent, **(headers or {})}, redirect=False, preload_content=False
            )
            if proxy and answer.status == 407:
                raise HttpError(proxy.refusal(answer.status, host))
            body = _body(answer, ends, max_body_bytes)
        except (HTTPError, OSError, http.client.HTTPException) as error:
            authority = target.netloc if connect_to else f"{host}:{port}"
            raise _explained(error, authority, host, proxy, timeout_s) from None
    return Response(
        status=answer.status,
        headers={name.lower(): value for name, value in answer.headers.items()},
        body=body,
        proxy=str(proxy) if proxy else None,
    )


def _body(answer: BaseHTTPResponse, ends: float, limit: int) -> bytes:
    """The whole body. A server that sends a byte now and then resets a socket's timeout, but not the answer's."""
    opened, body = transport.socket_of(answer), bytearray()
    while True:
        left = ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        with contextlib.suppress(OSError):  # closed: all of it is read
            opened.settimeout(left)
        chunk = answer.read1(64 * 1024, decode_content=False)
        body += chunk
        if len(body) > limit:
            raise http.client.HTTPException(f"the body is larger than {limit} bytes")
        if not chunk:
            return bytes(body)


def _explained(error: Exception, authority: str, host: str, proxy: Proxy | None, timeout_s: float) -> HttpError:
    """What went wrong between us and the site, `authority`, or the proxy in front of it."""
    peer = authority + (f" (through the proxy {proxy})" if proxy else "")
    if proxy and isinstance(error, ProxyError):
        if status := transport.tunnel_status(error):
            return HttpError(proxy.refusal(status, authority))
        peer, host = f"the proxy {proxy}", proxy.host
    cause = _cause(error)
    if isinstance(cause, TimeoutError | urllib3.exceptions.TimeoutError):
        return HttpError(f"{peer} did not answer within {timeout_s:g} s")
    if isinstance(cause, ConnectionRefusedError):
        return HttpError(f"{peer} refused the connection")
    if isinstance(cause, socket.gaierror):
        kind = UnknownNameError if cause.errno in transport.UNKNOWN_NAME else HttpError
        return kind(f"{peer.rpartition(':')[0]} does not resolve: {cause.strerror}")
    if isinstance(cause, ssl.SSLCertVerificationError):
        return HttpError(f"{peer} has no valid certificate for {host}: {cause.verify_message}")
    if isinstance(cause, http.client.IncompleteRead):
        why = f"the body ends {cause.expected} bytes early"
    elif isinstance(cause, http.client.RemoteDisconnected):
        why = "the connection was closed without an answer"
    else:
        why = str(cause) or type(cause).__name__
    return HttpError(f"{peer} gave no complete answer: {why}")


def _cause(error: BaseException) -> BaseException:
    """What urllib3's error is about."""
    causes = (error.__cause__, getattr(error, "original_error", None), *error.args)
    inner = next((one for one in causes if isinstance(one, BaseException)), None)
    return error if inner is None or isinstance(error, OSError) else _cause(inner)
