"""Purging: content that was published by mistake is taken from every place that a release keeps, and never comes back.

The catalog says so first, so that no release counts on it, brings it or serves it any more; then it is deleted, with
all its versions. What a browser or somebody else has copied is out of reach.
"""

import base64
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from release.progress import Say, counted
from release.static import plan, store
from release.static.catalog import Purged
from release.static.content import CONFIG, ENTRY, VERSION
from release.static.errors import StaticReleaseError
from release.static.invalidation import invalidate
from release.static.records import Records
from release.static.store import Site, reported

NEEDED: Final = (ENTRY, VERSION)
"""What a release is proven by."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a purge did."""

    purged: tuple[Purged, ...]
    """By path, each content that was there; none that was purged before."""
    versions: int
    """Objects that were deleted, each version counted."""
    stays: tuple[str, ...]
    """Other paths that have the same content in a kept release: there it is still served."""


def purge(
    *,
    s3: Any,
    cloudfront: Any,
    site: Site,
    paths: Collection[str],
    by: str,
    reason: str = "",
    say: Say,
    records: Records | None = None,
) -> Done:
    """Removes `paths`, whatever their content was, from every kept release, from both buckets and from the CDN.

    `by` is who asks for it, `reason` why; the catalog has both. Run again, it continues. Needs s3:ListBucketVersions,
    s3:GetObjectVersion and s3:DeleteObjectVersion. Raises StaticReleaseError: for `index.html` and `version.json`, by
    which a release is proven, for the `config.json` that a release writes, for a path that neither a kept release nor
    the site has, and while another run switches the site; then nothing was changed. A switch that has read the records
    before this, and begins after it, fails.
    """
    needed = [path for path in paths if path in NEEDED]
    if needed:
        raise StaticReleaseError(
            f"{needed[0]} cannot be purged: no release is proven without it. Release a version whose {needed[0]} is "
            "another one, then purge the files beside it"
        )
    records = records or Records(s3, site.records_bucket, site.prefix)
    active = records.active()
    if CONFIG in paths and active is not None and active.config_sha256:
        raise StaticReleaseError(
            f"{CONFIG} cannot be purged: each release of this environment writes it, from the setting config of the "
            "site. Change that and release, then purge the files beside it"
        )
    records.check_nobody_switches()
    catalog = records.catalog()
    served = {path: list(_versions(s3, site.bucket, path)) for path in sorted(set(paths))}
    purged_before = {(content.path, content.sha256) for content in catalog.purged}
    in_site = [version for path in served for version in served[path]]
    contents_of_paths = {(path, sha256) for path, sha256 in purged_before if path in served}
    contents_of_paths |= _contents(s3, site.bucket, in_site)
    for manifest in records.whole(catalog.staged):
        contents_of_paths |= {(file.path, file.sha256) for file in manifest.files if file.path in served}
    has_content = {path for path, _ in contents_of_paths}
    unknown = [path for path in served if not served[path] and path not in has_content]
    if unknown:
        raise StaticReleaseError(
            f"{unknown[0]} is in no release that is kept here and not in s3://{site.bucket}: name it as it is in the "
            "build, without a / at the beginning"
        )
    contents = {sha256 for _, sha256 in contents_of_paths}
    others = {
        file
        for manifest in records.whole(catalog.staged)
        for file in manifest.files
        if file.sha256 in contents and file.path not in served and (file.path, file.sha256) not in purged_before
    }
    shared = {file.sha256 for file in others if file.cache != "immutable"}
    at = store.now()
    new = sorted(contents_of_paths - purged_before)
    purged = tuple(Purged(path=path, sha256=sha256, at=at, by=by, reason=reason) for path, sha256 in new)
    records.save_catalog(
        replace(
            catalog,
            assets={path: asset for path, asset in catalog.assets.items() if path not in served},
            blobs={sha256: number for sha256, number in catalog.blobs.items() if sha256 not in contents - shared},
            purged=(*catalog.purged, *purged),
        )
    )
    if active is not None:
        # The edge knows these paths until the next release asks which ones it knows.
        records.save_active(replace(active, purged_at=at, routes=None))
    kept = [store.blob(sha256, site.prefix) for sha256 in sorted(contents - shared)]
    earlier = [staged for staged in catalog.staged if staged.earlier_program]
    kept += [f"{store.root(staged.manifest, site.prefix)}files/{path}" for staged in earlier for path in served]
    in_records = [version for key in kept for version in _versions(s3, site.records_bucket, key)]
    store.delete(s3, site.bucket, (version.named() for version in in_site))
    store.delete(s3, site.records_bucket, (version.named() for version in in_records))
    say(invalidate(cloudfront, site.distribution_id, plan.invalidation(served), f"purge {at}"))
    stays = tuple(sorted({file.path for file in others}))
    for path in stays:
        say(f"{path} has the same content in a release that is kept, and stays: if it must go, purge it, too")
    count = len(in_site) + len(in_records)
    say(f"purged {counted(len(served), 'path')}: {counted(count, 'version')} of objects deleted")
    return Done(purged=purged, versions=count, stays=stays)


@dataclass(frozen=True)
class _Version:
    key: str
    id: str
    has_content: bool
    """False: a delete marker, which S3 has no checksum of."""

    def named(self) -> dict[str, str]:
        """As DeleteObjects takes it."""
        return {"Key": self.key, "VersionId": self.id}


def _versions(s3: Any, bucket: str, key: str) -> Iterator[_Version]:
    """All versions of one object; of a bucket that keeps none, the object."""
    with reported(f"look for versions of s3://{bucket}/{key}"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
            for kind in ("Versions", "DeleteMarkers"):
                entries = [entry for entry in page.get(kind, []) if entry["Key"] == key]
                yield from (_Version(key, entry["VersionId"], kind == "Versions") for entry in entries)


def _contents(s3: Any, bucket: str, versions: Iterable[_Version]) -> set[tuple[str, str]]:
    """Path and SHA-256 of what was ever at some paths, as far as S3 still has it. One request for each version."""
    heads = [
        (version.key, store.head(s3, bucket, version.key, version.id)) for version in versions if version.has_content
    ]
    return {(path, base64.b64decode(head["ChecksumSHA256"]).hex()) for path, head in heads if "ChecksumSHA256" in head}
