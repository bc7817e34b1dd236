"""The image that is to run: it is there, or where it will be copied from, and for the tasks' processors."""

from __future__ import annotations

from collections.abc import Iterator

from release import image, registry
from release.registry import ImageError, Registries, Repository
from release.request import ReleaseRequest
from release.session import Clients


def check(request: ReleaseRequest, clients: Clients) -> Iterator[str]:
    """A few small requests to the registries; no layer is read."""
    digest = request.identity.image_digest
    target = Repository.parse(request.identity.image.partition("@")[0])
    source = Repository.parse(request.source.image.partition("@")[0]) if request.source.image else target
    registries = Registries(source, target, registry.ecr_credentials(clients.make))
    with registries.pool:
        place = next((one for one in (target, source) if registries.digest(one, digest) == digest), None)
        if place is None:
            others = "" if source == target else f" and not in {source}, from where it is copied,"
            yield (
                f"the image {digest} is not in {target}{others}: it was deleted, or never pushed; release a version "
                "whose image exists, or this one again from the first environment, which builds it"
            )
            return
        try:
            image.require(registries, place, digest, request.cpu_architecture)
        except ImageError as error:
            yield str(error)
