"""Every attempt to release an environment, kept for good: one object when it began, one when it ended.

    attempts/<startedAt>-<id>/began.json   written before anything else
    attempts/<startedAt>-<id>/ended.json   what became of it; missing where the process died

Both are written once and never changed. Keys sort by time.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final, Literal, get_args

from botocore.exceptions import ClientError

from functions.redaction.shapes import hide
from release import objects
from release.strict_json import camel, fields
from release.version import Version

PREFIX: Final = "attempts/"
Outcome = Literal["proven", "undone", "refused", "failed"]
OUTCOMES: Final = get_args(Outcome)
_PARALLEL: Final = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase that began, in the order of the release."""

    name: str
    seconds: float
    outcome: str
    """done, failed, or skipped."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt: what was to be released, by whom, and what became of it."""

    id: str
    """The id of the lease under which it ran."""
    environment: str
    version: Version
    image: str
    task_definition: str
    static_manifest: str
    who: str
    reason: str | None
    """Why the gate was overridden, where it was."""
    restart: str | None
    """Why every task was to be started anew, where that was asked for."""
    replaces: str | None
    """The version that was proven here when it began; None before the first."""
    started_at: str
    """ISO 8601 in UTC with milliseconds: sorted as text, it is sorted by time."""
    kind: str | None = None
    """One of `way_back.KINDS`; None in what an earlier program recorded."""
    ended_at: str | None = None
    outcome: str | None = None
    """proven; undone: what was proven before runs again, proven again; refused: a check found something, nothing was
    changed; failed: anything else, of which the message says what runs. None: it has not ended."""
    message: str = ""
    phases: tuple[Phase, ...] = ()
    undone: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """The outcome. `interrupted` without one: then the process died, unless the lease of this id is alive."""
        return self.outcome or "interrupted"

    @property
    def prefix(self) -> str:
        """Where its objects are."""
        return f"{PREFIX}{self.started_at}-{self.id}/"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _End:
    """What `ended.json` has."""

    ended_at: str
    outcome: Outcome
    message: str
    phases: tuple[Phase, ...]
    undone: tuple[str, ...]


_ENDED: Final = frozenset(camel(field.name) for field in dataclasses.fields(_End))


def now() -> str:
    """The time in the form of `started_at`."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def begin(s3: Any, bucket: str, attempt: Attempt) -> None:
    """Keep that the attempt began."""
    data = {key: value for key, value in fields(attempt).items() if key not in _ENDED}
    _write_once(s3, bucket, attempt.prefix + "began.json", data)


def end(s3: Any, bucket: str, attempt: Attempt) -> None:
    """Keep what became of it. Raises ValueError for an attempt that has not ended."""
    if attempt.outcome not in OUTCOMES or attempt.ended_at is None:
        raise ValueError(f"attempt {attempt.id} has no end: outcome {attempt.outcome!r}, expected one of {OUTCOMES}")
    data = {key: value for key, value in fields(attempt).items() if key in _ENDED}
    _write_once(s3, bucket, attempt.prefix + "ended.json", data)


def list_(s3: Any, bucket: str, limit: int) -> tuple[Attempt, ...]:
    """The last `limit` attempts, the newest first. One request per thousand attempts, and two for each returned."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX, Delimiter="/")
    prefixes = sorted(item["Prefix"] for page in pages for item in page.get("CommonPrefixes", ()))
    newest = prefixes[: -limit - 1 : -1]
    with ThreadPoolExecutor(_PARALLEL, thread_name_prefix="attempts") as pool:
        found = pool.map(lambda prefix: _read(s3, bucket, prefix), newest)
        return tuple(attempt for attempt in found if attempt is not None)


def _read(s3: Any, bucket: str, prefix: str) -> Attempt | None:
    began = objects.load(s3, bucket, prefix + "began.json", Attempt)
    ended = objects.load(s3, bucket, prefix + "ended.json", _End) if began else None
    if began is None or ended is None:
        return began[0] if began else None
    # Earlier programs hid less.
    return dataclasses.replace(began[0], **vars(ended[0]) | {"message": hide(ended[0].message)})


def _write_once(s3: Any, bucket: str, key: str, data: Mapping[str, Any]) -> None:
    body = json.dumps(data, indent=2).encode()
    try:
        objects.repeated(
            lambda: s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", IfNoneMatch="*")
        )
    except ClientError as error:
        # The key has an id of this process: what is there already is this write, whose answer was lost.
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
