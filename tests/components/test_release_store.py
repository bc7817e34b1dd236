"""What an environment keeps of its releases, and the image it builds or takes over."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.backend_image import BackendImage, BackendImageArgs, Build, Promoted
from components.release_store import ReleaseStore, ReleaseStoreArgs
from release import docker_login
from tests.components.recorded import TOKEN, Recorded, record

IMAGE = "docker:index/image:Image"
REPOSITORY = "aws:ecr/repository:Repository"
DIGEST = "sha256:" + "b" * 64


def store(**args: Any) -> Recorded:
    return record(lambda: ReleaseStore("store", ReleaseStoreArgs(**args)))


def test_lifecycle_touches_untagged_images_only() -> None:
    recorded = store()
    rules = json.loads(recorded.one("aws:ecr/lifecyclePolicy:LifecyclePolicy")["policy"])["rules"]
    assert [rule["selection"]["tagStatus"] for rule in rules] == ["untagged"]
    assert recorded.all("aws:ecr/repositoryPolicy:RepositoryPolicy") == []


def test_images_are_scanned_and_encrypted_as_asked() -> None:
    assert store().one(REPOSITORY)["imageScanningConfiguration"] == {"scanOnPush": True}
    assert "encryptionConfigurations" not in store().one(REPOSITORY)
    key = "arn:aws:kms:us-west-2:111111111111:key/1"
    encryption = store(key_arn=key).one(REPOSITORY)["encryptionConfigurations"]
    assert encryption == [{"encryptionType": "KMS", "kmsKey": key}]


def test_no_rename_replaces_what_holds_data() -> None:
    recorded = store()
    assert "name" not in recorded.one(REPOSITORY)
    assert "bucket" not in recorded.one("aws:s3/bucket:Bucket")


@pytest.mark.parametrize("token", [REPOSITORY, "aws:s3/bucket:Bucket"])
def test_images_and_records_are_protected_and_retained_unless_they_are_not_to_be_kept(token: str) -> None:
    kept, free = store(keep=True).asked(token), store(keep=False).asked(token)
    assert (kept.get("protect"), kept.get("retainOnDelete")) == (True, True)
    assert (free.get("protect"), free.get("retainOnDelete")) == (None, None)


def test_nothing_is_emptied_by_a_destroy_unless_it_is_not_to_be_kept() -> None:
    for keep in (True, False):
        recorded = store(keep=keep)
        assert recorded.one(REPOSITORY)["forceDelete"] is not keep
        assert recorded.one("aws:s3/bucket:Bucket")["forceDestroy"] is not keep


def attempts(*, keep: bool) -> dict[str, dict[str, Any]]:
    """The statements on attempts, by their Sid."""
    policy = json.loads(store(keep=keep).one("aws:s3/bucketPolicy:BucketPolicy")["policy"])
    found = {statement["Sid"]: statement for statement in policy["Statement"] if "Attempts" in statement["Sid"]}
    for statement in found.values():
        assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
        assert [arn.rpartition(":")[2] for arn in statement["Resource"]] == [
            "Bucket/store-records/attempts/*",
            "Bucket/store-records/purges/*",
            "Bucket/store-records/statements/*",
        ]
    return found


def test_what_an_attempt_left_is_written_once_and_deleted_by_nobody() -> None:
    kept = attempts(keep=True)
    assert kept["AttemptsOnce"]["Action"] == "s3:PutObject"
    assert kept["AttemptsOnce"]["Condition"] == {"Null": {"s3:if-none-match": "true"}}
    assert kept["AttemptsStay"]["Action"] == ["s3:DeleteObject", "s3:DeleteObjectVersion"]
    assert "Condition" not in kept["AttemptsStay"]


def test_what_an_attempt_left_can_be_deleted_with_a_stack_that_is_not_to_be_kept() -> None:
    assert list(attempts(keep=False)) == ["AttemptsOnce"]


def test_readers_pull_images_with_their_scans_and_read_records_and_nothing_else() -> None:
    recorded = store(reader_accounts=["222222222222"])
    (pull,) = json.loads(recorded.one("aws:ecr/repositoryPolicy:RepositoryPolicy")["policy"])["Statement"]
    assert pull["Principal"] == {"AWS": ["arn:aws:iam::222222222222:root"]}
    assert pull["Action"] == [
        "ecr:BatchCheckLayerAvailability",
        "ecr:BatchGetImage",
        "ecr:DescribeImageScanFindings",
        "ecr:GetDownloadUrlForLayer",
    ]
    statements = json.loads(recorded.one("aws:s3/bucketPolicy:BucketPolicy")["policy"])["Statement"]
    allowed = [statement["Action"] for statement in statements if statement["Effect"] == "Allow"]
    assert allowed == ["s3:ListBucket", "s3:GetObject"]


def image(what: Build | Promoted) -> tuple[Recorded, dict[str, Any]]:
    """What was registered, and what the component says of it."""
    said: dict[str, Any] = {}

    def program() -> None:
        args = BackendImageArgs(image=what, repository_url="registry/easi-dev", registry_id="111111111111")
        made = BackendImage("backend", args)
        made.reference.apply(lambda reference: said.update(reference=reference))

    return record(program), said


def test_first_environment_builds_its_image_for_the_named_architecture() -> None:
    build = Build(context="backend", arguments={"RELEASE_VERSION": "a"}, tag="dev-a", platform="linux/arm64")
    recorded, _ = image(build)
    built = recorded.one(IMAGE)
    assert built["imageName"] == "registry/easi-dev:dev-a"
    assert built["build"]["args"] == {"RELEASE_VERSION": "a"}
    assert built["build"]["platform"] == "linux/arm64"
    assert built["registry"] == {"server": TOKEN["proxyEndpoint"]}, "the state keeps no token"


def test_built_image_is_named_by_its_digest() -> None:
    _, said = image(Build(context="backend", arguments={}, tag="t", platform="linux/amd64"))
    assert said["reference"].endswith("@sha256:" + "1" * 64)


@pytest.mark.parametrize(
    ("docker", "server", "told"),
    [
        pytest.param("cat >token; echo $* >arguments", "https://registry", None, id="signed in"),
        pytest.param("exit 1", "http://registry", None, id="a registry without TLS gets no token"),
        pytest.param(
            "echo no basic auth >&2; exit 1", "https://registry", "registry` failed: no basic auth", id="refused"
        ),
        pytest.param(None, "https://registry", "`docker` is not on the PATH", id="no Docker"),
    ],
)
def test_docker_is_signed_in_to_the_registry(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, docker: str | None, server: str, told: str | None
) -> None:
    token: Any = types.SimpleNamespace(proxy_endpoint=server, user_name="AWS", password="of twelve hours")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin" if docker else str(tmp_path))
    if docker:
        program = tmp_path / "docker"
        program.write_text(f"#!/bin/sh\n{docker}\n")
        program.chmod(0o755)
    if told:
        with pytest.raises(pulumi.RunError, match=told):
            docker_login.sign_in(token)
        return
    assert docker_login.sign_in(token) == server
    if server == "https://registry":
        assert (tmp_path / "token").read_text() == token.password
        assert (tmp_path / "arguments").read_text() == "login --username AWS --password-stdin https://registry\n"


def test_later_environment_builds_nothing_and_names_the_same_digest() -> None:
    recorded, said = image(Promoted(digest=DIGEST))
    assert recorded.all(IMAGE) == []
    assert said == {"reference": f"registry/easi-dev@{DIGEST}"}


def test_a_repository_that_exists_keeps_its_name_and_its_key() -> None:
    recorded = record(lambda: ReleaseStore("store", ReleaseStoreArgs()))
    assert recorded.asked("aws:ecr/repository:Repository")["ignoreChanges"] == ["name", "encryptionConfigurations"]
