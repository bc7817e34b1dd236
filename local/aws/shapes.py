"""What properties a resource type has, of which types: read from the generated `pulumi_aws` classes."""

from __future__ import annotations

import collections.abc
import enum
import functools
import importlib
import inspect
import json
import re
import threading
import typing
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pulumi
from pulumi._types import input_type_py_to_pulumi_names, is_input_type

from .wire import UNKNOWN, Props, has_unknown, is_asset

_IMPORTING = threading.Lock()


@dataclass(frozen=True)
class Property:
    """One input property: its annotation, the module that explains it, and whether it may be left out."""

    annotation: Any
    module: ModuleType
    required: bool


@dataclass(frozen=True)
class Shape:
    """The inputs of a resource type by their names in the engine, and the names of all its outputs."""

    inputs: dict[str, Property]
    outputs: frozenset[str]


@dataclass(frozen=True)
class Problem:
    """What is wrong with one input."""

    path: str
    reason: str


def snake(name: str) -> str:
    """CamelCase as snake_case."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


@functools.cache
def shape_of(token: str) -> Shape | None:
    """The shape of a resource type such as `aws:ecs/service:Service`, or None if `pulumi_aws` has no such type."""
    match = re.fullmatch(r"aws:(\w+)/(\w+):(\w+)", token)
    if match is None:
        return None
    package, file, name = match.groups()
    package += "_" if package == "lambda" else ""
    try:
        with _IMPORTING:
            # The package is lazy. Loaded only by what it contains, it would take that for complete and lack its types.
            getattr(importlib.import_module(f"pulumi_aws.{package}"), name, None)
            module = importlib.import_module(f"pulumi_aws.{package}.{snake(file)}")
    except ModuleNotFoundError:
        return None
    # Where a nested type has the name of the resource's arguments, those are called otherwise.
    arguments = getattr(module, f"{name}InitArgs", None) or getattr(module, f"{name}Args", None)
    state = getattr(module, f"_{name}State", None)
    if arguments is None or state is None:
        return None
    return Shape(_properties(arguments), frozenset(input_type_py_to_pulumi_names(state).values()))


@functools.cache
def provider_shape() -> Shape:
    """The settings of the AWS provider."""
    module = importlib.import_module("pulumi_aws.provider")
    return Shape(_properties(module.ProviderArgs), frozenset())


@functools.cache
def _properties(arguments: type) -> dict[str, Property]:
    names: dict[str, str] = input_type_py_to_pulumi_names(arguments)
    module = inspect.getmodule(arguments)
    assert module is not None  # noqa: S101 - every class of pulumi_aws lives in a module
    found = {}
    for name, parameter in inspect.signature(arguments.__init__).parameters.items():  # type: ignore[misc]  # class object
        if name in names:
            required = parameter.default is inspect.Parameter.empty
            found[names[name]] = Property(parameter.annotation, module, required)
    return found


def _alternatives(annotation: Any, module: ModuleType) -> list[Any]:
    """The plain types that an annotation allows: no Output, no Awaitable, no None, forward references resolved."""
    if isinstance(annotation, typing.ForwardRef):
        annotation = annotation.__forward_arg__
    if isinstance(annotation, str):
        if annotation.startswith("Output["):
            return []
        target: Any = module
        for part in annotation.split("."):
            target = getattr(target, part)
        return _alternatives(target, module)
    origin = typing.get_origin(annotation)
    if origin is typing.Union:
        return [kind for part in typing.get_args(annotation) for kind in _alternatives(part, module)]
    if annotation is type(None) or origin is collections.abc.Awaitable:
        return []
    return [annotation]


def read_inputs(shape: Shape, inputs: Props) -> tuple[Props, list[Problem]]:
    """Inputs with values in the types that their properties have, and what is wrong with them.

    The program may give `"8080"` for a number, and a policy as an object in place of its text.
    """
    problems: list[Problem] = []
    return _read_object(shape.inputs, inputs, "", problems), problems


def _read_object(properties: dict[str, Property], value: Props, path: str, problems: list[Problem]) -> Props:
    prefix, found = f"{path}." if path else "", dict(value)
    for name, item in value.items():
        if name in properties and item is not None:
            found[name] = _read_value(properties[name], item, prefix + name, problems)
        elif name not in properties and not name.startswith("__"):
            problems.append(Problem(prefix + name, f"no such property; allowed are {', '.join(sorted(properties))}"))
    missing = [name for name, known in properties.items() if known.required and value.get(name) is None]
    problems += [Problem(prefix + name, "required, and missing") for name in missing]
    return found


def _read_value(known: Property, value: Any, path: str, problems: list[Problem]) -> Any:
    kinds = _alternatives(known.annotation, known.module)
    if value == UNKNOWN:
        return value
    if isinstance(value, dict) and str in kinds:
        return UNKNOWN if has_unknown(value) else json.dumps(value, sort_keys=True)
    wrong: list[Problem] = []
    for kind in kinds:
        wrong = []
        found = _read_kind(kind, known.module, value, path, wrong)
        if not wrong:
            return found
    if len(kinds) > 1:
        titles = " or ".join(dict.fromkeys(map(_title, kinds)))
        wrong = [Problem(path, f"must be {titles}, not {_describe(value, kinds[0])}")]
    problems += wrong
    return value


def _read_kind(kind: Any, module: ModuleType, value: Any, path: str, problems: list[Problem]) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or (isinstance(kind, type) and issubclass(kind, (pulumi.Asset, pulumi.Archive)) and is_asset(value)):
        return value
    if origin is collections.abc.Sequence and isinstance(value, list):
        known = Property(arguments[0], module, False)
        return [_read_value(known, item, f"{path}[{number}]", problems) for number, item in enumerate(value)]
    if origin is collections.abc.Mapping and isinstance(value, dict):
        known = Property(arguments[1], module, False)
        return {key: _read_value(known, item, f"{path}.{key}", problems) for key, item in value.items()}
    if isinstance(kind, type) and is_input_type(kind) and isinstance(value, dict):
        return _read_object(_properties(kind), value, path, problems)
    if not _is_scalar(kind, value):
        problems.append(Problem(path, f"must be {_title(kind)}, not {_describe(value, kind)}"))
        return value
    return _convert(kind, value)


def _is_scalar(kind: Any, value: Any) -> bool:
    if not isinstance(kind, type) or isinstance(value, (dict, list)):
        return False
    if issubclass(kind, enum.Enum):
        return value in [item.value for item in kind]
    if kind is bool:
        return isinstance(value, bool) or value in ("true", "false")
    if kind in (int, float):
        return _number(value) is not None and (kind is float or float(value).is_integer())
    return kind is str


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except ValueError:
        return None


def _title(kind: Any) -> str:
    origin = typing.get_origin(kind)
    if origin is collections.abc.Sequence:
        return "a list"
    if origin is collections.abc.Mapping:
        return "a map"
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return f"one of {', '.join(str(item.value) for item in kind)}"
    names = {str: "a string", int: "a whole number", float: "a number", bool: "true or false"}
    return names.get(kind) or (
        "an archive" if kind is pulumi.Archive else "an asset" if kind is pulumi.Asset else "an object"
    )


def _describe(value: Any, kind: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else "a list"
    # A number or a choice is shown; where more is expected, the text may be a secret.
    return repr(value) if isinstance(kind, type) and not is_input_type(kind) else "a single value"


def _convert(kind: Any, value: Any) -> Any:
    if kind is bool and isinstance(value, str):
        return value == "true"
    if kind in (int, float) and isinstance(value, str):
        number = float(value)
        return int(number) if number.is_integer() else number
    if kind is str and isinstance(value, (bool, int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value
