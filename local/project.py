"""The local Pulumi project: the real one with the overlay, generated, so that no committed file is ever rewritten.

Pulumi writes an `encryptionsalt` and what `pulumi config set` says in the stack's file. Here that is a generated file:
what differs in it from what was last generated is somebody's own setting, and is put back when it is generated again.
"""

from __future__ import annotations

import copy
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from local import aws_plugin, fingerprint
from local.layout import ENVIRONMENTS, Layout, LocalError, here, read_json, write_json, write_whole
from settings import description, names, yaml_text

OVERLAY = Path("local") / "overlay.yaml"
GENERATED = "generated.json"
EVERY = "*"
ORIGIN = f"# Made by `make up` from Pulumi.{{environment}}.yaml and {OVERLAY}: the overlay's value wins.\n"
MACHINES = {"x86_64": "X86_64", "amd64": "X86_64", "aarch64": "ARM64", "arm64": "ARM64"}

Config = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Values:
    """What the overlay's placeholders stand for on this machine."""

    port: int
    cpu_architecture: str

    def fill(self, value: object) -> object:
        """A setting with its placeholders replaced; others, like {distribution}, stay."""
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        if not isinstance(value, str):
            return value
        names = {"{port}": str(self.port), "{cpuArchitecture}": self.cpu_architecture}
        for name, replacement in names.items():
            value = value.replace(name, replacement)
        return value


def machine_architecture() -> str:
    """The machine's architecture as ECS calls it."""
    return MACHINES.get(platform.machine(), "X86_64")


def generate(layout: Layout) -> None:
    """Write `.local/project` anew from the committed files, keeping what people set in it."""
    note = read_json(layout.local / "values.json")
    if not note:
        raise LocalError("the local environment has not been up yet: make up")
    values = Values(port=note["port"], cpu_architecture=note["cpuArchitecture"])
    before = fingerprint.of(layout.root, layout.local)
    layout.project.mkdir(parents=True, exist_ok=True)
    project = names.project(layout.root)
    overlay = of_project(_load(layout.root / OVERLAY), f"{project}:")
    if aws_plugin.chosen(layout) == "official":
        overlay["config"] = {**(overlay.get("config") or {}), **(overlay.get("officialPlugin") or {})}
    generated = read_json(layout.project / GENERATED)
    declared = names.declared_keys(_load(layout.root / "Pulumi.yaml").get("config") or {}, "Pulumi.yaml", project)
    described = {key: (declared.get(key) or {}).get("default") for key in description.KEYS}
    write_whole(layout.project / "Pulumi.yaml", _dump(project_file(_load(layout.root / "Pulumi.yaml"), layout)))
    for environment in ENVIRONMENTS:
        target = layout.project / f"Pulumi.{environment}.yaml"
        real = _load(layout.root / f"Pulumi.{environment}.yaml")
        real["config"] = names.whole_keys(real.get("config") or {}, f"Pulumi.{environment}.yaml", project)
        merged = stack_config(real, overlay, environment, values, described)
        current = _load(target) if target.exists() else {}
        shown = target.relative_to(layout.root) if target.is_relative_to(layout.root) else target
        mine = names.whole_keys(
            _without_generated(current.get("config") or {}, generated.get(environment) or {}), str(shown), project
        )
        config = keep_changes(merged, generated.get(environment), mine)
        kept = {key: current[key] for key in ("encryptionsalt",) if key in current}
        write_whole(target, ORIGIN.format(environment=environment) + _dump({**kept, "config": config}))
        generated[environment] = merged
    write_json(layout.project / GENERATED, generated)
    fingerprint.remember(layout.local, before)


def set_values(layout: Layout, port: int, choice: aws_plugin.Choice = "local") -> None:
    """Remember what the placeholders stand for and which AWS plugin it is, and generate the project."""
    note = {"port": port, "cpuArchitecture": machine_architecture(), "awsPlugin": choice}
    if read_json(layout.local / "values.json") != note:
        write_json(layout.local / "values.json", note)
    if not fingerprint.current(layout.root, layout.local):
        generate(layout)


def project_file(real: Config, layout: Layout) -> Config:
    """Pulumi.yaml for `.local/project`: the program stays where it is, and runs in this clone's virtual environment."""
    runtime = real.get("runtime")
    options = dict(runtime.get("options") or {}) if isinstance(runtime, dict) else {}
    local = {key: value for key, value in real.items() if key not in ("backend", "stackConfigDir")}
    local["runtime"] = {"name": "python", "options": {**options, "virtualenv": str(layout.venv)}}
    local["main"] = "../.."
    providers = (real.get("plugins") or {}).get("providers") or []
    local["plugins"] = {"providers": [{**plugin, "path": str(layout.root / plugin["path"])} for plugin in providers]}
    return local


def of_project(overlay: Config, prefix: str) -> Config:
    """The overlay with the project's name before each of the project's settings. Pure."""

    def named(settings: Config | None) -> Config:
        return {key if ":" in key else f"{prefix}{key}": value for key, value in (settings or {}).items()}

    environments = {name: named(settings) for name, settings in (overlay.get("environments") or {}).items()}
    return {**overlay, "config": named(overlay.get("config")), "environments": environments}


def stack_config(real: Config, overlay: Config, environment: str, values: Values, declared: Config) -> Config:
    """The settings of one local environment. Pure. `declared` is the description that Pulumi.yaml has by default."""
    config: Config = copy.deepcopy(real.get("config") or {})
    for changes in (overlay.get("config"), (overlay.get("environments") or {}).get(environment)):
        for key, value in (changes or {}).items():
            part = key.rpartition(":")[2]
            if part in description.KEYS and isinstance(value, dict):
                described = description.merged(declared.get(part) or {}, config.get(key) or {})
                filled = _for_every_name(values.fill(value), described)
                config[key] = description.merged(config.get(key) or {}, filled)
            elif value is None:
                config.pop(key, None)
            else:
                config[key] = values.fill(value)
    for key, value in config.items():
        if _is_encrypted(value):
            raise LocalError(
                f"Pulumi.{environment}.yaml: {key} is encrypted with a key of AWS, which is not to be had here. "
                f"Give it a local value, or null, under `config` in {OVERLAY}."
            )
    return config


def _for_every_name(changes: Any, described: Config) -> Config:
    """What the overlay has for `*`, for each service or site of the description, and over it what it has by name."""
    of_all, of_one = changes.get(EVERY) or {}, {name: item for name, item in changes.items() if name != EVERY}
    every = {name: of_all for name, item in described.items() if item is not None} if of_all else {}
    merged: Config = description.merged(every, of_one)
    return merged


def _is_encrypted(value: object) -> bool:
    if isinstance(value, dict):
        return set(value) == {"secure"} or any(map(_is_encrypted, value.values()))
    return isinstance(value, list) and any(map(_is_encrypted, value))


def _without_generated(current: Config, generated: Config) -> Config:
    """Without what was generated by a key that has no namespace: it was read as none, beside the same with one."""
    return {
        key: value
        for key, value in current.items()
        if ":" in key or key not in generated or as_written(value) != as_written(generated[key])
    }


def keep_changes(settings: Config, generated: Config | None, current: Config) -> Config:
    """`settings`, with what somebody changed in `current` since it was `generated`, leaf by leaf. Pure."""
    if generated is None:
        return dict(settings)
    result = dict(settings)
    for key in {**generated, **current}:
        before, now = generated.get(key), current.get(key)
        if isinstance(before, dict) and isinstance(now, dict):
            inside = settings.get(key)
            kept = keep_changes(inside if isinstance(inside, dict) else {}, before, now)
            if kept or key in settings:
                result[key] = kept
        elif key in current and (key not in generated or as_written(now) != as_written(before)):
            result[key] = now
        elif key in generated and key not in current:
            result.pop(key, None)
    return result


def as_written(value: object) -> object:
    """A setting as `pulumi config set` writes it back: every number and boolean of the file becomes a string."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict):
        return {key: as_written(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_written(item) for item in value]
    return value


def region(layout: Layout) -> str:
    config = _load(layout.root / f"Pulumi.{ENVIRONMENTS[0]}.yaml").get("config") or {}
    return str(config.get("aws:region", "us-west-2"))


def _load(path: Path) -> Config:
    try:
        content = yaml_text.load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise LocalError(f"{path.name} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise LocalError(f"{path.name} is not valid YAML: {error}") from error
    if content is not None and not isinstance(content, dict):
        raise LocalError(f"{path.name} must be a mapping, not {type(content).__name__}.")
    return content or {}


def _dump(value: Config) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)


if __name__ == "__main__":
    try:
        generate(here())
    except LocalError as error:
        sys.exit(f"error: {error}")
