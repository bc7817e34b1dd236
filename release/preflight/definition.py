"""The task definition that is to run, its roles and its image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from functions.aws_errors import code
from functions.names import name_in
from release import image, registry
from release.preflight import roles
from release.preflight.check import Check
from release.registry import ImageError, Registries, Repository
from release.request import ServiceRequest
from release.session import Clients


def read(request: ServiceRequest, clients: Clients, described: MutableMapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Describe the task definition as `task`. It must be one that ECS still runs, with the image that is released."""
    yield from describe(clients, request.identity.task_definition, described)
    if "task" not in described:
        return
    definition, revision = described["task"], name_in(request.identity.task_definition)
    images = [container["image"] for container in definition["containerDefinitions"]]
    if not any(image.endswith(request.identity.image_digest) for image in images):
        yield (
            f"the task definition {revision} runs {', '.join(images)}, and {request.identity.image} is to be released: "
            "release with `pulumi up`, which registers the definition of that image"
        )


def describe(clients: Clients, arn: str, described: MutableMapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Describe a task definition as `task`, which has to be one that ECS still runs."""
    again = "`pulumi up --refresh` registers it again"
    try:
        definition = clients.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]
    except ClientError as error:
        if code(error) != "ClientException":
            raise
        yield f"the task definition {name_in(arn)} does not exist: {again}"
        return
    described["task"] = definition
    if definition["status"] != "ACTIVE":
        yield f"the task definition {name_in(arn)} is {definition['status']}, and ECS runs ACTIVE ones only: {again}"


def checks(clients: Clients, task: Mapping[str, Any]) -> Iterator[Check]:
    """What there has to be beside the definition, but for its secrets."""
    for role in roles.of(task):
        yield f"the role {role}", partial(_check_role, clients, role)


def _check_role(clients: Clients, arn: str) -> Iterator[str]:
    """The role must exist: no task starts without it."""
    try:
        clients.iam.get_role(RoleName=name_in(arn))
    except ClientError as error:
        if code(error) != "NoSuchEntity":
            raise
        yield f"the role {arn} of the task definition does not exist: `pulumi up --refresh` makes it again"


def check_image(request: ServiceRequest, clients: Clients) -> Iterator[str]:
    """A few small requests to the registries; no layer is read."""
    digest = request.identity.image_digest
    target = Repository.parse(request.identity.image.partition("@")[0])
    source = Repository.parse(request.source_image.partition("@")[0]) if request.source_image else target
    registries = Registries(source, target, registry.ecr_credentials(clients.ecr))
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
