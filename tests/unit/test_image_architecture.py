"""Whether an image runs on the processors that the tasks get: asked of a registry before anything is copied."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from release.image import copy_image
from release.registry import ImageError
from tests.http_servers import Handler, listening

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
ARM, AMD = ({"os": "linux", "architecture": name} for name in ("arm64", "amd64"))
ATTESTATION = {"os": "unknown", "architecture": "unknown"}


class FakeRegistry:
    """Has what was put into it, and notes what it is asked for; it takes no image."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.requests: list[str] = []
        self.content: dict[str, tuple[bytes, str]] = {}

    def put(self, place: str, body: bytes, media_type: str, tag: str = "") -> dict[str, Any]:
        digest = "sha256:" + hashlib.sha256(body).hexdigest()
        for name in {digest, tag or digest}:
            self.content[f"{place}/{name}"] = body, media_type
        return {"digest": digest, "size": len(body), "mediaType": media_type}

    def image(self, name: str, config: Any, tag: str = "") -> dict[str, Any]:
        """An image without layers."""
        entry = self.put(f"{name}/blobs", json.dumps(config).encode(), "config")
        document = {"schemaVersion": 2, "config": entry, "layers": []}
        return self.put(f"{name}/manifests", json.dumps(document).encode(), OCI_MANIFEST, tag)

    def index(self, name: str, *entries: dict[str, Any]) -> str:
        document = {"schemaVersion": 2, "manifests": entries}
        return str(self.put(f"{name}/manifests", json.dumps(document).encode(), OCI_INDEX)["digest"])

    def require(self, digest: str, cpu_architecture: str, tag: str | None = None) -> list[str]:
        """What a copy from `dev` to `impl` tells of an image that may be copied."""
        said: list[str] = []
        copy_image(
            source=f"{self.address}/dev",
            target_repository=f"{self.address}/impl",
            digest=digest,
            cpu_architecture=cpu_architecture,
            credentials=lambda _: None,
            say=said.append,
            tag=tag,
        )
        return said


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    class Reading(Handler):
        def answer(self) -> None:
            fake.requests.append(f"{self.command} {self.path.removeprefix('/v2/')}")
            body, media_type = fake.content.get(self.path.removeprefix("/v2/"), (b"", ""))
            writes = self.command not in ("GET", "HEAD")
            digest = "sha256:" + hashlib.sha256(body).hexdigest()
            headers = {"Content-Type": media_type, "Docker-Content-Digest": digest}
            self.reply(body, headers, 405 if writes else 200 if media_type else 404)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = answer  # noqa: N815 - named by the base class

    with listening(Reading) as server:
        fake = FakeRegistry(f"localhost:{server.server_port}")
        yield fake


def writes(registry: FakeRegistry) -> list[str]:
    return [request for request in registry.requests if not request.startswith(("GET", "HEAD"))]


def test_an_image_of_the_environment_before_that_does_not_fit_is_refused_before_anything_is_copied(
    registry: FakeRegistry,
) -> None:
    digest = registry.image("dev", ARM)["digest"]
    with pytest.raises(ImageError) as refused:
        registry.require(digest, "X86_64")
    assert str(refused.value) == (
        f"the image {registry.address}/dev@{digest[:19]} is for linux/arm64, and this stack's tasks need linux/amd64 "
        "(the service's cpuArchitecture is X86_64): set the service's "
        "cpuArchitecture to ARM64 here, or release a version that was built "
        "for X86_64"
    )
    assert writes(registry) == []


def test_an_image_that_fits_is_copied(registry: FakeRegistry) -> None:
    digest = registry.image("dev", ARM)["digest"]
    with pytest.raises(ImageError, match="status 405"):  # The fake takes nothing: the copy has begun.
        registry.require(digest, "ARM64")


def test_an_older_image_that_is_in_the_repository_already_is_asked_there(registry: FakeRegistry) -> None:
    digest = registry.image("impl", ARM, tag="impl-1")["digest"]
    assert registry.require(digest, "ARM64", tag="impl-1") == [
        f"image {digest[:19]} is in {registry.address}/impl already, as impl-1"
    ]
    with pytest.raises(ImageError, match=r"/impl@sha256:\w+ is for linux/arm64, and this stack's tasks need linux/amd"):
        registry.require(digest, "X86_64", tag="impl-1")
    assert not [request for request in registry.requests if " dev/" in request]


def test_one_of_an_index_is_enough(registry: FakeRegistry) -> None:
    entries = [registry.image("impl", platform) | {"platform": platform} for platform in (ARM, AMD)]
    digest = registry.index("impl", *entries, registry.image("impl", {}) | {"platform": ATTESTATION})
    assert registry.require(digest, "ARM64")
    assert registry.require(digest, "X86_64")


def test_an_index_that_does_not_fit_says_what_it_has(registry: FakeRegistry) -> None:
    windows = {"os": "windows", "architecture": "amd64"}
    entries = [registry.image("impl", platform) | {"platform": platform} for platform in (ARM, windows, ATTESTATION)]
    with pytest.raises(ImageError, match="is for linux/arm64, windows/amd64, and this stack's tasks need linux/amd64"):
        registry.require(registry.index("impl", *entries), "X86_64")


def test_an_index_without_platforms_is_looked_through(registry: FakeRegistry) -> None:
    digest = registry.index("impl", registry.image("impl", AMD))
    assert registry.require(digest, "X86_64")
    with pytest.raises(ImageError, match="is for linux/amd64, and this stack's tasks need linux/arm64"):
        registry.require(digest, "ARM64")


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (b"[]", "it is \\[\\], expected an object"),
        (b"{", "it is not JSON"),
        (b"[" * 50_000, "it is nested deeper"),
        (b"{}", "it names no configuration"),
        (b'{"config": {"digest": "x", "size": 1}, "layers": []}', 'config.digest is "x"'),
        (b'{"config": {"digest": 1, "size": 1}, "layers": []}', "config.digest is 1"),
        (b'{"config": {"digest": "sha256:' + b"a" * 64 + b'", "size": true}}', "config.size is true"),
    ],
)
def test_a_manifest_that_is_damaged_is_named(registry: FakeRegistry, document: bytes, why: str) -> None:
    digest = registry.put("dev/manifests", document, OCI_MANIFEST)["digest"]
    with pytest.raises(ImageError, match=f"could not read the manifest {digest} from .*/dev: {why}"):
        registry.require(digest, "ARM64")


def test_an_image_that_does_not_say_its_platform_is_refused(registry: FakeRegistry) -> None:
    digest = registry.image("impl", {"os": "linux"})["digest"]
    setting = r"\(the service's cpuArchitecture is ARM64\)"
    message = f"is for linux/unknown, .* {setting}: release a version that was built for ARM64"
    with pytest.raises(ImageError, match=message):
        registry.require(digest, "ARM64")
