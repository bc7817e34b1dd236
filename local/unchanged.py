"""Whether an update could change anything: the same inputs on the same state give the same result, which is none.

`pulumi up` compares the program with the stack's state, not with what runs. So when the commit, a clean tree, the
settings, the plugins and the states of this stack and of those before it are what they were after the last update that
succeeded, another one does nothing. What runs is asked directly: a task of the proven release must answer with its
version.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from local import answer, bootstrap, sites
from local.layout import ENVIRONMENTS, Layout, read_json, write_json
from local.stacks import Stacks
from settings.names import REASON_VARIABLE, RESTART_VARIABLE

NOTE = "unchanged.json"
PLUGINS = ("pulumi-resource-aws", "pulumi-resource-docker")
"""Those on PATH win over ours."""


def remember(layout: Layout, stacks: Stacks, name: str, outputs: dict[str, Any]) -> None:
    """Note what `name` was last updated from, and what it proved."""
    inputs = _inputs(layout, stacks, name)
    if inputs is not None:
        notes = read_json(layout.local / NOTE)
        write_json(layout.local / NOTE, {**notes, name: {"inputs": inputs, "outputs": outputs}})


def outputs_if_unchanged(layout: Layout, stacks: Stacks, name: str, port: int) -> dict[str, Any] | None:
    """The outputs of `name`, when an update would do nothing and what it proved still answers; else None."""
    note = read_json(layout.local / NOTE).get(name) or {}
    outputs = note.get("outputs") or {}
    version = (outputs.get("release") or {}).get("version")
    if not version or note.get("inputs") != _inputs(layout, stacks, name) or stacks.interruption(name) is not None:
        return None
    return dict(outputs) if answer.miss(outputs, port) is None else None


def _inputs(layout: Layout, stacks: Stacks, name: str) -> str | None:
    """A digest of all that an update reads; None for a tree with changes in no commit, and for a restart."""
    if os.environ.get(RESTART_VARIABLE):
        return None
    tree = sites.tree(layout)
    if tree.changes:
        return None
    digest = hashlib.sha256(tree.version.encode())
    digest.update(os.environ.get(REASON_VARIABLE, "").encode())
    files = [stacks.checkpoint(earlier) for earlier in ENVIRONMENTS[: ENVIRONMENTS.index(name) + 1]]
    files += [
        layout.project / "Pulumi.yaml",
        layout.project / f"Pulumi.{name}.yaml",
        *sites.version_files(layout),
        layout.venv / bootstrap.STAMP,
    ]
    files += [Path(path_of_plugin) for path_of_plugin in (shutil.which(plugin) for plugin in PLUGINS) if path_of_plugin]
    for path in files:
        digest.update(f"{path}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest() if path.exists() else b"missing")
    return digest.hexdigest()
