"""What the site bucket has, compared with the manifest that is active."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, Final

from release.static import store
from release.static.content import CACHE_CONTROL, CONFIG
from release.static.manifest import File, Manifest
from release.static.records import Records
from release.static.store import Site

MAX_NAMES: Final = 5
"""Files that are named in one message; the others are counted."""


def look(*, s3: Any, site: Site) -> str | None:
    """The digest of the active manifest, followed by what in the bucket differs from it; None if none is active.

    Files are compared by content and headers, one request each. What no manifest names is not looked at: earlier
    releases leave content-hashed files. What was purged is not expected.
    """
    records = Records(s3, site.records_bucket)
    active = records.active()
    if active is None or active.manifest is None:
        return None
    manifest = records.load(active.manifest)
    sizes = {item["Key"]: item["Size"] for item in store.listed(s3, site.bucket, "")}
    changed = compared(s3, site, manifest, sizes)
    lacking = missing(manifest, sizes)
    if active.config_sha256:
        body = store.get(s3, site.bucket, CONFIG)
        if body is None:
            lacking.add(CONFIG)
        elif hashlib.sha256(body).hexdigest() != active.config_sha256:
            changed.add(CONFIG)
    differences = [_names("changed", changed - lacking), _names("missing", lacking)]
    return " ".join((active.manifest, "; ".join(text for text in differences if text))).rstrip()


def missing(manifest: Manifest, present: Collection[str]) -> set[str]:
    """Paths of the manifest that the bucket lacks."""
    return {file.path for file in manifest.files} - set(present)


def compared(s3: Any, site: Site, manifest: Manifest, sizes: Mapping[str, int]) -> set[str]:
    """Paths of the manifest whose objects are other ones."""
    changed = {file.path for file in manifest.files if sizes.get(file.path, file.size) != file.size}

    def one(file: File) -> None:
        if not is_file(store.head(s3, site.bucket, file.path), file):
            changed.add(file.path)

    store.in_parallel(s3, one, [file for file in manifest.files if file.path in sizes and file.path not in changed])
    return changed


def is_file(head: Mapping[str, Any], file: File) -> bool:
    """Whether an answer to HeadObject is of the file, with its content and its headers."""
    written = (head.get("ChecksumSHA256"), head.get("CacheControl"), head.get("ContentType"))
    return written == (store.checksum(file.sha256), CACHE_CONTROL[file.cache], file.content_type)


def _names(what: str, paths: Collection[str]) -> str:
    if not paths:
        return ""
    names = sorted(paths)
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{what}: {', '.join(names[:MAX_NAMES])}{more}"
