"""The example's frontend, built from the working tree that is about to be released."""

from __future__ import annotations

import os

from cli.errors import EXPECTED
from cli.version import working_tree
from local.layout import Layout, LocalError, read_json, write_json
from local.terminal import Say, run_quietly
from release.tree import Tree
from release.version import short

INSTALLED = "node_modules/.installed-lock.json"
"""The lock file whose packages are there, whole: `npm ci` removes it first, with all the rest."""


def install(layout: Layout, say: Say) -> None:
    """`npm ci`, when the lock file is not the one that was installed: as `make frontend` does it."""
    lock, installed = layout.frontend / "package-lock.json", layout.frontend / INSTALLED
    if not lock.exists():
        raise LocalError(f"{lock.relative_to(layout.root)} is missing: this is not a whole clone.")
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    _npm(layout, ["ci", "--no-audit", "--no-fund"], "installing the frontend's dependencies", {})
    installed.write_bytes(lock.read_bytes())
    say("frontend: dependencies installed")


def build(layout: Layout, say: Say) -> None:
    """`npm run build`, when what is built is not of the version of the working tree."""
    version = tree(layout).version
    note = layout.local / "frontend.json"
    if read_json(note) == {"version": version} and _built(layout) == version:
        return
    note.unlink(missing_ok=True)
    _npm(layout, ["run", "build"], "building the frontend", {"EASI_VERSION": version})
    if _built(layout) != version:
        raise LocalError(
            f"the frontend's dist/version.json says {_built(layout)!r} after the build, expected {version}."
        )
    write_json(note, {"version": version})
    say(f"frontend: built for {short(version)}")


def tree(layout: Layout) -> Tree:
    """The working tree, with what the generated settings build. Raises LocalError where it is not known."""
    try:
        return working_tree(layout.root, settings=layout.project)
    except EXPECTED as error:
        raise LocalError(str(error)) from error


def _built(layout: Layout) -> object:
    return read_json(layout.frontend / "dist" / "version.json").get("version")


def _npm(layout: Layout, arguments: list[str], what: str, extra: dict[str, str]) -> None:
    environment = {
        **os.environ,
        **extra,
        "CI": "true",
        "NO_UPDATE_NOTIFIER": "1",
        "npm_config_update_notifier": "false",
    }
    ran = run_quietly(what, ["npm", *arguments], cwd=layout.frontend, environment=environment)
    if ran.code != 0:
        folder = layout.frontend.relative_to(layout.root)
        raise LocalError(f"npm {' '.join(arguments)} ended with {ran.code} in {folder}:\n{ran.tail()}")
