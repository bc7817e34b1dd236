"""The mark that what serves may not be what the record says: written before a release changes it, gone when it is.

It outlives a process that dies. As long as it is there, the next `pulumi up` releases, also where nothing changed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from release import objects

KEY: Final = "unsettled.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mark:
    """Whose attempt it is, and what only it still knows of the time before."""

    attempt: str
    version: str
    started_at: str
    site_config: Mapping[str, Any] | None
    """The site's config.json as it was when all was settled; None where that is not known."""


def read(s3: Any, bucket: str) -> Mark | None:
    """The mark that is there. One that cannot be read is one all the same."""
    try:
        _, body = objects.read(s3, bucket, KEY)
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            return None
        raise
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    data: Mapping[str, Any] = found if isinstance(found, dict) else {}
    config = data.get("siteConfig")
    return Mark(
        attempt=str(data.get("attempt", "")),
        version=str(data.get("version", "")),
        started_at=str(data.get("startedAt", "")),
        site_config=config if isinstance(config, dict) else None,
    )


def write(s3: Any, bucket: str, mark: Mark) -> str:
    """Set the mark, in place of one that an earlier release left. Returns what `remove` needs."""
    data = {
        "attempt": mark.attempt,
        "version": mark.version,
        "startedAt": mark.started_at,
        "siteConfig": mark.site_config,
    }
    answer = s3.put_object(
        Bucket=bucket, Key=KEY, Body=json.dumps(data, indent=2).encode(), ContentType="application/json"
    )
    return str(answer["ETag"])


def remove(s3: Any, bucket: str, etag: str) -> None:
    """Remove the mark that `write` set; one that somebody else has set since then stays."""
    try:
        objects.repeated(lambda: s3.delete_object(Bucket=bucket, Key=KEY, IfMatch=etag))
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"PreconditionFailed", "NoSuchKey", "404"}:
            raise
