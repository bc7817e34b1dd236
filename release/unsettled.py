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
from release.strict_json import DamagedError, fields
from release.version import Version

KEY: Final = "unsettled.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Mark:
    """Whose attempt it is, and what only it still knows of the time before."""

    attempt: str
    version: Version
    started_at: str
    site_config: Mapping[str, Any] | None = None
    """The site's config.json as it was when all was settled; None where that is not known."""


def read(s3: Any, bucket: str) -> Mark | None:
    """The mark that is there. One that cannot be read is one all the same."""
    try:
        found = objects.load(s3, bucket, KEY, Mark)
    except DamagedError:
        return Mark(attempt="", version="", started_at="", site_config=None)
    return found[0] if found else None


def write(s3: Any, bucket: str, mark: Mark) -> str:
    """Set the mark, in place of one that an earlier release left. Returns what `remove` needs."""
    body = json.dumps(fields(mark), indent=2).encode()
    answer = s3.put_object(Bucket=bucket, Key=KEY, Body=body, ContentType="application/json")
    return str(answer["ETag"])


def remove(s3: Any, bucket: str, etag: str) -> None:
    """Remove the mark that `write` set; one that somebody else has set since then stays."""
    try:
        objects.repeated(lambda: s3.delete_object(Bucket=bucket, Key=KEY, IfMatch=etag))
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"PreconditionFailed", "NoSuchKey", "404"}:
            raise
