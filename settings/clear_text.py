"""Which settings must not have what they have, because the state and AWS would have it in clear text.

A value is a secret because Pulumi was told so (`--secret`), or because it looks like one. No message repeats a value.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from functions.redaction.shapes import has_secret, names_secret
from settings.names import PREFIX, PROJECT

VARIABLES = f"{PREFIX}backendEnvironment"
PUBLIC = f"{PREFIX}publicVariables"
SECRETS = f"{PREFIX}backendSecrets"


def encrypted(stack: str, region: str, keys: Collection[str], file: Path) -> Iterator[str]:
    """What to do about the settings `keys`, which hold a secret of Pulumi.

    `file` is the stack's: it says which part of a map or list is the secret, unless that comes from an environment of
    Pulumi ESC.
    """
    secure = _secure(file)
    for key in sorted(keys):
        paths = [path for path in secure if path[0] == key]
        for path in paths:
            if key == VARIABLES and len(path) == 2:
                yield f"{_path(path)} is a secret of Pulumi{_to_keep(stack, region, str(path[1]))}"
            else:
                name = shlex.quote(_path(path))
                yield (
                    f"{_path(path)} is a secret of Pulumi\n      to set it as none:  pulumi config set -s {stack} "
                    f'--plaintext --path {name} "$(pulumi config get -s {stack} --path {name})"'
                )
        if not paths:
            yield f"{key} is no secret in {file.name}: it comes from an environment of Pulumi ESC, which has to say so"


def looks_secret(
    stack: str,
    region: str,
    backend_environment: Mapping[str, str],
    public_variables: Sequence[str],
    migration_command: Sequence[str],
) -> Iterator[str]:
    """A rule: no variable of the backend and no word of the migration looks like a secret."""
    for name in public_variables:
        if name not in backend_environment:
            yield f"{PUBLIC} has {name}, which is not in {VARIABLES}: expected the names of variables that are"
    for name, value in backend_environment.items():
        by = "name" if names_secret(name, value) else "value" if has_secret(value) else ""
        if by and name not in public_variables:
            allowed = f"pulumi config set -s {stack} --path '{PUBLIC}[{len(public_variables)}]' {shlex.quote(name)}"
            yield (
                f"{_path((VARIABLES, name))} looks like a secret by its {by}: the state and the task definition would "
                f"have it in clear text{_to_keep(stack, region, name)}\n      if it is none:  {allowed}"
            )
    if has_secret(shlex.join(migration_command)):
        yield (
            f"{PREFIX}migrationCommand has what looks like a secret, and the state and ECS would have it in clear text:"
            f" give it to the program as a variable of {SECRETS}, which the migration has, too"
        )


def _to_keep(stack: str, region: str, name: str) -> str:
    """The commands that move a variable from the settings to Secrets Manager."""
    secret = shlex.quote(f"{PROJECT}/{stack}/{name}")
    setting, secret_setting = (shlex.quote(_path((key, name))) for key in (VARIABLES, SECRETS))
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
        config = (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("config") or {}
    except (OSError, ValueError, AttributeError, RecursionError, yaml.YAMLError):
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
    parts = (
        f"[{part}]" if isinstance(part, int) else f".{part}" if re.fullmatch(r"\w+", part) else f'["{part}"]'
        for part in rest
    )
    return f"{key}{''.join(parts)}"
