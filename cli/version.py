"""`version`: what this working tree would be released as."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

from cli import YES
from cli.errors import VerbError
from release import escaping, tree
from release.tree import Sources, Tree
from release.version import short


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Print the version of what is built from this working tree: the full SHA of HEAD, or <sha>-dirty-<hash of the "
        "content> where files of the build or tracked files differ from it. Those are listed on standard error."
    )
    parser.epilog = "Exit status: 0 printed, 1 it is not known."


def run(_: argparse.Namespace) -> int:
    here = working_tree(Path.cwd())
    print(here.version)
    sys.stdout.flush()
    for path in sorted(here.changes):
        print(f"not as in {short(here.commit)}: {escaping.line(path)}", file=sys.stderr)
    return YES


def working_tree(root: Path, settings: Path | None = None) -> Tree:
    """The working tree `root`, with what the settings in its files, or in those of the folder `settings`, build.

    Raises GitError, BuildContextError and VerbError.
    """
    return tree.read(root, Sources.of(_settings(settings or root)))


def _settings(folder: Path) -> dict[str, Any]:
    """The defaults of Pulumi.yaml, and over them the settings of the environment that builds."""
    declared = _load(folder / "Pulumi.yaml").get("config") or {}
    settings = {f"easi:{key}": item.get("default") for key, item in declared.items()}
    for file in sorted(folder.glob("Pulumi.*.yaml")):
        config = _load(file).get("config") or {}
        if not config.get("easi:promoteFrom"):
            settings |= config
    return settings


def _load(file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise VerbError(f"{file} cannot be read ({error.strerror}): run this in the project's folder") from error
    except (UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise VerbError(f"{file} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise VerbError(f"{file} must be a mapping, not {type(content).__name__}")
    return content
