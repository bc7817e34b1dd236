"""Print the services and sites that the settings describe, as they are understood, and what of each is not checked.

Without a stack, what Pulumi.yaml says for all of them; with one, that and its file Pulumi.<stack>.yaml. It reads files
only, so that it works before there is a stack or an account: it needs neither `pulumi` (but for environments of Pulumi
ESC) nor AWS. Variables and secrets are named, their values never shown.

Exit status: 0 nothing is wrong, 1 the settings cannot be used: everything is named, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cli import YES, description_lines
from cli.errors import UsageError, VerbError
from cli.version import content_of
from release import stack
from release.tree import Sources
from settings import clear_text, description, fields, names, reader, rules, structure, unchecked
from settings.declared import declarations
from settings.description import Description
from settings.reader import SettingsError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Described:
    project: str
    stack: str | None
    """None: what holds for every stack."""
    files: Sequence[str]
    """What it was read from, later ones over earlier ones."""
    description: Description


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-s", "--stack", metavar="NAME", help="the environment; without it, what is the same for all")
    parser.add_argument("--json", action="store_true", help="as JSON, docs/json.md")


def run(options: argparse.Namespace) -> int:
    described = read(Path.cwd(), options.stack)
    if options.json:
        print(json.dumps(as_json(described), indent=2))
    else:
        print("\n".join(lines(described)))
    return YES


def read(folder: Path, name: str | None) -> Described:
    """What the project in the folder describes. Raises VerbError with all that is wrong, and ProjectError."""
    project = names.project(folder)
    declared = names.declared_keys(_config(folder / "Pulumi.yaml"), "Pulumi.yaml", project)
    defaults = {key: item["default"] for key, item in declared.items() if isinstance(item, dict) and "default" in item}
    if name is None:
        files, values, problems = ["Pulumi.yaml"], defaults, _without_a_stack(names.prefix(folder), defaults)
    else:
        files = ["Pulumi.yaml", f"Pulumi.{name}.yaml"]
        values, problems = _of_stack(folder, name, defaults)
    whole, unread = description.read(values, {})
    if whole is not None:
        problems += Sources.of(whole.services, whole.sites).problems(folder)
    if problems or whole is None:
        raise VerbError(f"the settings in {' and '.join(files)} cannot be used:\n  " + "\n  ".join(problems or unread))
    return Described(project=project, stack=name, files=files, description=whole)


def _without_a_stack(prefix: str, defaults: Mapping[str, Any]) -> list[str]:
    """What is wrong whatever the stacks say; the rest depends on a stack's name, region and settings."""
    whole, problems = description.read(defaults, {})
    # The description was read above, from what YAML says: as JSON, a number is a name.
    texts = {f"{prefix}{key}": "{}" if key in description.KEYS else _text(value) for key, value in defaults.items()}
    settings, unread = reader.read(prefix.removesuffix(":"), fields.Settings, texts)
    problems += unread
    if whole is not None:
        deadline = {key: value for key, value in settings.items() if key == "rollout_deadline"}
        problems += rules.problems({"services": whole.services, "sites": whole.sites, **deadline})
        # The commands that move them are a stack's.
        by_stack = "\n      what to do, by stack:  python -m release describe -s <stack>"
        values = {"stack": "", "region": "", "services": whole.services}
        problems += [line.partition("\n")[0] + by_stack for line in rules.problems_of(clear_text.looks_secret, values)]
    return problems


def _of_stack(folder: Path, name: str, defaults: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The description over Pulumi.yaml's, and everything that is wrong with the settings of a stack."""
    prefix = names.prefix(folder)
    file = folder / f"Pulumi.{name}.yaml"
    if not file.is_file():
        others = sorted(
            path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in folder.glob("Pulumi.*.yaml")
        )
        there_are = f"there are files of {', '.join(others)}" if others else "no stack has one"
        raise UsageError(f"there is no {file.name} in {folder}: {there_are}")
    texts, secrets = (
        _from_pulumi(name)
        if _imports(file)
        else _from_file(names.whole_keys(_config(file), file.name, prefix.removesuffix(":")))
    )
    texts = {f"{prefix}{key}": _text(value) for key, value in defaults.items()} | texts
    values = {}
    for key in description.KEYS:
        if key not in defaults:
            continue  # that it is missing, fields.load says
        try:
            values[key] = description.merged(defaults[key], json.loads(texts[f"{prefix}{key}"]))
            texts[f"{prefix}{key}"] = json.dumps(values[key])
        except ValueError:
            values[key] = defaults[key]  # what the stack says instead, fields.load names
    try:
        fields.load(name, texts, secrets, file)
    except SettingsError as error:
        return values, list(error.problems)
    return values, []


def _imports(file: Path) -> bool:
    """Whether the stack takes settings from environments of Pulumi ESC, which the file does not have."""
    return bool(content_of(file).get("environment"))


def _from_pulumi(name: str) -> tuple[dict[str, str], frozenset[str]]:
    config = stack.answered("config", "-s", name, "--json")
    secrets = frozenset(key for key, item in config.items() if item.get("secret"))
    return {key: str(item.get("value") or "") for key, item in config.items()}, secrets


def _config(file: Path) -> dict[str, Any]:
    """What a file says under `config`. Raises VerbError."""
    config = content_of(file).get("config") or {}
    if not isinstance(config, dict):
        raise VerbError(f"{file}: config must be a mapping, not {type(config).__name__}")
    if wrong := [repr(key) for key in config if not isinstance(key, str)]:
        raise VerbError(f"{file}: config has {', '.join(wrong)}: expected names of settings (docs/settings.md)")
    return config


def _from_file(config: Mapping[str, Any]) -> tuple[dict[str, str], frozenset[str]]:
    """As the engine hands them to the program, but for what is encrypted, and the keys of that."""
    secrets = frozenset(key for key, value in config.items() if _is_encrypted(value))
    return {key: "" if key in secrets else _text(value) for key, value in config.items()}, secrets


def _is_encrypted(value: Any) -> bool:
    if isinstance(value, Mapping):
        return set(value) == {"secure"} or any(_is_encrypted(item) for item in value.values())
    return isinstance(value, list) and any(_is_encrypted(item) for item in value)


def _text(value: Any) -> str:
    """As the engine hands over a value of a file: a text, or JSON."""
    return str(value) if isinstance(value, str | datetime.date) else json.dumps(value, default=str)


def lines(described: Described) -> list[str]:
    files = " and ".join(described.files)
    environment = f", {described.stack}" if described.stack else ""
    first = f"{described.project}{environment}, as {files} {'describe' if described.stack else 'describes'} it"
    return [first, *description_lines.of(described.description)]


def as_json(described: Described) -> dict[str, Any]:
    services, sites = described.description.services, described.description.sites
    return {
        "project": described.project,
        "stack": described.stack,
        "files": list(described.files),
        "services": {
            name: {"settings": _public(service), "notChecked": unchecked.of_service(service)}
            for name, service in services.items()
        },
        "sites": {
            name: {"settings": _public(site), "notChecked": unchecked.of_site(site)} for name, site in sites.items()
        },
    }


def _public(settings: Any) -> dict[str, Any]:
    """A dataclass of the description by the names of its settings; of maps that may have secrets, the names."""
    shown: dict[str, Any] = {}
    for key, declaration in declarations(type(settings)).items():
        value = getattr(settings, declaration.field)
        if dataclasses.is_dataclass(value):
            shown[key] = _public(value)
        elif structure.is_structure(declaration.kind):
            shown[key] = {name: _public(item) for name, item in value.items()}
        else:
            shown[key] = sorted(value) if declaration.private else value
    return shown
