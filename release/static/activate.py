"""Activation: the site becomes what a staged manifest says. It needs the records only, no build and no folder.

It is switched first, and proven then: `static/active.json` says so when visitors get the release. What was killed in
between is known to the caller alone, who is told before the first file changes; whatever is activated next, the same
release or the one before, is then to `rewrite` every file that keeps its name instead of only those that differ.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from release.progress import Say
from release.static import plan, repair, store
from release.static.content import CACHE_CONTROL, content_type
from release.static.errors import StaticReleaseError
from release.static.manifest import File, Manifest
from release.static.readback import read_back
from release.static.source import Folder, Upstream, copy_object
from release.static.store import MAX_HISTORY, Active, Site, reported
from release.version import short

READ_BACK_DEADLINE_S: Final = 120.0
INVALIDATION_WAIT_S: Final = 60.0
INVALIDATION_POLL_S: Final = 2.0


@dataclass(frozen=True, kw_only=True)
class Activated:
    """What activation did: the manifest that was active before, and the paths it wrote (none if nothing changed)."""

    manifest: str
    replaced: str | None
    written: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Switched:
    """A site whose files are those of a release, which is to be proven."""

    activated: Activated
    proves: Active | None
    """What `static/active.json` becomes when the site is proven; None if that is what it says."""


def activate(
    *,
    s3: Any,
    cloudfront: Any,
    manifest: str,
    site: Site,
    config: Mapping[str, object],
    say: Say,
    begins: Callable[[], None],
    rewrite: bool,
) -> Activated:
    """Switches the site and proves it: `switch` and `prove`. One request if it is this release already."""
    switched = switch(
        s3=s3,
        cloudfront=cloudfront,
        manifest=manifest,
        site=site,
        config=config,
        say=say,
        begins=begins,
        rewrite=rewrite,
    )
    if switched.proves is not None:
        prove(s3=s3, switched=switched, site=site, say=say)
    return switched.activated


def switch(
    *,
    s3: Any,
    cloudfront: Any,
    manifest: str,
    site: Site,
    config: Mapping[str, object],
    say: Say,
    begins: Callable[[], None],
    rewrite: bool = False,
    source: Folder | Upstream | None = None,
    invalidation_wait_s: float = INVALIDATION_WAIT_S,
) -> Switched:
    """Makes the staged manifest with this digest the site, with `config` as its config.json.

    One request if that is what the site is already. Otherwise each content-hashed file is asked for, and those that
    lack or are other ones are restored, from the bucket's earlier versions or from `source`; the files that keep their
    names are written where they changed, and with `rewrite`, after a change by hand or a switch that was cut short,
    all of them. `begins` is called before the first file changes. Raises StaticReleaseError; run again, it continues.
    """
    body = json.dumps(config, sort_keys=True, indent=1, ensure_ascii=True).encode() + b"\n"
    config_sha256 = hashlib.sha256(body).hexdigest()
    before = store.active(s3=s3, records_bucket=site.records_bucket)
    is_now = (before.manifest, before.config_sha256) if before is not None and before.unsettled is None else None
    if is_now == (manifest, config_sha256) and not rewrite:
        say("the site is this release already")
        return Switched(activated=Activated(manifest=manifest, replaced=manifest, written=()), proves=None)
    target = _staged(s3, site, manifest)
    known = None if rewrite else _consists_of(s3, site, before, target)
    changed = plan.switch(
        target=target,
        active=known,
        config_changed=known is None or before is None or before.config_sha256 != config_sha256,
    )
    repairs = repair.find(s3=s3, site=site, manifest=target, source=source)
    started = store.now()
    begins()
    repair.bring(s3=s3, site=site, manifest=target, source=source, repairs=repairs, say=say)
    restored = [one.file.path for one in repairs]
    _switch(s3, site, target, changed, body)
    release = f"{manifest} {config_sha256} {started}"
    # An edge may remember that a file was not there.
    forget = [*changed.invalidate, *plan.invalidation(restored)]
    say(_invalidate(cloudfront, site.distribution_id, forget, release, invalidation_wait_s))
    written = [*restored, *(file.path for file in (*changed.other, *changed.pages))]
    written += [plan.CONFIG] if changed.config else []
    say(f"the site is {short(target.version)}: {len(written)} files switched")
    earlier = before.history if before else ()
    history = (manifest, *(digest for digest in earlier if digest != manifest))[:MAX_HISTORY]
    return Switched(
        activated=Activated(
            manifest=manifest, replaced=before.manifest if before else None, written=tuple(sorted(written))
        ),
        proves=Active(manifest=manifest, config_sha256=config_sha256, activated_at="", history=history),
    )


def prove(*, s3: Any, switched: Switched, site: Site, say: Say, deadline_s: float = READ_BACK_DEADLINE_S) -> None:
    """Reads the site back as visitors get it, and proves it. Raises StaticReleaseError."""
    target = store.load(s3=s3, records_bucket=site.records_bucket, digest=switched.activated.manifest)
    read_back(site=site, manifest=target, say=say, deadline_s=deadline_s)
    if switched.proves is not None:
        _record(s3, site, replace(switched.proves, activated_at=store.now()))


def _staged(s3: Any, site: Site, digest: str) -> Manifest:
    manifest = store.load(s3=s3, records_bucket=site.records_bucket, digest=digest)
    if not store.is_staged(s3=s3, records_bucket=site.records_bucket, digest=digest):
        raise StaticReleaseError(
            f"{short(manifest.version)} ({digest[:19]}) was not staged to its end, so some of its files may not be "
            "here; run its release again"
        )
    return manifest


def _consists_of(s3: Any, site: Site, before: Active | None, target: Manifest) -> Manifest | None:
    """The manifest that the site is known to consist of, None if that is not known."""
    if before is None or before.unsettled is not None or not before.manifest:
        return None
    if before.manifest == target.digest:
        return target
    return store.load(s3=s3, records_bucket=site.records_bucket, digest=before.manifest)


def _record(s3: Any, site: Site, active: Active) -> None:
    store.put(s3, site.records_bucket, store.ACTIVE, active.to_json())


def _switch(s3: Any, site: Site, target: Manifest, changed: plan.Switch, config: bytes) -> None:
    prefix = store.root(target.digest) + "files/"

    def copy(file: File) -> None:
        copy_object(s3, file, source=(site.records_bucket, prefix + file.path), target=(site.bucket, file.path))

    store.in_parallel(s3, copy, changed.other)
    if changed.config:
        with reported(f"write s3://{site.bucket}/{plan.CONFIG}"):
            s3.put_object(
                Bucket=site.bucket,
                Key=plan.CONFIG,
                Body=config,
                ContentType=content_type(plan.CONFIG),
                CacheControl=CACHE_CONTROL["no-cache"],
            )
    for file in changed.pages:
        copy(file)


def _invalidate(cloudfront: Any, distribution: str, paths: Sequence[str], what: str, wait_s: float) -> str:
    """Has the edges forget `paths`, and waits a while for it; returns what to say.

    It is a second means: the files are `no-cache`, so that edges ask again anyway. Hence a slow one is said, not a
    failure. The reference makes a repeated request the same invalidation, and a later activation another one.
    """
    if not paths:
        return "nothing to invalidate"
    reference = hashlib.sha256(" ".join((what, *paths)).encode()).hexdigest()
    with reported(f"invalidate {len(paths)} paths of the distribution {distribution}"):
        batch = {"Paths": {"Quantity": len(paths), "Items": list(paths)}, "CallerReference": reference}
        found = cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)["Invalidation"]
        deadline = time.monotonic() + wait_s
        while found["Status"] != "Completed" and time.monotonic() < deadline:
            time.sleep(INVALIDATION_POLL_S)
            found = cloudfront.get_invalidation(DistributionId=distribution, Id=found["Id"])["Invalidation"]
    shown = " ".join(paths[:5]) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")
    ended = "" if found["Status"] == "Completed" else f"; not at every edge after {wait_s:.0f} s, they ask again anyway"
    return f"invalidated {shown}{ended}"
