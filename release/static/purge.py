"""Purging: content that was published by mistake is taken from every place that a release keeps, and never comes back.

The catalog says so first, so that no release counts on it, brings it or serves it any more; then it is deleted, with
all its versions. What a browser or somebody else has copied is out of reach.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from release.progress import Say
from release.static import activate, plan, store
from release.static.catalog import Catalog, Purged
from release.static.errors import StaticReleaseError
from release.static.manifest import Manifest
from release.static.records import Records
from release.static.store import Site, reported

NEEDED: Final = (plan.ENTRY, "version.json", plan.CONFIG)
"""What a release is proven by, or writes itself."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a purge did."""

    purged: tuple[Purged, ...]
    """By path, with the content that kept releases had there; none where only the bucket had something."""
    versions: int
    """Objects that were deleted, each version counted."""
    stays: tuple[str, ...]
    """Paths whose content another path of a kept release has as well: there it is still served."""


def purge(
    *,
    s3: Any,
    cloudfront: Any,
    site: Site,
    paths: Collection[str],
    by: str,
    say: Say,
    records: Records | None = None,
) -> Done:
    """Removes `paths` from every kept release, from both buckets with all versions, and from the CDN.

    `by` is who asks for it; the record has it. Run again, it continues, and purges what was published since. Raises
    StaticReleaseError: for `index.html` and `version.json`, by which a release is proven, and for a path that neither a
    kept release nor the site has; then nothing was changed.
    """
    needed = [path for path in paths if path in NEEDED]
    if needed:
        raise StaticReleaseError(
            f"{needed[0]} cannot be purged: no release is proven without it. Release a version whose {needed[0]} is "
            "another one, then purge the files beside it"
        )
    records = records or Records(s3, site.records_bucket)
    records.active()
    catalog = records.catalog()
    found = {(each.path, each.sha256) for each in catalog.purged if each.path in paths}
    shared = set[str]()
    for manifest in _kept(s3, records, catalog):
        found |= {(file.path, file.sha256) for file in manifest.files if file.path in paths}
    contents = {sha256 for _, sha256 in found}
    for manifest in _kept(s3, records, catalog):
        shared |= {file.sha256 for file in manifest.mutable if file.sha256 in contents and file.path not in paths}
    served = {path: list(_versions(s3, site.bucket, path)) for path in sorted(set(paths))}
    unknown = [path for path in served if not served[path] and path not in {each for each, _ in found}]
    if unknown:
        raise StaticReleaseError(
            f"{unknown[0]} is in no release that is kept here and not in s3://{site.bucket}: name it as it is in the "
            "build, without a / at the beginning"
        )
    at, before = store.now(), {(each.path, each.sha256) for each in catalog.purged}
    purged = tuple(Purged(path=path, sha256=sha256, at=at, by=by) for path, sha256 in sorted(found - before))
    records.save_catalog(
        replace(
            catalog,
            assets={path: asset for path, asset in catalog.assets.items() if path not in served},
            blobs={sha256: each for sha256, each in catalog.blobs.items() if sha256 not in contents - shared},
            purged=(*catalog.purged, *purged),
        )
    )
    kept = [store.blob(sha256) for sha256 in sorted(contents - shared)]
    earlier = [each for each in catalog.staged if each.earlier_program]
    kept += [f"{store.root(each.manifest)}files/{path}" for each in earlier for path in served]
    versions = [each for path in served for each in served[path]]
    of_records = [each for key in kept for each in _versions(s3, site.records_bucket, key)]
    store.delete(s3, site.bucket, versions)
    store.delete(s3, site.records_bucket, of_records)
    say(activate.invalidate(cloudfront, site.distribution_id, plan.invalidation(served), f"purge {at}"))
    stays = tuple(sorted({path for path, sha256 in found if sha256 in shared}))
    for path in stays:
        say(f"{path}: other files of kept releases have the same content, and stay")
    say(f"purged {len(served)} paths: {len(versions) + len(of_records)} versions of objects deleted")
    return Done(purged=purged, versions=len(versions) + len(of_records), stays=stays)


def _kept(s3: Any, records: Records, catalog: Catalog) -> Iterator[Manifest]:
    """Every kept manifest, whole, one at a time."""
    for each in catalog.staged:
        yield store.load(s3=s3, records_bucket=records.bucket, digest=each.manifest)


def _versions(s3: Any, bucket: str, key: str) -> Iterator[dict[str, str]]:
    """All versions of one object, as DeleteObjects takes them; of a bucket without versions, the object."""
    with reported(f"look for versions of s3://{bucket}/{key}"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key):
            found: Sequence[Any] = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            yield from ({"Key": key, "VersionId": each["VersionId"]} for each in found if each["Key"] == key)
