"""A proxy on this machine: CONNECT for HTTPS, whole addresses for HTTP; it resolves every name to one server."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class HttpProxy:
    """Where everything goes to, what it refuses with, and what it was asked."""

    target: int
    """Port of the server that stands for the internet."""
    refuses: int | None = None
    """The status that it answers in place of connecting."""
    password: str = ""
    """`name:password` in base64 that it wants; 407 without."""
    requests: list[str] = field(default_factory=list)
    """The first line of each request."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(65536)
            if not piece:
                return
            head += piece
        self.requests.append(head.split(b"\r\n")[0].decode())
        status = self.refuses
        if self.password and f"proxy-authorization: basic {self.password}".lower() not in head.decode().lower():
            status = 407
        if status is not None:
            client.sendall(f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n".encode())
            return
        with socket.create_connection(("127.0.0.1", self.target)) as upstream:
            if head.startswith(b"CONNECT "):
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                upstream.sendall(head)
            back = threading.Thread(target=_pour, args=(upstream, client), daemon=True)
            back.start()
            _pour(client, upstream)
            back.join(5)


def _pour(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@contextmanager
def proxying(proxy: HttpProxy, tls: ssl.SSLContext | None = None) -> Iterator[HttpProxy]:
    """Let it serve; with `tls`, it is spoken to over TLS itself."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy.port = listening.getsockname()[1]

        def one(client: socket.socket) -> None:
            with contextlib.suppress(OSError):
                connection = tls.wrap_socket(client, server_side=True) if tls else client
                with connection:
                    proxy.serve(connection)

        def accept() -> None:
            while True:
                try:
                    client, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield proxy
        listening.shutdown(socket.SHUT_RDWR)


@contextmanager
def black_hole() -> Iterator[tuple[str, int]]:
    """An address that answers nothing, not even a refusal: its queue of connections is full."""
    with socket.socket() as listening, contextlib.ExitStack() as waiting:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address: tuple[str, int] = listening.getsockname()
        while True:
            client = waiting.enter_context(socket.socket())
            client.settimeout(0.2)
            try:
                client.connect(address)
            except TimeoutError:
                break
        yield address
