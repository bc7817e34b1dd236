"""Where everything local is on disk."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ENVIRONMENTS = ("dev", "impl", "prod")
"""In the order in which a version goes through them."""


class LocalError(Exception):
    """Something a person can mend: what happened, what was expected, what to do."""


@dataclass(frozen=True)
class Layout:
    """The paths of one clone. Everything but `.venv` and what builds of the sites leave is in `.local`."""

    root: Path

    @cached_property
    def identity(self) -> str:
        """Tells this clone's own from another's in what all clones on a machine share."""
        return hashlib.sha256(str(self.root).encode()).hexdigest()[:10]

    @cached_property
    def local(self) -> Path:
        """What `make down` removes."""
        return self.root / ".local"

    @cached_property
    def bin(self) -> Path:
        """First on the PATH of the local shell."""
        return self.local / "bin"

    @cached_property
    def engine(self) -> Path:
        """The Pulumi engine, and `engine.json`, which says where it is."""
        return self.local / "engine"

    @cached_property
    def state(self) -> Path:
        return self.local / "state"

    @cached_property
    def emulator(self) -> Path:
        return self.local / "emulator"

    @cached_property
    def project(self) -> Path:
        return self.local / "project"

    @cached_property
    def docker(self) -> Path:
        """Data, log and pid of a Docker engine that we started."""
        return self.local / "docker"

    @cached_property
    def home(self) -> Path:
        """Pulumi's own folder: plugins and what it remembers. Not the user's."""
        return self.local / "home"

    @cached_property
    def passphrase(self) -> Path:
        return self.local / "passphrase"

    @cached_property
    def venv(self) -> Path:
        return self.root / ".venv"


def here() -> Layout:
    """The clone that this file is in."""
    return Layout(Path(__file__).resolve().parent.parent)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file of ours; empty when there is none or it was cut short."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that it is either the old one or the new one, and never half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f".{path.name}.new")
    half.unlink(missing_ok=True)
    half.touch(mode=mode)
    half.write_text(text)
    half.chmod(mode)
    half.replace(path)


def write_json(path: Path, value: Mapping[str, Any], mode: int = 0o644) -> None:
    write_whole(path, json.dumps(value, indent=2, sort_keys=True) + "\n", mode)
