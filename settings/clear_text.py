"""Which settings must not have what they have, because the state and AWS would have it in clear text.

A value is a secret because Pulumi was told so (`--secret`), or because it looks like one. No message repeats a value.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from functions.redaction.shapes import has_secret, names_secret
from settings import yaml_text
from settings.declared import step
from settings.names import ProjectError, prefix, project, whole_keys
from settings.service import Service, Sidecar


def encrypted(stack: str, region: str, keys: Collection[str], file: Path) -> Iterator[str]:
    """What to do about the settings `keys`, which hold a secret of Pulumi.

    `file` is the stack's: it says which part of a map or list is the secret, unless that comes from an environment of
    Pulumi ESC.
    """
    secure = _secure(file)
    for key in sorted(keys):
        paths = [path for path in secure if path[0] == key]
        for path in paths:
            if _is_variable(path):
                yield f"{_path(path)} is a secret of Pulumi{_to_keep(stack, region, _path(path[:-2]), str(path[-1]))}"
            else:
                name = shlex.quote(_path(path))
                yield (
                    f"{_path(path)} is a secret of Pulumi\n      to set it as none:  pulumi config set -s {stack} "
                    f'--plaintext --path {name} "$(pulumi config get -s {stack} --path {name})"'
                )
        if not paths:
            yield f"{key} is no secret in {file.name}: it comes from an environment of Pulumi ESC, which has to say so"


def public_variables(stack: str, at: str, service: Service) -> Iterator[str]:
    """A rule: what is said to be public is there. The variable, or that it is public, may be `stack`'s alone."""
    for variable in service.public_variables:
        if not any(variable in environment for environment in _environments(at, service).values()):
            yield (
                f"{at}.publicVariables has {variable}, which is not in {at}.environment: expected the names of "
                "variables that are"
            )


def looks_secret(stack: str, region: str, at: str, service: Service) -> Iterator[str]:
    """A rule: no variable of a container, no build argument and no word of a command looks like a secret."""
    public = service.public_variables
    for container, environment in _environments(at, service).items():
        for variable, value in environment.items():
            by = "name" if names_secret(variable, value) else "value" if has_secret(value) else ""
            if by and variable not in public:
                index = shlex.quote(f"{at}.publicVariables[{len(public)}]")
                allowed = f"pulumi config set -s {stack} --path {index} {shlex.quote(variable)}"
                yield (
                    f"{container}.environment{step(variable)} looks like a secret by its {by}: the state and the task "
                    f"definition would have it in clear text{_to_keep(stack, region, container, variable)}"
                    f"\n      if it is none:  {allowed}"
                )
    for variable, value in service.build.arguments.items():
        if names_secret(variable, value) or has_secret(value):
            yield (
                f"{at}.build.arguments{step(variable)} looks like a secret: the image and the state would have it in "
                "clear text; build without it, and read it when the program runs"
            )
    for container, key, command in _commands(at, service):
        if has_secret(shlex.join(command)):
            yield (
                f"{container}.{key} has what looks like a secret, and the state and ECS would have it in clear text: "
                f"give it to the program as a variable of {container}.secrets"
                f"{', which a migration has, too' if key.startswith('migration') else ''}"
            )


def _containers(at: str, service: Service) -> dict[str, Service | Sidecar]:
    """The service and its sidecars, by path."""
    return {at: service, **{f"{at}.sidecars{step(name)}": sidecar for name, sidecar in service.sidecars.items()}}


def _environments(at: str, service: Service) -> dict[str, Mapping[str, str]]:
    return {path: container.environment for path, container in _containers(at, service).items()}


def _commands(at: str, service: Service) -> Iterator[tuple[str, str, Sequence[str]]]:
    """All commands, each with the path of its container and its key in it."""
    yield at, "health.command", service.health.command
    yield at, "migration.command", service.migration.command
    yield at, "migration.before.command", service.migration.before.command
    for path, container in _containers(at, service).items():
        yield path, "command", container.command
        if isinstance(container, Sidecar):
            yield path, "healthCommand", container.health_command


def _is_variable(path: Sequence[str | int]) -> bool:
    """Whether a path leads to an environment variable of a service or sidecar."""
    match path:
        case (key, str(), "environment", _) | (key, str(), "sidecars", str(), "environment", _):
            return key == f"{prefix()}services"
    return False


def _to_keep(stack: str, region: str, container: str, name: str) -> str:
    """The commands that move a variable from the settings to Secrets Manager."""
    secret = shlex.quote(f"{project()}/{stack}/{name}")
    setting, secret_setting = (shlex.quote(f"{container}.{key}{step(name)}") for key in ("environment", "secrets"))
    return f"""
      to keep it in Secrets Manager:
        printf %s "$(pulumi config get -s {stack} --path {setting})" | \\
          aws secretsmanager create-secret --region {region} --name {secret} --secret-string file:///dev/stdin
        pulumi config set -s {stack} --plaintext --path {secret_setting} \\
          "$(aws secretsmanager describe-secret --region {region} --secret-id {secret} --query ARN --output text)"
        pulumi config rm -s {stack} --path {setting}"""


def _secure(file: Path) -> list[tuple[str | int, ...]]:
    """Where the stack's file has encrypted values."""
    try:
        config = (yaml_text.load(file.read_text(encoding="utf-8")) or {}).get("config") or {}
        config = whole_keys(config, file.name, project())
    except (OSError, TypeError, ValueError, AttributeError, RecursionError, ProjectError, yaml.YAMLError):
        return []
    return list(_encrypted_paths(config, ()))


def _encrypted_paths(node: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if isinstance(node, dict) and set(node) == {"secure"}:
        yield path
    elif isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _encrypted_paths(value, (*path, key))


def _path(path: Sequence[str | int]) -> str:
    """As `pulumi config --path` takes it."""
    key, *rest = path
    return f"{key}{''.join(f'[{part}]' if isinstance(part, int) else step(part) for part in rest)}"
