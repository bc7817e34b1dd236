"""Names for resources that the program did not name, made as the official plugin makes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from local.plugin.provider import Proposal

SUFFIX = 7
"""How many random hexadecimal digits follow the logical name."""


@dataclass(frozen=True)
class Name:
    """Which property holds the name, how long it may be, and whether it must be in lower case."""

    property: str = "name"
    limit: int = 255
    lower: bool = False

    def make(self, logical: str, seed: bytes, proposal: Proposal | None = None) -> str:
        """The proposed name, else `<logical>-<7 hex>`; the same seed gives the same name.

        Raises ValueError for a name over the limit, which is not cut (that would take its random end), and where
        made-up names are forbidden.
        """
        if proposal is None:
            name = f"{logical}-{hashlib.sha256(seed).hexdigest()[:SUFFIX]}"
        elif proposal.name:
            name = proposal.name
        else:
            raise ValueError("required, and missing: `pulumi:autonaming` forbids names that the program does not give")
        if proposal is not None and proposal.enforced:
            return name
        if len(name) > self.limit:
            raise ValueError(
                f"the made-up name {name!r} has {len(name)} characters, {self.limit} are allowed: shorten the "
                f"resource's name {logical!r}, or set {self.property!r}"
            )
        return name.lower() if self.lower else name
