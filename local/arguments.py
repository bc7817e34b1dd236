"""Whether a resource has the properties that its class in the Pulumi SDK takes.

The engine hands a plugin whatever the program gave. The official plugins refuse an unknown property, a missing one or
one of the wrong type; so do ours, with the classes of the SDK as the only list of what exists.
"""

from __future__ import annotations

import collections.abc
import difflib
import functools
import inspect
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import pulumi
from pulumi import _types

from local.plugin import UNKNOWN

_KINDS = {str: "a string", bool: "true or false", int: "a whole number", float: "a number"}
_NONE = type(None)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One property that the class does not take, and why."""

    path: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class _Shape:
    types: Mapping[str, Any]
    required: frozenset[str]


def faults(args_class: type, values: Mapping[str, Any], *, also: Iterable[str] = ()) -> list[Fault]:
    """Everything that is wrong with `values` (see `local.plugin.plain`), by the `...Args` class of the SDK.

    `also` names top-level properties that a plugin adds itself.
    """
    extra = frozenset(also)
    return list(_object(args_class, {key: value for key, value in values.items() if key not in extra}, ""))


@functools.cache
def _shape(args_class: type) -> _Shape:
    names = _types.input_type_py_to_pulumi_names(args_class)
    parameters = inspect.signature(args_class).parameters.values()
    required = frozenset(names[item.name] for item in parameters if item.default is item.empty and item.name in names)
    return _Shape(types=_types.input_type_types(args_class), required=required)


def _object(args_class: type, values: Mapping[str, Any], path: str) -> Iterator[Fault]:
    shape = _shape(args_class)
    for name in sorted(shape.required - {key for key, value in values.items() if value is not None}):
        yield Fault(path=_join(path, name), reason="is required and missing")
    for name, value in values.items():
        if name.startswith("__") or value is None:
            continue
        if name in shape.types:
            yield from _value(shape.types[name], value, _join(path, name))
        else:
            near = difflib.get_close_matches(name, shape.types, n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            known = ", ".join(sorted(shape.types))
            yield Fault(path=_join(path, name), reason=f"is not a property{hint}; {args_class.__name__} has {known}")


def _value(kind: Any, value: Any, path: str) -> Iterator[Fault]:
    if value is None or value is UNKNOWN:
        return
    members = list(_members(kind))
    attempts = [list(_one(member, value, path)) for member in members]
    if not attempts or not all(attempts):
        return
    # Of several shapes the one that got furthest into the value explains best what is wrong with it.
    yield from max(attempts, key=lambda attempt: max(len(fault.path) for fault in attempt))


def _members(kind: Any) -> Iterator[Any]:
    """The alternatives of a type, without what the SDK adds for values that come later."""
    if kind is Any or kind is object:
        return
    origin = typing.get_origin(kind)
    if origin is typing.Union or origin is types.UnionType:
        for part in typing.get_args(kind):
            yield from _members(part)
    elif (
        origin not in {pulumi.Output, collections.abc.Awaitable} and kind is not _NONE and not typing.is_typeddict(kind)
    ):
        yield kind


def _one(kind: Any, value: Any, path: str) -> Iterator[Fault]:
    origin = typing.get_origin(kind)
    if origin in {collections.abc.Sequence, list}:
        yield from _sequence(kind, value, path)
    elif origin in {collections.abc.Mapping, dict} or kind is dict:
        yield from _mapping(kind, value, path)
    elif isinstance(kind, type) and _types.is_input_type(kind):
        if isinstance(value, Mapping):
            yield from _object(kind, value, path)
        else:
            yield _wrong(path, f"an object of {kind.__name__}", value)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        allowed = [member.value for member in kind]
        if value not in allowed:
            yield _wrong(path, "one of " + ", ".join(str(item) for item in allowed), value)
    elif isinstance(kind, type) and not _matches(kind, value):
        yield _wrong(path, _KINDS.get(kind, f"a {kind.__name__}"), value)


def _sequence(kind: Any, value: Any, path: str) -> Iterator[Fault]:
    if not isinstance(value, list | tuple):
        yield _wrong(path, "a list", value)
        return
    for index, item in enumerate(value):
        yield from _value((typing.get_args(kind) or (Any,))[0], item, f"{path}[{index}]")


def _mapping(kind: Any, value: Any, path: str) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        yield _wrong(path, "an object with names of your choice", value)
        return
    for key, item in value.items():
        if not str(key).startswith("__"):
            yield from _value((typing.get_args(kind) or (str, Any))[1], item, f"{path}.{key}")


def _matches(kind: type, value: Any) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind is pulumi.Asset or kind is pulumi.Archive:
        return isinstance(value, pulumi.Asset | pulumi.Archive)
    return isinstance(value, kind)


def _wrong(path: str, expected: str, value: Any) -> Fault:
    # Names the type and not the value: a property of the wrong type may still be a secret.
    given = "a list" if isinstance(value, list | tuple) else "an object" if isinstance(value, Mapping) else None
    return Fault(path=path, reason=f"must be {expected}, not {given or _KINDS.get(type(value), type(value).__name__)}")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
