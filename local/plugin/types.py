"""What properties a resource type has, of which types: from a file that `sdk.py` writes."""

from __future__ import annotations

import difflib
import functools
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import sdk
from .provider import Problem
from .wire import ARCHIVE, ASSET, SIGNATURE, UNKNOWN, Props, has_unknown

FILE = Path(sys.prefix) / "local-aws-types.json"
"""In the virtual environment, as the SDKs that it is made of."""
AWS_PROVIDER = "pulumi:providers:aws"

Type = Any
"""A scalar's name such as "string", or {"list": [...]}, {"map": [...]} of types, {"object": name}, {"enum": [...]}."""
Properties = dict[str, dict[str, Any]]
"""By name: the `types` that a property may have, and whether it is `required`."""

TITLES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "archive": "an archive",
    "asset": "an asset",
}


@dataclass(frozen=True)
class Shape:
    """The inputs of a resource type by their names in the engine, and the names of all its outputs."""

    inputs: Properties
    outputs: frozenset[str]


@functools.cache
def tables() -> dict[str, dict[str, Any]]:
    """The whole table: `resources` and the `objects` that they hold."""
    if FILE.exists():
        written: dict[str, dict[str, Any]] = json.loads(FILE.read_bytes())
        if written["source"] == sdk.source():
            return written
    return sdk.write(FILE)


@functools.cache
def shape_of(token: str) -> Shape:
    """The shape of a resource type such as `aws:ecs/service:Service`. Raises KeyError for one that no plugin knows."""
    if token not in tables()["resources"]:
        sdk.write(FILE)
        tables.cache_clear()
    resource = tables()["resources"][token]
    return Shape(resource["inputs"], frozenset(resource["outputs"]))


def read_inputs(shape: Shape, inputs: Props, *, convert: bool = True) -> tuple[Props, list[Problem]]:
    """Inputs with values in the types that their properties have, and what is wrong with them.

    Where `convert`, the program may give `"8080"` for a number, and a policy as an object in place of its text.
    """
    reader = _Reader(convert)
    return reader.read_object(shape.inputs, inputs, ""), reader.problems


class _Reader:
    def __init__(self, convert: bool) -> None:
        self._convert = convert
        self.problems: list[Problem] = []

    def read_object(self, properties: Properties, value: Props, path: str) -> Props:
        prefix, result = f"{path}." if path else "", dict(value)
        for name, item in value.items():
            if name in properties and item is not None:
                result[name] = self._read(properties[name]["types"], item, prefix + name)
            elif name not in properties and not name.startswith("__"):
                self.problems.append(Problem(prefix + name, _no_such(name, properties)))
        required = (name for name, declared in properties.items() if declared.get("required"))
        missing = [name for name in required if value.get(name) is None]
        self.problems += [Problem(prefix + name, "required, and missing") for name in missing]
        return result

    def _read(self, types: list[Type], value: Any, path: str) -> Any:
        if value == UNKNOWN:
            return value
        if self._convert and isinstance(value, dict) and "string" in types:
            return UNKNOWN if has_unknown(value) else json.dumps(value, sort_keys=True)
        problems: list[Problem] = []
        for kind in types:
            attempt = _Reader(self._convert)
            result = attempt._read_one(kind, value, path)
            problems = attempt.problems
            if not problems:
                return result
        if len(types) > 1:
            titles = " or ".join(dict.fromkeys(map(_title, types)))
            problems = [Problem(path, f"must be {titles}, not {_describe(value, types[0])}")]
        self.problems += problems
        return value

    def _read_one(self, kind: Type, value: Any, path: str) -> Any:
        if isinstance(kind, dict) and "list" in kind and isinstance(value, list):
            return [self._read(kind["list"], item, f"{path}[{number}]") for number, item in enumerate(value)]
        if isinstance(kind, dict) and isinstance(value, dict):
            if "map" in kind:
                return {key: self._read(kind["map"], item, f"{path}.{key}") for key, item in value.items()}
            if "object" in kind:
                return self.read_object(tables()["objects"][kind["object"]], value, path)
        if not _is_asset(kind, value) and not (self._is_scalar(kind, value)):
            self.problems.append(Problem(path, f"must be {_title(kind)}, not {_describe(value, kind)}"))
            return value
        return _converted(kind, value)

    def _is_scalar(self, kind: Type, value: Any) -> bool:
        if kind == "any":
            return True
        if isinstance(value, (dict, list)):
            return False
        if isinstance(kind, dict):
            return value in kind.get("enum", ())
        if kind == "boolean":
            return isinstance(value, bool) or (self._convert and value in ("true", "false"))
        if kind in ("integer", "number"):
            number = _number(value) if self._convert or not isinstance(value, str) else None
            return number is not None and (kind == "number" or number.is_integer())
        return bool(kind == "string") and (self._convert or isinstance(value, str))


def _no_such(name: str, properties: Properties) -> str:
    near = difflib.get_close_matches(name, properties, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"no such property{hint}; allowed are {', '.join(sorted(properties))}"


def _is_asset(kind: Type, value: Any) -> bool:
    signature = {"asset": ASSET, "archive": ARCHIVE}.get(kind) if isinstance(kind, str) else None
    return signature is not None and isinstance(value, dict) and value.get(SIGNATURE) in (ASSET, ARCHIVE)


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except ValueError:
        return None


def _title(kind: Type) -> str:
    if isinstance(kind, str):
        return TITLES[kind]
    if "enum" in kind:
        return f"one of {', '.join(map(str, kind['enum']))}"
    return "a list" if "list" in kind else "a map" if "map" in kind else "an object"


def _describe(value: Any, kind: Type) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    # A number or a choice is shown; where a text or more is expected, it may be a secret.
    shown = kind in ("integer", "number", "boolean") or (isinstance(kind, dict) and "enum" in kind)
    return repr(value) if shown else "a single value"


def _converted(kind: Type, value: Any) -> Any:
    if kind == "boolean" and isinstance(value, str):
        return value == "true"
    if kind in ("integer", "number") and isinstance(value, str):
        number = float(value)
        return int(number) if number.is_integer() else number
    if kind == "string" and isinstance(value, (bool, int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value
