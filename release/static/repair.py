"""Brings back content-hashed files that were deleted or rewritten by hand: nothing else ever writes them again."""

from typing import Any

from release.static import drift, publish, store
from release.static.errors import StaticReleaseError
from release.static.manifest import File, Manifest
from release.static.publish import Folder, Upstream
from release.static.store import Say, Site, reported


def assets(*, s3: Any, site: Site, manifest: Manifest, source: Folder | Upstream | None, say: Say) -> list[str]:
    """Restores what the site bucket lacks of them, or has in another size; returns the paths, sorted.

    From the bucket's own earlier versions, which it keeps for 30 days, else from `source`. Raises StaticReleaseError.
    """
    sizes = {item["Key"]: item["Size"] for item in store.listed(s3, site.bucket, "")}
    wrong = [file for file in manifest.immutable if sizes.get(file.path) != file.size]
    for file in wrong:
        origin = _restore(s3, site, manifest, file, source)
        say(f"{file.path} restored from {origin}")
    return [file.path for file in wrong]


def _restore(s3: Any, site: Site, manifest: Manifest, file: File, source: Folder | Upstream | None) -> str:
    version = _earlier(s3, site, file)
    if version is not None:
        place = (site.bucket, file.path)
        publish.copy_object(s3, file, source=place, target=place, version=version)
        return "an earlier version of it"
    why = "this release knows no other place of it"
    if source is not None:
        try:
            publish.bringer(s3, source, manifest.digest)(file, site.bucket, "")
            return str(source.path) if isinstance(source, Folder) else source.bucket
        except StaticReleaseError as error:
            why = str(error)
    raise StaticReleaseError(
        f"{file.path} of {manifest.version[:12]} was deleted or rewritten in s3://{site.bucket}, no earlier version of "
        f"the object is that file, and {why}: build {manifest.version[:12]} again and release it, or release another "
        "version"
    )


def _earlier(s3: Any, site: Site, file: File) -> str | None:
    """The newest version of the object that is the file, None if there is none."""
    with reported(f"look for versions of s3://{site.bucket}/{file.path}"):
        pages = s3.get_paginator("list_object_versions").paginate(Bucket=site.bucket, Prefix=file.path)
        for page in pages:
            for entry in page.get("Versions", []):
                if entry["Key"] == file.path and entry["Size"] == file.size:
                    version: str = entry["VersionId"]
                    if not drift.differs(s3, site, file, version=version):
                        return version
    return None
