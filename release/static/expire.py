"""Forgetting old static releases, after a release and never during one.

What goes is named: by the manifest of a release that is removed, and by no other manifest that is here, whether it is
kept or is still being staged. Age plays no part, and what no release wrote is not touched.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from release.progress import Say
from release.static import plan, store
from release.static.errors import StaticReleaseError
from release.static.store import Site, reported
from release.version import Digest

KEEP: Final = 10
_BATCH: Final = 1000
"""Keys that one DeleteObjects takes."""


@dataclass(frozen=True, kw_only=True)
class Expired:
    """The manifests that were forgotten, and how many objects of the site went with them."""

    manifests: tuple[str, ...]
    objects: int


def expire(*, s3: Any, site: Site, say: Say, keep: int = KEEP, named: Collection[str] = ()) -> Expired:
    """Forgets all but the last `keep` staged and the last `keep` active releases, and those `named` by other records.

    The active release and stagings that have not ended are always kept. If it is killed, the next one continues.
    """
    if keep < 1:
        raise StaticReleaseError(f"keep={keep}: the release that is active is always kept, so 1 is the least")
    records = site.records_bucket
    active = store.active(s3=s3, records_bucket=records)
    if active is None or not active.manifest or active.unsettled is not None:
        say("no static release is forgotten: none is active, or an activation has not ended")
        return Expired(manifests=(), objects=0)
    complete = _complete(s3, records)
    everything = ["sha256:" + name for name in store.releases(s3, records)]
    kept = plan.keep(complete=complete, history=active.history, count=keep, named=[*named, active.manifest])
    removed = [digest for digest in everything if digest not in kept and _may_go(s3, records, digest, complete)]
    if not removed:
        return Expired(manifests=(), objects=0)
    in_force = {
        file.path
        for digest in everything
        if digest not in removed
        for file in store.load(s3=s3, records_bucket=records, digest=digest).files
    }
    objects = sum(_forget(s3, site, digest, in_force) for digest in removed)
    say(f"forgot {len(removed)} static releases; {objects} files of the site went with them")
    return Expired(manifests=tuple(removed), objects=objects)


@dataclass(frozen=True)
class _Staged:
    manifest: Digest
    staged_at: str


def _complete(s3: Any, records: str) -> list[str]:
    """The manifests of which everything is here, the last staged first. A request for each that was ever staged."""
    found = []
    for name in store.releases(s3, records):
        staged = store.stored(s3, records, f"static/{name}/staged.json", _Staged)
        if staged is not None:
            found.append((staged.staged_at, staged.manifest))
    return [manifest for _, manifest in sorted(found, reverse=True)]


def _may_go(s3: Any, records: str, digest: str, complete: Collection[str]) -> bool:
    """A complete release, or one whose removal began; a staging that has not ended stays."""
    return digest in complete or store.get(s3, records, store.root(digest) + "expiring.json") is not None


def _forget(s3: Any, site: Site, digest: str, in_force: Collection[str]) -> int:
    records, root = site.records_bucket, store.root(digest)
    gone = []
    if store.get(s3, records, root + "manifest.json") is not None:  # else the mark is all that is left to remove
        manifest = store.load(s3=s3, records_bucket=records, digest=digest)
        store.put(s3, records, root + "expiring.json", b"{}")
        _delete(s3, records, [root + "staged.json"])
        gone = plan.removable(removed=manifest, kept=in_force)
        _delete(s3, site.bucket, gone)
        _delete(s3, records, [f"{root}files/{file.path}" for file in manifest.mutable])
        _delete(s3, records, [root + "manifest.json"])
    _delete(s3, records, [root + "expiring.json"])
    return len(gone)


def _delete(s3: Any, bucket: str, keys: Iterable[str]) -> None:
    remaining = iter(keys)
    while batch := list(islice(remaining, _BATCH)):
        with reported(f"delete {len(batch)} objects of s3://{bucket}"):
            answer = s3.delete_objects(
                Bucket=bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
            )
        for error in answer.get("Errors", []):
            raise StaticReleaseError(
                f"could not delete s3://{bucket}/{error.get('Key')}: {error.get('Code')}: {error.get('Message')}"
            )
