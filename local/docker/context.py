"""What a build reads: the files of its context that .dockerignore leaves, and its Dockerfile.

An unchanged context is no difference, whatever its files' times; a changed byte, name or mode is one.
"""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker.utils

from local.plugin import PluginError


@dataclass(frozen=True, kw_only=True)
class BuildContext:
    """The folder and the Dockerfile of an image."""

    folder: Path
    dockerfile: Path

    @staticmethod
    def of(build: dict[str, Any]) -> BuildContext:
        """From the image's `build`: like the official plugin, the Dockerfile's path is relative to the program."""
        folder = Path(build.get("context") or ".")
        if not folder.is_dir():
            raise PluginError(f"build.context {folder} is not a folder (looked for {folder.resolve()})")
        given = build.get("dockerfile")
        dockerfile = Path(given) if given else folder / "Dockerfile"
        if not dockerfile.is_file():
            raise PluginError(f"build.dockerfile {dockerfile} is not a file (looked for {dockerfile.resolve()})")
        return BuildContext(folder=folder.resolve(), dockerfile=dockerfile.resolve())

    def digest(self) -> str:
        """SHA-256 over names, modes and contents of all that the build can see."""
        total = hashlib.sha256()
        _add(total, "Dockerfile", self.dockerfile.read_bytes())
        for name in sorted(self._names()):
            path = self.folder / name
            mode = path.lstat().st_mode
            total.update(f"{stat.S_IFMT(mode):o} {stat.S_IMODE(mode):o} ".encode())
            if stat.S_ISLNK(mode):
                _add(total, name, str(path.readlink()).encode())
            elif stat.S_ISREG(mode):
                _add(total, name, path.read_bytes())
            else:
                _add(total, name, b"")
        return total.hexdigest()

    def _names(self) -> set[str]:
        ignore = self.folder / ".dockerignore"
        lines = ignore.read_text().splitlines() if ignore.is_file() else []
        patterns = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        inside = self.dockerfile.is_relative_to(self.folder)
        name = str(self.dockerfile.relative_to(self.folder)) if inside else None
        # Sent by Docker even when ignored; it counts by its content, above.
        return set(docker.utils.exclude_paths(str(self.folder), patterns, dockerfile=name)) - {name, ".dockerignore"}


def _add(total: Any, name: str, content: bytes) -> None:
    total.update(f"{name}\0{len(content)}\0".encode())
    total.update(content)
