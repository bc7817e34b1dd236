"""One GET over a connection of its own, to the address one says: what the public would see, before DNS points there."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

MAX_BODY_BYTES = 1024 * 1024
USER_AGENT = "easi-release"


class HttpError(Exception):
    """No usable answer came; the message says from where and why."""


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
) -> Response:
    """Fetch `url` over a new connection, without following redirects; raise HttpError unless an answer came complete.

    With `connect_to`, the connection goes there; the Host header, and over HTTPS the name that the certificate must
    have, stay the URL's. `timeout_s` is for the answer as a whole; a body larger than `max_body_bytes` is no answer.
    """
    parts = check_url(url)
    ends = time.monotonic() + timeout_s
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    there = Address.parse(connect_to) if connect_to else Address(host=host)
    where = f"{there.host}:{there.port or port}"
    connection = http.client.HTTPConnection(host, port)
    try:
        connection.sock = opened = _connect(parts, there.host, there.port or port, ends)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        sent = {"Host": parts.netloc, "User-Agent": USER_AGENT, "Accept": "*/*", "Connection": "close"}
        connection.request("GET", path, headers={**sent, **(headers or {})})
        answer = connection.getresponse()
        body = _body(answer, opened, ends, max_body_bytes)
        return Response(
            status=answer.status, headers={name.lower(): value for name, value in answer.getheaders()}, body=body
        )
    except TimeoutError:
        raise HttpError(f"{where} did not answer within {timeout_s:g} s") from None
    except ConnectionRefusedError:
        raise HttpError(f"{where} refused the connection") from None
    except socket.gaierror as error:
        raise HttpError(f"{there.host} does not resolve: {error.strerror}") from None
    except ssl.SSLCertVerificationError as error:
        raise HttpError(f"{where} has no valid certificate for {host}: {error.verify_message}") from None
    except (OSError, http.client.HTTPException) as error:
        raise HttpError(f"{where} gave no complete answer: {_named(error)}") from None
    finally:
        connection.close()


def _connect(parts: SplitResult, host: str, port: int, ends: float) -> socket.socket:
    opened = socket.create_connection((host, port), timeout=_left(ends))
    try:
        if parts.scheme == "https":
            opened.settimeout(_left(ends))
            opened = ssl.create_default_context().wrap_socket(opened, server_hostname=parts.hostname)
        opened.settimeout(_left(ends))
    except BaseException:
        opened.close()
        raise
    return opened


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
