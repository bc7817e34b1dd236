"""Activation: the site becomes what a staged manifest says. It needs the records only, no build and no folder.

It is switched first and proven then; `static/active.json` names the release once it is proven. Before the first file
changes, the caller notes that a switch began, or `static/active.json` does. After one that was cut short, the next
activation, of whichever release, writes every file that keeps its name instead of those that differ.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Final

from botocore.exceptions import ClientError

from functions.aws_errors import is_missing
from release import progress
from release.progress import Say
from release.static import plan, repair, routes, store
from release.static.catalog import Catalog
from release.static.content import CACHE_CONTROL, CONFIG, content_type
from release.static.errors import StaticReleaseError, WrongContentError
from release.static.invalidation import invalidate
from release.static.manifest import File, Manifest
from release.static.parallel import in_parallel
from release.static.records import Records
from release.static.source import Folder, Upstream, bringer, catalog_of, copy_object, kept_at
from release.static.store import MAX_HISTORY, NOTHING_ACTIVE, Active, Site, reported
from release.version import short

READ_BACK_DEADLINE_S: Final = 120.0
MAX_WHOLE_FLOAT: Final = 2.0**53
"""Up to here, a float has every whole number."""


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
    listing: repair.Listing | None = None,
    by: str = "",
    take_over: bool = False,
    routes_client: Callable[[], Any] = routes.no_client,
) -> Switched:
    """Makes the staged manifest with this digest the site, with `config` as its config.json; None: without one.

    One request if that is what the site is already. Otherwise content-hashed files that are missing or changed are
    restored, from the bucket's earlier versions or from `source`. Files that keep their names are written where they
    differ; after a switch that was cut short, and with `rewrite` (something was changed by hand), all of them. Those
    that the release does not have are deleted. `routes_client` makes the client of the key value store by which the
    edge knows the site's paths; it is called if one of them is new or goes.

    `begins` is called before the first file changes. If it is None, `static/active.json` says from then on that the
    activation has not ended, and who began it (`by`). While another release's has not ended, this one is refused,
    unless its run gave up (`Records.gives_up`), that is an hour old, or `take_over` says that it is dead. `records` and
    `listing`: what this run has read already. Raises StaticReleaseError; run again, it continues.
    """
    records = records or Records(s3, site.records_bucket, site.prefix)
    recorded = records.active() or NOTHING_ACTIVE
    store.check_bucket(recorded, site)
    body = None if config is None else _config(config)
    becomes = _record(recorded, manifest, body, site)
    has_routes = recorded.is_routed(site)
    if not rewrite and has_routes and _says_the_same(recorded, becomes):
        say("the site is this release already")
        activated = Activated(manifest=manifest, replaced=manifest, written=())
        return Switched(activated=activated, proves=None, records=records)
    if begins is None and not take_over:
        records.check_nobody_switches(but=manifest)
    target = _staged(records, manifest)
    becomes = replace(becomes, version=target.version)
    is_known = recorded.manifest and recorded.unsettled is None and not rewrite
    active = records.load(str(recorded.manifest)) if is_known else None
    doubt = _is_in_doubt(recorded, active, records.catalog(), rewrite=rewrite)
    change = _Change(site=site, records=records, source=source, target=target, active=active, doubt=doubt)
    usable = None if doubt else listing
    seen = repair.find(records=records, site=site, manifest=target, source=source, doubt=doubt, listing=usable)
    steps = change.decide(seen, recorded, becomes, config_is_written=body is not None)
    repair.check_kept(records=records, manifest=target, source=source, files=steps.files)
    restored = [repaired.file.path for repaired in seen.repairs]
    change.save_etags(seen.etags, [*restored, *(file.path for file in steps.files)])
    started = store.now()
    if begins is None:
        began = replace(recorded, unsettled=manifest, unsettled_at=started, unsettled_by=by, gave_up_at="")
        records.save_active(replace(began, bucket=site.bucket))
    else:
        begins()
    repair.bring(s3=s3, site=site, manifest=target, source=source, repairs=seen.repairs, say=say)
    routed = routes.moved(client=routes_client, site=site, before=active if has_routes else None, after=target)
    change.write(steps, config=body or b"", routed=routed, say=say)
    # An edge may remember that a file was not there.
    forget = [*steps.invalidate, *plan.invalidation(restored)]
    release = f"{manifest} {becomes.config_sha256} {started}"
    say(invalidate(cloudfront, site.distribution_id, forget, release))
    written = [*restored, *(file.path for file in steps.files), *([CONFIG] if steps.config else [])]
    deleted = f", {len(steps.removed)} deleted" if steps.removed else ""
    say(f"the site is {short(target.version)}: {progress.counted(len(written), 'file')} switched{deleted}")
    activated = Activated(
        manifest=manifest, replaced=recorded.manifest, written=tuple(sorted(written)), removed=tuple(steps.removed)
    )
    return Switched(activated=activated, proves=becomes, records=records)


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
    return json.dumps(_with_whole_numbers(config), sort_keys=True, indent=1, ensure_ascii=True).encode() + b"\n"


def _with_whole_numbers(value: Any) -> Any:
    """The same JSON: the inputs of a resource have every number as a float, and the text is to be as it was set."""
    if isinstance(value, Mapping):
        return {key: _with_whole_numbers(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_with_whole_numbers(item) for item in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) <= MAX_WHOLE_FLOAT
    return int(value) if is_whole else value


def _staged(records: Records, digest: str) -> Manifest:
    manifest = records.load(digest)
    if records.catalog().find(digest) is None:
        raise StaticReleaseError(
            f"{short(manifest.version)} ({digest[:19]}) was not staged to its end, so some of its files may not be "
            "here; run its release again"
        )
    return manifest


def _record(recorded: Active, manifest: str, config: bytes | None, site: Site) -> Active:
    """What `static/active.json` becomes. Without a config, the one that is there stays."""
    return Active(
        manifest=manifest,
        config_sha256=recorded.config_sha256 if config is None else hashlib.sha256(config).hexdigest(),
        activated_at="",
        history=(manifest, *(digest for digest in recorded.history if digest != manifest))[:MAX_HISTORY],
        routes=site.routes,
        bucket=site.bucket,
        purged_at=recorded.purged_at,
    )


def _says_the_same(recorded: Active, becomes: Active) -> bool:
    """Whether the site is what it is to become, and no activation of it was cut short."""
    same = (recorded.manifest, recorded.config_sha256) == (becomes.manifest, becomes.config_sha256)
    return same and recorded.unsettled is None


def _is_in_doubt(recorded: Active, active: Manifest | None, catalog: Catalog, *, rewrite: bool) -> bool:
    """Whether the site may have other files than `active` says: those of a release whose program deleted none, too.

    Releases that were staged before a first one is active may have been the site: somebody deleted what said so.
    """
    if active is None:
        return rewrite or recorded.unsettled is not None or len(catalog.staged) > 1
    entry = catalog.find(active.digest)
    return entry is None or entry.earlier_program


@dataclass(frozen=True, kw_only=True)
class _Change:
    """A site that is to become `target`."""

    site: Site
    records: Records
    source: Folder | Upstream | None
    target: Manifest
    active: Manifest | None
    """What the site is; None if that is not known, or it is nothing yet."""
    doubt: bool
    """The site may have files that keep their names of any kept release."""

    def decide(self, seen: repair.Seen, recorded: Active, becomes: Active, *, config_is_written: bool) -> plan.Switch:
        """What is to be written and deleted."""
        active = self.active
        present = seen.others if active is None or self.doubt else {file.path for file in active.mutable}
        kept = (staged for staged in self.records.catalog().staged if staged.manifest != self.target.digest)
        others = self.records.whole(kept) if self.doubt else [active] if active else ()
        leftover = plan.leftover(target=self.target, others=others, assets=self.records.catalog().assets)
        same_config = active is not None and recorded.config_sha256 == becomes.config_sha256
        return plan.switch(
            target=self.target,
            active=active,
            present=present,
            leftover=(present & leftover) - ({CONFIG} if config_is_written else set()),
            config_changed=config_is_written and not same_config,
        )

    def save_etags(self, etags: Mapping[str, str], written: Sequence[str]) -> None:
        """Notes in the catalog the ETags that were found, and none for what is `written` now.

        An asset may be among that, with other headers and the same ETag: the next activation looks at it.
        """
        catalog = self.records.catalog().seen(self.target.files, {**etags, **dict.fromkeys(written, "")})
        if catalog is not self.records.catalog():
            self.records.save_catalog(catalog)

    def write(self, steps: plan.Switch, *, config: bytes, routed: AbstractContextManager[None], say: Say) -> None:
        """Makes the site `target`, in the order in which visitors may see it."""
        place = progress.counting(self._place, say, "switched", len(steps.files))
        in_parallel(self.records.s3, place, steps.other)
        if steps.config:
            with reported(f"write s3://{self.site.bucket}/{CONFIG}"):
                self.records.s3.put_object(
                    Bucket=self.site.bucket,
                    Key=CONFIG,
                    Body=config,
                    ContentType=content_type(CONFIG),
                    CacheControl=CACHE_CONTROL["no-cache"],
                )
        with routed:
            for wave in steps.pages:
                in_parallel(self.records.s3, place, wave)
            store.delete(self.records.s3, self.site.bucket, ({"Key": path} for path in steps.removed))

    def _place(self, file: File) -> None:
        """Puts a file that keeps its name where visitors get it."""
        catalog = self.records.catalog()
        kept = (self.site.records_bucket, kept_at(catalog, self.target, file, self.site.prefix))
        served = (self.site.bucket, file.path)
        try:
            copy_object(self.records.s3, file, source=kept, target=served)
        except StaticReleaseError as error:
            # Somebody deleted or changed it. What the release comes from has it, in most cases.
            missing = isinstance(error.__cause__, ClientError) and is_missing(error.__cause__)
            if self.source is None or not (missing or isinstance(error, WrongContentError)):
                raise
            bringer(self.records.s3, self.source, self.target, catalog_of(self.records.s3, self.source))(file, *kept)
            copy_object(self.records.s3, file, source=kept, target=served)
