"""`site publish`: a folder becomes the site."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

from cli import YES
from cli.lines import Lines
from cli.site import target
from cli.site.target import Outcome
from release.static import manifest, store
from release.static.content import VERSION
from release.static.expire import KEEP
from release.static.records import CATALOG, Records
from release.static.store import Site


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make a folder the site: upload what the buckets lack, then switch the files that keep their names, pages last "
        "and index.html the very last, then remove those that only the release before had. Nothing that visitors see "
        "changes before everything is there. Killed, it continues when it is run again."
    )
    target.add(parser)
    parser.add_argument("--dist", required=True, type=Path, metavar="DIR", help="the folder, as the build wrote it")
    parser.add_argument("--version", metavar="V", help="what it was built from; without it, its version.json says so")
    parser.add_argument(
        "--publish",
        action="append",
        default=[],
        metavar="PATH",
        help="publish this file although it looks as if it must not be (.env, a key); may be repeated",
    )
    parser.add_argument(
        "--keep", type=int, default=KEEP, metavar="N", help="releases that stay restorable (default %(default)s)"
    )
    target.add_change(parser)


def run(options: argparse.Namespace) -> int:
    return publish(options, target.Clients())


def publish(options: argparse.Namespace, clients: Any) -> int:
    """One request if the folder is the site already. Raises StaticReleaseError."""
    site, say = target.site(options), Lines(silent=options.json)
    if options.keep < 1:
        options.parser.error(f"--keep {options.keep}: expected 1 or more")
    if options.version is None and options.dist.is_dir() and not (options.dist / VERSION).exists():
        options.parser.error(f"{options.dist} has no {VERSION}: say what it was built from with --version")
    manifest.check_is_folder(options.dist)
    begun = store.meanwhile(functools.partial(_begin, options, clients, site))
    built = manifest.from_folder(
        options.dist, version=options.version, allowed=options.publish, config_is_written=False
    )
    say(f"{options.dist}: {len(built.files):,} files, version {target.name(built.version)}")
    s3, records = begun()
    active = records.active()
    outcome = Outcome(
        version=built.version, manifest=built.digest, total=len(built.files), changed=False, dry_run=options.dry_run
    )
    is_now = active is not None and active.manifest == built.digest and active.unsettled is None
    if active is None or not is_now or not active.is_routed(site):
        records.ahead(CATALOG, *([store.manifest_key(active.manifest)] if active and active.manifest else []))
        from cli.site.change import Change  # noqa: PLC0415 - takes a while, for which no change need not wait

        change = Change.of(options, clients=clients, s3=s3, site=site, records=records, say=say)
        outcome = change.publish(built, options.dist, keep=options.keep)
    target.show(outcome, as_json=options.json)
    return YES


def _begin(options: argparse.Namespace, clients: Any, site: Site) -> tuple[Any, Records]:
    """The client of S3, and what it says the site is now: beside the reading of the folder."""
    s3 = target.s3(options, clients)
    records = Records(s3, site.records_bucket)
    records.active()
    return s3, records
