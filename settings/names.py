"""The names that this project has outside of its own code: in settings, in environment variables, in a state."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from settings import yaml_text
from settings.errors import ExpectedError

_OF_PULUMI: Final = ("aws", "pulumi")
"""Namespaces of settings that every project has."""
ENVIRONMENT_VARIABLE = "RELEASE_ENVIRONMENT"
HEALTH_PATH_VARIABLE = "RELEASE_HEALTH_PATH"
"""What the program itself sets in the container of each service."""
REHEARSAL_VARIABLE = "RELEASE_REHEARSAL"
"""In a rehearsal: how many times the health command is to ask in one run."""
REHEARSAL_VERSION_VARIABLE = "RELEASE_REHEARSAL_VERSION"
"""In a rehearsal: the version that each answer is to have. Not RELEASE_VERSION: an image that keeps its build argument
of that name as a variable would answer with what it is expected to be."""
SET_BY_THE_PROGRAM = (ENVIRONMENT_VARIABLE, HEALTH_PATH_VARIABLE, REHEARSAL_VARIABLE, REHEARSAL_VERSION_VARIABLE)

VERSION_VARIABLE = "RELEASE_VERSION"
"""Environment variable that names the version to release, in full. The working tree's without it."""
REASON_VARIABLE = "RELEASE_REASON"
"""Environment variable with the reason to run a version that the gate would refuse. The record keeps it."""
RESTART_VARIABLE = "RELEASE_RESTART"
"""Environment variable with the reason to start every task anew although nothing changed, as after the rotation of a
secret. The record of the attempt keeps it."""

_OLD_VARIABLES: Final = {
    "EASI_VERSION": VERSION_VARIABLE,
    "EASI_BREAK_GLASS_REASON": REASON_VARIABLE,
    "EASI_RESTART": RESTART_VARIABLE,
}


class ProjectError(ExpectedError):
    """Which project this is, or which of its settings a stack has, is not known."""


def project(folder: Path | None = None) -> str:
    """The name in Pulumi.yaml of the project in the folder, by default in the current one. Raises ProjectError.

    The names of the project's resources in AWS begin with it, and so do the keys of its settings.
    """
    file = (folder or Path.cwd()) / "Pulumi.yaml"
    try:
        return _name_in(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProjectError(f"{file} cannot be read ({error.strerror}): run this in the project's folder") from error
    except yaml.YAMLError as error:
        raise ProjectError(f"{file} is not valid YAML: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise ProjectError(f"{file} has no name of a project: expected `name: <project>`") from error


@functools.lru_cache
def _name_in(text: str) -> str:
    name = yaml_text.load(text)["name"]
    if not isinstance(name, str) or not name:
        raise ValueError(name)
    return name


def prefix(folder: Path | None = None) -> str:
    """What the keys of the project's settings begin with. Raises ProjectError."""
    return f"{project(folder)}:"


def whole_keys(config: Mapping[Any, Any], where: str, project: str) -> dict[Any, Any]:
    """What a file has under `config`, by whole keys: one without a namespace is the project's, as Pulumi reads it.

    https://www.pulumi.com/docs/iac/concepts/config/#configuration-keys. `where` is the file, for the message. Raises
    ProjectError for a setting that is there with and without the project's name: Pulumi takes one without a word.
    """
    keys = {key: f"{project}:{key}" if isinstance(key, str) and ":" not in key else key for key in config}
    both = [f"{key} and {whole}" for key, whole in keys.items() if key != whole and whole in config]
    if both:
        raise ProjectError(
            f"{where} has {', '.join(both)} under config: Pulumi takes a key without a namespace for the project's, so "
            f"that it is one setting twice. Expected it once: put all of it below the key with {project}:, and remove "
            "the other"
        )
    return {whole: config[key] for key, whole in keys.items()}


def declared_keys(config: Mapping[Any, Any], where: str, project: str) -> dict[Any, Any]:
    """What a Pulumi.yaml has under `config`, the project's own without its name. Raises as `whole_keys`."""
    own = f"{project}:"
    return {
        key.removeprefix(own) if isinstance(key, str) else key: item
        for key, item in whole_keys(config, where, project).items()
    }


def own_settings(config: Mapping[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """Of the configuration of a stack, `<namespace>:<key>` to a value, the project's own, by key.

    Raises ProjectError where another project's name stands before a key that is one of this project's.
    """
    begins = prefix(folder)
    settings = {key.removeprefix(begins): value for key, value in config.items() if key.startswith(begins)}
    foreign = [
        key
        for key in sorted(config)
        if not key.startswith(begins)
        for namespace, _, setting in [key.partition(":")]
        if setting in settings and namespace not in _OF_PULUMI
    ]
    if foreign:
        raise ProjectError(
            f"{', '.join(foreign)}: the project is called {begins.removesuffix(':')} in Pulumi.yaml, so that it does "
            f"not read {'this setting' if len(foreign) == 1 else 'these settings'}. Expected {begins}"
            f"{foreign[0].partition(':')[2]} in the stack's file: write {begins} in place of what is before the key"
        )
    return settings


def old_variables(environment: Mapping[str, str]) -> str | None:
    """The refusal where a variable is set by its old name: without it, something else would be released. Pure."""
    lines = [
        f"{old} is not read any more: unset it, and set {new} instead."
        for old, new in _OLD_VARIABLES.items()
        if environment.get(old)
    ]
    return "\n".join(lines) or None
