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


def check_inputs(shape: Shape, inputs: Props) -> list[Problem]:
    """Unknown properties, missing ones, and values of a wrong type."""
    return list(_check_object(shape.inputs, inputs, ""))


def _check_object(properties: dict[str, Property], value: Props, path: str) -> collections.abc.Iterator[Problem]:
    prefix = f"{path}." if path else ""
    for name, item in value.items():
        if name.startswith("__"):
            continue
        if name not in properties:
            yield Problem(prefix + name, f"no such property; allowed are {', '.join(sorted(properties))}")
        elif item is not None:
            known = properties[name]
            yield from _check_value(known.annotation, known.module, item, prefix + name)
    for name, known in properties.items():
        if known.required and value.get(name) is None:
            yield Problem(prefix + name, "required, and missing")


def _check_value(annotation: Any, module: ModuleType, value: Any, path: str) -> collections.abc.Iterator[Problem]:
    if value == UNKNOWN:
        return
    problems: list[Problem] = []
    kinds = _alternatives(annotation, module)
    for kind in kinds:
        problems = list(_check_kind(kind, module, value, path))
        if not problems:
            return
    if len(kinds) == 1:
        yield from problems
    else:
        yield Problem(
            path, f"must be {' or '.join(dict.fromkeys(map(_title, kinds)))}, not {_describe(value, kinds[0])}"
        )


def _check_kind(kind: Any, module: ModuleType, value: Any, path: str) -> collections.abc.Iterator[Problem]:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any or (isinstance(kind, type) and issubclass(kind, (pulumi.Asset, pulumi.Archive)) and is_asset(value)):
        return
    if origin is collections.abc.Sequence and isinstance(value, list):
        for number, item in enumerate(value):
            yield from _check_value(arguments[0], module, item, f"{path}[{number}]")
    elif origin is collections.abc.Mapping and isinstance(value, dict):
        for key, item in value.items():
            yield from _check_value(arguments[1], module, item, f"{path}.{key}")
    elif isinstance(kind, type) and is_input_type(kind) and isinstance(value, dict):
        yield from _check_object(_properties(kind), value, path)
    elif not _is_scalar(kind, value):
        yield Problem(path, f"must be {_title(kind)}, not {_describe(value, kind)}")


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


def coerce(shape: Shape, inputs: Props) -> Props:
    """Inputs with numbers and booleans in the type that the property has; the program may give `"8080"` for 8080."""
    return {
        name: _coerce(shape.inputs[name], value) if name in shape.inputs else value for name, value in inputs.items()
    }


def _coerce(known: Property, value: Any) -> Any:
    kinds = _alternatives(known.annotation, known.module)
    if isinstance(value, dict) and str in kinds:  # a policy, given as an object in place of its text
        return UNKNOWN if has_unknown(value) else json.dumps(value, sort_keys=True)
    for kind in kinds:
        converted = _coerce_kind(kind, known.module, value)
        if converted != value or type(converted) is not type(value):
            return converted
    return value


def _coerce_kind(kind: Any, module: ModuleType, value: Any) -> Any:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if value is None or value == UNKNOWN or is_asset(value):
        converted = value
    elif isinstance(value, list):
        listed = origin is collections.abc.Sequence
        converted = [_coerce(Property(arguments[0], module, False), item) for item in value] if listed else value
    elif isinstance(value, dict) and origin is collections.abc.Mapping:
        converted = {key: _coerce(Property(arguments[1], module, False), item) for key, item in value.items()}
    elif isinstance(value, dict):
        known = _properties(kind) if is_input_type(kind) else {}
        converted = {name: _coerce(known[name], item) if name in known else item for name, item in value.items()}
    else:
        converted = _coerce_scalar(kind, value)
    return converted


def _coerce_scalar(kind: Any, value: Any) -> Any:
    if kind is bool and isinstance(value, str):
        return value == "true"
    if kind in (int, float) and isinstance(value, str):
        number = float(value)
        return int(number) if number.is_integer() else number
    if kind is str and isinstance(value, (bool, int, float)):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return value
