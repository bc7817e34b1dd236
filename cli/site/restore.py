"""`site restore`: what was published before becomes the site again, from what the buckets keep."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from cli import YES, versions
from cli.errors import UsageError
from cli.lines import Lines
from cli.site import target
from cli.site.change import Change
from release.static.catalog import Staged
from release.static.records import Records
from release.version import is_digest


def add(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Make a release that is kept the site again: no folder and no build is needed. `python -m release site status` "
        "says which there are."
    )
    target.add(parser)
    parser.add_argument(
        "version", metavar="VERSION", help="its version, a Git SHA in short will do; or sha256:…, its manifest"
    )
    target.add_change(parser)


def run(options: argparse.Namespace) -> int:
    """Raises StaticReleaseError; UsageError for what is not kept."""
    site, say = target.site(options), Lines(silent=options.json)
    s3 = target.s3(options)
    records = Records(s3, site.records_bucket)
    target.check_own(records, site)
    kept = find(options.version, records.catalog().staged)
    target.check_edge(options, site)
    change = Change.of(options, s3=s3, site=site, records=records, say=say)
    target.show(change.restore(kept.manifest), as_json=options.json)
    return YES


def find(text: str, staged: Sequence[Staged]) -> Staged:
    """The release that is kept and that `text` means. Raises UsageError unless it is one."""
    version = None if is_digest(text) else versions.one_of(text, (release.version for release in staged))
    releases = [release for release in staged if text == release.manifest or version == release.version]
    if not releases:
        kept = ", ".join(dict.fromkeys(target.name(release.version) for release in staged))
        raise UsageError(f"no release {text} is kept here. There are: {kept or 'none, nothing was published yet'}")
    if len(releases) > 1:
        manifests = "".join(f"\n  {release.manifest}  published {release.staged_at}" for release in releases)
        raise UsageError(f"{text} was published {len(releases)} times, with other files. Name a manifest:{manifests}")
    return releases[0]
