"""The Pulumi resource whose creation and update is a release; release/servicer.py is its provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from release import stack


class Release(pulumi.CustomResource):
    """The release of one environment. `release` is its record: version, services, sites, proof and predecessors."""

    release: pulumi.Output[Mapping[str, Any]]

    def __init__(
        self, name: str, inputs: Mapping[str, pulumi.Input[Any]], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """See `release.inputs` for what the inputs are. Services and sites are released in the order they have here."""
        ordered = {kind: _ordered(inputs[kind]) for kind in ("services", "sites")}
        before = pulumi.ResourceOptions(aliases=[pulumi.Alias(type_=stack.BEFORE)])
        opts = pulumi.ResourceOptions.merge(before, opts)
        super().__init__(stack.RELEASE, name, {**inputs, **ordered, "release": None}, opts)


def _ordered(by_name: Any) -> dict[str, Mapping[str, Any]]:
    """A state keeps no order of names."""
    return {name: {**one, "order": number} for number, (name, one) in enumerate(by_name.items())}
