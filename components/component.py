"""What every component has in common: its children, and the tags that they carry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi


def tags_of(project: str, environment: str) -> dict[str, str]:
    """What everything of an environment bears, by which CI's roles know what is theirs (`components.ci_access`)."""
    return {"Project": project, "Environment": environment}


def tagged(tags: Mapping[str, str]) -> pulumi.ResourceTransformation:
    """Adds tags to every resource that takes some. A tag that a resource gives itself wins."""

    def add(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not isinstance(args.resource, pulumi.CustomResource) or not hasattr(type(args.resource), "tags"):
            return None
        given: Any = args.props.get("tags") or {}
        return pulumi.ResourceTransformationResult({**args.props, "tags": {**tags, **given}}, args.opts)

    return add


class Component(pulumi.ComponentResource):
    """A component resource that puts its tags on every resource below it that takes tags.

    A tag that a resource gives itself wins. Tags of the provider (`aws:defaultTags`) stay where no tag here has their
    key.
    """

    def __init__(
        self, kind: str, name: str, tags: Mapping[str, str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        own = pulumi.ResourceOptions(transformations=[tagged(tags)] if tags else [])
        super().__init__(kind, name, {}, pulumi.ResourceOptions.merge(opts, own))
        self.child = pulumi.ResourceOptions(parent=self)
        """Options of a resource that belongs to this component."""
