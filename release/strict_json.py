"""JSON from outside, read strictly: the one place for what a damaged text can do to its reader.

`decode` refuses what is not UTF-8, too large or nested too deep, a key that stands twice, half of a surrogate pair, and
numbers that are none or have too many digits. `read` refuses values of another type than a dataclass has.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import types
import typing
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NoReturn, TypeVar

from release.errors import ExpectedError

MAX_BYTES: Final = 64 * 1024 * 1024
"""Several times the manifest of a site of a hundred thousand files."""
MAX_DEPTH: Final = 100
MAX_DIGITS: Final = 40
"""More than the 64 bits of a field that is a whole number: Go writes also 1e20 with all its digits."""
SHOWN: Final = 60
T = TypeVar("T")


class DamagedError(ExpectedError, ValueError):
    """What was read is not what was written there. The message says why, and with a place how to restore it."""


@dataclasses.dataclass(frozen=True)
class Form:
    """Beside a type in `Annotated`: which of its values are meant."""

    fits: Callable[[Any], object]
    expected: str


def decode(text: bytes | str) -> Any:
    """What the JSON says. Raises DamagedError."""
    if len(text) > MAX_BYTES:
        raise DamagedError(f"it has {len(text)} bytes, {MAX_BYTES} at most were expected")
    try:
        said = text.decode() if isinstance(text, bytes) else text
        found = json.loads(
            said, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_number, parse_int=_whole
        )
        depth, level = 0, [found]
        while level := [each for parent in level for each in _inside(parent)]:
            depth += 1
            if depth > MAX_DEPTH:
                raise RecursionError  # noqa: TRY301 - as the parser has it
        if "\\u" in said:
            json.dumps(found, ensure_ascii=False).encode()
    except RecursionError:
        raise DamagedError(f"it is nested deeper than {MAX_DEPTH} levels") from None
    except UnicodeError as error:
        raise DamagedError(
            f"it is not UTF-8: {error.reason if isinstance(error, UnicodeDecodeError) else error}"
        ) from None
    except ValueError as error:
        raise DamagedError(f"it is not JSON: {error}") from None
    return found


def read(kind: type[T], found: Any, at: str = "") -> T:
    """The dataclass in a JSON object that has its fields as keys, in camelCase or by their names. Raises DamagedError.

    Other keys are passed over: a later program wrote them. A field without a key has its default.
    """
    if not isinstance(found, Mapping):
        raise DamagedError(f"{at or 'it'} is {shown(found)}, expected an object")
    values = {}
    for name, written, of, required in _fields(typing.cast(Any, kind)):
        key = name if name in found else written
        where = f"{at}.{key}" if at else key
        if key in found:
            values[name] = value(of, found[key], where)
        elif required:
            raise DamagedError(f"{where} is missing")
    return kind(**values)


def value(kind: Any, found: Any, at: str = "") -> Any:
    """The value of a type: text, number, truth value, `Literal`, `X | None`, tuple, Mapping or dataclass."""
    if kind is str and type(found) is str:
        return found  # most are, in a manifest of a hundred thousand files
    return _value(kind, found, at)


def _value(kind: Any, found: Any, at: str) -> Any:
    origin, arguments = _parts(kind)
    if origin is typing.Annotated:
        form = arguments[1]
        if type(found) is arguments[0] and form.fits(found):
            return found
        raise DamagedError(f"{at or 'it'} is {shown(found)}, expected {form.expected}")
    if origin in (types.UnionType, typing.Union):
        return None if found is None else value(arguments[0], found, at)
    if origin is tuple and isinstance(found, list):
        return tuple(value(arguments[0], each, f"{at or 'it'}[{number}]") for number, each in enumerate(found))
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return read(kind, found, at)
    if origin is Mapping and arguments[1] is not Any and isinstance(found, dict):
        return {key: value(arguments[1], each, f"{at}.{key}") for key, each in found.items()}
    if origin is typing.Literal:
        sound = isinstance(found, str) and found in arguments
    else:
        # A truth value is a number in Python.
        sound = type(found) in {float: (float, int), Mapping: (dict,), tuple: ()}.get(origin or kind, (kind,))
        sound = sound and not (kind is int and abs(found) >= 2**63)
    if not sound:
        names = " or ".join(arguments) if origin is typing.Literal else _NAMES[origin or kind]
        raise DamagedError(f"{at or 'it'} is {shown(found)}, expected {names}")
    return found


def camel(name: str) -> str:
    """The name of a field in JSON."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def fields(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, as `read` reads them."""
    return {camel(field.name): _written(getattr(value, field.name)) for field in dataclasses.fields(value)}


def shown(found: Any) -> str:
    text = json.dumps(found, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _written(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return fields(value)
    return [_written(each) for each in value] if isinstance(value, tuple) else value


@functools.cache
def _parts(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    return typing.get_origin(kind), typing.get_args(kind)


@functools.cache
def _fields(kind: Any) -> tuple[tuple[str, str, Any, bool], ...]:
    types_of = typing.get_type_hints(kind, include_extras=True)
    return tuple(
        (
            field.name,
            camel(field.name),
            types_of[field.name],
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
        for field in dataclasses.fields(kind)
    )


_NAMES: Final[Mapping[Any, str]] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple: "a list",
    Mapping: "an object",
}


def _inside(found: Any) -> Any:
    return found.values() if isinstance(found, dict) else found if isinstance(found, list) else ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        key, _ = max(Counter(key for key, _ in pairs).items(), key=lambda each: each[1])
        raise ValueError(f"the key {shown(key)} stands twice in one object")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _number(text: str) -> float:
    found = float(text)
    return found if math.isfinite(found) else _no_number(text[:SHOWN])


def _whole(text: str) -> int:
    return int(text) if len(text) <= MAX_DIGITS else _no_number(text[:SHOWN])
