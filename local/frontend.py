"""The example's frontend, built for the commit that is about to be released."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from local.layout import Layout, LocalError, read_json, write_json
from local.terminal import Say, run_quietly

PRODUCTS = frozenset({"node_modules", "dist"})


def install(layout: Layout, say: Say) -> None:
    """`npm ci`, when the lock file is not the one that was installed."""
    lock = layout.frontend / "package-lock.json"
    if not lock.exists():
        raise LocalError(f"{lock.relative_to(layout.root)} is missing: this is not a whole clone.")
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    note = layout.local / "npm.json"
    if read_json(note).get("lock") == wanted and (layout.frontend / "node_modules" / ".package-lock.json").exists():
        return
    note.unlink(missing_ok=True)
    _npm(layout, ["ci", "--no-audit", "--no-fund"], "installing the frontend's dependencies", {})
    write_json(note, {"lock": wanted})
    say("frontend: dependencies installed")


def build(layout: Layout, say: Say) -> None:
    """`npm run build`, when the commit or the sources are not those of the built one."""
    version = head(layout)
    wanted = {"version": version, "sources": sources_digest(layout.frontend)}
    note = layout.local / "frontend.json"
    built = read_json(layout.frontend / "dist" / "version.json").get("version")
    if read_json(note) == wanted and built == version:
        return
    note.unlink(missing_ok=True)
    _npm(layout, ["run", "build"], "building the frontend", {"EASI_VERSION": version})
    built = read_json(layout.frontend / "dist" / "version.json").get("version")
    if built != version:
        raise LocalError(f"the frontend's dist/version.json says {built!r} after the build, expected {version}.")
    write_json(note, wanted)
    say(f"frontend: built for {version[:12]}")


def head(layout: Layout) -> str:
    """The commit that is checked out: the version of what is released."""
    done = subprocess.run(["git", "-C", layout.root, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LocalError(f"git does not tell the commit: {done.stderr.strip()}")
    return done.stdout.strip()


def sources_digest(folder: Path) -> str:
    """A digest of every file that a build reads: names and contents."""
    digest = hashlib.sha256()
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not (Path(parent) == folder and name in PRODUCTS))
        for name in sorted(files):
            path = Path(parent) / name
            digest.update(f"{path.relative_to(folder)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


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
