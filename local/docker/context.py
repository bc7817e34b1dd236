"""The hash of what a build reads, as the official plugin makes it: a changed byte, name or mode is another image."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any

from local.plugin.provider import PluginError
from release.build_context import BuildContext, BuildContextError


def of(build: dict[str, Any]) -> BuildContext:
    """From the image's `build`: like the official plugin, the Dockerfile's path is relative to the program."""
    folder = Path(build.get("context") or ".")
    if not folder.is_dir():
        raise PluginError(f"build.context {folder} is not a folder (looked for {folder.resolve()})")
    path = build.get("dockerfile")
    dockerfile = Path(path) if path else folder / "Dockerfile"
    if not dockerfile.is_file():
        raise PluginError(f"build.dockerfile {dockerfile} is not a file (looked for {dockerfile.resolve()})")
    return BuildContext(folder=folder.resolve(), dockerfile=dockerfile.resolve())


def digest(context: BuildContext) -> str:
    """SHA-256 over names, modes and contents of all that a build reads (pulumi-docker, provider.go: hashContext)."""
    total = hashlib.sha256()
    _add(total, "Dockerfile", context.dockerfile.read_bytes())
    try:
        files = context.files()
    except BuildContextError as error:
        raise PluginError(str(error)) from error
    for name in files:
        path = context.folder / name
        mode = path.lstat().st_mode
        total.update(f"{stat.S_IFMT(mode):o} {stat.S_IMODE(mode):o} ".encode())
        _add(total, name, os.fsencode(path.readlink()) if stat.S_ISLNK(mode) else path.read_bytes())
    return total.hexdigest()


def _add(total: Any, name: str, content: bytes) -> None:
    total.update(os.fsencode(f"{name}\0{len(content)}\0"))
    total.update(content)
