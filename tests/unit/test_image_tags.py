"""Which images a repository goes on holding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ministack.services import ecr

from local.emulator.gaps import repositories
from release import image_tags

KEPT, DROPPED, PUSHED = (f"sha256:{digit * 64}" for digit in "123")


class Ecr:
    """A repository with images by digest. As ECR, it deletes an image with its last tag."""

    def __init__(self, images: dict[str, list[str]], *, fails: bool = False) -> None:
        self.images, self.fails = images, fails

    def get_paginator(self, operation: str) -> Ecr:
        assert operation == "describe_images"
        return self

    def paginate(self, **asked: Any) -> Iterator[Any]:
        assert asked == {"repositoryName": "easi-dev-store", "filter": {"tagStatus": "TAGGED"}}
        for digest, tags in self.images.items():
            yield {"imageDetails": [{"imageDigest": digest, "imageTags": list(tags)}]}

    def batch_delete_image(self, *, repositoryName: str, imageIds: list[Any]) -> Any:  # noqa: N803 - boto3's names
        assert (repositoryName, len(imageIds) <= 100) == ("easi-dev-store", True)
        if self.fails:
            return {"failures": [{"imageId": imageIds[0], "failureReason": "no"}]}
        for asked in imageIds:
            digest = next(one for one, tags in self.images.items() if asked["imageTag"] in tags)
            self.images[digest].remove(asked["imageTag"])
            if not self.images[digest]:
                del self.images[digest]
        return {"failures": []}


def expire(ecr: Any, *named: str) -> int:
    repository = "111111111111.dkr.ecr.us-west-2.amazonaws.com/easi-dev-store"
    return image_tags.expire(ecr, repository, environment="dev", named=named, say=print)


def test_image_goes_when_no_record_names_it_and_stays_as_long_as_one_does() -> None:
    many = [f"dev-{number}" for number in range(150)]
    ecr = Ecr({KEPT: ["dev-a", "dev-a-111"], DROPPED: ["dev-b", *many], PUSHED: ["dev-c", "by-hand"]})
    assert expire(ecr, KEPT) == 152
    assert ecr.images == {KEPT: ["dev-a", "dev-a-111"], PUSHED: ["by-hand"]}
    assert expire(ecr, KEPT) == 0


def test_refusal_of_ecr_is_told() -> None:
    with pytest.raises(RuntimeError, match="no"):
        expire(Ecr({DROPPED: ["dev-b"]}, fails=True))


def test_emulators_image_goes_with_its_last_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ecr._repositories, "app", {})
    both = {"imageDigest": KEPT, "imageId": {"imageDigest": KEPT}, "imageTags": ["a", "b"]}
    monkeypatch.setitem(ecr._images, "app", [both])

    def delete(tag: str) -> list[Any]:
        asked = {"repositoryName": "app", "imageIds": [{"imageTag": tag}]}
        repositories.batch_delete_image(ecr._batch_delete_image, asked)
        return [image["imageTags"] for image in ecr._images["app"]]

    assert [delete(tag) for tag in ("a", "none", "b")] == [[["b"]], [["b"]], []]


def test_a_tag_names_the_service_unless_it_is_the_main_one() -> None:
    assert image_tags.tag("dev", "backend", "3f2c1aa") == "dev-3f2c1aa"
    assert image_tags.tag("dev", "worker", "3f2c1aa") == "dev-worker-3f2c1aa"
