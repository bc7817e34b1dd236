"""Which AWS plugin Pulumi uses here: ours, or the official one with the same program and the same local AWS."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Literal

from local import engine
from local.layout import Layout, LocalError, read_json

Choice = Literal["local", "official"]
NAME = "pulumi-resource-aws"
_FAILED_TRY = "Error downloading plugin: "
VERSION = metadata.version("pulumi-aws")


def chosen(layout: Layout) -> Choice | None:
    """The plugin that the environments of this clone are made with; None before there are any."""
    note = read_json(layout.local / "values.json")
    return note.get("awsPlugin", "local") if note else None


def require_same(layout: Layout, choice: Choice) -> None:
    """Refuse to go on with another plugin: neither reads what the other has written in the state."""
    before = chosen(layout)
    if before not in (None, choice):
        option = " AWS_PLUGIN=official" if before == "official" else ""
        raise LocalError(
            f"the environments of this clone were made with the {before} AWS plugin, not the {choice} one.\n"
            f"  To go on with them:  make up{option}\n"
            "  To begin anew:  make down"
        )


def require_official(pulumi: Path, folder: Path, environment: dict[str, str]) -> None:
    """The official plugin on PATH, else in Pulumi's `folder` of plugins, where the engine downloads it."""
    if engine.is_script(folder / NAME):
        shutil.rmtree(folder, ignore_errors=True)  # ours, a script, would count as it
    if shutil.which(NAME, path=os.environ.get("PATH")):
        return
    command = [str(pulumi), "plugin", "install", "resource", "aws", VERSION]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LocalError(
            f"AWS_PLUGIN=official: {NAME} {VERSION} is not on PATH and cannot be downloaded ({_why(done.stderr)}). "
            "Put it on PATH, or run `make up` without AWS_PLUGIN"
        )


def _why(said: str) -> str:
    """What the engine said of its first try; else its last words."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reasons = [line.partition(_FAILED_TRY)[2] for line in lines if _FAILED_TRY in line]
    return (reasons or lines[-1:] or ["it said nothing"])[0]
