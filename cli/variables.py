"""Environment variables in the events of a preview: names of those that differ, and values to be hidden. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from cli import diff

TASK_DEFINITION: Final = "aws:ecs/taskDefinition:TaskDefinition"
SETTING: Final = "easi:backendEnvironment"
"""The setting with the environment variables of the backend."""
OWN: Final = ("EASI_ENVIRONMENT", "EASI_HEALTH_PATH")
"""Variables that the program sets itself, to what the rest of a preview says as well."""
LEAST: Final = 3
"""Characters of a value that is hidden in a message: shorter ones ("on", "1") are words of any text, unless quoted."""


def changed(events: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The names with what becomes of them: `+ NAME`, `~ NAME`, `- NAME`."""
    signs: dict[str, str] = {}
    for step in diff.steps(events):
        if step.get("type") != TASK_DEFINITION or step.get("op") not in (*diff.REPLACING, "update"):
            continue
        old, new = (
            containers(((step.get(side) or {}).get("inputs") or {}).get(diff.CONTAINERS)) for side in ("old", "new")
        )
        for container, before in old.items():
            after = new.get(container)
            if not new and OWN[0] in before:
                # With an image that is not built yet, the engine knows nothing of the new definition: the setting does.
                after = setting(events) | {key: before[key] for key in OWN if key in before}
            if after is None:
                continue
            for variable in before.keys() | after.keys():
                if before.get(variable) != after.get(variable):
                    signs[variable] = "+" if variable not in before else "-" if variable not in after else "~"
    return tuple(f"{sign} {variable}" for variable, sign in sorted(signs.items()))


def values(events: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The values, for `shapes.hide`, each with its name in brackets, the longest first.

    They are for what somebody else wrote about them, an error of AWS or of Python: a text that has no structure.
    """
    labels: dict[str, str] = {}
    for name, value in _all(events):
        # A text is looked at line by line. Python and JSON print a value in their own spelling.
        for part in {value, *(line.strip() for line in value.split("\n"))}:
            spellings = {part, json.dumps(part)[1:-1], json.dumps(part, ensure_ascii=False)[1:-1], repr(part)[1:-1]}
            for spelled in spellings | {f"{quote}{part}{quote}" for quote in "'\"`"}:
                if len(spelled) >= LEAST:
                    labels.setdefault(spelled, f"[{name}]")
    return dict(sorted(labels.items(), key=lambda pair: (-len(pair[0]), pair)))


def _all(events: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for step in diff.steps(events):
        for properties in _states(step):
            for variables in containers(properties.get(diff.CONTAINERS)).values():
                yield from (pair for pair in variables.items() if pair[0] not in OWN)
    yield from setting(events).items()


def _states(step: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The properties of a resource before and after a step: inputs and outputs."""
    for side in ("old", "new"):
        for properties in ("inputs", "outputs"):
            yield (step.get(side) or {}).get(properties) or {}


def containers(text: Any) -> dict[str, dict[str, str]]:
    """The environment variables in a task definition's `containerDefinitions`, by container; empty where it is none."""
    try:
        definitions = json.loads(text)
        return {
            str(container.get("name", "")): {
                str(variable.get("name", "")): str(variable.get("value", ""))
                for variable in container.get("environment") or ()
            }
            for container in definitions
        }
    except (TypeError, ValueError, AttributeError, RecursionError):
        return {}


def setting(events: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    config = next(((event["preludeEvent"].get("config") or {}) for event in events if "preludeEvent" in event), {})
    try:
        variables = dict(json.loads(config.get(SETTING) or "{}"))
    except (TypeError, ValueError, RecursionError):
        return {}
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in variables.items()}
