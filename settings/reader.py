"""Reads the engine's configuration of a stack into typed values, and collects everything that is wrong with it."""

from __future__ import annotations

import dataclasses
import difflib
import re
import typing
from collections.abc import Collection, Mapping, Sequence

import pulumi

from release import strict_json
from release.strict_json import DamagedError


class SettingsError(pulumi.RunError):
    """Every wrong setting of a stack, each with what is expected. Ends the program without a traceback."""

    def __init__(self, stack: str, file: str, problems: Sequence[str]) -> None:
        super().__init__(f"the settings of stack {stack} ({file}) cannot be used:\n  " + "\n  ".join(problems))


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


def read(
    project: str,
    kind: type,
    config: Mapping[str, str],
    private: Collection[str] = (),
    secrets: Collection[str] = (),
) -> tuple[dict[str, typing.Any], list[str]]:
    """The values of the fields of the dataclass `kind` that could be read from `<project>:<key>`, and what is wrong.

    Lists and maps are JSON in the configuration. Unknown and missing keys and wrong types are problems, and so are
    `secrets`, of which no value is returned. Of these and of the fields in `private`, no value is repeated.
    """
    prefix = f"{project}:"
    given = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    types = typing.get_type_hints(kind)
    fields = {key_of(field.name): field.name for field in dataclasses.fields(kind)}
    problems = [_unknown(prefix, key, fields) for key in sorted(set(given) - set(fields))]
    values: dict[str, typing.Any] = {}
    for key, name in fields.items():
        if key not in given:
            problems.append(f"{prefix}{key} is missing: Pulumi.yaml declares it with a default; is that file complete?")
            continue
        if f"{prefix}{key}" in secrets:
            problems.append(
                f"{prefix}{key} has a secret of Pulumi. The program would write it in clear text into the state and to "
                "AWS: expected a value that is none"
            )
            continue
        try:
            values[name] = _parse(given[key], types[name])
        except ValueError as error:
            shown = "not what it has to be" if name in private else repr(given[key])
            problems.append(f"{prefix}{key} is {shown}: {error}")
    return values, problems


def _unknown(prefix: str, key: str, known: Mapping[str, str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
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
