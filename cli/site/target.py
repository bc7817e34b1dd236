"""What the verbs of `site` have in common: where the site is, and how they tell what they do."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from release import version
from release.progress import counted
from release.s3 import connect
from release.static import store
from release.static.catalog import Catalog
from release.static.errors import StaticReleaseError, SwitchUnderWayError
from release.static.records import Records
from release.static.store import Active, Site

EPILOG: Final = (
    "AWS is reached as its SDKs do it: credentials and region from the environment, a profile (AWS_PROFILE) or the "
    "machine's role; AWS_ENDPOINT_URL is another address. Exit status: 0 done, 1 refused or failed, 2 wrong usage, 130 "
    "interrupted."
)
_BUCKET: Final = (re.compile(r"[A-Za-z0-9._-]{3,255}"), "name of a bucket", "example-site")
"""Upper case and _ are in old ones of us-east-1 ("General purpose bucket naming rules", S3 User Guide)."""
_STORE: Final = re.compile(r"arn:[a-z-]+:cloudfront::[0-9]{12}:key-value-store/.+")
_FORMS: Final = {
    "bucket": _BUCKET,
    "records_bucket": _BUCKET,
    "distribution": (re.compile(r"[A-Z0-9]+"), "ID of a distribution", "E2EXAMPLE"),
    "routes": (_STORE, "ARN of a key value store", "arn:aws:cloudfront::111111111111:key-value-store/<id>"),
}
"""By option: its form, what it is, and an example."""
_PATH_PATTERN: Final = re.compile(r"(?=.)/?[A-Za-z0-9_.*$/~\"'@:+&?-]{0,254}")
"""The characters of one: "Path pattern", Amazon CloudFront Developer Guide."""
SHOWN: Final = 20
"""Paths that a dry run names in a line; `--json` names all."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of the site, or would: the verdict, and what `--json` prints."""

    version: str
    manifest: str
    total: int
    """Files of the release."""
    uploaded: int = 0
    """Contents that the buckets lacked."""
    written: tuple[str, ...] = ()
    """Paths of the site that changed."""
    removed: tuple[str, ...] = ()
    changed: bool = True
    """False: the site was this release already."""
    expired: int = 0
    """Releases that can no longer be restored."""
    dry_run: bool = False

    def __str__(self) -> str:
        named, would = name(self.version), "would be " if self.dry_run else ""
        if not self.changed:
            return f"The site is {named} already: nothing was changed, {counted(self.total, 'file')}"
        return (
            f"The site {would or 'is '}{named}: {len(self.written):,} of {counted(self.total, 'file')} {would}written, "
            f"{len(self.removed):,} {would}removed"
        )


class Clients:
    """Made when they are first used: what they need takes longer to import than a publish without a change."""

    @functools.cached_property
    def s3(self) -> Any:
        return connect.for_environment()

    @functools.cached_property
    def cloudfront(self) -> Any:
        import boto3  # noqa: PLC0415 - see above

        return boto3.client("cloudfront")

    @functools.cached_property
    def routes(self) -> Any:
        import boto3  # noqa: PLC0415 - see above

        from release import sigv4a  # noqa: PLC0415 - see above

        session = boto3.Session()
        sigv4a.install(session)
        return session.client("cloudfront-keyvaluestore")


def add(parser: argparse.ArgumentParser) -> None:
    """What all verbs take; their options have the `clients`, too."""
    parser.set_defaults(clients=Clients())
    parser.epilog = EPILOG
    parser.add_argument("--bucket", required=True, metavar="NAME", help="the S3 bucket that visitors get the site from")
    parser.add_argument(
        "--records-bucket", required=True, metavar="NAME", help="a private S3 bucket: releases that can be restored"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document, and nothing else")


def add_distribution(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--distribution", metavar="ID", help="the CloudFront distribution that forgets what changes")


def add_change(parser: argparse.ArgumentParser) -> None:
    """What those verbs take that make another release the site."""
    add_distribution(parser)
    parser.add_argument(
        "--routes", metavar="ARN", help="the CloudFront KeyValueStore by which the edge knows the paths"
    )
    parser.add_argument("--url", help="the site's address, through which it is read back")
    parser.add_argument(
        "--other-origin",
        action="append",
        default=[],
        type=_path_pattern,
        metavar="PATTERN",
        help="paths that CloudFront asks another origin for, for example /media/*: what pages need there does not have "
        "to be in the folder; may be repeated",
    )
    parser.add_argument(
        "--take-over", action="store_true", help="although another run has not ended: you know that it is dead"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be uploaded, switched, removed or refused; write nothing"
    )


def _path_pattern(text: str) -> str:
    """A path pattern as `Site` has it: CloudFront takes it without the first "/", too."""
    if not _PATH_PATTERN.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no path pattern of CloudFront: expected one such as /media/*")
    return f"/{text.removeprefix('/')}"


def site(options: argparse.Namespace) -> Site:
    """The site that the arguments name. Ends the process where one of them cannot be, or both buckets are one."""
    url: str | None = getattr(options, "url", None)
    for attribute, (form, what, example) in _FORMS.items():
        value: str | None = getattr(options, attribute, None)
        if value is not None and not form.fullmatch(value):
            option = attribute.replace("_", "-")
            options.parser.error(f"--{option} {value!r} is no {what}: expected one as {example}")
    if url is not None:
        from release import http  # noqa: PLC0415 - most verbs are told no address, and need not wait for it

        try:
            http.check_url(url)
        except ValueError as error:
            options.parser.error(f"--url {error}")
    if options.bucket == options.records_bucket:
        options.parser.error(
            f"--records-bucket is the site's own bucket, {options.bucket}: expected one that visitors cannot read"
        )
    return Site(
        bucket=options.bucket,
        records_bucket=options.records_bucket,
        distribution_id=getattr(options, "distribution", None),
        url=url,
        routes=getattr(options, "routes", None),
        other_origins=tuple(getattr(options, "other_origin", ())),
    )


def restore_command(manifest: str, catalog: Catalog, site: Site, *, take_over: bool = False) -> str:
    """The command that makes a release that is kept the site again, whatever other run is said to switch it."""
    kept = catalog.find(manifest)
    # A version that was published with other files, too, would not say which.
    alone = kept and [release.version for release in catalog.staged].count(kept.version) == 1
    release = kept.version if kept and alone else manifest
    more = _options(site) + (" --take-over" if take_over else "")
    return (
        f"python -m release site restore {release} --bucket {site.bucket} --records-bucket {site.records_bucket}{more}"
    )


def _options(site: Site) -> str:
    """How else the site was named."""
    options = [("distribution", site.distribution_id), ("routes", site.routes), ("url", site.url)]
    options += [("other-origin", pattern) for pattern in site.other_origins]
    return "".join(f" --{option} {shlex.quote(value)}" for option, value in options if value)


def rewrite_command(site: Site) -> str:
    """The command that writes what the site is anew, from its build."""
    return (
        f"python -m release site publish --rewrite --dist DIR --bucket {site.bucket} "
        f"--records-bucket {site.records_bucket}{_options(site)}"
    )


def ways_out(active: Active, catalog: Catalog, site: Site) -> list[str]:
    """The commands for when the run that began a switch is dead, or gave up."""
    ways = (("to end it:", active.unsettled), ("or to go back:", active.manifest))
    return [
        f"{what:15} {restore_command(manifest, catalog, site, take_over=not active.gave_up_at)}"
        for what, manifest in ways
        if manifest is not None
    ]


@contextmanager
def explained(records: Records, site: Site, *, again: bool = False) -> Iterator[None]:
    """Adds to a refusal, because another run may be switching the site, the commands for when that run is dead.

    `again`: the verb can take over itself.
    """
    try:
        yield
    except SwitchUnderWayError as error:
        active = records.active()
        if active is None:
            raise
        lines = [f"{error}. If it is dead:", *ways_out(active, records.catalog(), site)]
        if again:
            lines.append(f"{'or to go on:':15} run this again with --take-over")
        raise SwitchUnderWayError("\n  ".join(lines)) from error


def check_own(records: Records, site: Site) -> None:
    """Raises StaticReleaseError if the records are of another bucket, or the site is a part of an environment."""
    active = records.active()
    store.check_bucket(active, site)
    if active is not None and active.config_sha256:
        raise StaticReleaseError(
            f"s3://{records.bucket} is of an environment, whose site is released and rolled back together with its "
            "backend: nothing was changed.\n  to release it:  pulumi up -s <environment>\n"
            "  to purge it:    python -m release purge -s <environment> PATH"
        )


def check_edge(options: argparse.Namespace, site: Site) -> None:
    """Raises StaticReleaseError if there is no such distribution or address. A request to each that was named."""
    try:
        if site.distribution_id is not None:
            from release.static.invalidation import check_distribution  # noqa: PLC0415 - most verbs do not need it

            check_distribution(options.clients.cloudfront, site.distribution_id)
        if site.url is not None:
            from release.static.readback import check_address  # noqa: PLC0415 - as above

            check_address(site)
    except StaticReleaseError as error:
        raise StaticReleaseError(f"{error}\n  nothing that visitors get was changed") from error


def s3(options: argparse.Namespace) -> Any:
    """The client of S3; for a dry run one that changes nothing."""
    if not options.dry_run:
        return options.clients.s3
    from cli.site.dry_run import DryRun  # noqa: PLC0415 - a publish without a change does not need it

    return DryRun(options.clients.s3)


def show(outcome: Outcome, *, as_json: bool) -> None:
    """Print what became of the site; of a dry run the names of the files, too."""
    if as_json:
        print(json.dumps(_json(outcome), indent=2))
        return
    if outcome.dry_run and outcome.changed:
        print(f"would upload {counted(outcome.uploaded, 'file')}")
        for would, paths in (("write", outcome.written), ("remove", outcome.removed)):
            more = f" and {len(paths) - SHOWN:,} more" if len(paths) > SHOWN else ""
            print(f"would {would} {', '.join(paths[:SHOWN]) or 'nothing'}{more}")
    print(outcome)


def _json(outcome: Outcome) -> dict[str, Any]:
    """For machines: docs/json.md."""
    values = dataclasses.asdict(outcome)
    return {{"dry_run": "dryRun", "total": "files"}.get(key, key): value for key, value in values.items()}


def name(of: str) -> str:
    """A version as people compare it: a Git SHA in short, another name whole."""
    return version.short(of) if version.is_full(of) else of
