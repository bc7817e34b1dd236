"""Print the version of what is built from this working tree.

The full SHA of HEAD, or <sha>-dirty-<hash of the content> where files of the build or tracked files differ from it.
Those are listed on standard error.

Exit status: 0 printed, 1 it is not known.
"""

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
from settings import description, names, yaml_text
from settings.description import Description


def add(parser: argparse.ArgumentParser) -> None:
    """It takes none."""


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
    described = describe_files(settings or root)
    return tree.read(root, Sources.of(described.services, described.sites))


def describe_files(folder: Path) -> Description:
    """What the files of a project describe: Pulumi.yaml, and over it the settings of the environment that builds.

    Raises VerbError, and ProjectError for a setting that is there twice.
    """
    project, file = names.project(folder), folder / "Pulumi.yaml"
    declared = names.declared_keys(_config(file), file.name, project)
    defaults = {key: item.get("default") for key, item in declared.items() if ":" not in key}
    values: dict[str, Any] = {}
    for file in sorted(folder.glob("Pulumi.*.yaml")):
        own = names.own_settings(
            {
                **{f"{project}:{key}": value for key, value in defaults.items()},
                **names.whole_keys(_config(file), file.name, project),
            },
            folder,
        )
        if not own.get("promoteFrom"):
            values = own
    described, problems = description.read(values, {key: defaults.get(key) for key in description.KEYS})
    if described is None or problems:
        raise VerbError(f"the settings in {folder} cannot be used:\n  " + "\n  ".join(problems))
    return described


def _config(file: Path) -> dict[str, Any]:
    config = content_of(file).get("config") or {}
    return config if isinstance(config, dict) else {}


def content_of(file: Path) -> dict[str, Any]:
    """What a file of the project's settings says. Raises VerbError."""
    try:
        content = yaml_text.load(file.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise VerbError(f"{file} cannot be read ({error.strerror}): run this in the project's folder") from error
    except (UnicodeDecodeError, RecursionError, yaml.YAMLError) as error:
        raise VerbError(f"{file} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise VerbError(f"{file} must be a mapping, not {type(content).__name__}")
    return content
