"""`site publish`: a folder becomes the site."""

from __future__ import annotations

import argparse
import functools
import gc
from pathlib import Path
from typing import Any, get_args

from cli import YES
from cli.lines import Lines
from cli.site import target
from cli.site.target import Outcome
from release.progress import counted
from release.static import builds, plan, store
from release.static.content import VERSION
from release.static.errors import ManifestError
from release.static.expire import KEEP
from release.static.parallel import meanwhile
from release.static.records import CATALOG, Records
from release.static.store import Active, Site
from settings.site_build import HASHED, Pages


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
        "--pages",
        choices=get_args(Pages),
        default="single",
        help="single: index.html routes every path that is no file; multi: each page is a file, and a miss is a 404, "
        "with the build's 404.html; needs --routes (default %(default)s)",
    )
    parser.add_argument(
        "--hashed",
        action="append",
        metavar="GLOB",
        help="where file names carry a hash of the content: such a file is cached for a year; may be repeated (default "
        f"{' '.join(HASHED)})",
    )
    parser.add_argument(
        "--keep", type=int, default=KEEP, metavar="N", help="releases that stay restorable (default %(default)s)"
    )
    parser.add_argument(
        "--rewrite", action="store_true", help="bring and write every file: somebody deleted or changed some by hand"
    )
    target.add_change(parser)


def run(options: argparse.Namespace) -> int:
    """One request if the folder is the site already. Raises StaticReleaseError."""
    # Files are objects by the ten thousand, hardly any of them in a cycle: to look for those takes a tenth of the time.
    gc.set_threshold(100_000)
    site, say = target.site(options), Lines(silent=options.json)
    if options.keep < 1:
        options.parser.error(f"--keep {options.keep}: expected 1 or more")
    if options.version is None and options.dist.is_dir() and not (options.dist / VERSION).exists():
        options.parser.error(f"{options.dist} has no {VERSION}: say what it was built from with --version")
    if options.pages == "multi" and options.routes is None:
        options.parser.error("--pages multi needs --routes: the edge knows only from that store what a miss gets")
    hashed = HASHED if options.hashed is None else tuple(options.hashed)
    try:
        builds.check_globs(hashed)
    except ManifestError as error:
        options.parser.error(str(error))
    builds.check_is_folder(options.dist)
    begun = meanwhile(functools.partial(_begin, options, site))
    built = builds.from_folder(
        options.dist,
        version=options.version,
        allowed=options.publish,
        config_is_written=False,
        pages=options.pages,
        hashed=hashed,
        other_origins=site.other_origins,
    )
    say(f"{options.dist}: {counted(len(built.files), 'file')}, version {target.name(built.version)}")
    s3, records = begun()
    target.check_own(records, site)
    active = records.active()
    outcome = Outcome(
        version=built.version, manifest=built.digest, total=len(built.files), changed=False, dry_run=options.dry_run
    )
    is_now = active is not None and active.manifest == built.digest and active.unsettled is None
    if is_now and active is not None and active.purged_at:
        plan.check_purged(built, records.catalog().purged)
    if active is None or not is_now or not active.is_routed(site) or options.rewrite:
        _read_ahead(records, active)
        target.check_edge(options, site)
        from cli.site.change import Change  # noqa: PLC0415 - takes a while, for which no change need not wait

        change = Change.of(options, s3=s3, site=site, records=records, say=say)
        outcome = change.publish(built, options.dist, keep=options.keep, rewrite=options.rewrite)
    target.show(outcome, as_json=options.json)
    return YES


def _begin(options: argparse.Namespace, site: Site) -> tuple[Any, Records]:
    """The client of S3, and what it says the site is now: beside the reading of the folder."""
    s3 = target.s3(options)
    records = Records(s3, site.records_bucket)
    active = records.active()
    version = options.version or builds.version_of(options.dist)
    if active is None or (active.version and version not in (None, active.version)):
        _read_ahead(records, active)  # it is another manifest, whatever the files are
    return s3, records


def _read_ahead(records: Records, active: Active | None) -> None:
    """What a change needs to know."""
    records.ahead(CATALOG, *([store.manifest_key(active.manifest)] if active and active.manifest else []))
