"""Copies of images between two registries of an emulator, which Docker pushes to and runs from."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from release.registry import ImageError, Registries
from tests.local.registries import (
    OCI_INDEX,
    copy,
    ecr,
    get_manifest,
    has_blob,
    put_image,
    put_manifest,
    repository,
    started,
)

first = pytest.fixture(scope="module")(started)
second = pytest.fixture(scope="module")(started)


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
