"""Connections to one endpoint that are kept open, as many as there are requests at the same time."""

from __future__ import annotations

import contextlib
import http.client
import os
import select
import socket
import ssl
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import botocore
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, SSLError

BLOCK_BYTES: Final = 256 * 1024
"""What is read of a file, and sent, at once."""


@dataclass(kw_only=True)
class Connections:
    """The connections to the hosts of one endpoint: with virtual-host style, each bucket is one."""

    scheme: str
    connect_timeout_s: float
    read_timeout_s: float
    _idle: dict[str, list[http.client.HTTPConnection]] = field(default_factory=dict)
    _tls: ssl.SSLContext | None = None

    def take(self, host: str) -> http.client.HTTPConnection:
        """A connection to `host` (`name` or `name:port`): an idle one that the other side has not closed, or a new one.

        Raises what botocore raises when there is none.
        """
        idle = self._idle.setdefault(host, [])
        while idle:
            with contextlib.suppress(IndexError):  # another thread took the last
                connection = idle.pop()
                if not _is_closed(connection):
                    return connection
                connection.close()
        return self._new(host)

    def give_back(self, host: str, connection: http.client.HTTPConnection) -> None:
        """For the next request, after an answer was read to its end."""
        self._idle[host].append(connection)

    def _new(self, host: str) -> http.client.HTTPConnection:
        url = f"{self.scheme}://{host}"
        try:
            connection = self._opened(url)
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=url, error=error) from error
        except ssl.SSLError as error:
            raise SSLError(endpoint_url=url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=url, error=error) from error
        connection.auto_open = 0  # not past a proxy
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sock.settimeout(self.read_timeout_s)
        return connection

    def _opened(self, url: str) -> http.client.HTTPConnection:
        parts, connection = urlsplit(url), None
        host, port = parts.hostname or "", parts.port
        if _may_have_proxy():
            connection = self._through_proxy(url)
        if connection is None and self.scheme == "https":
            connection = http.client.HTTPSConnection(
                host, port, timeout=self.connect_timeout_s, blocksize=BLOCK_BYTES, context=self._context()
            )
        if connection is None:
            connection = http.client.HTTPConnection(host, port, timeout=self.connect_timeout_s, blocksize=BLOCK_BYTES)
        if connection.sock is None:
            connection.connect()
        return connection

    def _through_proxy(self, url: str) -> http.client.HTTPConnection | None:
        """A connection through the tunnel of a proxy; None where none is to be used for `url`."""
        from release import http as one_get  # noqa: PLC0415 - slow to import, and few machines need it
        from release import transport  # noqa: PLC0415

        parts = urlsplit(url)
        try:
            proxy = transport.proxy_of(url)
            if proxy is None:
                return None
            ends = time.monotonic() + self.connect_timeout_s
            port = parts.port or transport.DEFAULT_PORTS[self.scheme]
            opened = transport.connect(proxy.host, proxy.port, self.connect_timeout_s)
            if proxy.scheme == "https":
                opened = one_get.secured(opened, proxy.host, ends)
            one_get.tunnel(opened, proxy, f"{parts.netloc.rpartition(':')[0] or parts.netloc}:{port}")
            if self.scheme == "https":
                opened = one_get.secured(opened, parts.hostname or "", ends, self._context())
        except (transport.ProxyRefusedError, one_get.HttpError, OSError) as error:
            raise ProxyConnectionError(proxy_url=str(error)) from error
        connection = http.client.HTTPConnection(parts.hostname or "", port, blocksize=BLOCK_BYTES)
        connection.sock = opened
        return connection

    def _context(self) -> ssl.SSLContext:
        """As botocore: the authorities that AWS_CA_BUNDLE names, or those that botocore comes with."""
        if self._tls is None:
            bundle = os.environ.get("AWS_CA_BUNDLE") or str(Path(botocore.__file__).parent / "cacert.pem")
            self._tls = ssl.create_default_context(cafile=bundle)
        return self._tls


def _may_have_proxy() -> bool:
    """Whether it is worth asking; on a Mac the system's settings count, too."""
    return sys.platform == "darwin" or any(name.lower() in ("http_proxy", "https_proxy") for name in os.environ)


def _is_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the other side ended it: an idle connection has nothing to read but that."""
    if connection.sock is None:
        return True
    readable, _, _ = select.select([connection.sock], [], [], 0)
    return bool(readable)
