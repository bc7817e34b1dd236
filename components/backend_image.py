"""The backend's image: built in the first environment, the same digest in every later one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import pulumi
import pulumi_aws as aws
import pulumi_docker as docker

from components.component import Component


@dataclasses.dataclass(frozen=True, kw_only=True)
class Build:
    context: str
    """The folder that is built."""
    dockerfile: str = "Dockerfile"
    """Path of the Dockerfile in the folder."""
    arguments: Mapping[str, str]
    """Build arguments. They are stored in the image: no secrets."""
    tag: str
    platform: str
    """linux/amd64 or linux/arm64."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Promoted:
    """An image that an earlier environment has proven; the release copies it before it runs."""

    digest: pulumi.Input[str]
    """`sha256:` and 64 hexadecimal digits."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class BackendImageArgs:
    image: Build | Promoted
    repository_url: pulumi.Input[str]
    registry_id: pulumi.Input[str]
    sign_in: Callable[[aws.ecr.GetAuthorizationTokenResult], str] = lambda token: token.proxy_endpoint
    """Signs Docker in to the registry with a token of twelve hours, and says the registry's address. pulumi-docker
    pushes with what Docker keeps (its provider/image.go, getRegistryAuth), and the state has no token."""


class BackendImage(Component):
    """One image in the environment's repository, named by digest."""

    reference: pulumi.Output[str]
    """`repository@sha256:…`"""

    def __init__(self, name: str, args: BackendImageArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("easi:release:BackendImage", name, opts)
        if isinstance(args.image, Promoted):
            self.reference = pulumi.Output.concat(args.repository_url, "@", args.image.digest)
        else:
            self.reference = self._build(name, args, args.image)
        self.register_outputs({"reference": self.reference})

    def _build(self, name: str, args: BackendImageArgs, build: Build) -> pulumi.Output[str]:
        token = aws.ecr.get_authorization_token_output(
            registry_id=args.registry_id, opts=pulumi.InvokeOptions(parent=self)
        )
        image = docker.Image(
            name,
            image_name=pulumi.Output.concat(args.repository_url, ":", build.tag),
            build={
                "context": build.context,
                "dockerfile": f"{build.context}/{build.dockerfile}",
                "args": dict(sorted(build.arguments.items())),
                "platform": build.platform,
            },
            registry={"server": pulumi.Output.unsecret(token.apply(args.sign_in))},
            opts=self.child,
        )
        return image.repo_digest
