"""`site purge`: remove published files from every release that is kept."""

from __future__ import annotations

import argparse
import os

from cli import YES
from cli import purge as verb
from cli.lines import Lines
from cli.site import target
from release.static import purge as static
from release.static.records import Records
from release.who import who


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = verb.DESCRIPTION
    target.add(parser)
    target.add_distribution(parser)
    verb.add_paths(parser)


def run(options: argparse.Namespace) -> int:
    """Raises StaticReleaseError."""
    site, clients = target.site(options), options.clients
    records = Records(clients.s3, site.records_bucket)
    target.check_own(records, site)
    target.check_edge(options, site)
    with target.explained(records, site):
        if options.dry_run:
            done = verb.would_purge(clients.s3, site, options.paths)
        else:
            done = static.purge(
                s3=clients.s3,
                cloudfront=clients.cloudfront if site.distribution_id else None,
                site=site,
                paths=options.paths,
                by=who("", os.environ),
                reason=options.reason or "",
                say=Lines(silent=options.json),
                records=records,
            )
    verb.show(options, done)
    return YES
