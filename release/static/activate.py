"""Activation: the site becomes what a staged manifest says. It needs the records only, no build and no folder.

It is switched first, and proven then: `static/active.json` says so when visitors get the release. What was killed in
between is known to the caller, who is told before the first file changes, or from `static/active.json` itself. Whatever
is activated next, the same release or the one before, is then to `rewrite` every file that keeps its name instead of
only those that differ.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import ClientError

from functions.aws_errors import is_missing
from release import progress
from release.progress import Say
from release.static import plan, repair, routes, store
from release.static.catalog import Catalog
from release.static.content import CACHE_CONTROL, content_type
from release.static.errors import StaticReleaseError, WrongContentError
from release.static.manifest import File, Manifest
from release.static.records import Records
from release.static.source import Folder, Upstream, bringer, catalog_of, copy_object, is_elsewhere, kept_at
from release.static.store import MAX_HISTORY, Active, Site, reported
from release.version import short

READ_BACK_DEADLINE_S: Final = 120.0
INVALIDATION_WAIT_S: Final = 60.0
INVALIDATION_POLL_S: Final = 2.0
ABANDONED_S: Final = 3600.0
"""After this time an activation that has not ended is taken for dead. It lasts minutes; S3 refuses requests of a clock
that is 15 minutes wrong ("RequestTimeTooSkewed"), and the two clocks may be wrong in opposite directions."""


@dataclass(frozen=True, kw_only=True)
class Activated:
    """What activation did: the manifest that was active before, and what it wrote and deleted (none: nothing to do)."""

    manifest: str
    replaced: str | None
    written: tuple[str, ...]
    removed: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Switched:
    """A site whose files are those of a release, which is to be proven."""

    activated: Activated
    proves: Active | None
    """What `static/active.json` becomes when the site is proven; None if that is what it says."""
    records: Records


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
    routes_client: Callable[[], Any] = routes.no_client,
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
        routes_client=routes_client,
    )
    if switched.proves is not None:
        prove(switched=switched, site=site, say=say)
    return switched.activated


def switch(
    *,
    s3: Any,
    cloudfront: Any,
    manifest: str,
    site: Site,
    config: Mapping[str, object] | None,
    say: Say,
    begins: Callable[[], None] | None,
    rewrite: bool = False,
    source: Folder | Upstream | None = None,
    records: Records | None = None,
    by: str = "",
    take_over: bool = False,
    invalidation_wait_s: float = INVALIDATION_WAIT_S,
    routes_client: Callable[[], Any] = routes.no_client,
) -> Switched:
    """Makes the staged manifest with this digest the site, with `config` as its config.json; None: without one.

    One request if that is what the site is already. Otherwise the content-hashed files are looked at, and those that
    lack or are other ones are restored, from the bucket's earlier versions or from `source`; the files that keep their
    names are written where they changed, and with `rewrite`, after a change by hand or a switch that was cut short,
    all of them. Those that only the release before has are deleted. `routes_client` makes the client of the key value
    store by which the edge knows the site's paths, when one of them is new or goes.

    `begins` is called before the first file changes. None: `static/active.json` says from then on that the activation
    has not ended, and `by` whom it was begun; one of another release that somebody else began is refused, unless it is
    an hour old or `take_over` says that it is dead. `records`: what this run has read already. Raises
    StaticReleaseError; run again, it continues.
    """
    records = records or Records(s3, site.records_bucket)
    before = records.active()
    body = b"" if config is None else _config(config)
    config_sha256 = hashlib.sha256(body).hexdigest() if config is not None else before.config_sha256 if before else ""
    is_now = (before.manifest, before.config_sha256) if before is not None and before.unsettled is None else None
    is_routed = before is not None and before.is_routed(site)
    if is_now == (manifest, config_sha256) and is_routed and not rewrite:
        say("the site is this release already")
        activated = Activated(manifest=manifest, replaced=manifest, written=())
        return Switched(activated=activated, proves=None, records=records)
    if begins is None and not take_over:
        _check_nobody_switches(before, manifest)
    target = _staged(records, manifest)
    catalog = records.catalog()
    known = before if before is not None and before.manifest and before.unsettled is None and not rewrite else None
    active = records.load(str(known.manifest)) if known else None
    doubt = rewrite or (before is not None and (active is None or _is_of_earlier_program(active, catalog)))
    seen = repair.find(s3=s3, site=site, manifest=target, catalog=catalog, source=source, doubt=doubt)
    there = seen.others if active is None or doubt else {file.path for file in active.mutable}
    others = _others(s3, records, target) if doubt else [active] if active else ()
    changed = plan.switch(
        target=target,
        active=active,
        there=there,
        leftover=there & plan.leftover(target=target, others=others, assets=catalog.assets),
        config_changed=config is not None and (known is None or known.config_sha256 != config_sha256),
    )
    files = [file for several in (changed.other, *changed.pages) for file in several]
    if not is_elsewhere(source, site.records_bucket):
        repair.check_kept(s3, site, target, catalog, files)
    if (now := catalog.seen(seen.etags)) is not catalog:
        records.save_catalog(now)
    started = store.now()
    if begins is not None:
        begins()
    else:
        nothing = Active(manifest=None, config_sha256="", activated_at="", history=())
        records.save_active(replace(before or nothing, unsettled=manifest, unsettled_at=started, unsettled_by=by))
    repair.bring(s3=s3, site=site, manifest=target, source=source, repairs=seen.repairs, say=say)
    restored = [one.file.path for one in seen.repairs]
    known_routes = active if is_routed else None
    routed = routes.moved(client=routes_client, site=site, before=known_routes, after=target)
    place = progress.counting(_placer(s3, site, target, catalog, source), say, "switched", len(files))
    _switch(s3, site, changed, config=body, place=place, routed=routed)
    release = f"{manifest} {config_sha256} {started}"
    # An edge may remember that a file was not there.
    forget = [*changed.invalidate, *plan.invalidation(restored)]
    say(invalidate(cloudfront, site.distribution_id, forget, release, invalidation_wait_s))
    written = [*restored, *(file.path for file in files)]
    written += [plan.CONFIG] if changed.config else []
    gone = f", {len(changed.removed)} deleted" if changed.removed else ""
    say(f"the site is {short(target.version)}: {len(written)} files switched{gone}")
    earlier = before.history if before else ()
    history = (manifest, *(digest for digest in earlier if digest != manifest))[:MAX_HISTORY]
    return Switched(
        activated=Activated(
            manifest=manifest,
            replaced=before.manifest if before else None,
            written=tuple(sorted(written)),
            removed=tuple(changed.removed),
        ),
        proves=Active(
            manifest=manifest, config_sha256=config_sha256, activated_at="", history=history, routes=site.routes
        ),
        records=records,
    )


def prove(*, switched: Switched, site: Site, say: Say, deadline_s: float = READ_BACK_DEADLINE_S) -> None:
    """Reads the site back as visitors get it, and proves it. Raises StaticReleaseError."""
    if site.url is None:
        say("not read back as visitors get it: no address of the site was given")
    else:
        # It brings asyncio, which a site without an address has no use for.
        from release.static.readback import read_back  # noqa: PLC0415 - see above

        target = switched.records.load(switched.activated.manifest)
        read_back(site=site, manifest=target, say=say, deadline_s=deadline_s)
    if switched.proves is not None:
        switched.records.save_active(replace(switched.proves, activated_at=store.now()))


def _config(config: Mapping[str, object]) -> bytes:
    return json.dumps(config, sort_keys=True, indent=1, ensure_ascii=True).encode() + b"\n"


def _staged(records: Records, digest: str) -> Manifest:
    manifest = records.load(digest)
    if records.catalog().find(digest) is None:
        raise StaticReleaseError(
            f"{short(manifest.version)} ({digest[:19]}) was not staged to its end, so some of its files may not be "
            "here; run its release again"
        )
    return manifest


def _check_nobody_switches(before: Active | None, manifest: str) -> None:
    """Raises StaticReleaseError if the activation of another release began and has not ended."""
    if before is None or before.unsettled in (None, manifest) or not before.unsettled_at:
        return
    began = datetime.fromisoformat(before.unsettled_at)
    if datetime.now(UTC) - began < timedelta(seconds=ABANDONED_S):
        raise StaticReleaseError(
            f"the site is being switched to {str(before.unsettled)[:19]} by {before.unsettled_by or 'somebody'} since "
            f"{before.unsettled_at}, and whether that run is alive is not known: wait for its end. If it is dead, "
            "publish or restore that release, or take over (--take-over)"
        )


def _is_of_earlier_program(active: Manifest, catalog: Catalog) -> bool:
    """Whether the site may have files that keep their names of releases before it: these were not deleted then."""
    entry = catalog.find(active.digest)
    return entry is None or entry.earlier_program


def _others(s3: Any, records: Records, target: Manifest) -> Iterator[Manifest]:
    """The other manifests that are kept, one at a time: each may have a hundred thousand files."""
    for each in records.catalog().staged:
        if each.manifest != target.digest:
            yield store.load(s3=s3, records_bucket=records.bucket, digest=each.manifest)


def _placer(
    s3: Any, site: Site, target: Manifest, catalog: Catalog, source: Folder | Upstream | None
) -> Callable[[File], None]:
    """What puts a file that keeps its name where visitors get it."""

    def place(file: File) -> None:
        kept, served = (site.records_bucket, kept_at(catalog, target, file)), (site.bucket, file.path)
        try:
            copy_object(s3, file, source=kept, target=served)
        except StaticReleaseError as error:
            # Somebody deleted or changed it. What the release comes from has it, in most cases.
            missing = isinstance(error.__cause__, ClientError) and is_missing(error.__cause__)
            if source is None or not (missing or isinstance(error, WrongContentError)):
                raise
            bringer(s3, source, target, catalog_of(s3, source))(file, *kept)
            copy_object(s3, file, source=kept, target=served)

    return place


def _switch(
    s3: Any,
    site: Site,
    changed: plan.Switch,
    *,
    config: bytes,
    place: Callable[[File], None],
    routed: AbstractContextManager[None],
) -> None:
    store.in_parallel(s3, place, changed.other)
    if changed.config:
        with reported(f"write s3://{site.bucket}/{plan.CONFIG}"):
            s3.put_object(
                Bucket=site.bucket,
                Key=plan.CONFIG,
                Body=config,
                ContentType=content_type(plan.CONFIG),
                CacheControl=CACHE_CONTROL["no-cache"],
            )
    with routed:
        for wave in changed.pages:
            store.in_parallel(s3, place, wave)
        store.delete(s3, site.bucket, ({"Key": path} for path in changed.removed))


def invalidate(
    cloudfront: Any, distribution: str | None, paths: Sequence[str], what: str, wait_s: float = INVALIDATION_WAIT_S
) -> str:
    """Has the edges forget `paths`, and waits a while for it; returns what to say.

    It is a second means: the files are `no-cache`, so that edges ask again anyway. Hence a slow one is said, not a
    failure. The reference makes a repeated request the same invalidation, and a later activation another one.
    """
    if not paths:
        return "nothing to invalidate"
    if distribution is None:
        return f"nothing is invalidated: no distribution was given ({len(paths)} paths changed)"
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
