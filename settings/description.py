"""The description of the application: its services and sites, merged from what Pulumi.yaml and a stack say.

Pulumi does not merge a stack's object with the default of its declaration, so that is done here, for the program, the
commands and the local overlay.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from settings import names, structure, yaml_text
from settings.names import prefix
from settings.service import Service
from settings.site import Site

ROOT: Final = Path(__file__).resolve().parents[1]
KEYS: Final = ("services", "sites")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
    services: Mapping[str, Service]
    sites: Mapping[str, Site]


def merged(first: Any, *others: Any) -> Any:
    """Maps merged leaf by leaf; of lists and scalars the last. A `null` stays: it stands for the field's default."""
    result = first
    for other in others:
        if isinstance(result, Mapping) and isinstance(other, Mapping):
            result = {**result, **{key: merged(result.get(key), item) for key, item in other.items()}}
        else:
            result = other
    return result


def declared_defaults(file: Path = ROOT / "Pulumi.yaml") -> dict[str, Any]:
    """What a Pulumi.yaml says of services and sites. Raises OSError, and ValueError for what is no such file."""
    try:
        return defaults_in(yaml_text.load(file.read_text(encoding="utf-8")) or {})
    except (AttributeError, RecursionError, yaml.YAMLError) as error:
        raise ValueError(f"{file} is no Pulumi.yaml: {error}") from error


def defaults_in(project: Mapping[str, Any]) -> dict[str, Any]:
    """What the content of a Pulumi.yaml says of services and sites. Raises AttributeError for what is none.

    Raises ProjectError for one of them that is there twice, with and without the project's name.
    """
    config = names.declared_keys(project.get("config") or {}, "Pulumi.yaml", str(project.get("name")))
    return {key: (config.get(key) or {}).get("default") or {} for key in KEYS}


def read(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> tuple[Description | None, list[str]]:
    """The description in the values of the stack's settings `services` and `sites`, over the defaults of Pulumi.yaml.

    Beside it all that is wrong. None where a value has not its type.
    """
    kinds = {"services": Mapping[str, Service], "sites": Mapping[str, Site]}
    problems: list[str] = []
    parts: dict[str, Any] = {}
    for key, kind in kinds.items():
        whole = merged(defaults.get(key) or {}, *([values[key]] if key in values else []))
        parts[key], wrong = structure.read(kind, whole, f"{prefix()}{key}")
        problems += wrong
    if any(part is None for part in parts.values()):
        return None, problems
    return Description(**parts), problems
