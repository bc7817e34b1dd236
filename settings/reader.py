"""Reads the engine's configuration of a stack into typed values, and collects everything that is wrong with it."""

from __future__ import annotations

import dataclasses
import difflib
import json
import re
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence

import pulumi

from functions import strict_json
from functions.strict_json import DamagedError
from settings.formats import ANY_CASE, ONCE, PRIVATE, Choice, Format, Range, Text


class SettingsError(pulumi.RunError):
    """Every wrong setting of a stack, each with what is expected. Ends the program without a traceback."""

    def __init__(self, stack: str, file: str, problems: Sequence[str]) -> None:
        super().__init__(f"the settings of stack {stack} ({file}) cannot be used:\n  " + "\n  ".join(problems))


class Declaration(typing.NamedTuple):
    """A field of a settings dataclass: `min_count: Annotated[int, Range(1, 1000)]`."""

    field: str
    kind: typing.Any
    format: Format | None
    private: bool
    once: bool
    any_case: bool


def of_stack() -> Mapping[str, str]:
    """The configuration of the stack that runs, whatever it configures: `<namespace>:<key>` to a string."""
    # The engine hands it to a program in one of these two ways, depending on how it starts it.
    return {**pulumi.runtime.get_config_env(), **pulumi.runtime.config.CONFIG.get()}


def secret_keys(config: Mapping[str, str]) -> frozenset[str]:
    """The keys of `of_stack` that hold a secret of Pulumi, whole or in a part: what they hold comes decrypted."""
    return frozenset(key for key in config if pulumi.runtime.is_config_secret(key))


def key_of(field: str) -> str:
    """The setting's key in Pulumi.yaml for a field of its dataclass: `min_count` is `minCount`."""
    head, *tail = field.split("_")
    return head + "".join(part.capitalize() for part in tail)


def declarations(settings: type) -> dict[str, Declaration]:
    declared = {}
    hints = typing.get_type_hints(settings, include_extras=True)
    for field in dataclasses.fields(settings):
        hint = hints[field.name]
        kind, *notes = typing.get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
        form = next((note for note in notes if isinstance(note, Text | Range | Choice)), None)
        marks = (mark in notes for mark in (PRIVATE, ONCE, ANY_CASE))
        declared[key_of(field.name)] = Declaration(field.name, kind, form, *marks)
    return declared


def read(
    project: str, settings: type, config: Mapping[str, str], secrets: Collection[str] = ()
) -> tuple[dict[str, typing.Any], list[str]]:
    """The values of the fields of the dataclass `settings` that have their type, and what is wrong.

    Lists and maps are JSON in the configuration. Unknown and missing keys, wrong types and formats are problems, and so
    are `secrets`, of which no value is returned. No value of these or of a private setting is repeated.
    """
    prefix = f"{project}:"
    declared = declarations(settings)
    texts = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    problems = [_unknown(prefix, key, declared) for key in sorted(set(texts) - set(declared))]
    values: dict[str, typing.Any] = {}
    for key, declaration in declared.items():
        if key not in texts:
            problems.append(f"{prefix}{key} is missing: Pulumi.yaml declares it with a default; is that file complete?")
            continue
        if f"{prefix}{key}" in secrets:
            problems.append(
                f"{prefix}{key} has a secret of Pulumi. The program would write it in clear text into the state and to "
                "AWS: expected a value that is none"
            )
            continue
        try:
            value = _parse(texts[key], declaration.kind)
        except ValueError as error:
            shown = "not what it has to be" if declaration.private else repr(texts[key])
            problems.append(f"{prefix}{key} is {shown}: {error}")
            continue
        values[declaration.field] = value
        problems += _unformatted(f"{prefix}{key}", value, declaration)
    return values, problems


def _unknown(prefix: str, key: str, settings: Collection[str]) -> str:
    near = difflib.get_close_matches(key, settings, n=1)
    return f"{prefix}{key} is no setting" + (f": did you mean {prefix}{near[0]}?" if near else " of Pulumi.yaml")


def _parse(text: str, kind: typing.Any) -> typing.Any:
    """The value of a setting of type `kind`. Raises ValueError with what is expected."""
    if kind is str:
        return text
    if kind is bool:
        if text not in {"true", "false"}:
            raise ValueError("expected true or false")
        return text == "true"
    if kind is int:
        if not re.fullmatch(r"-?\d+", text):
            raise ValueError("expected a whole number")
        return int(text)
    why = ""
    try:
        value = strict_json.decode(text)
    except DamagedError as error:
        value, why = None, f"; {error}"
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise ValueError(f"expected a list of strings{why}")
        return tuple(value)
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        nested = isinstance(value, dict) and any(isinstance(item, dict) for item in value.values())
        hint = "; with --path, a name that has a dot is written in brackets: '<setting>[\"a.b\"]'" if nested else ""
        raise ValueError(f"expected a map of names to strings (quote numbers){hint}{why}")
    return dict(sorted(value.items()))


def _unformatted(key: str, value: typing.Any, declaration: Declaration) -> Iterator[str]:
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


def _items(key: str, value: typing.Any) -> Iterator[tuple[str, typing.Any]]:
    """Every single value of a setting, with its property path as `pulumi config --path` takes it."""
    if isinstance(value, Mapping):
        # A dot in a name would lead one level down.
        steps = {name: f".{name}" if re.fullmatch(r"\w+", name) else f"[{json.dumps(name)}]" for name in value}
        yield from ((key + steps[name], item) for name, item in value.items())
    elif isinstance(value, tuple):
        yield from ((f"{key}[{number}]", item) for number, item in enumerate(value))
    else:
        yield key, value
