import base64
from typing import Any

import pytest

from release.image import copy_image
from release.registry import ImageError, Repository, ecr_credentials

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (
            "123456789012.dkr.ecr.us-west-2.amazonaws.com/easi-dev",
            "https://123456789012.dkr.ecr.us-west-2.amazonaws.com/v2/easi-dev/x",
        ),
        ("localhost:4566/team/easi_dev", "http://localhost:4566/v2/team/easi_dev/x"),
        ("localhost.example.com/easi", "https://localhost.example.com/v2/easi/x"),
    ],
)
def test_registry_is_spoken_to_over_tls_unless_it_is_this_machine(text: str, url: str) -> None:
    assert Repository.parse(text).url("x") == url


@pytest.mark.parametrize(
    "text", ["", "name", "https://registry/name", "registry/name:tag", f"registry/name@{DIGEST}", "r/Name", "r/a//b"]
)
def test_what_is_no_repository_is_refused(text: str) -> None:
    with pytest.raises(ImageError, match="is no repository"):
        Repository.parse(text)


@pytest.mark.parametrize(("digest", "tag"), [("latest", None), ("sha256:abc", None), (DIGEST, "a b"), (DIGEST, "-x")])
def test_bad_digest_or_tag_is_refused_before_anything_is_asked(digest: str, tag: str | None) -> None:
    with pytest.raises(ImageError, match=r"digest is|is no tag"):
        copy_image(
            source="localhost:1/a",
            target_repository="localhost:1/b",
            digest=digest,
            tag=tag,
            cpu_architecture="X86_64",
            credentials=lambda _: pytest.fail("asked for credentials"),
            say=print,
        )


def test_registry_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("release.registry.time.sleep", lambda _: None)
    with pytest.raises(ImageError, match="the registry localhost:1 does not answer"):
        copy_image(
            source="localhost:1/a",
            target_repository="localhost:1/b",
            digest=DIGEST,
            cpu_architecture="X86_64",
            credentials=lambda _: None,
            say=print,
        )


class Ecr:
    """A region's: it knows its own token alone."""

    def __init__(self, region: str) -> None:
        self.region = region

    def get_authorization_token(self) -> object:
        token = base64.b64encode(f"AWS:se:cret {self.region}".encode()).decode()
        return {"authorizationData": [{"authorizationToken": token}]}


@pytest.mark.parametrize(
    ("registry", "region"),
    [
        ("123456789012.dkr.ecr.us-east-1.amazonaws.com", "us-east-1"),
        ("123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("123456789012.dkr-ecr.eu-west-1.on.aws", "eu-west-1"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("localhost:4566", ""),
    ],
)
def test_credentials_are_of_the_registrys_region(registry: str, region: str) -> None:
    client: Any = Ecr
    assert ecr_credentials(client)(registry) == ("AWS", f"se:cret {region}")
