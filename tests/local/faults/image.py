"""The image of a backend that misbehaves as its environment tells it: backend.go and nothing else."""

from __future__ import annotations

from pathlib import Path

import docker

from tests.local import images

VERSION_VARIABLE, MODE_VARIABLE = "RELEASE_VERSION", "FAULTS_MODE"


def build_program(folder: Path) -> Path:
    """The static binary, in `folder`."""
    return images.build(Path(__file__).with_name("backend.go"), folder)


def build(engine: docker.DockerClient, folder: Path, repository: str) -> str:
    """Build the image and push it to `repository`; its reference by digest."""
    tag = images.pack(engine, build_program(folder), f"{repository}:faults", name="backend", user="65532:65532")
    for line in engine.images.push(tag, auth_config={"username": "AWS", "password": "test"}, stream=True, decode=True):
        if "error" in line:
            raise RuntimeError(f"{tag} was not pushed: {line['error']}")
        if digest := (line.get("aux") or {}).get("Digest"):
            return f"{repository}@{digest}"
    raise RuntimeError(f"the push of {tag} ended without a digest")
