"""The backend's image: built in the first environment, the same digest in every later one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import pulumi
import pulumi_aws as aws
import pulumi_docker as docker

from components.component import Component

PLATFORMS = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}
"""ECS's names of CPU architectures and Docker's."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Build:
    """An image to be built from a folder."""

    context: str
    """The folder, with its Dockerfile."""
    arguments: Mapping[str, str]
    """Build arguments. They are stored in the image: no secrets."""
    tag: str
    cpu_architecture: str = "X86_64"
    """X86_64 or ARM64."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Promoted:
    """An image that an earlier environment has proven; the release copies it before it runs."""

    digest: pulumi.Input[str]
    """`sha256:` and 64 hexadecimal digits."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackendImageArgs:
    """Which image, and the environment's own repository for it."""

    image: Build | Promoted
    repository_url: pulumi.Input[str]
    registry_id: pulumi.Input[str]
    sign_in: Callable[[aws.ecr.GetAuthorizationTokenResult], str] = lambda token: token.proxy_endpoint
    """Signs Docker in to the registry with a token of twelve hours, and says the registry's address. pulumi-docker
    pushes with what Docker keeps (its provider/image.go, getRegistryAuth), and the state has no token."""
    tags: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Tags of every resource that takes some."""


class BackendImage(Component):
    """One image in the environment's repository, named by digest. Raises ValueError for another architecture."""

    reference: pulumi.Output[str]
    """`repository@sha256:…`"""
    cpu_architecture: str | None
    """What the image runs on, X86_64 or ARM64. None for a promoted one: its manifest says so when it is copied."""

    def __init__(self, name: str, args: BackendImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("easi:release:BackendImage", name, args.tags, opts)
        self.cpu_architecture = None if isinstance(args.image, Promoted) else args.image.cpu_architecture
        if isinstance(args.image, Promoted):
            self.reference = pulumi.Output.concat(args.repository_url, "@", args.image.digest)
        else:
            self.reference = self._build(name, args, args.image)
        self.register_outputs({"reference": self.reference})

    def _build(self, name: str, args: BackendImageArgs, build: Build) -> pulumi.Output[str]:
        if build.cpu_architecture not in PLATFORMS:
            expected = " or ".join(PLATFORMS)
            raise ValueError(f"cpu_architecture is {build.cpu_architecture!r}: expected {expected}")
        token = aws.ecr.get_authorization_token_output(
            registry_id=args.registry_id, opts=pulumi.InvokeOptions(parent=self)
        )
        image = docker.Image(
            name,
            image_name=pulumi.Output.concat(args.repository_url, ":", build.tag),
            build={
                "context": build.context,
                "dockerfile": f"{build.context}/Dockerfile",
                "args": dict(sorted(build.arguments.items())),
                "platform": PLATFORMS[build.cpu_architecture],
            },
            registry={"server": pulumi.Output.unsecret(token.apply(args.sign_in))},
            opts=self.child,
        )
        return image.repo_digest
