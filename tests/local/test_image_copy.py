"""Copies of images between two registries of an emulator, which Docker pushes to and runs from."""

import hashlib
import io
import json
import os
import socket
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest

from release.image import copy_image
from release.registry import ImageError, Registries, ecr_credentials
from tests.http_servers import Handler, listening
from tests.local.emulated import client
from tests.local.site_world import emulator


def _start(folder: Path) -> Iterator[str]:
    """An emulator of its own: the address `localhost:<port>`."""
    for url in emulator(folder):
        yield url.replace("http://127.0.0.1", "localhost")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from _start(tmp_path_factory.mktemp("first"))


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    yield from _start(tmp_path_factory.mktemp("second"))


def ecr(registry: str) -> Any:
    return client(f"http://{registry}", "ecr")


_COUNT = iter(range(1000))


def repository(registry: str) -> str:
    name = f"team/backend-{next(_COUNT)}"
    ecr(registry).create_repository(repositoryName=name)
    return f"{registry}/{name}"


def credentials(registry: str) -> tuple[str, str] | None:
    return ecr_credentials(lambda _region: ecr(registry))(registry)


def copy(source: str, target: str, digest: str, **more: Any) -> str:
    asked = {"cpu_architecture": "X86_64", "credentials": credentials, "say": lambda _: None, **more}
    return copy_image(source=source, target_repository=target, digest=digest, **asked)


def ask(method: str, url: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    request = urllib.request.Request(
        url, data=body, method=method, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def put_blob(repository: str, content: bytes) -> dict[str, Any]:
    registry, _, name = repository.partition("/")
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    _, _, headers = ask("POST", f"http://{registry}/v2/{name}/blobs/uploads/", b"")
    status, _, _ = ask("PUT", f"http://{registry}{headers['Location']}?digest={digest}", content)
    assert status == 201
    return {"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": len(content)}


def put_manifest(repository: str, document: dict[str, Any], media_type: str) -> dict[str, Any]:
    """Stores it with white space that a re-serialising copy would lose."""
    registry, _, name = repository.partition("/")
    body = json.dumps(document, indent=3).encode() + b"\n"
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    status, _, _ = ask("PUT", f"http://{registry}/v2/{name}/manifests/{digest}", body, Content_Type=media_type)
    assert status == 201
    return {"mediaType": media_type, "digest": digest, "size": len(body)}


OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def put_image(repository: str, *layers: bytes, architecture: str = "amd64") -> dict[str, Any]:
    config = {"os": "linux", "architecture": architecture, "comment": b"".join(layers)[:4].hex()}
    # OCI leaves mediaType of the document itself open
    document = {"schemaVersion": 2, "config": put_blob(repository, json.dumps(config).encode())}
    document["layers"] = [put_blob(repository, layer) for layer in layers]
    return put_manifest(repository, document, OCI_MANIFEST)


def get_manifest(repository: str, reference: str) -> tuple[int, bytes]:
    registry, _, name = repository.partition("/")
    status, body, _ = ask("GET", f"http://{registry}/v2/{name}/manifests/{reference}")
    return status, body


def has_blob(repository: str, digest: str) -> bool:
    registry, _, name = repository.partition("/")
    return ask("HEAD", f"http://{registry}/v2/{name}/blobs/{digest}")[0] == 200


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    client = docker.from_env()
    yield client
    client.close()


def test_what_docker_pushed_can_be_pulled_from_the_copy(first: str, second: str, engine: docker.DockerClient) -> None:
    source, target = repository(first), repository(second)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo("hello")
        entry.size = 300_000
        tar.addfile(entry, io.BytesIO(os.urandom(entry.size)))
    engine.api.import_image_from_data(archive.getvalue(), repository=source, tag="built")
    pulled = None
    try:
        pushed = [json.loads(line) for line in engine.api.push(source, tag="built").splitlines()]
        digest = next(line["aux"]["Digest"] for line in pushed if "aux" in line)
        said: list[str] = []
        processor = {"linux/amd64": "X86_64", "linux/arm64": "ARM64"}["linux/" + engine.version()["Arch"]]
        assert (
            copy(source, target, digest, tag="impl-abc", cpu_architecture=processor, say=said.append)
            == f"{target}@{digest}"
        )
        assert "2 of 2 layers sent" in said[0]
        assert get_manifest(target, "impl-abc") == get_manifest(source, digest)
        pulled = engine.images.pull(target, tag=digest)
        assert f"{target}@{digest}" in pulled.attrs["RepoDigests"]
    finally:
        for image in (f"{source}:built", pulled.id if pulled else None):
            if image:
                engine.images.remove(image, force=True)


def test_a_second_copy_is_three_small_requests(first: str, second: str, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = repository(first), repository(second)
    digest = put_image(source, b"layer")["digest"]
    copy(source, target, digest, tag="prod-1")
    copy(source, target, digest)
    requests: list[str] = []
    original = Registries.request

    def counted(self: Any, method: str, url: str, **more: Any) -> Any:
        requests.append(f"{method} {url.rpartition('/')[2]}")
        return original(self, method, url, **more)

    monkeypatch.setattr(Registries, "request", counted)
    copy(source, target, digest, tag="prod-1")
    config = json.loads(get_manifest(target, digest)[1])["config"]["digest"]
    assert requests == ["HEAD prod-1", f"GET {digest}", f"GET {config}"]
    requests.clear()
    copy(source, target, digest)
    assert requests == [f"HEAD {digest}", f"GET {digest}", f"GET {config}"]
    requests.clear()
    copy(source, target, digest, tag="prod-2")
    assert [request.split()[0] for request in requests] == ["HEAD", "GET", "GET", "HEAD", "GET", "PUT"]
    assert get_manifest(target, "prod-2") == get_manifest(source, digest)


def test_image_for_two_platforms_is_copied_whole(first: str, second: str) -> None:
    source, target = repository(first), repository(second)
    arm = put_image(source, b"base" * 999, b"arm", architecture="arm64")
    amd = put_image(source, b"base" * 999, b"amd", b"")
    images = [
        image | {"platform": {"os": "linux", "architecture": name}} for image, name in ((arm, "arm64"), (amd, "amd64"))
    ]
    index = put_manifest(source, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": images}, OCI_INDEX)
    copy(source, target, index["digest"], tag="impl-1")
    assert get_manifest(target, "impl-1") == get_manifest(source, index["digest"])
    for image in images:
        assert get_manifest(target, image["digest"]) == get_manifest(source, image["digest"])
        for layer in json.loads(get_manifest(source, image["digest"])[1])["layers"]:
            assert has_blob(target, layer["digest"])


def test_image_for_other_processors_is_refused_and_nothing_is_copied(first: str, second: str) -> None:
    source, target = repository(first), repository(second)
    image = put_image(source, b"layer", architecture="arm64")
    with pytest.raises(ImageError, match=f"{source}@.* is for linux/arm64, and this stack's tasks need linux/amd64"):
        copy(source, target, image["digest"], tag="impl-1")
    assert get_manifest(target, image["digest"])[0] == 404
    assert not has_blob(target, json.loads(get_manifest(source, image["digest"])[1])["layers"][0]["digest"])

    copy(source, target, image["digest"], tag="impl-1", cpu_architecture="ARM64")
    with pytest.raises(ImageError, match=f"{target}@.* is for linux/arm64"):
        copy(target, target, image["digest"], tag="impl-1")


def test_layers_of_the_same_registry_are_mounted(first: str) -> None:
    source, target = repository(first), repository(first)
    digest = put_image(source, b"x" * 100, b"y" * 100)["digest"]
    said: list[str] = []
    copy(source, target, digest, say=said.append)
    assert "0 of 3 layers sent" in said[0]
    assert get_manifest(target, digest) == get_manifest(source, digest)


def test_absent_image_is_named(first: str, second: str) -> None:
    source, target = repository(first), repository(second)
    digest = "sha256:" + "0" * 64
    with pytest.raises(ImageError, match=f"{source} has no image {digest}"):
        copy(source, target, digest)


def test_tag_that_belongs_to_another_image_does_not_move(first: str, second: str) -> None:
    source, target = repository(first), repository(second)
    one, two = put_image(source, b"one1")["digest"], put_image(source, b"two2")["digest"]
    name = target.partition("/")[2]
    ecr(second).put_image_tag_mutability(repositoryName=name, imageTagMutability="IMMUTABLE")
    copy(source, target, one, tag="prod-1")
    with pytest.raises(ImageError, match="the tag belongs to another image"):
        copy(source, target, two, tag="prod-1")
    assert get_manifest(target, "prod-1") == get_manifest(source, one)


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
