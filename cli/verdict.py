"""What the facts of an environment come to: one line that says what is wrong and what to do. Pure."""

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
class Facts:
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
class Wrong:
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
class Finding:
    environment: str
    headline: str
    wrong: tuple[Wrong, ...]
    """The most urgent first: it may be the cause of the others."""
    rows: tuple[Row, ...]

    @property
    def good(self) -> bool:
        """Everything agrees, and nobody is about to change it."""
        return not self.wrong


def judge(facts: Facts, now: datetime) -> Finding:
    """Compare the sources with the record of the last proven release."""
    wrong = tuple(_wrong(facts))
    name, release = facts.environment, facts.record
    if wrong:
        headline = f"{name}: {wrong[0].what}. To do: {wrong[0].to_do}"
    else:
        assert release is not None  # noqa: S101 - without a record, something is wrong
        proven = f"proven {when(release.verified_at)} ({ago(release.verified_at, now)})"
        headline = f"{name} runs {short(release.version)}, {proven}: record, ECS, site and health check agree"
    return Finding(environment=name, headline=headline, wrong=wrong, rows=tuple(_rows(facts, now)))


def _wrong(facts: Facts) -> Iterator[Wrong]:
    """What is wrong, the most urgent first."""
    name, release = facts.environment, facts.record
    if facts.lease is not None and facts.lease.alive:
        holder = facts.lease.holder
        yield Wrong(
            code="releasing",
            what=f"{short(holder.version)} is being released by {holder.who} since {when(holder.since)}",
            to_do=f"wait until it has ended; then: python -m release history -s {name}",
        )
    else:
        yield from _cut_short(facts)
    if "record" in facts.unread:
        yield Wrong(
            code="unread",
            what=f"the record cannot be read: {facts.unread['record']}",
            to_do="sign in with a role that may read it",
        )
    elif release is None:
        to_do = f"release a version: pulumi up -s {name}"
        yield Wrong(code="nothing proven", what="nothing was ever proven here", to_do=to_do)
    else:
        yield from _differences(facts, release)
    for source, why in facts.unread.items():
        if source != "record":
            to_do = "sign in with a role that may read it"
            yield Wrong(code="unread", what=f"{source} could not be read: {why}", to_do=to_do)


def _cut_short(facts: Facts) -> Iterator[Wrong]:
    """What an attempt left behind that nobody is at any more."""
    name = facts.environment
    then = f"python -m release recover -s {name} && {_up(facts)}"
    if facts.unsettled is not None:
        mark = facts.unsettled
        which = (
            f"the release of {short(mark.version)} that began {when(mark.started_at)}" if mark.version else "a release"
        )
        what = f"{which} ended neither proven nor undone: what serves may be a mixture"
        yield Wrong(code="unfinished", what=what, to_do=then)
    elif facts.lease is not None:
        holder = facts.lease.holder
        which = f"the release of {short(holder.version)} by {holder.who}, which began {when(holder.since)},"
        yield Wrong(code="cut short", what=f"{which} was cut short before it changed what serves", to_do=then)
    elif facts.pending:
        # An update takes the lease only for its release: before and after that, nothing here says whether it lives.
        yield Wrong(
            code="pending",
            what="an update of the stack is under way, or was cut short",
            to_do=f"wait; if nobody is at it: {then}",
        )


def _differences(facts: Facts, release: Release) -> Iterator[Wrong]:
    """Where what serves is not what was proven."""
    again = _up(facts, "--refresh ")
    ecs = facts.ecs
    if ecs is not None and (what := ecs.differs(release)):
        yield Wrong(code="service differs", what=what, to_do=again)
    elif ecs is None and "ECS" not in facts.unread:
        yield Wrong(code="service missing", what="the service is not there", to_do=again)
    elif ecs is not None and ecs.running < ecs.desired:
        yield Wrong(
            code="tasks missing",
            what=f"only {ecs.running} of {ecs.desired} tasks run",
            to_do="look at the service's events in ECS: it is starting them, or says why it cannot",
        )
    if "site" not in facts.unread and facts.static_manifest != release.static_manifest:
        what = _site_differs(facts.static_manifest, release.static_manifest)
        yield Wrong(code="site differs", what=what, to_do=again)
    if facts.health.miss is not None:
        restart = _up(facts).replace(" pulumi", " EASI_RESTART='why' pulumi")
        yield Wrong(
            code="unhealthy",
            what=f"the health check {_said(facts.health.miss)}",
            to_do=f"look at the backend's logs; to start every task anew: {restart}",
        )
    if facts.stack is not None and facts.stack.version != release.version:
        yield Wrong(
            code="stack differs",
            what=f"the stack's outputs say {short(facts.stack.version)}, and {short(release.version)} is recorded",
            to_do=_up(facts),
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


def _up(facts: Facts, option: str = "") -> str:
    """The update that proves the recorded version again, whatever is checked out."""
    version = f"EASI_VERSION={facts.record.version} " if facts.record else ""
    return f"{version}pulumi up {option}-s {facts.environment}"


def _rows(facts: Facts, now: datetime) -> Iterator[Row]:
    release = facts.record
    if release is None:
        yield Row(name="record", value=facts.unread.get("record", "none"))
    else:
        proven = f"{short(release.version)}, proven {when(release.verified_at)} ({ago(release.verified_at, now)})"
        yield Row(name="record", value=proven, remark=revision(release.task_definition))
    yield from serving(facts)
    health = facts.health
    answer = f"pass, {short(health.version or '')}" if health.miss is None else health.miss
    yield Row(name="health", value=answer, remark=health.url)
    stack = short(facts.stack.version) if facts.stack else "no release"
    remark = _compared(_version(facts.stack), _version(release))
    if facts.pending:
        living = facts.lease is not None and facts.lease.alive
        busy = ", ".join(urn.rpartition("::")[2] for urn in facts.pending)
        remark = f"{'under way' if living else 'under way or cut short'}: {busy}"
    yield Row(name="stack", value=stack, remark=remark)
    yield Row(name="lease", value=_lease(facts))
    if facts.last is not None:
        last = facts.last
        summary = f"{short(last.version)} {state(last, facts.lease)}, began {when(last.started_at)}"
        yield Row(name="last try", value=summary, remark=last.who)


def serving(facts: Facts) -> Iterator[Row]:
    """What ECS runs and the site serves, each compared with the record."""
    yield _ecs(facts)
    yield _site(facts)


def _ecs(facts: Facts) -> Row:
    if facts.ecs is None:
        return Row(name="ECS", value=facts.unread.get("ECS", "no service"))
    value = f"{revision(facts.ecs.task_definition)}, {facts.ecs.running} of {facts.ecs.desired} tasks"
    if facts.record is None:
        return Row(name="ECS", value=value)
    return Row(name="ECS", value=value, remark="DIFFERS" if facts.ecs.differs(facts.record) else "as recorded")


def _site(facts: Facts) -> Row:
    if "site" in facts.unread:
        return Row(name="site", value=facts.unread["site"])
    manifest = facts.static_manifest
    digest, _, differs = (manifest or "").partition(" ")
    shown = f"manifest {short(digest)} {differs}".strip() if manifest else "nothing"
    return Row(
        name="site", value=shown, remark=_compared(manifest, facts.record.static_manifest if facts.record else None)
    )


def _lease(facts: Facts) -> str:
    if facts.lease is None:
        return facts.unread.get("lease", "free: nobody releases")
    kept = "renewed" if facts.lease.alive else "not renewed since"
    return f"{facts.lease.holder}, {kept} {facts.lease.age_s:.0f} s ago"


def _version(release: Release | None) -> str | None:
    return release.version if release else None


def _compared(value: str | None, recorded: str | None) -> str:
    if recorded is None:
        return ""
    return "as recorded" if value == recorded else "DIFFERS"
