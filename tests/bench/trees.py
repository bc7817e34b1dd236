"""Builds of sites that differ in size, in what they are named after, and in how much of them changed."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Final, Literal

Kind = Literal["hashed", "pages"]
KINDS: Final[tuple[Kind, ...]] = ("hashed", "pages")
PER_FOLDER: Final = 500
CHANGED: Final = 0.01
"""The part of the files that the second build changes."""


def write(folder: Path, kind: Kind, count: int) -> None:
    """A build of `count` files of 1 to 3 KB, `index.html` and `version.json` included."""
    for number in range(count - 2):
        _write_one(folder, kind, number, "first")
    _write_entry(folder, kind, count, "first")


def change(folder: Path, kind: Kind, count: int) -> int:
    """Make it the build after it: how many files differ. A hashed one comes under a new name, and the old one goes."""
    changed = range(0, count - 2, round(1 / CHANGED))
    for number in changed:
        if kind == "hashed":
            _path(folder, kind, number, "first").unlink()
        _write_one(folder, kind, number, "second")
    _write_entry(folder, kind, count, "second")
    return len(changed) + 2


def _content(number: int, build: str) -> bytes:
    noise = random.Random(f"{number} {build}")
    return (
        f"<!doctype html><title>{number} {build}</title><p>{noise.randbytes(noise.randint(500, 1500)).hex()}".encode()
    )


def _path(folder: Path, kind: Kind, number: int, build: str) -> Path:
    if kind == "pages":
        return folder / f"{number // PER_FOLDER}" / f"{number}" / "index.html"
    name = hashlib.sha256(_content(number, build)).hexdigest()[:10]
    return folder / "assets" / f"{number // PER_FOLDER}" / f"chunk-{name}.js"


def _write_one(folder: Path, kind: Kind, number: int, build: str) -> None:
    path = _path(folder, kind, number, build)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_content(number, build))


def _write_entry(folder: Path, kind: Kind, count: int, build: str) -> None:
    shown = [_path(folder, kind, number, build).relative_to(folder).as_posix() for number in range(0, count - 2, 100)]
    tag = '<a href="/{}"></a>' if kind == "pages" else '<script src="/{}"></script>'
    body = "".join(tag.format(path) for path in shown[:20])
    (folder / "index.html").write_text(f"<!doctype html><title>{build}</title><h1>Site</h1>{body}")
    (folder / "version.json").write_text(json.dumps({"version": hashlib.sha1(build.encode()).hexdigest()}))
