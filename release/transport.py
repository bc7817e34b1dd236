"""How a host is reached: by whichever of its addresses answers, and through a proxy where the environment names one."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import os
import re
import socket
import threading
import time
import urllib.request
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import SplitResult, unquote, urlsplit

import urllib3
from aiohappyeyeballs import start_connection
from aiohappyeyeballs.types import AddrInfoType
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NameResolutionError, NewConnectionError, ProxyError
from urllib3.response import BaseHTTPResponse, HTTPResponse

STAGGER_S: Final = 0.25
"""So long the first address has for itself; then the next is tried as well. RFC 8305, section 5, recommends it."""
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
UNKNOWN_NAME: Final = (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
"""What the resolver answers where a name does not exist, or has no address. All else may be the resolver's trouble."""


class ProxyRefusedError(Exception):
    """A proxy does not connect. The message says which, what it answered, and what to do."""


def connect(host: str, port: int, timeout_s: float) -> socket.socket:
    """A TCP connection to the first address of `host` that answers, within `timeout_s` for all of them together.

    Raises TimeoutError, socket.gaierror where the name does not resolve, and OSError where no address takes it.
    """
    ends = time.monotonic() + timeout_s
    addresses = _resolve(host.strip("[]"), port, timeout_s)

    async def race() -> socket.socket:
        async with asyncio.timeout(ends - time.monotonic()):
            return await start_connection(addresses, happy_eyeballs_delay=STAGGER_S)

    opened = asyncio.run(race())
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    opened.settimeout(max(ends - time.monotonic(), 0.001))
    return opened


def _resolve(host: str, port: int, timeout_s: float) -> list[AddrInfoType]:
    """The addresses of a name. The resolver has no deadline of its own: it is left to itself at ours."""
    answer: Future[Any] = Future()

    def ask() -> None:
        try:
            answer.set_result(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except Exception as error:
            answer.set_exception(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    try:
        addresses: list[AddrInfoType] = answer.result(timeout_s)
    except UnicodeError:  # an empty label, or one that is too long
        raise socket.gaierror(socket.EAI_NONAME, "it is no name of a host") from None
    return addresses


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """A proxy that speaks HTTP. As text it has no credentials."""

    scheme: str
    """How it is spoken to: http, or https."""
    host: str
    port: int
    variable: str
    """Which environment variable names it."""
    authorization: str | None = field(repr=False)
    """Value of the header Proxy-Authorization."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}

    def refusal(self, status: int, host: str) -> str:
        """What it means that it answered `status` when it was to connect to `host`."""
        said = f"the proxy {self} answered {status}"
        if status == 407:
            return f"{said}: it wants a name and a password. Give them in {self.variable}: http://name:password@{self}"
        return f"{said} and did not connect to {host}: allow it there, or name {host} in NO_PROXY"


def proxy_of(url: str) -> Proxy | None:
    """The proxy for `url`, None if there is none.

    As boto3 chooses it, with the same functions of the standard library: HTTP_PROXY or HTTPS_PROXY, by the URL's
    scheme, unless NO_PROXY names the host, its domain, or `*`. Other than boto3, a network in NO_PROXY (`10.0.0.0/8`)
    counts for a host that is an address. Raises ProxyRefusedError for a variable that names no proxy.
    """
    parts = urlsplit(url)
    address = urllib.request.getproxies().get(parts.scheme)
    if not address or urllib.request.proxy_bypass(parts.netloc) or _in_excepted_network(parts.hostname or ""):
        return None
    variable = f"{parts.scheme.upper()}_PROXY"
    proxy = _parsed(address)
    if proxy is None:
        raise ProxyRefusedError(
            f"{variable} is not the address of a proxy: expected http://host:port or https://host:port, with "
            "name:password@ before the host where it wants them (special characters of theirs as %XX)"
        )
    name, password = unquote(proxy.username or ""), unquote(proxy.password or "")
    encoded = base64.b64encode(f"{name}:{password}".encode()).decode()
    return Proxy(
        scheme=proxy.scheme,
        host=proxy.hostname or "",
        port=proxy.port or DEFAULT_PORTS[proxy.scheme],
        variable=variable,
        authorization=f"Basic {encoded}" if proxy.username else None,
    )


def _parsed(address: str) -> SplitResult | None:
    """The parts of a proxy's address, which may lack the scheme; None if it is none."""
    try:
        parts = urlsplit(address if "://" in address else "http://" + address.removeprefix("//"))
        sound = parts.scheme in DEFAULT_PORTS and parts.hostname and parts.port != 0 and parts.path in ("", "/")
    except ValueError:
        return None
    return parts if sound and not parts.query and not parts.fragment else None


def _in_excepted_network(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    for entry in (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(","):
        try:
            if address in ipaddress.ip_network(entry.strip().strip("[]"), strict=False):
                return True
        except ValueError:
            continue  # a name
    return False


class Pools:
    """Connections of urllib3 that are kept open, each to the address that answers and through the URL's proxy."""

    def __init__(self, *, timeout: urllib3.Timeout, **settings: Any) -> None:
        """`timeout` with a limit for connecting; `settings` as urllib3.PoolManager takes them."""
        self._settings = {**settings, "timeout": timeout}
        self._managers: dict[Proxy | None, urllib3.PoolManager] = {}

    def __enter__(self) -> Pools:
        return self

    def __exit__(self, *_: object) -> None:
        for manager in self._managers.values():
            manager.clear()

    def request(self, method: str, url: str, **more: Any) -> BaseHTTPResponse:
        """One request, as urllib3.PoolManager has it.

        Raises urllib3's HTTPError, and ProxyRefusedError where a proxy refuses, which asking again does not change.
        """
        proxy = proxy_of(url)
        try:
            return self._manager(proxy).request(method, url, **more)
        except ProxyError as error:
            status = tunnel_status(error)
            if status is None:
                raise HTTPError(f"the proxy {proxy} cannot be reached: {error.original_error}") from error
            refusal = proxy.refusal(status, urlsplit(url).netloc) if proxy else str(error)
            raise (HTTPError if status >= 500 else ProxyRefusedError)(refusal) from error

    def _manager(self, proxy: Proxy | None) -> urllib3.PoolManager:
        if proxy not in self._managers:
            self._managers.setdefault(proxy, manager(proxy, **self._settings))
        return self._managers[proxy]


def manager(proxy: Proxy | None, **settings: Any) -> urllib3.PoolManager:
    """Connections of urllib3, each to the address that answers, and through the proxy if there is one."""
    made = urllib3.PoolManager(**settings)
    if proxy is not None:
        made = urllib3.ProxyManager(f"{proxy.scheme}://{proxy}", proxy_headers=proxy.headers, **settings)
    made.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
    return made


def tunnel_status(error: ProxyError) -> int | None:
    """What a proxy answered that did not connect; None where it did not answer."""
    status = re.search(r"Tunnel connection failed: (\d{3})", str(error.original_error))
    return int(status[1]) if status else None


def _connected(connection: HTTPConnection) -> socket.socket:
    """What urllib3 does to connect, with its exceptions; its own tries one address after the other."""
    try:
        return connect(connection.host, connection.port, connection.timeout or 0)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        text = f"{connection.host} did not connect within {connection.timeout} s"
        raise ConnectTimeoutError(connection, text) from error
    except OSError as error:
        raise NewConnectionError(connection, f"it cannot be connected to: {error}") from error


def socket_of(answer: BaseHTTPResponse) -> socket.socket:
    """What the body of an answer is read from: a connection forgets it where no other answer follows."""
    opened: socket.socket = cast("_Http", answer.connection).opened
    return opened


class _Http(HTTPConnection):
    opened: Any = None

    def _new_conn(self) -> socket.socket:
        return _connected(self)

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3's own, as it has it
        self.opened = self.sock
        return super().getresponse()


class _Https(_Http, HTTPSConnection):
    """The same: what `_Http` leaves to urllib3 is `HTTPSConnection`'s here."""


class _HttpPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Http


class _HttpsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Https
