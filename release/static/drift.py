"""What the buckets have, compared with the manifest that is active."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

from release.static import store
from release.static.content import CONFIG
from release.static.manifest import File, Manifest
from release.static.parallel import in_parallel
from release.static.records import Records
from release.static.source import kept_at
from release.static.store import Site

MAX_NAMES: Final = 5
"""Files that are named in one message; the others are counted."""


def look(*, s3: Any, site: Site) -> str | None:
    """The digest of the active manifest, followed by what in the buckets differs from it; None if none is active.

    Files of the site are compared by content and headers, one request each; those in the records bucket, from which the
    site is switched back to this manifest, by their sizes. What no manifest names is not looked at: earlier
    releases leave content-hashed files. What was purged is not expected.
    """
    records = Records(s3, site.records_bucket, site.prefix)
    active = records.active()
    if active is None or active.manifest is None:
        return None
    manifest = records.load(active.manifest)
    sizes = {item["Key"]: item["Size"] for item in store.listed(s3, site.bucket, "")}
    changed = _changed(s3, site, manifest, sizes)
    lacking = {file.path for file in manifest.files} - sizes.keys()
    if active.config_sha256:
        body = store.get(s3, site.bucket, CONFIG)
        if body is None:
            lacking.add(CONFIG)
        elif hashlib.sha256(body).hexdigest() != active.config_sha256:
            changed.add(CONFIG)
    kept_no_more = {file.path for file in lost(records, manifest, manifest.mutable).values()}
    differences = [
        _names("changed", changed - lacking),
        _names("missing", lacking),
        _names("not kept to go back to", kept_no_more),
    ]
    return " ".join((active.manifest, "; ".join(text for text in differences if text))).rstrip()


def _changed(s3: Any, site: Site, manifest: Manifest, sizes: Mapping[str, int]) -> set[str]:
    """Paths of the manifest whose objects are other ones."""
    changed = {file.path for file in manifest.files if sizes.get(file.path, file.size) != file.size}

    def one(file: File) -> None:
        if not store.is_file(store.head(s3, site.bucket, file.path), file):
            changed.add(file.path)

    in_parallel(s3, one, [file for file in manifest.files if file.path in sizes and file.path not in changed])
    return changed


def lost(records: Records, manifest: Manifest, files: Iterable[File]) -> dict[str, File]:
    """By key, those of the files that keep their names whose content the records bucket does not have in their size.

    One request for a thousand objects.
    """
    lost = {kept_at(records.catalog(), manifest, file, records.prefix): file for file in files}
    for prefix in sorted({key[: key.index("/", len(f"{records.prefix}static/")) + 1] for key in lost}):
        for item in store.listed(records.s3, records.bucket, prefix):
            if item["Key"] in lost and lost[item["Key"]].size == item["Size"]:
                del lost[item["Key"]]
    return lost


def _names(what: str, paths: Collection[str]) -> str:
    if not paths:
        return ""
    names = sorted(paths)
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{what}: {', '.join(names[:MAX_NAMES])}{more}"
