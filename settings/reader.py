"""Reads the engine's configuration of a stack into typed values, and collects everything that is wrong with it."""

from __future__ import annotations

import contextlib
import difflib
import typing
from collections.abc import Collection, Mapping, Sequence

import pulumi

from functions import strict_json
from functions.strict_json import DamagedError
from settings import structure
from settings.declared import declarations


class SettingsError(pulumi.RunError):
    """Every wrong setting of a stack, each with what is expected. Ends the program without a traceback."""

    def __init__(self, stack: str, file: str, problems: Sequence[str]) -> None:
        super().__init__(f"the settings of stack {stack} ({file}) cannot be used:\n  " + "\n  ".join(problems))
        self.problems = tuple(problems)


def of_stack() -> Mapping[str, str]:
    """The configuration of the stack that runs, whatever it configures: `<namespace>:<key>` to a string."""
    # The engine hands it to a program in one of these two ways, depending on how it starts it.
    return {**pulumi.runtime.get_config_env(), **pulumi.runtime.config.CONFIG.get()}


def secret_keys(config: Mapping[str, str]) -> frozenset[str]:
    """The keys of `of_stack` that hold a secret of Pulumi, whole or in a part: what they hold comes decrypted."""
    return frozenset(key for key in config if pulumi.runtime.is_config_secret(key))


def read(
    project: str, settings: type, config: Mapping[str, str], secrets: Collection[str] = ()
) -> tuple[dict[str, typing.Any], list[str]]:
    """The values of the fields of the dataclass `settings` that have their type, and what is wrong.

    Lists and maps are JSON in the configuration. Unknown and missing keys, wrong types and formats are problems, and so
    are `secrets`, of which no value is returned, nor of a setting for which an unknown key seems to be meant: what is
    there is not what was written. No value of these or of a private setting is repeated.
    """
    prefix = f"{project}:"
    declared = declarations(settings)
    texts = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    unknown = {key: _meant(key, declared) for key in sorted(set(texts) - set(declared))}
    problems = [
        f"{prefix}{key} is no setting" + (f": did you mean {prefix}{near}?" if near else " of Pulumi.yaml")
        for key, near in unknown.items()
    ]
    values: dict[str, typing.Any] = {}
    for key, declaration in declared.items():
        path = prefix + key
        if key not in texts:
            problems.append(f"{path} is missing: Pulumi.yaml declares it with a default; is that file complete?")
        elif path in secrets:
            problems.append(
                f"{path} has a secret of Pulumi. The program would write it in clear text into the state and to AWS: "
                "expected a value that is none"
            )
        else:
            with contextlib.suppress(structure.UnreadError):
                item = _item(texts[key], declaration.kind, path, problems)
                value = structure.of_field(declaration, item, path, problems)
                if key not in unknown.values():
                    values[declaration.field] = value
    return values, problems


def _meant(key: str, settings: Collection[str]) -> str | None:
    """The setting that somebody may have meant with a key that is none."""
    return next(iter(difflib.get_close_matches(key, settings, n=1)), None)


def _item(text: str, kind: typing.Any, path: str, problems: list[str]) -> typing.Any:
    """What a text of the configuration stands for. One that is no JSON is told as it is, of a list or map with why."""
    if kind is str:
        return text
    try:
        return strict_json.decode(text)
    except DamagedError as error:
        origin = typing.get_origin(kind)
        if origin is None:
            return text
        form = "list" if origin is tuple else "map"
        problems.append(f"{path} is no {form}: {error}; expected a {form} in YAML, or in JSON")
        raise structure.UnreadError from None
