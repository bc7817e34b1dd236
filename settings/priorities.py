"""In which order a load balancer asks the rules of its services: the most exact first, whatever the others are.

A number that depended on the other services would change with them, and a load balancer has no two rules of one number
while an update goes from one order to the other.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from typing import Final

MAX_PATH: Final = 128
"""Characters of a path in a rule: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html"""
_OF_A_LENGTH: Final = 350


def priority(name: str, paths: Sequence[str]) -> int:
    """The number of a service's rule: lower, the more characters one of its paths has before its first wildcard."""
    literal = max(len(re.split(r"[*?]", path)[0]) for path in paths)
    return 1 + (MAX_PATH - literal) * _OF_A_LENGTH + zlib.crc32(name.encode()) % _OF_A_LENGTH
