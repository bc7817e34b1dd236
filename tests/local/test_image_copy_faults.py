"""Copies of images over a connection, or from a registry, with which something is wrong."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from release.image import copy_image
from release.registry import ImageError
from tests.http_servers import Handler, listening
from tests.local.emulated import ask
from tests.local.registries import (
    credentials,
    get_manifest,
    put_image,
    repository,
    started,
)

first = pytest.fixture(scope="module")(started)
second = pytest.fixture(scope="module")(started)


@dataclass
class Proxy:
    """A registry that stands before another one and goes wrong in the way that is asked for."""

    behind: str
    fault: str = ""
    die_after: int | None = None
    requests: list[str] = field(default_factory=list)
    storage_authorization: list[str | None] = field(default_factory=list)
    address: str = ""


@pytest.fixture
def proxy(first: str) -> Iterator[Proxy]:
    state = Proxy(behind=first)

    class Spoiling(Handler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length) if length else None
            request = f"{self.command} {self.path}"
            state.requests.append(request)
            count = len(state.requests)
            if state.die_after is not None and count > state.die_after:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            blob = self.command == "GET" and "/blobs/" in self.path
            if state.fault == "busy" and state.requests.count(request) == 1:
                self.answer(503, b"", {})
                return
            if state.fault == "forbidden":
                self.answer(403, b"no", {})
                return
            storage = state.address.replace("localhost", "http://127.0.0.1")
            if state.fault == "redirect" and blob and "storage" not in self.path:
                self.answer(307, b"", {"Location": f"{storage}{self.path}?storage=1"})
                return
            if "storage" in self.path:
                state.storage_authorization.append(self.headers.get("Authorization"))
            headers = {"Content-Type": self.headers.get("Content-Type", "application/octet-stream")}
            status, content, found = ask(self.command, f"http://{state.behind}{self.path}", body, **headers)
            layer = blob and len(content) > 1000
            if state.fault == "corrupt" and layer:
                content = content[:-1] + b"!"
            if state.fault == "truncated" and layer:
                self.answer(status, content[: len(content) // 2], found, length=len(content))
                self.close_connection = True
                return
            self.answer(status, content, found)

        def answer(self, status: int, content: bytes, headers: dict[str, str], length: int | None = None) -> None:
            kept = {"Content-Type", "Docker-Content-Digest", "Location"} & headers.keys()
            whole = {"Content-Length": str(len(content) if length is None else length)}
            self.reply(content, whole | {name: headers[name] for name in kept}, status)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = handle_any  # noqa: N815 - named by the base class

    with listening(Spoiling) as server:
        state.address = f"localhost:{server.server_port}"
        yield state


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("release.registry.time.sleep", lambda _: None)


def through(proxy: Proxy, repository: str) -> str:
    return f"{proxy.address}/{repository.partition('/')[2]}"


def copy_through(proxy: Proxy, source: str, target: str, digest: str) -> None:
    copy_image(
        source=source,
        target_repository=target,
        digest=digest,
        cpu_architecture="X86_64",
        credentials=lambda registry: ("AWS", "secret") if registry == proxy.address else credentials(registry),
        say=lambda _: None,
    )


def test_storage_behind_a_redirect_does_not_get_the_password(proxy: Proxy, first: str, second: str) -> None:
    source, target = repository(first), repository(second)
    digest = put_image(source, b"layer")["digest"]
    proxy.fault = "redirect"
    copy_through(proxy, through(proxy, source), target, digest)
    assert proxy.storage_authorization == [None, None, None]
    assert get_manifest(target, digest)[0] == 200


@pytest.mark.parametrize("fault", ["corrupt", "truncated"])
def test_layer_that_arrives_damaged_is_not_copied(proxy: Proxy, first: str, second: str, fault: str) -> None:
    source, target = repository(first), repository(second)
    digest = put_image(source, b"layer" * 1000)["digest"]
    proxy.fault = fault
    with pytest.raises(ImageError, match="layer sha256:"):
        copy_through(proxy, through(proxy, source), target, digest)
    assert get_manifest(target, digest)[0] == 404


@pytest.mark.usefixtures("impatient")
def test_busy_registry_is_asked_again(proxy: Proxy, first: str, second: str) -> None:
    source, target = repository(first), repository(second)
    digest = put_image(source, b"layer")["digest"]
    proxy.fault = "busy"
    copy_through(proxy, through(proxy, source), target, digest)
    assert get_manifest(target, digest)[0] == 200


def test_refusal_says_which_permissions_are_needed(proxy: Proxy, first: str, second: str) -> None:
    source, target = repository(first), repository(second)
    digest = put_image(source, b"layer")["digest"]
    proxy.fault = "forbidden"
    with pytest.raises(ImageError, match=r"not allowed \(403\); the role of this release needs to pull from"):
        copy_through(proxy, through(proxy, source), target, digest)


def test_copy_continues_wherever_it_was_cut_off(
    proxy: Proxy, first: str, second: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("release.registry.time.sleep", lambda _: None)
    source = repository(second)
    digest = put_image(source, b"one", b"two" * 1000)["digest"]
    cut = 0
    while True:
        target = repository(first)
        proxy.requests.clear()
        proxy.die_after = cut
        try:
            copy_through(proxy, source, through(proxy, target), digest)
        except ImageError:
            assert get_manifest(target, digest)[0] == 404
        else:
            break
        proxy.die_after = None
        copy_through(proxy, source, through(proxy, target), digest)
        assert get_manifest(target, digest) == get_manifest(source, digest)
        cut += 1
    assert cut > 10
