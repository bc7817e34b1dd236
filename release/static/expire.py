"""Forgetting old static releases, after a release and never during one.

What goes is named by a release that is removed, and by none that is kept. Age plays no part, and what no release wrote
is not touched. The catalog stops counting on it before the first object is deleted. Where no lease keeps another run
away, it is left to the run that began to delete it, and no build that needs some of it is staged meanwhile: what that
run has asked S3 to delete may be deleted later than it is uploaded anew.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from release.progress import Say, counted
from release.static import plan, store
from release.static.catalog import Expiring
from release.static.errors import StaticReleaseError
from release.static.records import Records, may_be_under_way
from release.static.store import Site

KEEP: Final = 10


@dataclass(frozen=True, kw_only=True)
class Expired:
    """The manifests that were forgotten, and how many objects of the site went with them."""

    manifests: tuple[str, ...]
    objects: int


def expire(
    *,
    s3: Any,
    site: Site,
    say: Say,
    keep: int = KEEP,
    named: Collection[str] = (),
    records: Records | None = None,
    alone: bool = False,
) -> Expired:
    """Forgets all but the last `keep` staged and the last `keep` active releases, and those `named` by other records.

    The active release and stagings that have not ended are always kept. If it is killed, the next one continues; with
    `alone`, as no lease says that it was killed, the next one after an hour. `records`: what this run has read already.
    Requests when nothing is to do: 2. Otherwise two more to write, one for a thousand objects, one for each release
    that goes, and one for each that stays and was staged before one that goes.
    """
    if keep < 1:
        raise StaticReleaseError(f"keep={keep}: the release that is active is always kept, so 1 is the least")
    records = records or Records(s3, site.records_bucket, site.prefix)
    active = records.active()
    if active is None or not active.manifest or active.unsettled is not None:
        say("no static release is forgotten: none is active, or an activation has not ended")
        return Expired(manifests=(), objects=0)
    catalog = records.catalog()
    since = catalog.expiring.since
    if alone and not catalog.expiring.is_empty and may_be_under_way(since):
        say(f"no static release is forgotten: another run may be deleting files since {since:%Y-%m-%d %H:%M:%S} UTC")
        return Expired(manifests=(), objects=0)
    complete = [release.manifest for release in catalog.staged]
    kept = plan.keep(complete=complete, history=active.history, count=keep, named=[*named, active.manifest])
    removed = [release for release in catalog.staged if release.manifest not in kept]
    if removed:
        last = max(release.number for release in removed)
        older = [staged for staged in catalog.staged if staged.manifest in kept and staged.number < last]
        numbers = (staged.number for staged in older)
        catalog = catalog.without(removed, zip(numbers, records.whole(older), strict=True))
    if catalog.expiring.is_empty:
        return Expired(manifests=(), objects=0)
    going = replace(catalog.expiring, since=datetime.now(UTC))
    records.save_catalog(replace(catalog, expiring=going))
    store.delete(s3, site.bucket, ({"Key": path} for path in going.assets))
    store.delete(s3, site.records_bucket, ({"Key": store.blob(sha256, site.prefix)} for sha256 in going.blobs))
    for digest in going.manifests:
        left = (item["Key"] for item in store.listed(s3, site.records_bucket, store.root(digest, site.prefix)))
        store.delete(s3, site.records_bucket, ({"Key": key} for key in left))
    records.save_catalog(replace(catalog, expiring=Expiring()))
    forgotten, gone = counted(len(going.manifests), "static release"), counted(len(going.assets), "file")
    say(f"forgot {forgotten}, and with that {gone} of the site")
    return Expired(manifests=going.manifests, objects=len(going.assets))
