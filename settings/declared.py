"""What the fields of a settings dataclass declare, and what is wrong with a value that has its type."""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Iterator, Mapping

from functions import strict_json
from settings.formats import ANY_CASE, ONCE, PRIVATE, About, Choice, Format, Range, Text


class Declaration(typing.NamedTuple):
    """A field of a settings dataclass: `min_count: Annotated[int, Range(1, 1000)]`."""

    field: str
    kind: typing.Any
    format: Format | None
    private: bool
    once: bool
    any_case: bool
    about: str
    required: bool
    """It has no default in the dataclass."""


def key_of(field: str) -> str:
    """The setting's key for a field of its dataclass: `min_count` is `minCount`, `pass_` is `pass`."""
    return strict_json.camel(field.rstrip("_"))


def declarations(settings: type) -> dict[str, Declaration]:
    declared = {}
    hints = typing.get_type_hints(settings, include_extras=True)
    for field in dataclasses.fields(settings):
        hint = hints[field.name]
        kind, *notes = typing.get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
        form = next((note for note in notes if isinstance(note, Text | Range | Choice)), None)
        about = next((note.text for note in notes if isinstance(note, About)), "")
        declared[key_of(field.name)] = Declaration(
            field=field.name,
            kind=kind,
            format=form,
            private=PRIVATE in notes,
            once=ONCE in notes,
            any_case=ANY_CASE in notes,
            about=about,
            required=field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING,
        )
    return declared


def unformatted(key: str, value: typing.Any, declaration: Declaration) -> Iterator[str]:
    if form := declaration.format:
        for path, item in _items(key, value):
            if not form.takes(item):
                shown = "something else" if declaration.private else repr(item)
                yield f"{path} is {shown}: expected {form.expected}"
    if declaration.once:
        items = [item.casefold() if declaration.any_case else item for item in value]
        for number, item in enumerate(items):
            if item in items[:number]:
                yield f"{key}[{number}] is {value[number]!r}, as is {key}[{items.index(item)}]: expected each once"


def step(name: str) -> str:
    """One step of a property path as `pulumi config --path` takes it: a dot in a name would lead one level down."""
    return f".{name}" if re.fullmatch(r"[\w-]+", name) else f"[{json.dumps(name)}]"


def _items(key: str, value: typing.Any) -> Iterator[tuple[str, typing.Any]]:
    """Every single value of a setting, with its property path."""
    if isinstance(value, Mapping):
        yield from ((key + step(name), item) for name, item in value.items())
    elif isinstance(value, tuple):
        yield from ((f"{key}[{number}]", item) for number, item in enumerate(value))
    else:
        yield key, value
