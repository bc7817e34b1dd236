"""Frontends to release: a good one, and those that a build must never hand over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

LARGE_BYTES = 100 * 1024 * 1024


def page(folder: Path, version: str) -> None:
    """A page, one asset with a hash in its name, and the version."""
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(
        f"<!doctype html><title>{version}</title><script src=/assets/app-{version[:8]}.js>"
    )
    (folder / "assets" / f"app-{version[:8]}.js").write_text(f"console.log('{version}')")
    (folder / "version.json").write_text(json.dumps({"version": version}))


def empty(folder: Path, _version: str) -> None:
    """A folder with nothing in it."""
    folder.mkdir(parents=True)


def no_index(folder: Path, version: str) -> None:
    """Everything but the page."""
    page(folder, version)
    (folder / "index.html").unlink()


def link(folder: Path, version: str) -> None:
    """A link to a file beside the folder."""
    page(folder, version)
    secret = folder.parent / "passwords.txt"
    secret.write_text("not for visitors")
    (folder / "notes.txt").symlink_to(secret)


def odd(folder: Path, version: str) -> None:
    """What is unusual, and allowed."""
    page(folder, version)
    (folder / "empty.txt").touch()
    (folder / "a folder with spaces").mkdir()
    (folder / "a folder with spaces" / "Über uns & mehr, 100%.html").write_text("<!doctype html><title>ü</title>")
    (folder / "assets" / "日本語-0a1b2c3d.svg").write_text("<svg/>")
    with (folder / "large.bin").open("wb") as file:
        file.truncate(LARGE_BYTES)


VARIANTS: dict[str, Callable[[Path, str], None]] = {
    "page": page,
    "empty": empty,
    "no index": no_index,
    "link": link,
    "odd": odd,
}
