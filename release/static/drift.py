"""What the site bucket has, compared with the manifest that is active."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any, Final

from release.static import plan, store
from release.static.content import CACHE_CONTROL
from release.static.manifest import File, Manifest
from release.static.store import Site

MAX_NAMES: Final = 5
"""Files that are named in one message; the others are counted."""


def look(*, s3: Any, site: Site) -> str | None:
    """The digest of the active manifest, followed by what in the bucket differs from it; None if none is active.

    Files are compared by content and headers, one request each. What no manifest names is not looked at: earlier
    releases leave files.
    """
    active = store.active(s3=s3, records_bucket=site.records_bucket)
    if active is None or active.manifest is None:
        return None
    manifest = store.load(s3=s3, records_bucket=site.records_bucket, digest=active.manifest)
    sizes = {item["Key"]: item["Size"] for item in store.listed(s3, site.bucket, "")}
    changed = compared(s3, site, manifest, sizes)
    body = store.get(s3, site.bucket, plan.CONFIG)
    if body is not None and hashlib.sha256(body).hexdigest() != active.config_sha256:
        changed.add(plan.CONFIG)
    lacking = missing(manifest, sizes) | ({plan.CONFIG} if body is None else set())
    told = [_names("changed", changed - lacking), _names("missing", lacking)]
    return " ".join((active.manifest, "; ".join(text for text in told if text))).rstrip()


def missing(manifest: Manifest, there: Collection[str]) -> set[str]:
    """Paths of the manifest that the bucket lacks."""
    return {file.path for file in manifest.files} - set(there)


def compared(s3: Any, site: Site, manifest: Manifest, sizes: Mapping[str, int]) -> set[str]:
    """Paths of the manifest whose objects are other ones."""
    changed = {file.path for file in manifest.files if sizes.get(file.path, file.size) != file.size}

    def one(file: File) -> None:
        if differs(s3, site, file):
            changed.add(file.path)

    store.in_parallel(s3, one, [file for file in manifest.files if file.path in sizes and file.path not in changed])
    return changed


def differs(s3: Any, site: Site, file: File) -> bool:
    """Whether the object has other content or headers than the file, or is not there. One request."""
    head = store.head(s3, site.bucket, file.path)
    content = (head.get("ChecksumSHA256"), head.get("CacheControl"), head.get("ContentType"))
    return content != (store.checksum(file.sha256), CACHE_CONTROL[file.cache], file.content_type)


def _names(what: str, paths: Collection[str]) -> str:
    if not paths:
        return ""
    names = sorted(paths)
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return f"{what}: {', '.join(names[:MAX_NAMES])}{more}"
