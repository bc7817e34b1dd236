"""Whether the generated project is up to date. Standard library only: every `pulumi` of the local shell asks."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

NAME = "fingerprint"
PRODUCTS = ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.impl.yaml", "Pulumi.prod.yaml")
SOURCES = (*PRODUCTS, "local/overlay.yaml", "local/project.py", "settings/description.py", "settings/names.py")


def of(root: Path, local: Path) -> str:
    """A digest of everything that the generated project is made from."""
    digest = hashlib.sha256(os.fsencode(root))
    for path in [*(root / name for name in SOURCES), local / "values.json"]:
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError:
            digest.update(b"missing")
    return digest.hexdigest()


def current(root: Path, local: Path) -> bool:
    """Whether the project was generated from what is there now, and is all there."""
    project = local / "project"
    try:
        remembered = (project / NAME).read_text()
    except OSError:
        return False
    return remembered == of(root, local) and all((project / name).exists() for name in PRODUCTS)


def remember(local: Path, digest: str) -> None:
    """Note what the project was generated from."""
    (local / "project" / NAME).write_text(digest)
