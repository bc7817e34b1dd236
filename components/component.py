"""What every component has in common: options of its children, and the tags by which an environment is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi


def tags_of(project: str, environment: str) -> dict[str, str]:
    """What everything of an environment bears, by which CI's roles know what is theirs (`components.ci_access`)."""
    return {"Project": project, "Environment": environment}


def tagged(tags: Mapping[str, str]) -> pulumi.ResourceTransformation:
    """Adds tags to every resource that takes some; a tag that a resource gives itself wins.

    For the whole stack (`pulumi.runtime.register_stack_transformation`) or one component (`transformations` of its
    options). Tags of the provider (`aws:defaultTags`) stay where no tag here has their key.
    """

    def add(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if not isinstance(args.resource, pulumi.CustomResource) or not hasattr(type(args.resource), "tags"):
            return None
        own: Any = args.props.get("tags") or {}
        return pulumi.ResourceTransformationResult({**args.props, "tags": {**tags, **own}}, args.opts)

    return add


class Component(pulumi.ComponentResource):
    child: pulumi.ResourceOptions
    """Options of a resource that belongs to this component."""

    def __init__(self, kind: str, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(kind, name, {}, opts)
        self.child = pulumi.ResourceOptions(parent=self)
