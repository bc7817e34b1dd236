"""Going back to a release that is kept: its manifest is activated again. No build and no folder is needed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from release.static import store
from release.static.activate import Activated, activate
from release.static.errors import StaticReleaseError
from release.static.store import Say, Site


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A release whose files are all here."""

    manifest: str
    version: str
    staged_at: str


def stored(*, s3: Any, records_bucket: str) -> list[Stored]:
    """The releases that can be restored, the last staged first. One request, and one for each that was ever staged."""
    found = []
    for name in store.releases(s3, records_bucket):
        body = store.get(s3, records_bucket, f"static/{name}/staged.json")
        if body is not None:
            document = json.loads(body)
            found.append(
                Stored(manifest=document["manifest"], version=document["version"], staged_at=document["stagedAt"])
            )
    return sorted(found, key=lambda one: (one.staged_at, one.manifest), reverse=True)


def restore(*, s3: Any, cloudfront: Any, version: str, site: Site, config: Mapping[str, object], say: Say) -> Activated:
    """Activates the stored release of `version`: a Git SHA or the beginning of one, or a manifest's digest."""
    kept = stored(s3=s3, records_bucket=site.records_bucket)
    found = [one for one in kept if one.manifest == version or (version and one.version.startswith(version))]
    if len({one.version for one in found}) != 1:
        there = ", ".join(one.version[:12] for one in kept) or "none"
        what = "more than one kept release begins with" if found else "no kept release is"
        raise StaticReleaseError(f"{what} {version!r}; kept are: {there}")
    say(f"restoring the site of {found[0].version[:12]}, staged {found[0].staged_at}")
    return activate(s3=s3, cloudfront=cloudfront, manifest=found[0].manifest, site=site, config=config, say=say)
