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
from cli.lines import Lines
from functions.strict_json import fields
from release import lease, records, session
from release.progress import Say
from release.records import Purge
from release.request import ReleaseRequest
from release.session import Clients
from release.static import purge
from release.static.purge import Done
from release.who import who

DESCRIPTION: Final = (
    "Remove files of the site from every release that is kept, from all versions of the buckets' objects, and from the "
    "CDN. A later build that has the same content under the same path is refused."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = f"{DESCRIPTION} The history shows who purged what, when and why."
    parser.epilog = "Exit status: 0 purged, 1 refused or failed, 2 wrong usage, 130 interrupted."
    add_stack(parser, required=True)
    parser.add_argument("--reason", help="why, for the record")
    parser.add_argument("--json", action="store_true", help="print one JSON document, and nothing else")
    add_paths(parser)


def add_paths(parser: argparse.ArgumentParser) -> None:
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
    clients = session.connect(request.connection, account=request.account, region=request.region)
    done = purge_environment(request, clients, options.paths, reason=options.reason, say=Lines(silent=options.json))
    show(options.paths, done, as_json=options.json)
    return YES


def purge_environment(
    request: ReleaseRequest, clients: Clients, paths: Sequence[str], *, reason: str | None, say: Say
) -> Done:
    """Purge under the environment's lease, with a record. Raises LeaseHeldError, StaticReleaseError, ClientError."""
    s3, bucket, by = clients.s3, request.site.records_bucket, who(clients.caller, os.environ)
    version = request.identity.version
    with lease.acquire(s3, bucket, environment=request.environment, version=version, who=by, say=say) as held:
        began = Purge(
            id=held.id,
            environment=request.environment,
            paths=tuple(paths),
            who=by,
            reason=reason,
            started_at=records.now(),
        )
        records.begin(s3, bucket, began)
        try:
            done = purge.purge(s3=s3, cloudfront=clients.cloudfront, site=request.site, paths=paths, by=by, say=say)
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


def show(paths: Sequence[str], done: Done, *, as_json: bool) -> None:
    """Print what was purged."""
    if as_json:
        document = {"purged": [fields(path) for path in done.purged], "versions": done.versions}
        print(json.dumps(document | {"stays": list(done.stays)}, indent=2))
        return
    print(
        f"Purged {', '.join(paths)}: {done.versions:,} versions of objects deleted. Who fetched it before still has "
        "it: if it was a secret, make a new one now"
    )
