"""How one endpoint of S3 is reached: urllib3, with the errors that botocore raises."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Any, Final

import botocore
import urllib3
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)

MAX_CONNECTIONS: Final = 64
"""Kept open for each host; more than that are closed after their request."""
BLOCK_BYTES: Final = 256 * 1024
"""What is read of a file, and sent, at once."""


class Connections:
    """The connections to the hosts of one endpoint: with virtual-host style, each bucket is one."""

    def __init__(self, scheme: str, *, connect_timeout_s: float, read_timeout_s: float) -> None:
        self._scheme = scheme
        self._pools: dict[str, urllib3.HTTPConnectionPool] = {}
        self._making = threading.Lock()
        self._options: dict[str, Any] = {
            "maxsize": MAX_CONNECTIONS,
            "timeout": urllib3.Timeout(connect=connect_timeout_s, read=read_timeout_s),
            "retries": False,
            "blocksize": BLOCK_BYTES,
        }
        if scheme == "https":  # as botocore: the authorities that AWS_CA_BUNDLE names, or those it comes with
            bundle = os.environ.get("AWS_CA_BUNDLE") or str(Path(botocore.__file__).parent / "cacert.pem")
            self._options |= {"ca_certs": bundle, "cert_reqs": "CERT_REQUIRED"}

    def send(
        self,
        host: str,
        method: str,
        target: str,
        body: bytes | Iterable[bytes] | None,
        headers: Mapping[str, str],
        *,
        whole: bool,
    ) -> urllib3.BaseHTTPResponse:
        """The response of `host` (`name` or `name:port`), with its body if `whole`. Raises what botocore raises."""
        url = f"{self._scheme}://{host}{target}"
        pool = self._pools.get(host) or self._pool(host)
        try:
            return pool.urlopen(
                method, target, body, headers, redirect=False, preload_content=whole, decode_content=False
            )
        except urllib3.exceptions.ProxyError as error:
            raise ProxyConnectionError(proxy_url=str(error)) from error
        except urllib3.exceptions.SSLError as error:
            raise SSLError(endpoint_url=url, error=error) from error
        except urllib3.exceptions.NewConnectionError as error:
            raise EndpointConnectionError(endpoint_url=url, error=error) from error
        except urllib3.exceptions.ConnectTimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=url, error=error) from error
        except urllib3.exceptions.ReadTimeoutError as error:
            raise ReadTimeoutError(endpoint_url=url, error=error) from error
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionClosedError(endpoint_url=url, error=error) from error

    def _pool(self, host: str) -> urllib3.HTTPConnectionPool:
        with self._making:
            if host not in self._pools:
                self._pools[host] = self._manager(host).connection_from_url(f"{self._scheme}://{host}")
            return self._pools[host]

    def _manager(self, host: str) -> urllib3.PoolManager:
        if _may_have_proxy():
            from release import transport  # noqa: PLC0415 - slow to import, and few machines need it

            try:
                proxy = transport.proxy_of(f"{self._scheme}://{host}")
            except transport.ProxyRefusedError as error:
                raise ProxyConnectionError(proxy_url=str(error)) from error
            if proxy is not None:
                address = f"{proxy.scheme}://{proxy.host}:{proxy.port}"
                return urllib3.ProxyManager(address, proxy_headers=proxy.headers, **self._options)
        return urllib3.PoolManager(**self._options)


def pieces(opened: IO[bytes], size: int) -> Iterable[bytes]:
    """`size` bytes of a file: neither less, for which S3 would wait, nor more, which would be the next request.

    Raises EOFError where the file ends early.
    """
    while size:
        piece = opened.read(min(size, BLOCK_BYTES))
        if not piece:
            raise EOFError(f"the file ends {size} bytes early")
        size -= len(piece)
        yield piece


def _may_have_proxy() -> bool:
    """Whether it is worth asking; on a Mac the system's settings count, too."""
    return sys.platform == "darwin" or any(name.lower() in ("http_proxy", "https_proxy") for name in os.environ)
