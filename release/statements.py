"""What people state about releases, and which of it stands. Pure, but for `read` and `write`.

    statements/<at>-<id>.json   in the records bucket of an environment: written once, never changed

A hold keeps releases away until somebody lifts it. Whoever rolls back holds, too: what was taken back must not come
again with the next merge. A lift names the holds that it ends: clocks differ, and another hold stays. A rejected
version is not released, also where it was proven.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

from functions import strict_json
from functions.strict_json import DamagedError
from release import escaping, objects, records, way_back
from release.records import Proven, Release
from release.version import short

PREFIX: Final = "statements/"
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
    ends: tuple[str, ...] = ()
    """Ids of the holds that a lift ends. One of an earlier program has none: it ended all that were before it."""

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
    """What keeps releases away from an environment: what people stated, and the roll backs to what runs."""

    stated: tuple[Statement, ...] = ()
    """The newest first. Each is ended by lifting alone."""
    taken_back: tuple[Proven, ...] = ()
    """What ran at each of the roll backs, the last first; each has its mark."""

    @property
    def since(self) -> str:
        """Of the newest statement, else of the last roll back: ISO 8601 in UTC."""
        return records.time_of(self.stated[0].at) if self.stated else _mark(self.taken_back[0]).at

    @property
    def who(self) -> str | None:
        return self.stated[0].who if self.stated else _mark(self.taken_back[0]).who

    @property
    def reason(self) -> str | None:
        return self.stated[0].reason if self.stated else _mark(self.taken_back[0]).reason

    def by_id(self) -> Iterator[tuple[str, str]]:
        """Each hold: its id, which a lift names, and who holds since when and why."""
        for statement in self.stated:
            yield statement.id, f"held {statement}"
        for one in self.taken_back:
            yield hold_id(one), f"held since {short(one.version)} was {way_back.describe(_mark(one))}"

    def __str__(self) -> str:
        return "; and ".join(text for _, text in self.by_id())


def hold_id(taken: Proven) -> str:
    """What names the hold of the roll back that gave a version up."""
    mark = _mark(taken)
    return mark.attempt or mark.at


def standing(release: Release | None, statements: Sequence[Statement]) -> Hold | None:
    """The hold on an environment whose record is `release`; None where nothing holds it."""
    lifts = _Lifts(statements)
    stated = [one for one in statements if one.kind == "hold" and not lifts.end(one.id, one.at)]
    taken_back = _not_lifted(_taken_back(release), lifts)
    if not stated and not taken_back:
        return None
    return Hold(stated=tuple(sorted(stated, key=lambda one: one.at, reverse=True)), taken_back=taken_back)


def ended_by_release(release: Release | None, statements: Sequence[Statement]) -> Iterator[tuple[Proven, set[str]]]:
    """What was taken back and held until another version was released; with the versions that were proven since then.

    What has none of these in its history may bring it again.
    """
    if release is None:
        return
    stand = {_mark(one).at for one in _taken_back(release)}
    for taken in _not_lifted(_given_up(release), _Lifts(statements)):
        if _mark(taken).at not in stand:
            given_up = _moment(_mark(taken).at)
            proofs = [one for one in (release, *release.previous) if one.gone_back is None]
            yield taken, {one.version for one in proofs if _moment(one.verified_at) > given_up}


class _Lifts:
    """What the lifts among statements end."""

    def __init__(self, statements: Sequence[Statement]) -> None:
        lifts = [one for one in statements if one.kind == "lift"]
        self._ids = {id_ for one in lifts for id_ in one.ends}
        self._all_before = max((one.at for one in lifts if not one.ends), default=None)

    def end(self, id_: str, at: datetime) -> bool:
        return id_ in self._ids or (self._all_before is not None and self._all_before > at)


def _not_lifted(taken: Collection[Proven], lifts: _Lifts) -> tuple[Proven, ...]:
    return tuple(one for one in taken if not lifts.end(hold_id(one), _moment(_mark(one).at)))


def rejection(version: str, environments: Sequence[Stated]) -> str | None:
    """Why a version is not to be released any more, as the first of `environments` has it; None where none has."""
    for one in environments:
        if (stated := rejected(version, one.statements)) is not None:
            return f"it is rejected in {one.environment} {stated}"
        if (mark := way_back.mark(one.release, version)) is not None:
            return f"in {one.environment} it was {way_back.describe(mark)}"
    return None


def rejected(version: str, statements: Sequence[Statement]) -> Statement | None:
    """The statement, of the first of `statements`, that rejects a version."""
    return next((one for one in statements if one.kind == "reject" and one.version == version), None)


def read(s3: Any, bucket: str) -> tuple[Statement, ...]:
    """All of an environment's statements, the newest first. Raises DamagedError, and what the client raises."""

    def one(key: str) -> Statement | None:
        loaded = objects.load(s3, bucket, key, Statement)
        if loaded and (loaded[0].kind == "reject") != (loaded[0].version is not None):
            raise DamagedError(f"{key}: version belongs to a statement that rejects one, and to no other")
        return loaded[0] if loaded else None

    return objects.read_each(one, objects.newest_first(s3, bucket, PREFIX))


def write(s3: Any, bucket: str, statement: Statement) -> None:
    """Keep a statement for good. Raises what the client raises."""
    objects.write_once(s3, bucket, statement.key, strict_json.fields(statement))


def _given_up(release: Release) -> list[Proven]:
    """What ran at each roll back, the last roll back first.

    A roll back marks more than what ran: that is first in the record, which has the last proof first.
    """
    ran: dict[str, Proven] = {}
    for one in sorted(way_back.gone_back_from(release), key=lambda one: _moment(_mark(one).at), reverse=True):
        ran.setdefault(_mark(one).at, one)
    return list(ran.values())


def _taken_back(release: Release | None) -> list[Proven]:
    """What ran at each roll back that led to what runs, also over several steps; the last roll back first."""
    if release is None:
        return []
    taken, versions, marked = [], {release.version}, way_back.gone_back_from(release)
    for one in _given_up(release):
        if _mark(one).to in versions:
            versions |= {other.version for other in marked if other.gone_back == one.gone_back}
            taken.append(one)
    return taken


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
