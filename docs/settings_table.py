"""Writes docs/settings.md: `python -m docs.settings_table`.

Types, defaults and descriptions of an environment's settings are those of Pulumi.yaml, and of services and sites those
of settings/service.py and settings/site.py; what is expected beyond the types is in settings/; what a change does is
recorded from the AWS provider (tests/fixtures/setting_changes.md).
"""

from __future__ import annotations

import dataclasses
import json
import re
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from settings import own_names, structure
from settings.declared import Declaration, declarations
from settings.fields import Settings
from settings.service import Service
from settings.site import Site

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "settings.md"
RECORDED = ROOT / "tests" / "fixtures" / "setting_changes.json"
TYPES = {"array": "list of strings", "object": "map of strings"}
NAMED_UPDATES = 4
"""Of more, the rest is counted: the types of what is replaced matter, and are always named."""

HEAD = """\
<!-- Made by `python -m docs.settings_table` from Pulumi.yaml, settings/ and recorded changes. -->

# Settings

`services` and `sites` describe the application: programs on ECS and the names that people reach, any number of each, by
name. Pulumi.yaml has what is the same everywhere, and `Pulumi.<stack>.yaml` what is different there. Maps are merged
field by field, lists are replaced, and `null` is the field's default again (of a whole service or site: it is not
there).

    config:
      easi:services:
        backend: { cpu: 1024, memory: 2048 }
        worker: { build: { context: worker }, health: { command: [/worker, check] } }
      easi:sites:
        site: { domain: easi.example.gov, hostedZoneId: Z0123456789EXAMPLE }

A service without `paths` is a worker: it has no load balancer, and is proven by its rollout alone. A site without
`folder` has no files: it is for the services' paths alone. The service `backend` and the site `site` have the short
names of AWS resources; others have their own name in them.

Everything else is `<project>:<setting>` in `Pulumi.<stack>.yaml` (the name in Pulumi.yaml, here `easi`), or
`pulumi config set -s <stack> <setting> <value>`. If settings are invalid, the run stops before anything happens, and
reports all of them at once; but where the type of a setting outside of the description is wrong, Pulumi stops first,
and names one. `aws:region` is required; other `aws:` settings are the AWS provider's.

"A change" is what one change of the setting does to a running stack, recorded from the AWS provider (for settings added
after the recording, computed by the local plugin). *Updates* happen in place. A *replaced* resource is made before the
old one is removed; a new `Release` rolls the service without an interruption.

Only `probeSecret` is a secret: everything else is in clear text in the state and in AWS. Any other setting that was set
with `--secret`, and a variable of a service's `environment` that looks like a secret by its name or value, is refused,
with the commands that keep it in Secrets Manager (`secrets` of the service). What looks like one in the `config` of a
site is refused, too, as everybody can read it. Secrets among the `aws:` settings stay encrypted.

A key without a namespace is the project's, as Pulumi reads it: `services` is `easi:services`. One that a file has both
ways is refused.

Set lists and maps in the file, or single fields with `--path`. Write a name with a dot in brackets. Pulumi takes a
setting with "secret" in its name for a secret: set the ARN of a secret with `--plaintext`.

    pulumi config set -s dev --path 'services.backend.environment["log.level"]' debug
    pulumi config set -s dev --path services.backend.secrets.DB_PASSWORD --plaintext \\
        arn:aws:secretsmanager:us-west-2:111111111111:secret:easi-dev-database-a1b2c3
"""
KINDS = {"services": Service, "sites": Site}
MAINS = {"services": own_names.MAIN_SERVICE, "sites": own_names.MAIN_SITE}


def page() -> str:
    """The whole page."""
    config = declared()
    known = json.loads(RECORDED.read_text()) if RECORDED.exists() else {"recorded": {}, "local": {}}
    recorded = known["recorded"] | known["local"]
    fields = declarations(Settings)
    parts = [HEAD]
    for key, kind in KINDS.items():
        rows = [
            _field_row(path, field, recorded.get(f"{key}.{MAINS[key]}.{path}"), kind) for path, field in leaves(kind)
        ]
        parts.append(_table(f"{key.capitalize()}: `{key}.<name>`", rows))
    for title, keys in _sections((ROOT / "Pulumi.yaml").read_text()):
        rows = [_row(key, config[key], fields[key], recorded.get(key)) for key in keys if key not in KINDS]
        if rows:
            parts.append(_table(title, rows))
    return "".join(parts)


def _table(title: str, rows: Sequence[str]) -> str:
    return (
        f"\n## {title}\n\n"
        "| Setting | Type | Default | Expected | What it is | A change |\n"
        "| --- | --- | --- | --- | --- | --- |\n" + "".join(rows)
    )


def leaves(kind: type, at: str = "") -> Iterator[tuple[str, Declaration]]:
    """The fields of a service or site that have a value, by their path."""
    for key, field in declarations(kind).items():
        if dataclasses.is_dataclass(field.kind):
            yield from leaves(typing.cast(type, field.kind), f"{at}{key}.")
        elif structure.is_structure(field.kind):
            yield from leaves(typing.get_args(field.kind)[1], f"{at}{key}.<name>.")
        else:
            yield f"{at}{key}", field


def settings_to_change() -> set[str]:
    """Every setting, with the main service and site; of a container beside the program, all of it at once."""
    fields = {f"{key}.{MAINS[key]}.{path}" for key, kind in KINDS.items() for path, _ in leaves(kind)}
    return {key for key in declared() if key not in KINDS} | {field.partition(".<name>")[0] for field in fields}


def declared() -> dict[str, Any]:
    """What Pulumi.yaml declares of each setting of the project."""
    config = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    return {key: declaration for key, declaration in config.items() if ":" not in key}


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """The titles in Pulumi.yaml, comments above a setting, each with the settings below it."""
    title, keys = "Environment", list[str]()
    above = ""
    for line in text.partition("\nconfig:\n")[2].splitlines():
        if key := re.match(r"  (\w+):$", line):
            if above:
                yield title, keys
                title, keys = above, []
            keys.append(key[1])
        above = line.removeprefix("  # ") if line.startswith("  # ") else ""
    yield title, keys


def _row(key: str, declaration: Mapping[str, Any], field: Declaration, changes: Mapping[str, str] | None) -> str:
    kind = TYPES.get(declaration["type"], declaration["type"])
    default = declaration["default"]
    shown = default if isinstance(default, str) else json.dumps(default)
    cells = [
        f"`{key}`",
        kind,
        f"`{shown}`" if shown else "",
        field.format.expected if field.format else "",
        declaration["description"],
        effect(changes) if changes is not None else "",
    ]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "\\<") for cell in cells) + " |\n"


def _field_row(path: str, field: Declaration, changes: Mapping[str, str] | None, kind: type) -> str:
    default = "" if field.required else json.dumps(_default(kind, path.split(".")), default=list, ensure_ascii=False)
    cells = [
        f"`{path.replace('<name>', 'NAME')}`",
        _type_of(field.kind),
        f"`{default}`" if default not in ("", '""') else "",
        field.format.expected if field.format else "",
        field.about,
        effect(changes) if changes is not None else "",
    ]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "\\<") for cell in cells) + " |\n"


def _type_of(kind: Any) -> str:
    scalars = {str: "string", int: "integer", bool: "boolean"}
    if kind in scalars:
        return scalars[kind]
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is tuple:
        return "list of strings" if arguments[0] is str else "list of maps"
    return "map of strings" if arguments[1] is str else "map"


def _default(kind: Any, path: Sequence[str]) -> Any:
    """The default of a field; of one in a container beside the program, that of its own."""
    for step in path:
        if step == "<name>":
            continue
        field = declarations(kind)[step]
        own = next(item for item in dataclasses.fields(kind) if item.name == field.field)
        default = own.default if own.default is not dataclasses.MISSING else None
        if default is None and own.default_factory is not dataclasses.MISSING:
            default = own.default_factory()
        kind = typing.get_args(field.kind)[1] if structure.is_structure(field.kind) else field.kind
    return default


def effect(changes: Mapping[str, str]) -> str:
    """What happens to resources, in words: the gravest first."""
    effects = []
    for what, verb in (("replace", "replaces"), ("delete", "removes"), ("create", "makes"), ("update", "updates")):
        names = _names([urn for urn in changes if changes[urn] == what])
        more = len(names) - NAMED_UPDATES
        if what != "replace" and more > 1:
            names = [*names[:NAMED_UPDATES], f"{more} more"]
        if names:
            effects.append(f"{verb} {', '.join(names)}")
    return "; ".join(effects) or "nothing: the next release has it"


def _names(urns: Collection[str]) -> list[str]:
    """`TaskDefinition backend` or `3 of Subnet`, of the ends of URNs."""
    named: dict[str, list[str]] = {}
    for urn in urns:
        kind, _, name = urn.rpartition("::")
        named.setdefault(re.split("[:/]", kind)[-1], []).append(name)
    return [
        f"{kind} `{names[0]}`" if len(names) == 1 else f"{len(names)} of {kind}"
        for kind, names in sorted(named.items())
    ]


if __name__ == "__main__":
    PAGE.write_text(page())
