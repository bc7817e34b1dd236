"""The release store and the backend's image."""

from __future__ import annotations

import json

import pytest

from components.backend_image import BackendImage, BackendImageArgs, Build, Promoted
from components.release_store import ReleaseStore, ReleaseStoreArgs
from tests.components.recorded import Recorded, record

IMAGE = "docker:index/image:Image"


def image(what: Build | Promoted) -> Recorded:
    return record(
        lambda: BackendImage(
            "backend", BackendImageArgs(image=what, repository_url="registry/easi-dev", registry_id="111111111111")
        )
    )


def test_first_environment_builds_its_image() -> None:
    built = image(Build(context="backend", arguments={"EASI_VERSION": "a"}, tag="dev-a")).one(IMAGE)
    assert built["imageName"] == "registry/easi-dev:dev-a"
    assert built["build"]["args"] == {"EASI_VERSION": "a"}
    assert built["build"]["platform"] == "linux/amd64"


def test_later_environment_builds_nothing() -> None:
    assert image(Promoted(digest="sha256:" + "b" * 64)).all(IMAGE) == []


def test_another_architecture_is_refused() -> None:
    with pytest.raises(ValueError, match="cpu_architecture is 'RISCV': expected X86_64 or ARM64"):
        image(Build(context="backend", arguments={}, tag="t", cpu_architecture="RISCV"))


def test_lifecycle_touches_untagged_images_only() -> None:
    recorded = record(lambda: ReleaseStore("store", ReleaseStoreArgs(repository="easi-dev")))
    rules = json.loads(recorded.one("aws:ecr/lifecyclePolicy:LifecyclePolicy")["policy"])["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged"]
    assert recorded.all("aws:ecr/repositoryPolicy:RepositoryPolicy") == []


def test_readers_pull_images() -> None:
    args = ReleaseStoreArgs(repository="easi-dev", reader_accounts=["222222222222"])
    recorded = record(lambda: ReleaseStore("store", args))
    (statement,) = json.loads(recorded.one("aws:ecr/repositoryPolicy:RepositoryPolicy")["policy"])["Statement"]
    assert not any("Put" in action or "Upload" in action for action in statement["Action"])
