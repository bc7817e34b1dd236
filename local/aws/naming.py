"""Names for resources that the program did not name, made as the official plugin makes them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

SUFFIX = 7
"""How many random hexadecimal digits follow the logical name."""


@dataclass(frozen=True)
class Name:
    """Which property holds the name, how long it may be, and whether it must be in lower case."""

    property: str = "name"
    limit: int = 255
    lower: bool = False

    def make(self, logical: str, seed: bytes) -> str:
        """`<logical>-<7 hex>`, within the limit; the same seed gives the same name."""
        suffix = "-" + hashlib.sha256(seed).hexdigest()[:SUFFIX]
        if len(logical) + len(suffix) > self.limit:
            raise ValueError(
                f"{logical!r} with {suffix!r} has {len(logical) + len(suffix)} characters, {self.limit} are allowed: "
                f"shorten the resource's name, or set {self.property!r}"
            )
        name = logical + suffix
        return name.lower() if self.lower else name
