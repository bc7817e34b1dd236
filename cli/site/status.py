"""`site status`: what the site is, whether a switch has not ended, and what can be restored."""

from __future__ import annotations

import argparse
import dataclasses
import json
from datetime import UTC, datetime
from typing import Any

from cli import NO, YES
from cli.site import target
from cli.text import ago, bold, table, when
from functions.strict_json import fields
from release.static import store
from release.static.catalog import Catalog
from release.static.records import Records
from release.static.store import ACTIVE, Active, Site


@dataclasses.dataclass(frozen=True, kw_only=True)
class Status:
    """What the records bucket says."""

    site: Site
    active: Active | None
    catalog: Catalog

    @property
    def good(self) -> bool:
        """Whether a release is the site, and nothing is half done."""
        return self.active is not None and self.active.manifest is not None and self.active.unsettled is None

    def version(self, manifest: str | None) -> str:
        """The version of a manifest; the manifest itself where it is kept no more."""
        kept = self.catalog.find(manifest) if manifest else None
        return kept.version if kept else manifest or "nothing"


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = "Say what the site is, whether a switch has not ended, and which releases can be restored."
    target.add(parser)
    parser.epilog = (
        "Exit status: 0 a release is the site; 1 none is, a switch has not ended, or it cannot be read; 2 wrong usage."
    )


def run(options: argparse.Namespace) -> int:
    """Raises StaticReleaseError."""
    site = target.site(options)
    records = Records(options.clients.s3, site.records_bucket)
    store.check_bucket(records.active(), site)
    status = Status(site=site, active=records.active(), catalog=records.catalog())
    print(json.dumps(as_json(status), indent=2) if options.json else "\n".join(lines(status, datetime.now(UTC))))
    return YES if status.good else NO


def lines(status: Status, now: datetime) -> list[str]:
    """The status for people. Pure."""
    active, catalog = status.active, status.catalog
    shown = ["nothing was published here yet"]
    if active is None and catalog.staged:
        key = f"s3://{status.site.records_bucket}/{ACTIVE}"
        shown = [f"nothing says what the site is: {key} is not there; publish again"]
    if active is not None and active.manifest is not None:
        since = f"since {when(active.activated_at)} ({ago(active.activated_at, now)})"
        shown = [bold(f"The site is {target.name(status.version(active.manifest))}, {since}")]
    if active is not None and active.unsettled is not None:
        began = f"{when(active.unsettled_at)} by {active.unsettled_by or 'somebody'}"
        ended, unless = ("failed", "") if active.gave_up_at else ("has not ended", ". Unless that run is alive")
        shown += [
            f"a switch to {target.name(status.version(active.unsettled))} began {began} and {ended}: the site "
            f"may have files of two releases{unless}:",
            *(f"  {way}" for way in target.ways_out(active, catalog, status.site)),
        ]
    count = len(catalog.staged)
    if count:
        shown.append(f"{count} {'release is' if count == 1 else 'releases are'} kept and can be restored:")
    now_is = active.manifest if active else None
    shown += table(
        [
            (kept.version, f"published {when(kept.staged_at)}", kept.manifest, *(["now"] * (kept.manifest == now_is)))
            for kept in catalog.staged
        ]
    )
    for file in catalog.purged:
        why = f": {file.reason}" if file.reason else ""
        shown.append(f"{file.path} was purged {when(file.at)} by {file.by}{why}")
    digests = [kept.manifest for kept in catalog.staged]
    if status.good and now_is in digests[:-1]:
        # Not the newest of the others: after a way back that is what was gone back from.
        before = digests[digests.index(now_is) + 1]
        shown += ["to restore the one before:", f"  {target.restore_command(before, catalog, status.site)}"]
    return shown


def as_json(status: Status) -> dict[str, Any]:
    """The status for machines: docs/json.md. Pure."""
    active = status.active
    return {
        "good": status.good,
        "active": {
            "version": status.version(active.manifest),
            "manifest": active.manifest,
            "activatedAt": active.activated_at,
        }
        if active and active.manifest
        else None,
        "unfinished": {
            "version": status.version(active.unsettled),
            "manifest": active.unsettled,
            "startedAt": active.unsettled_at,
            "who": active.unsettled_by,
        }
        if active and active.unsettled
        else None,
        "restorable": [
            {"version": kept.version, "manifest": kept.manifest, "publishedAt": kept.staged_at}
            for kept in status.catalog.staged
        ],
        "purged": [fields(file) for file in status.catalog.purged],
    }
