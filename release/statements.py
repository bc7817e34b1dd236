"""What people state about releases, and which of it stands. Pure, but for `read` and `write`.

    statements/<at>-<id>.json   in the records bucket of an environment: written once, never changed

A hold keeps releases away until somebody lifts it. Whoever rolls back holds, too: what was taken back must not come
again with the next merge. A rejected version is not released, also where it was proven.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from functions import strict_json
from release import escaping, objects, records, way_back
from release.records import Proven, Release
from release.version import short

PREFIX: Final = "statements/"
_STEP: Final = timedelta(milliseconds=1)
"""What tells two times of statements apart."""
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
Kind = Literal["hold", "lift", "reject"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Statement:
    """What one person stated about an environment. The keys of statements sort by time."""

    id: str = dataclasses.field(default_factory=lambda: uuid.uuid4().hex)
    kind: Kind
    environment: str
    at: datetime = dataclasses.field(default_factory=lambda: datetime.now(UTC))
    who: str
    reason: str
    version: str | None = None
    """What is rejected, in full; None of a hold and its end."""

    @property
    def key(self) -> str:
        return f"{PREFIX}{records.time_of(self.at)}-{self.id}.json"

    def __str__(self) -> str:
        return f"since {self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC by {self.who}: {escaping.line(self.reason)}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stated:
    """An environment's record, and what people stated about it."""

    environment: str
    release: Release | None
    statements: tuple[Statement, ...] = ()
    """The newest first."""
    unread: str = ""
    """Why not all of this could be read; empty where it was."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hold:
    """What keeps releases away from an environment: a person's statement, or else the roll backs to what runs."""

    stated: Statement | None = None
    """Ended by lifting alone."""
    taken_back: tuple[Proven, ...] = ()
    """What ran at each of the roll backs, the last first; each has its mark."""

    @property
    def since(self) -> str:
        """ISO 8601 in UTC."""
        return records.time_of(self.stated.at) if self.stated else _mark(self.taken_back[0]).at

    @property
    def who(self) -> str | None:
        return self.stated.who if self.stated else _mark(self.taken_back[0]).who

    @property
    def reason(self) -> str | None:
        return self.stated.reason if self.stated else _mark(self.taken_back[0]).reason

    def __str__(self) -> str:
        if self.stated:
            return f"held {self.stated}"
        last = self.taken_back[0]
        return f"held since {short(last.version)} was {way_back.describe(_mark(last))}"


def standing(release: Release | None, statements: Sequence[Statement]) -> Hold | None:
    """The hold on an environment whose record is `release`; None where nothing holds it."""
    newest = max((one for one in statements if one.kind != "reject"), key=lambda one: one.at, default=None)
    if newest is not None and newest.kind == "hold":
        return Hold(stated=newest)
    taken_back = tuple(one for one in _taken_back(release) if newest is None or not newest.at > _moment(_mark(one).at))
    return Hold(taken_back=taken_back) if taken_back else None


def time_after(hold: Hold | None, statements: Sequence[Statement], now: datetime) -> datetime:
    """A time for the next statement: now, and after all that it is about, of which another clock may be ahead."""
    before = [statement.at for statement in statements]
    if hold is not None and (since := _moment(hold.since)) < _NEVER:
        before.append(since)
    return max([now, *(at + _STEP for at in before)])


def rejection(version: str, environments: Sequence[Stated]) -> str | None:
    """Why a version is not to be released any more, as the first of `environments` has it; None where none has."""
    for one in environments:
        rejected = next((statement for statement in one.statements if statement.version == version), None)
        if rejected is not None:
            return f"it is rejected in {one.environment} {rejected}"
        if (mark := way_back.mark(one.release, version)) is not None:
            return f"in {one.environment} it was {way_back.describe(mark)}"
    return None


def read(s3: Any, bucket: str) -> tuple[Statement, ...]:
    """All of an environment's statements, the newest first. Raises DamagedError, and what the client raises."""

    def one(key: str) -> Statement | None:
        loaded = objects.load(s3, bucket, key, Statement)
        return loaded[0] if loaded else None

    return objects.read_each(one, objects.newest_first(s3, bucket, PREFIX))


def write(s3: Any, bucket: str, statement: Statement) -> None:
    """Keep a statement for good. Raises what the client raises."""
    objects.write_once(s3, bucket, statement.key, strict_json.fields(statement))


def _taken_back(release: Release | None) -> list[Proven]:
    """What ran at each roll back that led to what runs, also over several steps; the last roll back first.

    A roll back marks more than what ran: that is first in the record, which has the last proof first.
    """
    if release is None:
        return []
    ran: dict[str, Proven] = {}
    versions = {release.version}
    for one in sorted(way_back.gone_back_from(release), key=lambda one: _moment(_mark(one).at), reverse=True):
        if _mark(one).to in versions:
            versions.add(one.version)
            ran.setdefault(_mark(one).at, one)
    return list(ran.values())


def _mark(proven: Proven) -> records.GoneBack:
    if proven.gone_back is None:
        raise LookupError(f"{proven.version} was not gone back from")
    return proven.gone_back


def _moment(text: str) -> datetime:
    """A time of a record. One that is none is newer than any lift: a hold that may stand does."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _NEVER
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
