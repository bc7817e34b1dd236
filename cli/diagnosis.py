"""What the sources of an environment come to: one line that says what is wrong and what to do. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from cli.history import state
from cli.text import ago, short, when
from functions.names import revision
from release import drift, strict_json
from release.lease import Held
from release.records import Attempt, Release, UnfinishedMark


@dataclasses.dataclass(frozen=True, kw_only=True)
class Service:
    """What ECS says of the service."""

    task_definition: str
    """ARN of the revision that it is on, also while it runs no task."""
    desired: int
    running: int
    network: Mapping[str, Any] | None = None
    """Subnets and security groups, as the release has them in its inputs."""
    execute_command: bool | None = None

    def differs(self, release: Release) -> str:
        """What it is on that is not what was proven, for people; empty where nothing is."""
        if self.desired == 0 or self.task_definition != release.task_definition:
            runs = f"ECS runs {revision(self.task_definition)}" if self.desired else "ECS is scaled to 0 tasks"
            return f"{runs}, and {revision(release.task_definition)} is proven"
        # Earlier programs recorded neither of these.
        proven = strict_json.fields(release.network) if release.network else None
        if proven and self.network and proven != self.network:
            return f"the tasks run in {drift.place(self.network)}, and were proven in {drift.place(proven)}"
        if None not in (release.execute_command, self.execute_command) and (
            release.execute_command != self.execute_command
        ):
            return f"ECS Exec is {'on' if self.execute_command else 'off'}, and was not when it was proven"
        return ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Health:
    """One answer of the health check through the public address."""

    url: str
    version: str | None
    """What it says it is; None where it says nothing of the kind."""
    miss: str | None
    """Why it does not prove the version of the record; None where it does."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Observed:
    """What each source says. None is "nothing there", unless `unread` says why it could not be read."""

    environment: str
    stack: Release | None
    """The stack's output `release`."""
    pending: tuple[str, ...] = ()
    record: Release | None
    ecs: Service | None
    static_manifest: str | None
    """What the site serves; says so where files differ from it."""
    health: Health
    lease: Held | None = None
    unsettled: UnfinishedMark | None = None
    last: Attempt | None = None
    unread: Mapping[str, str] = dataclasses.field(default_factory=dict)


DIFFERS: Final = "DIFFERS"
"""The remark on a source that is not as recorded."""
PROBLEMS: Final = (
    "releasing",
    "unfinished",
    "cut short",
    "pending",
    "unread",
    "nothing proven",
    "service differs",
    "service missing",
    "tasks missing",
    "site differs",
    "unhealthy",
    "stack differs",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Problem:
    code: str
    """One of PROBLEMS: the same thing in one word, for programs."""
    what: str
    to_do: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One source, and how it compares with the record."""

    name: str
    value: str
    remark: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Diagnosis:
    environment: str
    headline: str
    problems: tuple[Problem, ...]
    """The most urgent first: it may be the cause of the others."""
    rows: tuple[Row, ...]

    @property
    def good(self) -> bool:
        """Everything agrees, and nobody is about to change it."""
        return not self.problems


def diagnose(seen: Observed, now: datetime) -> Diagnosis:
    """Compare the sources with the record of the last proven release."""
    problems = tuple(_problems(seen))
    name, release = seen.environment, seen.record
    if problems:
        headline = f"{name}: {problems[0].what}. To do: {problems[0].to_do}"
    else:
        assert release is not None  # noqa: S101 - without a record, something is wrong
        proven = f"proven {when(release.verified_at)} ({ago(release.verified_at, now)})"
        headline = f"{name} runs {short(release.version)}, {proven}: record, ECS, site and health check agree"
    return Diagnosis(environment=name, headline=headline, problems=problems, rows=tuple(_rows(seen, now)))


def _problems(seen: Observed) -> Iterator[Problem]:
    """What is wrong, the most urgent first."""
    name, release = seen.environment, seen.record
    if seen.lease is not None and seen.lease.alive:
        holder = seen.lease.holder
        yield Problem(
            code="releasing",
            what=f"{short(holder.version)} is being released by {holder.who} since {when(holder.since)}",
            to_do=f"wait until it has ended; then: python -m release history -s {name}",
        )
    else:
        yield from _cut_short(seen)
    if "record" in seen.unread:
        yield Problem(
            code="unread",
            what=f"the record cannot be read: {seen.unread['record']}",
            to_do="sign in with a role that may read it",
        )
    elif release is None:
        to_do = f"release a version: pulumi up -s {name}"
        yield Problem(code="nothing proven", what="nothing was ever proven here", to_do=to_do)
    else:
        yield from _differences(seen, release)
    for source, why in seen.unread.items():
        if source != "record":
            to_do = "sign in with a role that may read it"
            yield Problem(code="unread", what=f"{source} could not be read: {why}", to_do=to_do)


def _cut_short(seen: Observed) -> Iterator[Problem]:
    """What an attempt left behind that nobody is at any more."""
    name = seen.environment
    then = f"python -m release recover -s {name} && {_up(seen)}"
    if seen.unsettled is not None:
        mark = seen.unsettled
        which = (
            f"the release of {short(mark.version)} that began {when(mark.started_at)}" if mark.version else "a release"
        )
        what = f"{which} ended neither proven nor undone: what serves may be a mixture"
        yield Problem(code="unfinished", what=what, to_do=then)
    elif seen.lease is not None:
        holder = seen.lease.holder
        which = f"the release of {short(holder.version)} by {holder.who}, which began {when(holder.since)},"
        yield Problem(code="cut short", what=f"{which} was cut short before it changed what serves", to_do=then)
    elif seen.pending:
        # An update takes the lease only for its release: before and after that, nothing here says whether it lives.
        yield Problem(
            code="pending",
            what="an update of the stack is under way, or was cut short",
            to_do=f"wait; if nobody is at it: {then}",
        )


def _differences(seen: Observed, release: Release) -> Iterator[Problem]:
    """Where what serves is not what was proven."""
    again = _up(seen, "--refresh ")
    ecs = seen.ecs
    if ecs is not None and (what := ecs.differs(release)):
        yield Problem(code="service differs", what=what, to_do=again)
    elif ecs is None and "ECS" not in seen.unread:
        yield Problem(code="service missing", what="the service is not there", to_do=again)
    elif ecs is not None and ecs.running < ecs.desired:
        yield Problem(
            code="tasks missing",
            what=f"only {ecs.running} of {ecs.desired} tasks run",
            to_do="look at the service's events in ECS: it is starting them, or says why it cannot",
        )
    if "site" not in seen.unread and seen.static_manifest != release.static_manifest:
        what = _site_differs(seen.static_manifest, release.static_manifest)
        yield Problem(code="site differs", what=what, to_do=again)
    if seen.health.miss is not None:
        restart = _up(seen).replace(" pulumi", " EASI_RESTART='why' pulumi")
        yield Problem(
            code="unhealthy",
            what=f"the health check {_said(seen.health.miss)}",
            to_do=f"look at the backend's logs; to start every task anew: {restart}",
        )
    if seen.stack is not None and seen.stack.version != release.version:
        yield Problem(
            code="stack differs",
            what=f"the stack's outputs say {short(seen.stack.version)}, and {short(release.version)} is recorded",
            to_do=_up(seen),
        )


def _site_differs(serves: str | None, proven: str) -> str:
    if serves is None:
        return f"the site serves nothing, and {short(proven)} is proven"
    digest, _, files = serves.partition(" ")
    if digest == proven:
        return f"the site serves other files than were proven, {files}"
    return f"the site serves {short(digest)}, and {short(proven)} is proven"


def _said(miss: str) -> str:
    """A miss as the end of a sentence about the health check."""
    return miss if miss.startswith(("answered", "came")) else f"does not pass: {miss}"


def _up(seen: Observed, option: str = "") -> str:
    """The update that proves the recorded version again, whatever is checked out."""
    version = f"EASI_VERSION={seen.record.version} " if seen.record else ""
    return f"{version}pulumi up {option}-s {seen.environment}"


def _rows(seen: Observed, now: datetime) -> Iterator[Row]:
    release = seen.record
    if release is None:
        yield Row(name="record", value=seen.unread.get("record", "none"))
    else:
        proven = f"{short(release.version)}, proven {when(release.verified_at)} ({ago(release.verified_at, now)})"
        yield Row(name="record", value=proven, remark=revision(release.task_definition))
    yield from serving(seen)
    health = seen.health
    answer = f"pass, {short(health.version or '')}" if health.miss is None else health.miss
    yield Row(name="health", value=answer, remark=health.url)
    stack = short(seen.stack.version) if seen.stack else "no release"
    remark = _compared(seen.stack.version if seen.stack else None, release.version if release else None)
    if seen.pending:
        living = seen.lease is not None and seen.lease.alive
        busy = ", ".join(urn.rpartition("::")[2] for urn in seen.pending)
        remark = f"{'under way' if living else 'under way or cut short'}: {busy}"
    yield Row(name="stack", value=stack, remark=remark)
    yield Row(name="lease", value=_lease(seen))
    if seen.last is not None:
        last = seen.last
        summary = f"{short(last.version)} {state(last, seen.lease)}, began {when(last.started_at)}"
        yield Row(name="last try", value=summary, remark=last.who)


def serving(seen: Observed) -> Iterator[Row]:
    """What ECS runs and the site serves, each compared with the record."""
    yield _ecs(seen)
    yield _site(seen)


def _ecs(seen: Observed) -> Row:
    if seen.ecs is None:
        return Row(name="ECS", value=seen.unread.get("ECS", "no service"))
    value = f"{revision(seen.ecs.task_definition)}, {seen.ecs.running} of {seen.ecs.desired} tasks"
    if seen.record is None:
        return Row(name="ECS", value=value)
    return Row(name="ECS", value=value, remark=DIFFERS if seen.ecs.differs(seen.record) else "as recorded")


def _site(seen: Observed) -> Row:
    if "site" in seen.unread:
        return Row(name="site", value=seen.unread["site"])
    manifest = seen.static_manifest
    digest, _, differs = (manifest or "").partition(" ")
    shown = f"manifest {short(digest)} {differs}".strip() if manifest else "nothing"
    return Row(
        name="site", value=shown, remark=_compared(manifest, seen.record.static_manifest if seen.record else None)
    )


def _lease(seen: Observed) -> str:
    if seen.lease is None:
        return seen.unread.get("lease", "free: nobody releases")
    kept = "renewed" if seen.lease.alive else "not renewed since"
    return f"{seen.lease.holder}, {kept} {seen.lease.age_s:.0f} s ago"


def _compared(value: str | None, recorded: str | None) -> str:
    if recorded is None:
        return ""
    return "as recorded" if value == recorded else DIFFERS
