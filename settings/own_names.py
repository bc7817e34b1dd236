"""What the parts of one service are called: of the main one without its name, as in earlier programs."""

from __future__ import annotations

from typing import Final

MAIN_SERVICE: Final = "backend"
MAIN_SITE: Final = "site"
"""What the only service and the only site of an earlier program are called."""


def own_name(base: str, service: str) -> str:
    """A name in AWS of what a service has for itself."""
    return base if service == MAIN_SERVICE else f"{base}-{service}"


def part_name(service: str, part: str) -> str:
    """The name in the program of a part that each service has."""
    return part if service == MAIN_SERVICE else f"{service}-{part}"
