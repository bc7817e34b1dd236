"""Registries of images, each of an emulator, and what a test puts there and finds there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from release.image import copy_image
from release.registry import ecr_credentials
from tests.local.emulated import ask, client
from tests.local.site_world import emulator


def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """For a fixture: an emulator of its own, the address `localhost:<port>`."""
    for url in emulator(tmp_path_factory.mktemp("registry")):
        yield url.replace("http://127.0.0.1", "localhost")


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
