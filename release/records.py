"""What an environment's records bucket knows of its releases.

    release.json                           what is proven, since when, and what ran before
    attempts/<startedAt>-<id>/began.json   written before anything else
    attempts/<startedAt>-<id>/ended.json   what became of it; missing where the process died
    purges/<startedAt>-<id>/…              the same two for files that were removed from all releases
    statements/<at>-<id>.json              what people stated: see `release.statements`
    unsettled.json                         the mark of an unfinished release

The stack's output `release` is a copy of the first. Attempts and purges are kept for good: written once, never changed,
and their keys sort by time. The mark says that what serves may not be what the record says: it is set before a release
changes that, removed when it is so again, and outlives a process that dies. As long as it is there, the next
`pulumi up` releases, also where nothing changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, Literal, TypeVar, get_args

from botocore.exceptions import BotoCoreError, ClientError

from functions import strict_json
from functions.aws_errors import code
from functions.redaction.shapes import hide
from functions.strict_json import DamagedError, camel, fields
from release import objects
from release.identity import Identity, upgraded
from release.version import Version, short
from settings.own_names import MAIN_SITE

RELEASE_KEY: Final = "release.json"
ATTEMPTS_PREFIX: Final = "attempts/"
PURGES_PREFIX: Final = "purges/"
MARK_KEY: Final = "unsettled.json"

Outcome = Literal["proven", "undone", "refused", "failed"]
OUTCOMES: Final = get_args(Outcome)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoneBack:
    """The roll back that gave a version up."""

    at: str
    """When the other version was proven, ISO 8601 in UTC."""
    to: str
    """The version that was gone back to."""
    attempt: str | None = None
    """Id of the attempt. None: inferred from the order of proofs, in the record of an earlier program."""
    who: str | None = None
    reason: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Proven(Identity):
    """A release that an environment has proven."""

    verified_at: str
    """When, ISO 8601 in UTC."""
    reason: str | None = None
    """Why the gate was overridden, where it was."""
    kind: str | None = None
    """One of `way_back.KINDS`; None in what an earlier program recorded."""
    first_verified_at: str | None = None
    """When this version was first proven here; None: this is the first proof."""
    gone_back: GoneBack | None = None
    """How this version was gone back from; None where it was not, or was proven again since."""
    not_compared: tuple[str, ...] = ()
    """Services that are proven by status 200 alone: which version answered was not compared."""

    @property
    def first(self) -> str:
        """When this version was first proven here."""
        return self.first_verified_at or self.verified_at


@dataclasses.dataclass(frozen=True, kw_only=True)
class Release(Proven):
    """The proven release that runs, and those before it, newest first."""

    previous: tuple[Proven, ...] = ()

    def find(self, version: str) -> Proven | None:
        return next((proven for proven in (self, *self.previous) if proven.version == version), None)

    def to_json(self) -> dict[str, Any]:
        """The record as the stack's output and the records bucket have it, keys in camelCase."""
        return {**proof_json(self), "previous": [proof_json(proven) for proven in self.previous]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Phase:
    """One phase that began, in the order of the release."""

    name: str
    seconds: float
    outcome: str
    """done, failed, or skipped."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _End:
    """What `ended.json` has."""

    ended_at: str
    outcome: Outcome
    message: str
    phases: tuple[Phase, ...]
    undone: tuple[str, ...]
    rehearsed: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Attempt(Identity):
    """One attempt: what was to be released, by whom, and what became of it."""

    id: str
    """The id of the lease under which it ran."""
    environment: str
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
    rehearsed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """By service, what its rehearsal has proven, or why there was none."""

    @property
    def state(self) -> str:
        """The outcome. `interrupted` without one: then the process died, unless the lease of this id is alive."""
        return self.outcome or "interrupted"

    @property
    def prefix(self) -> str:
        return f"{ATTEMPTS_PREFIX}{self.started_at}-{self.id}/"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _PurgeEnd:
    """What `ended.json` of a purge has."""

    ended_at: str
    message: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Purge:
    """Files of a site that were removed from all releases of an environment, by whom and why."""

    id: str
    """The id of the lease under which it ran."""
    environment: str
    paths: tuple[str, ...]
    who: str
    reason: str | None
    started_at: str
    """As of an attempt."""
    site: str | None = None
    """Its name; None where there was no other."""
    ended_at: str | None = None
    """None: it has not ended, the process died."""
    message: str = ""
    """Why it failed; empty where it did not."""

    @property
    def state(self) -> str:
        """`done`, `failed`, or `interrupted`: then some of the files may still be there."""
        return "interrupted" if self.ended_at is None else "failed" if self.message else "done"

    @property
    def prefix(self) -> str:
        return f"{PURGES_PREFIX}{self.started_at}-{self.id}/"


Kept = TypeVar("Kept", Attempt, Purge)
_ENDS: Final[Mapping[Any, Any]] = {Attempt: _End, Purge: _PurgeEnd}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MarkedSite:
    """What only the mark still knows of one site."""

    config: Mapping[str, Any] | None = None
    """Its config.json as it was before the first change; None where that is not known."""
    manifest: str | None = None
    """The manifest to which it began to be switched; None: no file of it was changed.

    An earlier program kept this in `static/active.json`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class UnfinishedMark:
    """Whose attempt it is, and what only it still knows of the time before."""

    attempt: str
    """Empty in a mark that cannot be read."""
    version: Version
    started_at: str
    sites: Mapping[str, MarkedSite] = dataclasses.field(default_factory=dict)

    def site(self, name: str) -> MarkedSite:
        """What is known of one site. Any may have been switched where the mark cannot be read."""
        return self.sites.get(name, MarkedSite(manifest=None if self.attempt else "unknown"))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stored:
    """The record as it is stored, and which object that is."""

    release: Release | None
    """None before the environment's first release."""
    etag: str | None


class RecordChangedError(Exception):
    """Somebody else wrote the record while this release ran."""


def read_release(s3: Any, bucket: str) -> Release | None:
    """The environment's record; None before its first release."""
    return read_stored(s3, bucket).release


def read_stored(s3: Any, bucket: str) -> Stored:
    """The environment's record, as `write_release` needs it to replace this very one."""
    loaded = objects.load(s3, bucket, RELEASE_KEY, Release, upgraded)
    return Stored(release=loaded[0], etag=loaded[1]) if loaded else Stored(release=None, etag=None)


def write_release(s3: Any, bucket: str, release: Release, replaces: Stored) -> None:
    """Store the environment's record in place of `replaces`.

    Raises RecordChangedError if it is another one by now. Whether a write without an answer arrived is looked up.
    """
    condition = {"IfMatch": replaces.etag} if replaces.etag else {"IfNoneMatch": "*"}
    try:
        objects.save(s3, bucket, RELEASE_KEY, release.to_json(), **condition)
    except (ClientError, BotoCoreError) as error:
        # A write whose answer was lost is repeated by the client, and its condition then fails on itself.
        now = read_stored(s3, bucket)
        if now.release == release:
            return
        if now.etag == replaces.etag:
            raise
        which = f"{short(now.release.version)}, proven {now.release.verified_at}" if now.release else "none"
        raise RecordChangedError(
            f"s3://{bucket}/{RELEASE_KEY} was written by somebody else meanwhile (it is {which}): this release is not "
            "recorded"
        ) from error


def begin(s3: Any, bucket: str, attempt: Attempt | Purge) -> None:
    _write_once(s3, bucket, attempt, "began.json", ended=False)


def end(s3: Any, bucket: str, attempt: Attempt | Purge) -> None:
    """Keep what became of it. Raises ValueError for an attempt that has not ended."""
    outcome = attempt.outcome if isinstance(attempt, Attempt) else OUTCOMES[0]
    if outcome not in OUTCOMES or attempt.ended_at is None:
        raise ValueError(f"attempt {attempt.id} has no end: outcome {outcome!r}, expected one of {OUTCOMES}")
    _write_once(s3, bucket, attempt, "ended.json", ended=True)


def list_attempts(s3: Any, bucket: str, limit: int) -> tuple[Attempt, ...]:
    """The last `limit` attempts, the newest first. One request per thousand attempts, and two for each returned."""
    return _newest(s3, bucket, ATTEMPTS_PREFIX, limit, Attempt)


def list_purges(s3: Any, bucket: str, limit: int) -> tuple[Purge, ...]:
    """The last `limit` purges, as `list_attempts`."""
    return _newest(s3, bucket, PURGES_PREFIX, limit, Purge)


def read_mark(s3: Any, bucket: str) -> UnfinishedMark | None:
    """The mark of an unfinished release; None if there is none. An unreadable one still counts."""
    loaded = _load_mark(s3, bucket)
    return loaded[0] if loaded else None


def set_mark(s3: Any, bucket: str, mark: UnfinishedMark) -> str:
    """Set the mark, in place of one that an earlier release left. Returns what `remove_mark` needs."""
    return objects.save(s3, bucket, MARK_KEY, fields(mark))


def update_mark(s3: Any, bucket: str, mark: UnfinishedMark, etag: str) -> str:
    """Set the mark in place of this attempt's own; one that somebody else has set stays. Returns as `set_mark`."""
    try:
        return objects.save(s3, bucket, MARK_KEY, fields(mark), IfMatch=etag)
    except ClientError as error:
        if code(error) != "PreconditionFailed":
            raise
        # A write whose answer was lost is repeated by the client, and fails on itself.
        loaded = _load_mark(s3, bucket)
        return loaded[1] if loaded and loaded[0] == mark else etag


def remove_mark(s3: Any, bucket: str, etag: str) -> None:
    """Remove the mark that `set_mark` set; one that somebody else has set since then stays."""
    try:
        objects.repeated(lambda: s3.delete_object(Bucket=bucket, Key=MARK_KEY, IfMatch=etag))
    except ClientError as error:
        if not objects.condition_failed(error):
            raise


def release_from_json(data: Mapping[str, Any]) -> Release:
    """The record that `Release.to_json` wrote, or an earlier program. Raises DamagedError for anything else."""
    return strict_json.read(Release, upgraded(data))


def proof_json(proven: Proven) -> dict[str, Any]:
    """One proof, keys in camelCase. What does not apply is left out: the record is an output, and people read it."""
    data = {key: value for key, value in fields(proven).items() if key != "previous"}
    data = {key: value for key, value in data.items() if value or key in ("services", "sites")}
    data["services"] = {
        name: {key: value for key, value in service.items() if value is not None}
        for name, service in data["services"].items()
    }
    if proven.gone_back is not None:
        data["goneBack"] = {key: value for key, value in data["goneBack"].items() if value}
    return data


def now() -> str:
    """The time in the form of `Attempt.started_at`."""
    return time_of(datetime.now(UTC))


def time_of(moment: datetime) -> str:
    """A time in that form."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _load_mark(s3: Any, bucket: str) -> tuple[UnfinishedMark, str] | None:
    try:
        return objects.load(s3, bucket, MARK_KEY, UnfinishedMark, _upgraded_mark)
    except DamagedError:
        return UnfinishedMark(attempt="", version="", started_at=""), ""


def _upgraded_mark(data: Any) -> Any:
    """A mark in the form of this program: earlier ones knew one site."""
    if not isinstance(data, Mapping) or "siteConfig" not in data:
        return data
    return {**data, "sites": {MAIN_SITE: {"config": data["siteConfig"], "manifest": data.get("site")}}}


def _newest(s3: Any, bucket: str, prefix: str, limit: int, kind: type[Kept]) -> tuple[Kept, ...]:
    newest = objects.newest_first(s3, bucket, prefix)[:limit]
    return objects.read_each(lambda folder: _whole(s3, bucket, folder, kind), newest)


def _whole(s3: Any, bucket: str, prefix: str, kind: type[Kept]) -> Kept | None:
    began = objects.load(s3, bucket, prefix + "began.json", kind, upgraded)
    ended = objects.load(s3, bucket, prefix + "ended.json", _ENDS[kind]) if began else None
    if began is None or ended is None:
        return began[0] if began else None
    # Earlier programs hid less.
    return dataclasses.replace(began[0], **vars(ended[0]) | {"message": hide(ended[0].message)})


def _write_once(s3: Any, bucket: str, attempt: Attempt | Purge, name: str, *, ended: bool) -> None:
    of_the_end = {camel(field.name) for field in dataclasses.fields(_ENDS[type(attempt)])}
    data = {key: value for key, value in fields(attempt).items() if (key in of_the_end) is ended}
    objects.write_once(s3, bucket, attempt.prefix + name, data)
