"""Writes release/static/mime.types, the Content-Type of each extension: `python -m docs.media_types`.

From mime-db, which joins the lists of IANA, Apache and nginx: `npm ci --prefix .github/tools/mime-db` installs it, at
the version that is locked there. A new version may change the digest of a build that has not changed: then the next
release of each environment writes the files whose type is another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
MIME_DB: Final = ROOT / ".github" / "tools" / "mime-db"
TABLE: Final = ROOT / "release" / "static" / "mime.types"

OURS: Final[Mapping[str, str]] = {
    "cjs": "text/javascript",  # mime-db has application/node, which no browser runs
    "flac": "audio/flac",  # RFC 9639
    "ico": "image/x-icon",  # as this program has always had it; browsers take both
    "ndjson": "application/x-ndjson",
    "parquet": "application/vnd.apache.parquet",  # IANA
    "svgz": "application/gzip",  # image/svg+xml would need a Content-Encoding
    "tgz": "application/gzip",
    "vcf": "text/vcard",  # RFC 6350
    "yaml": "application/yaml",  # RFC 9512
    "yml": "application/yaml",
    "zst": "application/zstd",  # RFC 8878
}
"""What mime-db does not have, or has otherwise."""

HEAD: Final = """\
# Made by `python -m docs.media_types` from mime-db {version} (MIT; Jonathan Ong, Douglas Christopher Wilson):
# a type, and the extensions that have it.
"""


def table(version: str, types: Mapping[str, Mapping[str, Any]]) -> str:
    """The whole file, for what mime-db has: type to `extensions` and `source`."""
    chosen: dict[str, str] = {}
    for name in sorted(types, key=lambda name: _score(name, types[name].get("source"))):
        chosen |= dict.fromkeys(types[name].get("extensions", ()), name)
    chosen |= OURS
    by_type: dict[str, list[str]] = {}
    for extension, name in sorted(chosen.items()):
        by_type.setdefault(name, []).append(extension)
    lines = [f"{name} {' '.join(extensions)}\n" for name, extensions in sorted(by_type.items())]
    return HEAD.format(version=version) + "".join(lines)


def _score(name: str, source: str | None) -> tuple[float, str]:
    """Of several types of one extension, the highest is taken: the figures are those of npm's mime-types 3."""
    kind, _, subtype = name.partition("/")
    if name == "application/octet-stream":
        return 0, name
    facets = {"prs.": 100, "x-": 200, "x.": 300, "vnd.": 400}
    facet = next((score for prefix, score in facets.items() if subtype.startswith(prefix)), 900)
    listed = {"nginx": 10, "apache": 20, "iana": 40}.get(source or "", 30)
    return facet + listed + {"application": 1, "font": 2, "audio": 2, "video": 3}.get(kind, 0) - len(name) / 100, name


def locked_version() -> str:
    locked = json.loads((MIME_DB / "package-lock.json").read_text())
    return str(locked["packages"]["node_modules/mime-db"]["version"])


if __name__ == "__main__":
    TABLE.write_text(table(locked_version(), json.loads((MIME_DB / "node_modules/mime-db/db.json").read_text())))
