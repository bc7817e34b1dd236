"""Function packages: archives and assets as one zip file whose bytes depend on the contents alone."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

from local.plugin.wire import ARCHIVE, ASSET, SIGNATURE

EPOCH = (1980, 1, 1, 0, 0, 0)
FILE_MODE = 0o644 << 16
EXECUTABLE_MODE = 0o755 << 16
EMPTY = hashlib.sha256().hexdigest()
"""The engine leaves the text of an empty asset out."""


class UnreadableError(Exception):
    """An asset that cannot be read here."""


def zip_bytes(archive: dict[str, Any]) -> bytes:
    """The zip file of an archive: names sorted, one date, two modes."""
    path = archive.get("path")
    if path and Path(path).is_file() and zipfile.is_zipfile(path):
        return Path(path).read_bytes()
    files: dict[str, tuple[bytes, int]] = {}
    _collect(archive, "", files)
    if not files:
        raise UnreadableError(f"the archive {path or ''} has no files")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name in sorted(files):
            content, mode = files[name]
            info = zipfile.ZipInfo(name, EPOCH)
            info.external_attr, info.compress_type = mode, zipfile.ZIP_DEFLATED
            package.writestr(info, content)
    return buffer.getvalue()


def _collect(asset: dict[str, Any], name: str, files: dict[str, tuple[bytes, int]]) -> None:
    kind = asset.get(SIGNATURE)
    if kind == ARCHIVE and "assets" in asset:
        for inner, part in asset["assets"].items():
            _collect(part, _join(name, inner), files)
    elif kind == ASSET and ("text" in asset or asset.get("hash") == EMPTY):
        files[name] = (asset.get("text", "").encode(), FILE_MODE)
    elif "path" in asset:
        _collect_path(Path(asset["path"]), name, files)
    else:
        raise UnreadableError(f"an archive or asset from {asset.get('uri')!r} is not supported locally; use a file")


def _collect_path(path: Path, name: str, files: dict[str, tuple[bytes, int]]) -> None:
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                _collect_path(file, _join(name, file.relative_to(path).as_posix()), files)
    elif zipfile.is_zipfile(path) and path.suffix == ".zip":
        with zipfile.ZipFile(path) as package:
            for member in package.infolist():
                if not member.is_dir():
                    files[_join(name, member.filename)] = (package.read(member), member.external_attr or FILE_MODE)
    elif path.is_file():
        executable = bool(path.stat().st_mode & 0o100)
        files[name or path.name] = (path.read_bytes(), EXECUTABLE_MODE if executable else FILE_MODE)
    else:
        raise UnreadableError(f"{path} does not exist")


def _join(folder: str, name: str) -> str:
    if folder in ("", "."):
        return "" if name == "." else name
    return folder if name == "." else f"{folder}/{name}"
