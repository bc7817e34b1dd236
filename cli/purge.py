"""`purge`: remove published files from every release that an environment keeps, and keep a record of it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from collections.abc import Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from cli import YES
from cli.environment import add_stack, read_environment
from cli.errors import UsageError
from cli.lines import Lines
from cli.site.dry_run import DryRun
from functions.strict_json import fields
from release import lease, records, session
from release.progress import Say, counted
from release.records import Purge
from release.request import ReleaseRequest, SiteRequest
from release.session import Clients
from release.static import purge
from release.static.purge import Done
from release.static.store import Site
from release.who import who

DESCRIPTION: Final = (
    "Remove files of the site from every release that is kept, from all versions of the buckets' objects, and from the "
    "CDN. A later build that has the same content under the same path is refused."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = f"{DESCRIPTION} The history shows who purged what, when and why."
    parser.epilog = "Exit status: 0 purged, 1 refused or failed, 2 wrong usage, 130 interrupted."
    add_stack(parser, required=True)
    parser.add_argument("--site", metavar="NAME", help="whose files; needed where there are several")
    parser.add_argument("--json", action="store_true", help="print one JSON document, and nothing else")
    add_paths(parser)


def add_paths(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--reason", help="why, for the record")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be purged or refused; nothing is deleted or recorded"
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        type=_path,
        help="a file as it is in the build, for example docs/old.html",
    )


def _path(text: str) -> str:
    """A path as a manifest has it; people also copy it from an address."""
    path = text.lstrip("/")
    if not path:
        raise argparse.ArgumentTypeError(f"{text!r} names no file: expected one as it is in the build")
    return path


def run(options: argparse.Namespace) -> int:
    request = read_environment(options.stack).released()
    site = site_of(request, options.site)
    clients = session.connect(request.connection, account=request.account, region=request.region)
    if options.dry_run:
        done = would_purge(clients.s3, site.site, options.paths)
    else:
        say = Lines(silent=options.json)
        done = purge_environment(request, site, clients, options.paths, reason=options.reason, say=say)
    show(options, done, f" of site {site.name}" if len(request.sites) > 1 else "")
    return YES


def site_of(request: ReleaseRequest, name: str | None) -> SiteRequest:
    """The site of this name; without one, the only site. Raises UsageError."""
    sites, environment = request.sites, request.environment
    if not sites:
        raise UsageError(f"{environment} has no site: there is nothing to purge")
    if name is None and len(sites) > 1:
        raise UsageError(f"{environment} has several sites: name one with --site. There are: {', '.join(sites)}")
    if name is not None and name not in sites:
        raise UsageError(f"{environment} has no site {name}. There are: {', '.join(sites)}")
    return sites[name or next(iter(sites))]


def would_purge(s3: Any, site: Site, paths: Sequence[str]) -> Done:
    """What a purge would do: the very code of it, with a client that changes nothing. Raises StaticReleaseError."""
    site = dataclasses.replace(site, distribution_id=None)
    return purge.purge(s3=DryRun(s3), cloudfront=None, site=site, paths=paths, by="", say=Lines(silent=True))


def purge_environment(
    request: ReleaseRequest, site: SiteRequest, clients: Clients, paths: Sequence[str], *, reason: str | None, say: Say
) -> Done:
    """Purge under the environment's lease, with a record. Raises LeaseHeldError, StaticReleaseError, ClientError."""
    s3, bucket, by = clients.s3, request.records_bucket, who(clients.caller, os.environ)
    version = request.version
    with lease.acquire(s3, bucket, environment=request.environment, version=version, who=by, say=say) as held:
        began = Purge(
            id=held.id,
            environment=request.environment,
            paths=tuple(paths),
            who=by,
            reason=reason,
            started_at=records.now(),
            site=site.name if len(request.sites) > 1 else None,
        )
        records.begin(s3, bucket, began)
        try:
            done = purge.purge(
                s3=s3,
                cloudfront=clients.cloudfront,
                site=site.site,
                paths=paths,
                by=by,
                reason=reason or "",
                say=say,
            )
        except BaseException as error:
            _end(s3, bucket, began, str(error) or "interrupted", say)
            raise
        _end(s3, bucket, began, "", say)
    return done


def _end(s3: Any, bucket: str, began: Purge, message: str, say: Say) -> None:
    try:
        records.end(s3, bucket, dataclasses.replace(began, ended_at=records.now(), message=message))
    except (ClientError, BotoCoreError) as error:
        say(f"how this purge ended is not kept, the history calls it interrupted: {error}")


def show(options: argparse.Namespace, done: Done, of_site: str = "") -> None:
    """Print what was purged, or would be."""
    paths, versions = ", ".join(options.paths), counted(done.versions, "version")
    if options.json:
        document = {"purged": [fields(path) for path in done.purged], "versions": done.versions}
        print(json.dumps(document | {"stays": list(done.stays), "dryRun": options.dry_run}, indent=2))
    elif options.dry_run:
        stays = f". With the same content, {', '.join(done.stays)} would stay" if done.stays else ""
        print(f"Would purge {paths}{of_site}: {versions} of objects would be deleted{stays}")
    else:
        print(
            f"Purged {paths}{of_site}: {versions} of objects deleted. Who fetched it before still has it: if it was a "
            "secret, make a new one now"
        )
