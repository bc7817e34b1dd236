"""Letting go of images that no record names any more: a tag holds an image, and each record's image has one."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from release.progress import Say
from settings.own_names import own_name

if TYPE_CHECKING:
    from types_boto3_ecr.client import ECRClient
    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef

_BATCH: Final = 100
"""Images that one BatchDeleteImage takes (Amazon ECR API Reference)."""


def tag(environment: str, service: str, version: str) -> str:
    """What an image is tagged when it is built. All services of an environment share a repository."""
    return f"{own_name(environment, service)}-{version}"


def expire(ecr: ECRClient, repository: str, *, environment: str, named: Collection[str], say: Say) -> int:
    """Remove the tags `<environment>-…` of all images but those with the digests `named`; how many tags there were.

    ECR deletes an image with its last tag ("Deleting an image in Amazon ECR", Amazon ECR User Guide). One that has a
    tag of somebody else's stays.
    """
    name = repository.partition("/")[2]
    pages = ecr.get_paginator("describe_images").paginate(repositoryName=name, filter={"tagStatus": "TAGGED"})
    tags = [
        tag
        for page in pages
        for image in page["imageDetails"]
        if image["imageDigest"] not in named
        for tag in image.get("imageTags", ())
        if tag.startswith(f"{environment}-")
    ]
    for start in range(0, len(tags), _BATCH):
        batch: list[ImageIdentifierTypeDef] = [{"imageTag": tag} for tag in tags[start : start + _BATCH]]
        failed = ecr.batch_delete_image(repositoryName=name, imageIds=batch).get("failures") or []
        if failed:
            raise RuntimeError(f"{failed[0].get('imageId')}: {failed[0].get('failureReason')}")
    if tags:
        say(f"removed {len(tags)} {'tag' if len(tags) == 1 else 'tags'} of images that no record names")
    return len(tags)
