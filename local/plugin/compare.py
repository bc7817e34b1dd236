"""What differs between the inputs a resource has and those it should have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from .wire import UNKNOWN, Props, is_asset


@dataclass(frozen=True)
class Difference:
    """One place where old and new inputs differ: `kind` is "add", "delete" or "update"."""

    path: str
    kind: str

    @property
    def pattern(self) -> str:
        """The path without list indexes: `rules[0].id` as `rules.id`."""
        return re.sub(r"\[[^\]]*\]", "", self.path)

    def is_in(self, patterns: frozenset[str]) -> bool:
        """Whether it is at one of the property paths, or below one."""
        parts = self.pattern.split(".")
        return any(".".join(parts[: end + 1]) in patterns for end in range(len(parts)))


def differences(old: Props, new: Props, unordered: frozenset[str] = frozenset()) -> list[Difference]:
    """Differences between two sets of inputs; lists whose path is in `unordered` are compared as sets."""
    return list(_compare(old, new, "", unordered))


def _compare(old: Any, new: Any, path: str, unordered: frozenset[str]) -> Iterator[Difference]:
    if old is None or new is None:
        if not (_is_empty(old) and _is_empty(new)):
            yield Difference(path, "add" if old is None else "delete")
    elif UNKNOWN in (old, new):
        yield Difference(path, "update")
    elif isinstance(old, dict) and isinstance(new, dict) and not (is_asset(old) or is_asset(new)):
        for key in sorted({*old, *new}):
            if not key.startswith("__"):
                yield from _compare(old.get(key), new.get(key), _join(path, key), unordered)
    elif isinstance(old, list) and isinstance(new, list):
        yield from _compare_lists(old, new, path, unordered)
    elif not same(_content(old), _content(new)):
        yield Difference(path, "update")


def _compare_lists(old: list[Any], new: list[Any], path: str, unordered: frozenset[str]) -> Iterator[Difference]:
    if Difference(path, "").pattern in unordered:
        old, new = sorted(old, key=_sort_key), sorted(new, key=_sort_key)
    for number, (before, after) in enumerate(zip_longest(old, new)):
        yield from _compare(before, after, f"{path}[{number}]", unordered)


def _join(path: str, key: str) -> str:
    if re.fullmatch(r"\w+", key):
        return f"{path}.{key}" if path else key
    return f"{path}[{json.dumps(key)}]"


def _sort_key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def _is_empty(value: Any) -> bool:
    return value is None or value in ([], {})


def _content(value: Any) -> Any:
    """What identifies an asset: its content, not where it lies."""
    return value.get("hash") or value if is_asset(value) else value


def same(old: Any, new: Any) -> bool:
    """Whether two values mean the same: JSON documents are compared by meaning, numbers by value."""
    if isinstance(old, str) and isinstance(new, str) and old != new:
        before, after = _document(old), _document(new)
        return before is not None and before == after
    return bool(old == new) and isinstance(old, bool) == isinstance(new, bool)


def _document(text: str) -> Any:
    """A JSON document in a form in which equal policies are equal, or None if the text is not one."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return normalise(json.loads(text))
    except ValueError:
        return None


def normalise(document: Any, key: str = "") -> Any:
    """IAM does not tell a list of one from the item, nor lists of actions, resources and principals by their order."""
    one_or_many = {"Action", "NotAction", "Resource", "NotResource", "AWS", "Service", "Federated", "Statement"}
    if isinstance(document, dict):
        return {name: normalise(value, name) for name, value in document.items()}
    if isinstance(document, list):
        items = [normalise(item) for item in document]
        if key in one_or_many and key != "Statement":
            items.sort(key=_sort_key)
        return items[0] if key in one_or_many and len(items) == 1 else items
    return document
