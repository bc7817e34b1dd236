"""JSON from outside, read strictly: the one place for what a damaged text can do to its reader.

`decode` refuses what is not UTF-8, too large or nested too deep, a key that stands twice, half of a surrogate pair, and
numbers that are none or have too many digits. `read` refuses values of another type than a dataclass has. The deploy
function reads its commands with it, the program everything else.
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
from datetime import datetime
from typing import Any, Final, NoReturn, TypeVar

MAX_BYTES: Final = 64 * 1024 * 1024
"""Several times the manifest of a site of a hundred thousand files."""
MAX_DEPTH: Final = 100
MAX_DIGITS: Final = 40
"""More than the 64 bits of a field that is a whole number: Go writes also 1e20 with all its digits."""
SHOWN: Final = 60
T = TypeVar("T")


class DamagedError(ValueError):
    """What was read is not what is expected there. The message says what, where and what was expected."""


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
        decoded = text.decode() if isinstance(text, bytes) else text
        data = json.loads(
            decoded, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_number, parse_int=_whole
        )
        depth, level = 0, [data]
        while level := [item for parent in level for item in _inside(parent)]:
            depth += 1
            if depth > MAX_DEPTH:
                raise RecursionError  # noqa: TRY301 - as the parser has it
        if "\\u" in decoded:
            json.dumps(data, ensure_ascii=False).encode()
    except RecursionError:
        raise DamagedError(f"it is nested deeper than {MAX_DEPTH} levels") from None
    except UnicodeError as error:
        raise DamagedError(
            f"it is not UTF-8: {error.reason if isinstance(error, UnicodeDecodeError) else error}"
        ) from None
    except ValueError as error:
        raise DamagedError(f"it is not JSON: {error}") from None
    return data


def read(kind: type[T], data: Any, at: str = "", *, closed: bool = False) -> T:
    """The dataclass in a JSON object that has its fields as keys, in camelCase or by their names. Raises DamagedError.

    A field without a key has its default. Other keys are passed over, as a later program wrote them; if `closed`, they
    are refused, and `null` is the same as no key.
    """
    if not isinstance(data, Mapping):
        raise DamagedError(f"{at or 'it'} is {shown(data)}, expected an object")
    fields_of = _fields(typing.cast(Any, kind))
    if closed:
        names = [written for _, written, _, _ in fields_of]
        for key in data:
            if key not in names:
                raise DamagedError(f"{_at(at, key)} is not known, expected {', '.join(names)}")
        data = {key: value for key, value in data.items() if value is not None}
    values = {}
    for name, written, of, required in fields_of:
        key = name if name in data else written
        if key in data:
            values[name] = value(of, data[key], _at(at, key), closed=closed)
        elif required:
            raise DamagedError(f"{_at(at, key)} is missing, expected {_expected(of)}")
    return kind(**values)


def value(kind: Any, data: Any, at: str = "", *, closed: bool = False) -> Any:
    """The value of a type: text, number, truth value, time, `Literal`, `X | None`, tuple, Mapping or dataclass."""
    if kind is str and type(data) is str:
        return data  # most are, in a manifest of a hundred thousand files
    return _value(kind, data, at, closed)


def _value(kind: Any, data: Any, at: str, closed: bool) -> Any:
    origin, arguments = _parts(kind)
    if origin is typing.Annotated:
        inner, form = arguments[:2]
        of_type, fitting = typing.get_origin(inner) or inner, data
        if of_type is tuple and isinstance(data, list):
            fitting = value(inner, data, at, closed=closed)
        if type(fitting) is of_type and form.fits(fitting):
            return fitting
        raise DamagedError(f"{at or 'it'} is {shown(data)}, expected {form.expected}")
    if origin in (types.UnionType, typing.Union):
        return None if data is None else value(arguments[0], data, at, closed=closed)
    if origin is tuple and isinstance(data, list):
        return tuple(
            value(arguments[0], item, f"{at or 'it'}[{number}]", closed=closed) for number, item in enumerate(data)
        )
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return read(kind, data, at, closed=closed)
    if origin is Mapping and arguments[1] is not Any and isinstance(data, dict):
        return {key: value(arguments[1], item, f"{at}.{key}", closed=closed) for key, item in data.items()}
    return _time(data, at) if kind is datetime else _scalar(kind, data, at)


def _scalar(kind: Any, data: Any, at: str) -> Any:
    origin, arguments = _parts(kind)
    if origin is typing.Literal:
        sound = isinstance(data, str) and data in arguments
    else:
        # A truth value is a number in Python.
        sound = type(data) in {float: (float, int), Mapping: (dict,), tuple: ()}.get(origin or kind, (kind,))
        sound = sound and not (kind is int and abs(data) >= 2**63)
    if not sound:
        raise DamagedError(f"{at or 'it'} is {shown(data)}, expected {_expected(kind)}")
    return data


def _time(data: Any, at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(data if isinstance(data, str) else "")
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 - refused below, as every time without an offset
    if moment.tzinfo is None:
        raise DamagedError(f"{at or 'it'} is {shown(data)}, expected {_NAMES[datetime]}")
    return moment


def _expected(kind: Any) -> str:
    """What a value of the type is, for people."""
    origin, arguments = _parts(kind)
    if origin is typing.Annotated:
        return str(arguments[1].expected)
    if origin is typing.Literal:
        return " or ".join(arguments)
    return "an object" if dataclasses.is_dataclass(kind) else _NAMES.get(origin or kind, "a value")


def _at(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key


def camel(name: str) -> str:
    """The name of a field in JSON."""
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def fields(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, as `read` reads them."""
    return {camel(field.name): _written(getattr(value, field.name)) for field in dataclasses.fields(value)}


def shown(data: Any) -> str:
    text = json.dumps(data, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _written(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return fields(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _written(item) for key, item in value.items()}
    return [_written(item) for item in value] if isinstance(value, tuple) else value


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
    datetime: "an ISO 8601 time with its offset",
    tuple: "a list",
    Mapping: "an object",
}


def _inside(data: Any) -> Any:
    return data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    data = dict(pairs)
    if len(data) < len(pairs):
        key, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"the key {shown(key)} stands twice in one object")
    return data


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _number(text: str) -> float:
    number = float(text)
    return number if math.isfinite(number) else _no_number(text[:SHOWN])


def _whole(text: str) -> int:
    return int(text) if len(text) <= MAX_DIGITS else _no_number(text[:SHOWN])
