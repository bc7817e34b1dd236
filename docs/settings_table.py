"""Writes docs/settings.md: `python -m docs.settings_table`.

Types, defaults and descriptions are those of Pulumi.yaml; what is expected beyond the types is in settings/fields.py;
what a change does is recorded from the AWS provider (tests/fixtures/setting_changes.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from settings.fields import Settings
from settings.reader import Declaration, declarations

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "settings.md"
RECORDED = ROOT / "tests" / "fixtures" / "setting_changes.json"
TYPES = {"array": "list of strings", "object": "map of strings"}
NAMED_UPDATES = 4
"""Of more, the rest is counted: the types of what is replaced matter, and are always named."""

HEAD = """\
<!-- Made by `python -m docs.settings_table` from Pulumi.yaml, fields.py and recorded changes. -->

# Settings

Each is `easi:<setting>` in `Pulumi.<stack>.yaml`, or `pulumi config set -s <stack> <setting> <value>`. If settings are
invalid, the run stops before anything happens, and reports all of them at once; but where the type is wrong, Pulumi
stops first, and names one. `aws:region` is required; other `aws:` settings are the AWS provider's.

"A change" is what one change of the setting does to a running stack, recorded from the AWS provider (for settings added
after the recording, computed by the local plugin). *Updates* happen in place. A *replaced* resource is made before the
old one is removed; a new `Release` rolls the service without an interruption.

Only `probeSecret` is a secret: everything else is in clear text in the state and in AWS. Any other setting that was set
with `--secret`, and a variable of `backendEnvironment` that looks like a secret by its name or value, is refused, with
the commands that keep it in Secrets Manager (`backendSecrets`). Secrets among the `aws:` settings stay encrypted.

Set lists and maps in the file, or with `--path`. Write a name with a dot in brackets. Pulumi takes a setting with
"secret" in its name for a secret: set the ARN of a secret with `--plaintext`.

    pulumi config set -s dev --path 'easi:backendEnvironment["log.level"]' debug
    pulumi config set -s dev --path easi:backendSecrets.DB_PASSWORD --plaintext \\
        arn:aws:secretsmanager:us-west-2:111111111111:secret:easi-dev-database-a1b2c3
"""


def page() -> str:
    """The whole page."""
    config = declared()
    recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    fields = declarations(Settings)
    parts = [HEAD]
    for title, keys in _sections((ROOT / "Pulumi.yaml").read_text()):
        rows = [_row(key, config[key], fields[key], recorded.get(key)) for key in keys]
        parts.append(
            f"\n## {title}\n\n"
            "| Setting | Type | Default | Expected | What it is | A change |\n"
            "| --- | --- | --- | --- | --- | --- |\n" + "".join(rows)
        )
    return "".join(parts)


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


def _row(key: str, declaration: Mapping[str, Any], field: Declaration, recorded: Mapping[str, Any] | None) -> str:
    kind = TYPES.get(declaration["type"], declaration["type"])
    default = declaration["default"]
    shown = default if isinstance(default, str) else json.dumps(default)
    cells = [
        f"`{key}`",
        kind,
        f"`{shown}`" if shown else "",
        field.format.expected if field.format else "",
        declaration["description"],
        effect(recorded["changes"]) if recorded else "",
    ]
    return "| " + " | ".join(cell.replace("|", "\\|").replace("<", "\\<") for cell in cells) + " |\n"


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
