"""Servers on this machine for what asks over HTTP: with answers in turn, over TLS, or below HTTP."""

from __future__ import annotations

import datetime as dt
import http.server
import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.http_servers import Handler, listening

VERSION = "3f2c1aa" + "0" * 33
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
    headers: list[Mapping[str, str]] = field(default_factory=list)
    """Of each request."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/v1/healthcheck"


@contextmanager
def serving(*answers: Served, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(list(answers))

    class InTurn(Handler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:  # noqa: N802 - the base class wants this name
            server.requests.append((self.path, self.headers["Host"], self.client_address))
            server.headers.append(dict(self.headers))
            answer = server.answers.pop(0) if len(server.answers) > 1 else server.answers[0]
            self.reply(answer.content, answer.headers, answer.status)

    waiting = http.server.ThreadingHTTPServer(("127.0.0.1", 0), InTurn)
    if tls:
        waiting.socket = tls.wrap_socket(waiting.socket, server_side=True)
    server.port = waiting.server_address[1]
    with listening(waiting):
        yield server


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


def tls_for(folder: Path, name: str) -> ssl.SSLContext:
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
