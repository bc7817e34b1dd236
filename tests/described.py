"""Settings of a test: those of services and sites by their path, `services.backend.cpu`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from settings.description import KEYS, merged


def nested(changes: Mapping[str, Any], base: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The settings `base` with `changes`; keys with or without prefix. Whoever gives a path, gives one leaf or more."""
    result = dict(base or {})
    for path, value in changes.items():
        prefix, colon, rest = path.rpartition(":")
        key, *steps = rest.split(".")
        whole = f"{prefix}{colon}{key}"
        if key not in KEYS or not steps:
            result[whole] = value
            continue
        part: Any = value
        for step in reversed(steps):
            part = {step: part}
        result[whole] = merged(result.get(whole) or {}, part)
    return result
