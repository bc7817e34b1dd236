"""Reads nested maps into the frozen dataclasses of the description, and collects everything that is wrong with them."""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import typing
from collections.abc import Collection, Mapping

from settings.declared import Declaration, declarations, step, unformatted

_TEXTS: typing.Final = "a map of names to strings (quote numbers)"


class UnreadError(Exception):
    """A value has not its type. The problem is noted."""


def is_structure(kind: typing.Any) -> bool:
    """Whether a field holds dataclasses by name: `Mapping[str, Service]`."""
    return typing.get_origin(kind) is Mapping and dataclasses.is_dataclass(typing.get_args(kind)[1])


def read(kind: typing.Any, value: typing.Any, path: str) -> tuple[typing.Any, list[str]]:
    """The dataclasses by name in a map, and what is wrong, with full paths. None where a value has not its type.

    Unknown keys, missing keys, wrong types and formats are problems. `null` is the same as no key. No value of a
    private field is repeated.
    """
    problems: list[str] = []
    try:
        return _by_name(typing.get_args(kind)[1], _as_json(value, path, problems), path, problems), problems
    except UnreadError:
        return None, problems


def _as_json(value: typing.Any, path: str, problems: list[str]) -> typing.Any:
    """The value without what YAML takes for something that JSON, in which the engine hands settings over, has not."""
    if isinstance(value, list):
        return [_as_json(item, f"{path}[{number}]", problems) for number, item in enumerate(value)]
    if isinstance(value, datetime.date):
        problems.append(f"{path} is a date of YAML: expected a text (in quotes)")
        return None
    if not isinstance(value, Mapping):
        return value
    kinds = {bool: "true or false", int: "a number", float: "a number"}
    problems += [
        f"{path} has {key!r}, which YAML reads as {kinds.get(type(key), 'no text')}: expected a name (in quotes)"
        for key in value
        if not isinstance(key, str)
    ]
    return {key: _as_json(item, path + step(key), problems) for key, item in value.items() if isinstance(key, str)}


def _by_name(kind: typing.Any, value: typing.Any, path: str, problems: list[str]) -> dict[str, typing.Any]:
    if not isinstance(value, Mapping):
        problems.append(f"{path} is no map: expected names, each with a map of its settings")
        raise UnreadError
    read_values = {}
    unread = False
    for name, item in value.items():
        if item is not None:
            try:
                read_values[name] = _dataclass(kind, item, path + step(name), problems, others=value.keys() - {name})
            except UnreadError:
                unread = True
    if unread:
        raise UnreadError
    return read_values


def _dataclass(
    kind: typing.Any, value: typing.Any, path: str, problems: list[str], others: Collection[str] = ()
) -> typing.Any:
    """`others`: the names beside it, one of which may be meant where a setting is missing."""
    if not isinstance(value, Mapping):
        problems.append(f"{path} is no map: expected some of {', '.join(declarations(kind))}")
        raise UnreadError
    declared = declarations(kind)
    problems += [_unknown(path, key, declared) for key in value if key not in declared]
    values = {}
    unread = False
    for key, declaration in declared.items():
        item, at = value.get(key), path + step(key)
        if item is not None:
            try:
                values[declaration.field] = of_field(declaration, item, at, problems)
            except UnreadError:
                unread = True
        elif declaration.required:
            near = difflib.get_close_matches(path.rpartition(".")[2], others, n=1)
            problems.append(f"{at} is missing: {declaration.about}" + (f"; or is {near[0]} meant?" if near else ""))
            unread = True
    if unread:
        raise UnreadError
    return kind(**values)


def _unknown(path: str, key: str, declared: Collection[str]) -> str:
    near = difflib.get_close_matches(key, declared, n=1)
    meant = f"did you mean {near[0]}?" if near else f"expected some of {', '.join(declared)}"
    return f"{path}{step(key)}: no such setting, {meant}"


def of_field(declaration: Declaration, item: typing.Any, path: str, problems: list[str]) -> typing.Any:
    """The value of a field, from JSON. Adds to `problems`; raises UnreadError where it has not its type."""
    kind = declaration.kind
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, item, path, problems)
    if is_structure(kind):
        return _by_name(typing.get_args(kind)[1], item, path, problems)
    value, expected = _plain(kind, item)
    if expected:
        shown = "not what it has to be" if declaration.private or isinstance(item, dict | list) else repr(item)
        problems.append(f"{path} is {shown}: expected {expected}")
        raise UnreadError
    problems += unformatted(path, value, declaration)
    return value


def _plain(kind: typing.Any, item: typing.Any) -> tuple[typing.Any, str]:
    """The value of a type without dataclasses, from JSON; or what was expected."""
    scalar = {str: "a text (quote numbers)", int: "a whole number", bool: "true or false"}.get(kind)
    if scalar is not None:
        return item, "" if type(item) is kind else scalar
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        of_maps = arguments[0] is not str
        sound = isinstance(item, list) and all(isinstance(part, dict if of_maps else str) for part in item)
        return (tuple(item), "") if sound else (None, f"a list of {'maps' if of_maps else 'strings'}")
    if arguments[1] is typing.Any:
        return (dict(item), "") if isinstance(item, dict) else (None, "a map")
    if not isinstance(item, dict):
        return None, _TEXTS
    texts = {name: text for name, text in item.items() if text is not None}
    others = [name for name, text in texts.items() if not isinstance(text, str)]
    if not others:
        return dict(sorted(texts.items())), ""
    nested = any(isinstance(text, dict) for text in texts.values())
    hint = "; with --path, a name that has a dot is written in brackets: '<setting>[\"a.b\"]'" if nested else ""
    return None, f"{_TEXTS}, which {', '.join(others)} {'is' if len(others) == 1 else 'are'} not{hint}"
